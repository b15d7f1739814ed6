"""The way of a request through a REST API, in AWS's order: route, authorize, key, throttle, validate, integrate, log.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-set-up-method-using-console.html
"""

import asyncio
import json
import re
import time
from typing import Any

from ministack.core.concurrency import run_reentrant
from ministack.services import apigateway_v1

from sandbox.engine import policies
from sandbox.engine.apigateway import access_logs, buckets, encodings, functions, mappings
from sandbox.engine.apigateway.calls import Answer, Call, Json
from sandbox.engine.apigateway.deployments import binary_types, deployed
from sandbox.engine.apigateway.validation import Refusal, require_size, require_valid
from sandbox.engine.patching import replace

MOST_SECONDS = 29.0  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
FORBIDDEN = (
    403,
    {"Content-Type": "application/json", "x-amzn-ErrorType": "ForbiddenException"},
    b'{"message":"Forbidden"}',
)
STATUSES = {"BAD_GATEWAY": 502}  # which AWS answers through DEFAULT_5XX
VARIABLE = re.compile(r"\$(?:\{context\.([\w.]+)\}|context\.([\w.]*\w))")

_late: set[asyncio.Task[Any]] = set()


def install() -> None:
    """Replace the way of a request."""
    replace(apigateway_v1, "_handle_execute_in_scope", serve, "60ed5805557f")


async def serve(  # noqa: PLR0913, PLR0917  # the signature is MiniStack's
    api_id: str,
    stage_name: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, list[str]],
    account: str,
    region: str,
) -> Answer:
    """Answer a request to a stage."""
    call = Call(api_id, account, region, stage_name, method, path, dict(headers or {}), dict(query or {}), body or b"")
    stage = apigateway_v1._stages_v1.get(api_id, {}).get(stage_name)
    is_closed = apigateway_v1._rest_apis[api_id].get("disableExecuteApiEndpoint") is True
    if stage is None or (is_closed and is_own_name(call)):
        return FORBIDDEN
    call.stage, call.key = stage, deployed(api_id, stage.get("deploymentId", ""))
    try:
        await admit(call)
        status, answered, content = await integrate(call)
    except Refusal as refusal:
        status, answered, content = refuse(call, refusal)
    except Exception:  # noqa: BLE001  # a defect of ours is an internal error, which tells nothing
        functions.logger.exception("%s", call.arn)
        status, answered, content = refuse(call, Refusal("DEFAULT_5XX", functions.ERROR))
    answered, content = encodings.pack(call, answered, content)
    answered = {
        **policies.localised(answered),
        "x-amzn-requestid": call.request_id,  # in small letters, or MiniStack adds another
        "x-amz-apigw-id": call.extended_id,
        **({"X-Amzn-Trace-Id": call.trace_id} if call.stage.get("tracingEnabled") else {}),
    }
    access_logs.record(call, status, len(content))
    return status, answered, content


def is_own_name(call: Call) -> bool:
    """Whether the caller used the API's own name, not a custom domain's."""
    return call.host.startswith(f"{call.api_id}.execute-api") or "localhost" in call.host or call.host[:1].isdecimal()


async def admit(call: Call) -> None:
    """Find the method, and check everything that API Gateway checks before it calls anybody.

    Raises:
        Refusal: The request goes no further.
    """
    require_size(call)
    encodings.unpack(call)
    require_size(call)
    route(call)
    passed = (call.account, call.region)
    by_pool = call.method.get("authorizationType") == "COGNITO_USER_POOLS"
    error, call.authorizer = await apigateway_v1._authorize_request_v1(
        call.key if by_pool else call.api_id, call.stage_name, call.method, call.method_name, call.path, call.resource,
        call.headers, call.body, call.query, call.path_parameters, call.stage, *passed,
    )  # fmt: skip
    raise_for(error)
    if (call.method.get("authorizationType") or "").upper() == "AWS_IAM":
        call.caller = apigateway_v1._iam_caller_identity(call.headers, call.query)
    error, call.api_key = apigateway_v1._check_api_key(call.method, call.api_id, call.stage_name, call.headers)
    raise_for(error)
    named = call.api_key or apigateway_v1._resolve_api_key(call.header("x-api-key"))
    where = (call.stage, call.api_id, call.stage_name, call.resource_path, call.method_name)
    raise_for(apigateway_v1._check_throttle(*where, named))
    raise_for(apigateway_v1._check_quota(call.api_key, call.api_id, call.stage_name))
    require_valid(call)


def route(call: Call) -> None:
    """Find resource and method.

    Raises:
        Refusal: There are none.
    """
    segments = [part for part in call.path.strip("/").split("/") if part]
    resource, parameters = apigateway_v1._match_resource_tree(call.key, segments)
    methods = (resource or {}).get("resourceMethods", {})
    if resource and call.method_name not in methods and "ANY" not in methods:
        resource, parameters = apigateway_v1._match_greedy_fallback(call.key, segments, call.method_name)
        methods = (resource or {}).get("resourceMethods", {})
    if not resource:
        raise Refusal("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
    call.resource, call.path_parameters = resource, parameters or {}
    call.method = methods.get(call.method_name) or methods["ANY"]


def raise_for(error: Any) -> None:
    """Turn MiniStack's gateway error into ours.

    Raises:
        Refusal: There is one.
    """
    if error is None:
        return
    if isinstance(error, tuple):  # a resource policy's refusal, which comes as an answer
        raise Refusal("ACCESS_DENIED", json.loads(error[2]).get("Message") or json.loads(error[2]).get("message"))
    raise Refusal(error.response_type, error.message)


async def integrate(call: Call) -> Answer:
    """Call the integration, for at most as long as it may take.

    Raises:
        Refusal: It fails, or takes too long.
    """
    kind, began = call.integration.get("type"), time.monotonic()
    seconds = min(float(call.integration.get("timeoutInMillis") or 29_000) / 1000, MOST_SECONDS)
    if kind == "MOCK":
        return mappings.mock(call)
    types = binary_types(call.key)
    if kind == "AWS_PROXY":
        work = run_reentrant(functions.invoke, call, types)
    elif kind == "AWS" and buckets.is_bucket(call.integration["uri"]):
        work = run_reentrant(buckets.invoke, call, types)
    else:
        work = others(call, types)
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            _late.add(task)  # the function goes on, on AWS too; nobody waits for it
            task.add_done_callback(forget)
            raise Refusal("INTEGRATION_TIMEOUT", "Endpoint request timed out")
        answer: Answer = task.result()
        return answer
    finally:
        call.integration_seconds = time.monotonic() - began


def forget(task: asyncio.Task[Any]) -> None:
    """Let go of an integration that answered too late."""
    _late.discard(task)
    if not task.cancelled():
        task.exception()


async def others(call: Call, types: list[str]) -> Answer:
    """MiniStack's own integrations: HTTP, SQS, a function without proxy."""
    kind = call.integration.get("type")
    if kind in {"HTTP_PROXY", "HTTP"}:
        found: Any = await apigateway_v1._invoke_http_proxy_v1(
            call.integration, call.path, call.method_name, call.headers, call.body, call.query, call.path_parameters
        )
    elif kind == "AWS":
        spec = apigateway_v1._parse_service_integration_uri(call.integration["uri"])
        is_queue = bool(spec and spec[1:3] == ("sqs", "path"))
        invoke = apigateway_v1._invoke_sqs_v1 if is_queue else apigateway_v1._invoke_lambda_custom_v1
        found = await invoke(
            call.integration, call.api_id, call.stage_name, call.stage, call.resource, call.path, call.method_name,
            call.headers, call.body, call.query, call.path_parameters, owner_account_id=call.account,
            owner_region=call.region, binary_media_types=types, authorizer_context=call.authorizer,
            caller_identity=call.caller,
        )  # fmt: skip
    else:
        raise Refusal("API_CONFIGURATION_ERROR", functions.ERROR)
    if not isinstance(found, tuple):
        raise_for(found)
    status, headers, body = found
    call.integration_status = status
    return status, headers, body


def refuse(call: Call, refusal: Refusal) -> Answer:
    """The gateway response for a refusal, with the variables that MiniStack leaves in its template."""
    kind = "DEFAULT_5XX" if refusal.kind in STATUSES else refusal.kind
    call.gateway_error, call.error_message = kind, refusal.message
    request: Json = {
        "api_id": call.api_id,
        "stage_name": call.stage_name,
        "stage": call.stage,
        "headers": call.headers,
        "query_params": call.query,
        "path_params": call.path_parameters,
        "resource_path": call.resource_path,
        "request_id": call.request_id,
    }
    error = apigateway_v1._gw_error(kind, refusal.message)
    status, headers, body = apigateway_v1._gateway_error_response(error, request)
    variables = call.context()
    text = VARIABLE.sub(lambda found: escaped(variables.get(found[1] or found[2])), body.decode())
    return STATUSES.get(refusal.kind, status), headers, text.encode()


def escaped(value: Any) -> str:
    """A value as it stands between the quotes of a template's JSON."""
    return "" if value is None else json.dumps(str(value))[1:-1]
