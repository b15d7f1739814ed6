"""``AWS::ApiGateway::RestApi`` with a ``Body``: everything that the document says becomes part of the API.

MiniStack read paths, security and, of integrations, type, method and address. What AWS checks on import and would fail
a deployment is checked here too: https://docs.aws.amazon.com/apigateway/latest/developerguide/import-api-errors.html
"""

import json
import re
from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1

from sandbox.engine.apigateway.specification import (
    MODEL_NAME,
    Document,
    Json,
    Operation,
    Refused,
    with_model_references,
)

STORES = ("_resources", "_authorizers_v1", "_models", "_request_validators", "_gateway_responses")
CREATED = (200, 201)
ALLOWED_TYPES = ("aws", "aws_proxy", "http", "http_proxy", "mock")
REFERENCE = re.compile(r'"\$ref": "#/(?:components/schemas|definitions)/([^"/]+)"')
VARIABLE = re.compile(r"\{[^{}+]+\}")


def import_rest_api(body: Json, base: Json | None = None) -> str:
    """Make an API of a document, and answer its id; the signature is MiniStack's.

    Raises:
        Refused: API Gateway would not import it.
    """
    document = Document(body)
    document.check()
    info = body.get("info") or {}
    about = {"name": str(info.get("title", "")), "version": str(info.get("version", "")), **(base or {})}
    api_id = str(json.loads(apigateway_v1._create_rest_api(about)[2])["id"])
    try:
        write(api_id, document)
    except Refused:
        apigateway_v1._delete_rest_api(api_id)
        raise
    return api_id


def overwrite(api_id: str, body: Json) -> None:
    """Put the document in the place of all that the API has, as ``PutRestApi`` in mode ``overwrite`` does.

    Raises:
        Refused: API Gateway would not import it; the API stays as it was.
    """
    document = Document(body)
    document.check()
    root = next(one for one in apigateway_v1._resources[api_id].values() if one["path"] == "/")
    before = {name: getattr(apigateway_v1, name).get(api_id) for name in STORES}
    for name in STORES:
        getattr(apigateway_v1, name)[api_id] = {}
    apigateway_v1._resources[api_id][root["id"]] = {**root, "resourceMethods": {}}
    try:
        write(api_id, document)
    except Refused:
        for name, value in before.items():
            getattr(apigateway_v1, name)[api_id] = value
        raise


def write(api_id: str, document: Document) -> None:
    """Add what the document says to an API that has only its root.

    Raises:
        Refused: API Gateway would not import it.
    """
    errors: list[str] = []
    api = apigateway_v1._rest_apis[api_id]
    api["binaryMediaTypes"] = document.extension("binary-media-types", api.get("binaryMediaTypes") or [])
    api["apiKeySource"] = document.extension("api-key-source", api.get("apiKeySource") or "HEADER")
    if endpoint := document.extension("endpoint-configuration", None):
        api["disableExecuteApiEndpoint"] = bool(endpoint.get("disableExecuteApiEndpoint"))
    if (smallest := document.extension("minimum-compression-size", None)) is not None:
        api["minimumCompressionSize"] = smallest
    for kind, response in document.extension("gateway-responses", {}).items():
        status = str(response["statusCode"]) if "statusCode" in response else None
        put(apigateway_v1._put_gateway_response, api_id, kind, {**response, "statusCode": status})
    validators = write_validators(api_id, document)
    schemes = apigateway_v1._import_security_schemes(api_id, document.body)
    for operation in document.operations():
        try:
            write_operation(api_id, operation, validators, schemes)
        except Refused as error:
            where = f"'{operation.method}' for resource at path '{operation.path}'"
            errors.append(f"Unable to put method or integration {where}: {error}")
    for name, schema in document.schemas.items():  # last, for operations may have made some
        if not MODEL_NAME.fullmatch(name):
            errors.append(f"Unable to create model {name!r}: Model name must be alphanumeric: {name}")
        text = json.dumps(with_model_references(schema, api_id))
        unknown = [found for found in REFERENCE.findall(json.dumps(schema)) if found not in document.schemas]
        errors += [f"Unable to create model {name!r}: Invalid model reference specified: {one}" for one in unknown]
        apigateway_v1._create_model(api_id, {"name": name, "schema": text, "contentType": "application/json"})
    if errors:
        raise Refused("Errors found during import:\n\t" + "\n\t".join(errors))


def write_validators(api_id: str, document: Document) -> dict[str, str]:
    """Make the request validators: id by name."""
    found = {}
    for name, settings in document.extension("request-validators", {}).items():
        found[name] = str(put(apigateway_v1._create_request_validator, api_id, {"name": name, **settings})["id"])
    return found


def write_operation(api_id: str, operation: Operation, validators: dict[str, str], schemes: Json) -> None:
    """Add one method, its integration, and the responses of both.

    Raises:
        Refused: It names what is not there.
    """
    if operation.validator and operation.validator not in validators:
        raise Refused(f"Invalid Request Validator identifier specified: {operation.validator}")
    for requirement in operation.security:
        for name in requirement:
            if name not in schemes:
                raise Refused(f"Invalid authorizer or unknown security scheme: {name}")
    where = (api_id, resource(api_id, operation.path), operation.method)
    put(
        apigateway_v1._put_method,
        *where,
        {
            **apigateway_v1._method_security(operation.security, schemes),
            "operationName": operation.raw.get("operationId", ""),
            "requestParameters": operation.parameters,
            "requestModels": operation.request_models,
            "requestValidatorId": validators.get(operation.validator or ""),
        },
    )
    for status, response in operation.responses.items():
        put(apigateway_v1._put_method_response, *where, status, response)
    if operation.integration is not None:
        write_integration(where, operation, operation.integration)


def write_integration(where: tuple[str, str, str], operation: Operation, given: Json) -> None:
    """Add an integration and its responses.

    Raises:
        Refused: It maps from a parameter, or to a response or header, that the method does not have.
    """
    check_integration(operation, given)
    put(
        apigateway_v1._put_integration,
        *where,
        {
            **{key: value for key, value in given.items() if key != "responses"},
            "type": given["type"].upper(),
            "passthroughBehavior": str(given.get("passthroughBehavior", "when_no_match")).upper(),
            "timeoutInMillis": int(given.get("timeoutInMillis", 29_000)),
        },
    )
    for pattern, response in given.get("responses", {}).items():
        status = str(response["statusCode"])
        method_response = operation.responses.get(status)
        if method_response is None:
            raise Refused(f"Output mapping refers to an invalid method response: {status}")
        for target in response.get("responseParameters", {}):
            if target not in method_response["responseParameters"]:
                raise Refused(f"Invalid mapping expression parameter specified: {target}")
        selection = "" if pattern == "default" else pattern
        put(apigateway_v1._put_integration_response, *where, status, {**response, "selectionPattern": selection})


def check_integration(operation: Operation, given: Json) -> None:
    """Refuse what API Gateway refuses of an integration request.

    Raises:
        Refused: It is of no known kind, has no address or method, or maps from a parameter that the method lacks.
    """
    kind = str(given.get("type", "")).lower()
    if kind not in ALLOWED_TYPES:
        raise Refused(f"Invalid integration type specified: {given.get('type')!r}")
    if kind != "mock" and not given.get("uri"):
        raise Refused("Invalid HTTP endpoint specified for URI")
    if kind != "mock" and not given.get("httpMethod"):
        raise Refused("Enumeration value for HttpMethod must be non-empty")
    for target, source in given.get("requestParameters", {}).items():
        is_mapped = source.startswith("method.request.") and not source.startswith("method.request.body")
        if not target.startswith("integration.request.") or (is_mapped and source not in operation.parameters):
            raise Refused(f"Invalid mapping expression specified: {target} = {source}")


def resource(api_id: str, path: str) -> str:
    """The id of the resource at a path, made when it is not there.

    Raises:
        Refused: It has a variable where there is another.
    """
    found = apigateway_v1._resources[api_id]
    current = next(one for one in found.values() if one["path"] == "/")
    for part in filter(None, path.split("/")):
        siblings = [one for one in found.values() if one["parentId"] == current["id"]]
        same = next((one for one in siblings if one["pathPart"] == part), None)
        variable = next((one["pathPart"] for one in siblings if VARIABLE.fullmatch(one["pathPart"])), None)
        if same is None and variable and VARIABLE.fullmatch(part):
            raise Refused(
                f"A sibling ({variable}) of this resource already has a variable path part -- only one is allowed"
            )
        current = same or put(apigateway_v1._create_resource, api_id, current["id"], {"pathPart": part})
    return str(current["id"])


def put(operation: Callable[..., Any], *parameters: Any) -> Json:
    """Call a control-plane function of MiniStack; its answer.

    Raises:
        Refused: It refused.
    """
    status, _, body = operation(*parameters)
    answer: Json = json.loads(body)
    if status not in CREATED:
        raise Refused(str(answer.get("message")))
    return answer
