"""A Lambda proxy integration: may API Gateway call the function, what the function sees, and what its answer must be.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import json
import logging
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import apigateway_v1, lambda_svc

from sandbox.engine import metrics
from sandbox.engine.apigateway.calls import Answer, Call, Json
from sandbox.engine.apigateway.validation import Refusal
from sandbox.engine.permissions import NotAllowed, require_role, require_service

SERVICE = "apigateway.amazonaws.com"
MOST_ANSWERED = 6 * 1024 * 1024  # bytes; https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
LEAST_STATUS, MOST_STATUS = 100, 599
ERROR = "Internal server error"
# Names that AWS itself writes: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
REMAPPED = {"authorization", "connection", "content-length", "content-md5", "date", "server", "www-authenticate"}
DROPPED = {"transfer-encoding", "upgrade", "te", "trailer", "expect", "keep-alive"}
IDENTITY = (
    "accessKey",
    "accountId",
    "apiKey",
    "apiKeyId",
    "caller",
    "clientCert",
    "cognitoAuthenticationProvider",
    "cognitoAuthenticationType",
    "cognitoIdentityId",
    "cognitoIdentityPoolId",
    "principalOrgId",
    "user",
    "userArn",
)

logger = logging.getLogger("holdfast.apigateway")


def invoke(call: Call, binary_types: list[str]) -> Answer:
    """Call the function and answer what it answers.

    Raises:
        Refusal: The function is not there, may not be called, is too busy, or fails.
    """
    reference = apigateway_v1._extract_lambda_ref_from_integration_uri(call.integration["uri"])
    function, config, name = lambda_svc._get_func_record_for_ref_in_scope(
        reference, account_id=call.account, region=call.region
    )
    if function is None or config is None:
        logger.warning("%s: the function %s does not exist", call.arn, reference)
        raise Refusal("API_CONFIGURATION_ERROR", ERROR)
    if call.integration.get("httpMethod") != "POST":
        logger.warning("%s: a function is called by POST, not %s", call.arn, call.integration.get("httpMethod"))
        raise Refusal("API_CONFIGURATION_ERROR", ERROR)
    require_permission(call, reference, name)
    record = lambda_svc._execution_record_for_config(function, config)
    metrics.invoked_as.set(reference)
    result = lambda_svc._execute_function_with_config_scope(record, event(call, binary_types))
    call.integration_status = 200
    if result.get("throttle"):  # https://repost.aws/knowledge-center/api-gateway-internal-server-error
        call.integration_status = 429
        raise Refusal("API_CONFIGURATION_ERROR", ERROR)
    if result.get("error"):
        raise Refusal("BAD_GATEWAY", ERROR)
    return answer(call, result.get("body"), binary_types)


def require_permission(call: Call, reference: str, name: str) -> None:
    """Check that the policy of the function (of its alias, when the address names one) lets API Gateway call it.

    https://repost.aws/knowledge-center/api-gateway-lambda-permissions: without, every call is an internal error.

    Raises:
        Refusal: It does not.
    """
    if call.integration.get("credentials"):
        try:
            require_role(call.integration["credentials"], SERVICE, "lambda:InvokeFunction", reference, call.arn)
        except NotAllowed as reason:
            logger.warning("%s: %s", call.arn, reason)
            raise Refusal("API_CONFIGURATION_ERROR", ERROR) from reason
        return
    region = reference.split(":")[3] if reference.startswith("arn:") else call.region
    whole = lambda_svc._functions.get_scoped(get_account_id(), region, name) or {}
    try:
        require_service(SERVICE, whole.get("policy"), "lambda:InvokeFunction", reference, call.arn)
    except NotAllowed as reason:
        logger.warning("Invalid permissions on Lambda function: %s", reason)
        raise Refusal("API_CONFIGURATION_ERROR", ERROR) from reason


def event(call: Call, binary_types: list[str]) -> Json:
    """What the function sees.

    Header names are as an HTTP/2 client sends them, in small letters, but for those that AWS adds.
    """
    given = {name: value for name, value in call.headers.items() if name not in {"host", "connection"} | DROPPED}
    headers = {
        **{name: value for name, value in given.items() if not name.startswith("x-forwarded-")},
        "Host": call.headers.get("host", ""),
        "X-Amzn-Trace-Id": call.trace_id,
        "X-Forwarded-For": ", ".join(filter(None, (given.get("x-forwarded-for"), call.source_ip))),
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    began = datetime.fromtimestamp(call.began, UTC)
    is_binary = apigateway_v1._media_type_matches(call.header("content-type"), binary_types)
    body = base64.b64encode(call.body).decode() if is_binary else call.body.decode(errors="replace")
    return {
        "resource": call.resource_path,
        "path": call.path,
        "httpMethod": call.method_name,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in call.query.items()} or None,
        "multiValueQueryStringParameters": call.query or None,
        "pathParameters": call.path_parameters or None,
        "stageVariables": call.stage.get("variables") or None,
        "requestContext": {
            "accountId": call.account,
            "apiId": call.api_id,
            **({"authorizer": call.authorizer} if call.authorizer is not None else {}),
            "deploymentId": call.stage.get("deploymentId"),
            "domainName": call.host,
            "domainPrefix": call.host.partition(".")[0],
            "extendedRequestId": call.extended_id,
            "httpMethod": call.method_name,
            "identity": {
                **dict.fromkeys(IDENTITY),
                "sourceIp": call.source_ip,
                "userAgent": call.headers.get("user-agent"),
                **({"apiKey": call.api_key["value"], "apiKeyId": call.api_key["id"]} if call.api_key else {}),
                **(call.caller or {}),
            },
            "path": f"/{call.stage_name}{call.path}",
            "protocol": "HTTP/1.1",
            "requestId": call.request_id,
            "requestTime": f"{began:%d/%b/%Y:%H:%M:%S +0000}",
            "requestTimeEpoch": int(call.began * 1000),
            "resourceId": call.resource.get("id"),
            "resourcePath": call.resource_path,
            "stage": call.stage_name,
        },
        "body": body or None,
        "isBase64Encoded": bool(is_binary and call.body),
    }


def answer(call: Call, payload: Any, binary_types: list[str]) -> Answer:
    """What the caller gets.

    Raises:
        Refusal: The payload is not of the form that a proxy integration asks for, or too large.
    """
    if not is_proxy_answer(payload):
        logger.warning("%s: Malformed Lambda proxy response", call.arn)
        raise Refusal("BAD_GATEWAY", ERROR)
    headers: dict[str, Any] = {}
    for name, value in (payload.get("headers") or {}).items():
        set_header(headers, name, str(value))
    for name, values in (payload.get("multiValueHeaders") or {}).items():
        set_header(headers, name, [str(value) for value in values])
    if not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    text = payload.get("body") or ""
    first = (call.header("accept") or "").partition(",")[0]  # API Gateway honours only the first
    is_binary = payload.get("isBase64Encoded") and apigateway_v1._media_type_matches(first, binary_types)
    return int(payload.get("statusCode") or 200), headers, base64.b64decode(text) if is_binary else text.encode()


def is_proxy_answer(payload: Any) -> bool:
    """Whether a function's answer is of the form that a proxy integration asks for, and small enough."""
    if not isinstance(payload, dict) or payload.keys() - MEMBERS:
        return False
    status = payload.get("statusCode", 200)
    is_status = str(status).isdecimal() and LEAST_STATUS <= int(status) <= MOST_STATUS
    is_text = payload.get("body") is None or isinstance(payload["body"], str)
    return is_status and is_text and len(json.dumps(payload)) <= MOST_ANSWERED


def set_header(headers: dict[str, Any], name: str, value: Any) -> None:
    """Set a header of the answer, under another name when AWS keeps that name to itself."""
    lowered = name.lower()
    if lowered in DROPPED:
        return
    for other in [existing for existing in headers if existing.lower() == lowered]:
        del headers[other]
    headers[f"x-amzn-Remapped-{name}" if lowered in REMAPPED else name] = value
