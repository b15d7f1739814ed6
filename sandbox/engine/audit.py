"""Every call that reaches the server: faults strike here, and what role sessions did is written down.

One JSON object per line: ``time principal service operation region action resources checked allowed error``. Read by
``sandbox.server.Engine.calls`` for the proof that each role has the permissions that it uses, and no more.
"""

import contextvars
import json
import os
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region
from ministack.core.router import detect_service, extract_access_key_id
from ministack.services import iam, lambda_svc, sts

from sandbox.engine import faults
from sandbox.engine.delegation import Call, Need, needs
from sandbox.engine.keys import conditions
from sandbox.engine.patching import replace

Response = tuple[int, dict[str, str], Any]

SESSION_KEY = "ASIA"  # access keys of temporary credentials begin so
ERROR_CODE = re.compile(rb"<Code>([^<]+)</Code>|\"__type\"\s*:\s*\"(?:[^\"]*#)?([^\"]+)\"|\"Code\"\s*:\s*\"([^\"]+)\"")
BAD_REQUEST, SERVER_ERROR = 400, 500

_original: dict[str, Any] = {}
_examined: contextvars.ContextVar["Examined | None"] = contextvars.ContextVar("holdfast_examined", default=None)
_write_lock = threading.Lock()


@dataclass
class Examined:
    """A call of a role session on its way through the checks of its permissions."""

    method: str
    headers: dict[str, str]
    parameters: dict[str, list[str]]
    checks: list[tuple[str, str, bool]] = field(default_factory=list)
    refused: Need | None = None


def install() -> None:
    """Wrap the dispatch of calls and the check of permissions; treat the loopback as if it were TLS."""
    _original["dispatch"] = replace(app, "_dispatch_service_request", dispatch, "17e5ef6dcfa0")
    _original["enforce"] = replace(iam_evaluator, "enforce", enforce, "cf64b1ee5b09")
    _original["condition_key"] = replace(iam_evaluator, "_resolve_condition_key", resolve_condition_key, "15e26964cd38")
    _original["pin_request_origin"] = replace(app, "pin_request_origin", pin_request_origin, "de819c1bd9ac")


def log_path() -> Path:
    """Where the calls are written."""
    return Path(os.environ.get("HOLDFAST_CALLS", "calls.jsonl"))


async def dispatch(  # noqa: PLR0913, PLR0917  # the signature is MiniStack's
    method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, list[str]], request_id: str
) -> Response:
    """Serve a call, unless a fault was asked for it; write it down if a role session made it."""
    key = extract_access_key_id(headers, query_params)
    is_session = key.startswith(SESSION_KEY)
    if not is_session and not faults.get("calls"):
        return await _original["dispatch"](method, path, headers, body, query_params, request_id)
    parameters = app._routing_params(method, path, headers, body, query_params)
    service = detect_service(method, path, headers, parameters)
    action = iam_actions.extract_iam_action(service, method, path, headers, body, parameters) or ""
    operation = operation_of(action, headers, parameters)
    principal = (sts._sessions.get(key) or {}).get("Arn", "root")
    fault = faults.take_call(boto_name(service), operation, get_region(), principal)
    examined = Examined(method, headers, parameters)
    _examined.set(examined if is_session else None)
    if fault and not fault.get("after_success"):
        response = failure(service, action, fault["error"], headers, request_id)
    else:
        response = await _original["dispatch"](method, path, headers, body, query_params, request_id)
    if examined.refused is not None:
        response = iam_actions.access_denied_response(
            service,
            examined.refused.action,
            principal,
            request_id,
            headers=headers,
            resource_arn=examined.refused.resource,
        )
    if fault and fault.get("after_success") and response[0] < BAD_REQUEST:
        response = failure(service, action, fault.get("error", "InternalFailure"), headers, request_id)
    if is_session:
        write(
            {
                "time": time.time(),
                "principal": principal,
                "service": boto_name(service),
                "operation": operation,
                "region": get_region(),
                "action": action,
                "resources": sorted({resource for _, resource, _ in examined.checks}),
                "checked": [{"action": one[0], "resource": one[1], "allowed": one[2]} for one in examined.checks],
                "allowed": all(allowed for _, _, allowed in examined.checks),
                "error": error_code(response),
            }
        )
    return response


def enforce(  # noqa: PLR0913, PLR0917  # the signature is MiniStack's
    access_key_id: str,
    iam_action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> Any:
    """Check a permission with the condition keys that MiniStack leaves out, and then what else the call needs."""
    denied = check(access_key_id, iam_action, service, region, resource_arn, service_context or {})
    examined = _examined.get()
    if examined is None:
        return denied
    examined.checks.append((iam_action, resource_arn, denied is None))
    if denied is not None:
        return denied
    call = Call(iam_action, resource_arn, examined.method, examined.headers, examined.parameters)
    for need in needs(call):
        denied = check(access_key_id, need.action, need.action.partition(":")[0], region, need.resource, need.keys)
        examined.checks.append((need.action, need.resource, denied is None))
        if denied is not None:
            examined.refused = need
            return denied
    return None


def check(key: str, action: str, service: str, region: str, resource: str, keys: dict[str, Any]) -> Any:  # noqa: PLR0913, PLR0917
    """MiniStack's own check: None, or why not."""
    context = {**condition_keys(action, resource), **source_function(key), **keys}
    return _original["enforce"](key, action, service, region, resource, context)


def source_function(key: str) -> dict[str, str]:
    """The function whose code makes the call, if one does.

    https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    """
    role, _, name = str((sts._sessions.get(key) or {}).get("Arn", "")).partition(":assumed-role/")[2].partition("/")
    config = (lambda_svc._functions.get(name) or {}).get("config", {}) if name else {}
    is_its_role = config.get("Role", "").endswith(f"/{role}")
    return {"lambda:SourceFunctionArn": config["FunctionArn"]} if config and is_its_role else {}


def condition_keys(action: str, resource: str) -> dict[str, Any]:
    """Keys that AWS sets on a role's own call and that our policies name.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html: a principal that is a role
    is no service, and did not come through one.
    """
    keys: dict[str, Any] = {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}
    if action.startswith("kms:") and ":key/" in resource:
        keys |= conditions(resource)
    return keys


def resolve_condition_key(key: str, context: Any) -> Any:
    """The value of a condition key; ``aws:PrincipalArn`` of a session is its role's ARN (MiniStack: the session's).

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
        role = iam._roles.get(context.principal_arn.split("/")[1]) or {}
        return role.get("Arn", context.principal_arn)
    return _original["condition_key"](key, context)


def pin_request_origin(source_ip: str, secure_transport: bool) -> None:  # noqa: FBT001
    """Take every call for one over TLS, or TLS-only policies of buckets, queues and topics would refuse them all."""
    del secure_transport
    _original["pin_request_origin"](source_ip, True)  # noqa: FBT003


def operation_of(action: str, headers: dict[str, str], parameters: dict[str, list[str]]) -> str:
    """The API's name of the operation where the protocol carries it, else what IAM calls it."""
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2]
    if named := parameters.get("Action"):
        return named[0]
    return action.partition(":")[2]


def boto_name(service: str) -> str:
    """boto3's name of a service that MiniStack's router names otherwise."""
    return {"states": "stepfunctions", "monitoring": "cloudwatch"}.get(service, service)


def failure(service: str, action: str, code: str, headers: dict[str, str], request_id: str) -> Response:
    """An error of that code in the wire format of the service."""
    message = f"asked for by a fault: {code}"
    _, answer_headers, body = iam_actions.access_denied_response(
        service, action, "", request_id, error_code=code, message=message, headers=headers
    )
    is_ours = code.startswith(("Internal", "ServiceUnavailable"))
    status = SERVER_ERROR if is_ours else 503 if code == "SlowDown" else 429 if service == "lambda" else BAD_REQUEST
    return status, answer_headers, body


def error_code(response: Response) -> str | None:
    """The error code of an answer, None of a success."""
    status, headers, body = response
    if status < BAD_REQUEST:
        return None
    typed = headers.get("x-amzn-errortype", "").partition(":")[0]
    found = ERROR_CODE.search(body) if isinstance(body, bytes) else None
    return typed or (next(filter(None, found.groups())).decode() if found else str(status))


def write(record: dict[str, Any]) -> None:
    """Append one line."""
    with _write_lock, log_path().open("a") as log:
        log.write(json.dumps(record) + "\n")
