"""What a stage serves is its deployment, a copy of the API at that time; and the resource types around it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-deploy-api.html: a change of methods, models or
authorizers is served after the next deployment only. MiniStack served every change at once, made a new API of every
changed ``Body``, and forgot where a stage's access log goes.
"""

import copy
import json
from typing import Any

from ministack.services import apigateway_v1
from ministack.services.cloudformation import provisioners

from sandbox.engine.apigateway import importing
from sandbox.engine.patching import replace

Properties = dict[str, Any]

COPIED = ("_resources", "_authorizers_v1", "_models", "_request_validators")
REST_API = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]
STAGE = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::Stage"]
REFUSED = 400

_original: dict[str, Any] = {}
_binary_types: dict[str, list[str]] = {}


def install() -> None:
    """Copy on deployment, and add the resource types."""
    _original["deploy"] = replace(apigateway_v1, "_create_deployment", deploy, "cf248c888e1f")
    replace(apigateway_v1, "_import_rest_api", importing.import_rest_api, "ef72f9312702")
    provisioners._RESOURCE_HANDLERS.update(TYPES)


def deployed(api_id: str, deployment_id: str) -> str:
    """The key under which MiniStack's stores hold the copy of an API; the API's own when there is none."""
    key = f"{api_id}@{deployment_id}"
    return key if key in apigateway_v1._resources else api_id


def binary_types(key: str) -> list[str]:
    """The media types that are not text, of an API or of a copy."""
    return _binary_types.get(key) or (apigateway_v1._rest_apis.get(key) or {}).get("binaryMediaTypes") or []


def deploy(api_id: str, data: Properties) -> Any:
    """MiniStack's deployment, refused as on AWS for an API that cannot be served, and a copy of the API."""
    resources = apigateway_v1._resources.get(api_id, {})
    methods = [
        (one["path"], name, method) for one in resources.values() for name, method in one["resourceMethods"].items()
    ]
    if resources and not methods:
        return apigateway_v1._v1_error("BadRequestException", "The REST API doesn't contain any methods", REFUSED)
    for path, name, method in methods:
        if not method["methodIntegration"]:
            message = f"No integration defined for method {name} {path}"
            return apigateway_v1._v1_error("BadRequestException", message, REFUSED)
    status, headers, body = _original["deploy"](api_id, data)
    if status < REFUSED:
        key = f"{api_id}@{json.loads(body)['id']}"
        for name in COPIED:
            store = getattr(apigateway_v1, name)
            store[key] = copy.deepcopy(store.get(api_id, {}))
        for model in apigateway_v1._models[key].values():  # whose references lead to the API's models as they are now
            model["schema"] = model["schema"].replace(f"/restapis/{api_id}/models/", f"/restapis/{key}/models/")
        _binary_types[key] = list(apigateway_v1._rest_apis[api_id].get("binaryMediaTypes") or [])
    return status, headers, body


def create_api(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    """MiniStack's API, with the properties that it leaves out."""
    api_id, attributes = REST_API["create"](logical_id, properties, stack)
    settle_api(api_id, properties)
    return api_id, attributes


def update_api(physical_id: str, old: Properties, new: Properties, stack: str, *more: Any) -> tuple[str, Properties]:
    """Change an API, which keeps its id; a changed document is put in the place of all that is there."""
    if new.get("Body") != old.get("Body") and isinstance(new.get("Body"), dict):
        importing.overwrite(physical_id, new["Body"])
    same = {"Body": new.get("Body")} if "Body" in new else {}
    api_id, attributes = REST_API["update"](physical_id, {**old, **same}, new, stack, *more)
    settle_api(api_id, new)
    return api_id, attributes


def settle_api(api_id: str, properties: Properties) -> None:
    """Set what MiniStack's type leaves out."""
    api = apigateway_v1._rest_apis[api_id]
    if "DisableExecuteApiEndpoint" in properties:
        api["disableExecuteApiEndpoint"] = str(properties["DisableExecuteApiEndpoint"]).lower() == "true"


def create_stage(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    """MiniStack's stage, and where its access log goes."""
    check_stage(properties)
    found: tuple[str, Properties] = STAGE["create"](logical_id, properties, stack)
    settle_stage(properties)
    return found


def update_stage(physical_id: str, old: Properties, new: Properties, stack: str, *more: Any) -> tuple[str, Properties]:
    """MiniStack's change of a stage, and where its access log goes."""
    check_stage(new)
    found: tuple[str, Properties] = STAGE["update"](physical_id, old, new, stack, *more)
    settle_stage(new)
    return found


def check_stage(properties: Properties) -> None:
    """Refuse a stage of no deployment, and logs that nobody may write.

    Raises:
        ValueError: It is so.
    """
    api_id, deployment = properties.get("RestApiId", ""), properties.get("DeploymentId", "")
    if deployment not in apigateway_v1._deployments_v1.get(api_id, {}):
        raise ValueError(f"Deployment id does not exist: {deployment!r} of API {api_id!r}")
    levels = {setting.get("LoggingLevel", "OFF") for setting in properties.get("MethodSettings", [])}
    account = apigateway_v1._account_settings.get("settings") or {}
    if (properties.get("AccessLogSetting") or levels - {"OFF"}) and not account.get("cloudwatchRoleArn"):
        # https://repost.aws/knowledge-center/api-gateway-cloudwatch-logs
        raise ValueError("CloudWatch Logs role ARN must be set in account settings to enable logging")


def settle_stage(properties: Properties) -> None:
    """Set what MiniStack's type leaves out."""
    stage = apigateway_v1._stages_v1[properties["RestApiId"]][properties["StageName"]]
    given = properties.get("AccessLogSetting") or {}
    names = {"DestinationArn": "destinationArn", "Format": "format"}
    stage["accessLogSettings"] = {name: given[key] for key, name in names.items() if key in given}
    stage["clientCertificateId"] = properties.get("ClientCertificateId")


TYPES = {
    "AWS::ApiGateway::RestApi": {**REST_API, "create": create_api, "update": update_api},
    "AWS::ApiGateway::Stage": {**STAGE, "create": create_stage, "update": update_stage},
}
