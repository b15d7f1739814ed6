"""The body of the REST API: the OpenAPI document of the routes, and what API Gateway needs to know besides.

What API Gateway takes of OpenAPI: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from troposphere import AWSHelperFn, Sub

from blueprints import arns, openapi
from blueprints.api_problems import gateway_responses

Node = dict[str, Any]

FUNCTION = "x-holdfast-function"  # which module of handlers/ answers an operation
SCHEME = "oauth"
STAGE = "api"
VALIDATOR = "everything"
PREFLIGHT_SECONDS = 600  # that a browser remembers an answer; Chromium's limit is two hours
# What scripts of another origin may send besides the headers that any form may.
ASKED_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match")
# JSON Schema as API Gateway's models know it (draft 4, in part): the rest is refused or ignored, and is the handlers'
# business. Neither are patterns here, which Java would read otherwise than Python.
KEYWORDS = ("type", "properties", "required", "items", "enum", "minLength", "minimum", "maximum", "minItems", "$ref")


class Body(dict[str, Any]):
    """The body as API Gateway reads it, and *public*: the document as clients read it."""

    public: Node


def body(
    document: Node, *, name: str, aliases: Mapping[str, str], user_pool: AWSHelperFn, more: Mapping[str, Node]
) -> Body:
    """The body that has the operations of *document* answered by functions.

    Args:
        document: OpenAPI 3.0.1; each operation says which module answers it.
        name: What the API is called.
        aliases: Logical id of the alias of each module.
        user_pool: ARN of the pool whose tokens count.
        more: Paths that are not part of the document, as API Gateway wants them.
    """
    known = openapi.inlined(document)
    paths = {path: _path(operations, aliases) for path, operations in known["paths"].items()}
    made = Body(
        openapi=known["openapi"],
        # An import calls the API what its title says, and its metrics bear the name.
        # https://github.com/hashicorp/terraform-provider-aws/issues/7161
        info={"title": name, "version": known["info"]["version"]},
        paths={**paths, **more},
        components={
            "schemas": _models(known),
            # API Gateway knows only this type, whatever the tokens are.
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-authorizer.html
            "securitySchemes": {
                SCHEME: {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "cognito_user_pools",
                    "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [user_pool]},
                }
            },
        },
    )
    made["x-amazon-apigateway-request-validators"] = {
        VALIDATOR: {"validateRequestBody": True, "validateRequestParameters": True}
    }
    made["x-amazon-apigateway-request-validator"] = VALIDATOR
    made["x-amazon-apigateway-gateway-responses"] = gateway_responses()
    made.public = openapi.public(document)
    return made


def _path(operations: Mapping[str, Node], aliases: Mapping[str, str]) -> Node:
    methods = {method: _operation(operation, aliases[operation[FUNCTION]]) for method, operation in operations.items()}
    return {**methods, "options": _preflight(methods)}


def _operation(operation: Node, alias: str) -> Node:
    made = {
        "operationId": operation["operationId"],
        "parameters": [_parameter(each) for each in operation.get("parameters", [])],
        # The functions say what they answer; API Gateway passes it on unread.
        "responses": {status: {"description": each["description"]} for status, each in operation["responses"].items()},
        "security": operation["security"],
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy",
            "httpMethod": "POST",  # of Lambda's API, whatever the client's method
            "uri": Sub(
                f"arn:${{AWS::Partition}}:apigateway:{arns.HERE}:lambda:path/2015-03-31/functions/${{{alias}}}/invocations"
            ),
        },
    }
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        made["requestBody"] = {
            "required": operation["requestBody"].get("required", False),
            "content": {kind: {"schema": _model(each["schema"])} for kind, each in content.items()},
        }
    return made


def _parameter(parameter: Node) -> Node:
    """What API Gateway reads of a parameter: whether it must be there."""
    return {
        "name": parameter["name"],
        "in": parameter["in"],
        "required": parameter.get("required", False),
        "schema": {"type": parameter["schema"].get("type", "string")},
    }


def _models(document: Node) -> Node:
    """Schemas of the bodies of requests, and those that these refer to."""
    found: Node = {}
    waiting = [
        each["schema"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for each in operation.get("requestBody", {}).get("content", {}).values()
    ]
    while waiting:
        for name in _names(waiting.pop()):
            if name not in found:
                schema = document["components"]["schemas"][name]
                found[name] = _model(schema)
                waiting.append(schema)
    return dict(sorted(found.items()))


def _names(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        here = [schema["$ref"].rpartition("/")[2]] if isinstance(schema.get("$ref"), str) else []
        return here + [name for part in schema.values() for name in _names(part)]
    return [name for part in schema for name in _names(part)] if isinstance(schema, list) else []


def _model(schema: Node) -> Node:
    """*schema* as far as API Gateway knows its words, and never stricter than it is."""
    made = {word: schema[word] for word in KEYWORDS if word in schema}
    if schema.get("nullable"):
        made.pop("type", None)  # draft 4 has no such word, and OpenAPI no list of types
    if "properties" in made:
        made["properties"] = {name: _model(part) for name, part in made["properties"].items()}
    if "items" in made:
        made["items"] = _model(made["items"])
    if "maxLength" in schema:
        # JSON Schema counts characters. Should API Gateway count UTF-16 units, an emoji would be two.
        made["maxLength"] = 2 * schema["maxLength"]
    return made


def _preflight(methods: Mapping[str, Node]) -> Node:
    """``OPTIONS``: which methods and headers scripts of another origin may use; API Gateway answers by itself."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": ",".join(method.upper() for method in methods),
        "Access-Control-Allow-Headers": ",".join(ASKED_HEADERS),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    parameters = next(iter(methods.values()))["parameters"]
    return {
        "parameters": [each for each in parameters if each["in"] == "path"],
        "security": [],
        **mocked(204, {name: f"'{value}'" for name, value in headers.items()}),
    }


def mocked(status: int, headers: Mapping[str, str | AWSHelperFn]) -> Node:
    """Response and integration of an operation that API Gateway answers by itself, with *status* and *headers*."""
    return {
        "responses": {str(status): described("Answered by the gateway", headers)},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": f'{{"statusCode": {status}}}'},
            "responses": {"default": answer(status, headers)},
        },
    }


def described(description: str, headers: Mapping[str, Any]) -> Node:
    """A response that may bear *headers*; API Gateway sends no other."""
    return {"description": description, "headers": {name: {"schema": {"type": "string"}} for name in headers}}


def answer(status: int, headers: Mapping[str, str | AWSHelperFn], **more: Any) -> Node:
    """An integration's response: *status*, and *headers* as mapping expressions (a constant in single quotes)."""
    return {
        "statusCode": str(status),
        "responseParameters": {f"method.response.header.{name}": value for name, value in headers.items()},
        **more,
    }
