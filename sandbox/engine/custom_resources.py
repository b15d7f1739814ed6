"""Custom resources: a function called with CloudFormation's event, which answers at a URL.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html. MiniStack calls the function and waits an
hour for an answer, also when the function has failed and there will be none.
"""

import json
import logging
import uuid
from typing import Any

from ministack.core.responses import get_region
from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource

from sandbox.engine.clients import endpoint
from sandbox.engine.patching import replace

Properties = dict[str, Any]

ATTEMPTS = 3  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
LONGEST = 3600  # seconds that CloudFormation waits
MOST_BYTES = 4096  # of an answer
logger = logging.getLogger("holdfast.cloudformation")


class NoAnswer(RuntimeError):
    """The function failed, or ended without an answer."""


def install() -> None:
    """Replace the call."""
    replace(custom_resource, "invoke_custom_resource", invoke, "d5c75f69f54b")


def invoke(  # noqa: PLR0913, PLR0917  # the signature is MiniStack's
    kind: str,
    logical_id: str,
    properties: Properties,
    stack_name: str,
    stack_id: str,
    resource_type: str,
    physical_id: str | None = None,
    old_props: Properties | None = None,
) -> tuple[str, Properties]:
    """Call the function, and answer the physical id and the attributes that it gives.

    Raises:
        NoAnswer: It gives none, because it failed.
        RuntimeError: It answers that it could not.
        ValueError: There is no such function in the region of the stack.
    """
    del stack_name
    function = function_of(str(properties.get("ServiceToken", "")))
    token, request_id = uuid.uuid4().hex, str(uuid.uuid4())
    event = {
        "RequestType": kind,
        "ServiceToken": properties["ServiceToken"],
        "ResponseURL": f"{endpoint()}/_ministack/cfn-response/{token}",
        "StackId": stack_id,
        "RequestId": request_id,
        "ResourceType": resource_type,
        "LogicalResourceId": logical_id,
        **({"PhysicalResourceId": physical_id} if physical_id is not None else {}),
        "ResourceProperties": custom_resource._normalise_resource_properties(properties),
        **({"OldResourceProperties": custom_resource._normalise_resource_properties(old_props)} if old_props else {}),
    }
    answered = custom_resource.register_token(token)
    try:
        result = call(function, event, answered)
        if not answered.wait(0 if result.get("error") else seconds_to_wait(properties)):
            raise NoAnswer(f"{properties['ServiceToken']} did not answer: {why(result)}; AWS would wait for an hour")
        with custom_resource._lock:
            answer: Properties = custom_resource._pending[token]["result"]
    finally:
        with custom_resource._lock:
            custom_resource._pending.pop(token, None)
    return outcome(answer, request_id, physical_id)


def function_of(token: str) -> Properties:
    """The function that a resource names.

    Raises:
        ValueError: There is none, or in another region.
    """
    record, config, _ = lambda_svc._get_func_record_for_ref(token)
    if record is None or config is None or config["FunctionArn"].split(":")[3] != get_region():
        raise ValueError(f"Invalid service token: there is no function {token!r} in {get_region()}")
    found: Properties = lambda_svc._execution_record_for_config(record, config)
    return found


def call(function: Properties, event: Properties, answered: Any) -> Properties:
    """Call the function as an asynchronous invocation does: again after a failure, unless it has answered."""
    result: Properties = {}
    for _ in range(ATTEMPTS):
        result = lambda_svc._execute_function_with_config_scope(function, event)
        if answered.is_set() or not result.get("error"):
            break
        logger.warning("%s failed: %s", event["LogicalResourceId"], why(result))
    return result


def seconds_to_wait(properties: Properties) -> int:
    """How long CloudFormation waits."""
    return min(int(properties.get("ServiceTimeout") or LONGEST), LONGEST)


def why(result: Properties) -> str:
    """What a failed invocation says."""
    body = result.get("body")
    known = body if isinstance(body, dict) else {}
    return f"{known.get('errorType', 'no error')}: {known.get('errorMessage', 'it returned without an answer')}"


def outcome(answer: Properties, request_id: str, physical_id: str | None) -> tuple[str, Properties]:
    """The physical id and the attributes of an answer.

    Raises:
        RuntimeError: It says that the function could not, or is none.
    """
    reason = str(answer.get("Reason", "See the details in CloudWatch Log Stream"))
    if answer.get("Status") != "SUCCESS":
        said = f"Message returned: {reason} (RequestId: {request_id})"
        raise RuntimeError(f"Received response status [FAILED] from custom resource. {said}")
    if len(json.dumps(answer)) > MOST_BYTES:
        raise RuntimeError("Response object is too long.")
    identifier = answer.get("PhysicalResourceId") or physical_id
    if not identifier:
        raise RuntimeError("Invalid PhysicalResourceId: the response has none")
    return str(identifier), answer.get("Data") or {}
