"""What CloudFormation's calls for stacks and change sets do otherwise than MiniStack's."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from ministack.core.responses import now_iso
from ministack.services.cloudformation import _change_sets, changesets, handlers, helpers, stacks

from sandbox.engine.cloudformation_exports import in_use
from sandbox.engine.patching import replace

Json = dict[str, Any]
Parameters = dict[str, list[str]]
Response = tuple[int, dict[str, str], bytes]

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html (stack status codes)
FAILED_AT_CREATION = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
CHANGEABLE = (
    "CREATE_COMPLETE",
    "CREATE_FAILED",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
)
NO_CHANGES = "The submitted information didn't contain changes."

_original: dict[str, Any] = {}


def install() -> None:
    """Replace the calls and what compares templates."""
    calls: list[tuple[Any, str, str, Callable[[Parameters], Response], str]] = [
        (handlers, "CreateStack", "_create_stack", create_stack, "84e0df897c75"),
        (handlers, "DeleteStack", "_delete_stack", delete_stack, "09d64e10e4f2"),
        (changesets, "CreateChangeSet", "_create_change_set", create_change_set, "06b31550065c"),
    ]
    for module, action, name, new, source in calls:
        _original[action] = replace(module, name, new, source)
        handlers._ACTION_HANDLERS[action] = new
    _original["resolve"] = replace(changesets, "_resolve_props_for_diff", resolve_for_diff, "b0f1a995e91f")
    for module in (stacks, handlers):
        _original["roll_back"] = replace(module, "_roll_back_operation", roll_back_operation, "3464033d8f28")
    _original["sent_back"] = replace(stacks, "_sends_back_failed_update", sends_back_failed_update, "33bf2b1cccba")


def create_stack(parameters: Parameters) -> Response:
    """Create a stack; one that failed when it was made keeps its name until it is deleted."""
    there = handlers._resolve_stack(helpers._p(parameters, "StackName"))
    if there is not None and there["StackStatus"] in FAILED_AT_CREATION:
        refused: Response = helpers._error("AlreadyExistsException", f"Stack [{there['StackName']}] already exists")
        return refused
    return _original["CreateStack"](parameters)


def delete_stack(parameters: Parameters) -> Response:
    """Begin the deletion of a stack, whose status says so from the answer on; MiniStack's did a moment later.

    AWS answers well, too, when something is imported from the stack, which then stays as it is and has a reason
    (https://github.com/aws/aws-cdk/issues/604); MiniStack refused the call.
    """
    stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return _original["DeleteStack"](parameters)
    failed = stack.get("_failed_operation") or {}
    stack["_template"] = stack.get("_template") or failed.get("template") or {}  # whose policies say what stays
    reason = None if stack.get("EnableTerminationProtection") else in_use(stack)
    if reason is not None:
        stack["StackStatusReason"] = reason
        stacks._add_event(
            stack["StackId"],
            stack["StackName"],
            stack["StackName"],
            "AWS::CloudFormation::Stack",
            stack["StackStatus"],
            reason,
            stack["StackId"],
        )
        kept: Response = helpers._xml(HTTPStatus.OK, "DeleteStackResponse", "")
        return kept
    answer: Response = _original["DeleteStack"](parameters)
    if answer[0] == HTTPStatus.OK:
        stack["StackStatus"], stack["StackStatusReason"] = "DELETE_IN_PROGRESS", ""
    return answer


def create_change_set(parameters: Parameters) -> Response:
    """Create a change set, of a stack that can be changed; also one that changes nothing but outputs."""
    stack = handlers._resolve_stack(helpers._p(parameters, "StackName"))
    kind = helpers._p(parameters, "ChangeSetType", "UPDATE")
    if stack is not None and stack["StackStatus"] != "DELETE_COMPLETE":
        status = stack["StackStatus"]
        if status in FAILED_AT_CREATION or (kind == "UPDATE" and status not in CHANGEABLE):
            refused: Response = helpers._error(
                "ValidationError", f"Stack:{stack['StackId']} is in {status} state and can not be updated."
            )
            return refused
    answer: Response = _original["CreateChangeSet"](parameters)
    if answer[0] == HTTPStatus.OK and kind == "UPDATE" and stack is not None:
        made = next(reversed(list(_change_sets.values())))
        if made["StatusReason"].startswith(NO_CHANGES) and outputs_of(stack) != outputs_of(made):
            made.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")
    return answer


def outputs_of(record: Json) -> Json:
    """The outputs in the template of a stack, or of a change set."""
    found: Json = (record.get("_template") or {}).get("Outputs") or {}
    return found


def resolve_for_diff(template: Json, parameters: Json, stack_name: str, stack_id: str) -> Json:
    """MiniStack's resolved resources, but only those that the conditions let be."""
    resolved: Json = _original["resolve"](template, parameters, stack_name, stack_id)
    conditions = changesets._evaluate_conditions(template, parameters) if template else {}
    there = {
        name: one
        for name, one in resolved.get("Resources", {}).items()
        if conditions.get(one.get("Condition", ""), True)
    }
    return {**resolved, "Resources": there}


def sends_back_failed_update(resource_type: str) -> bool:
    """Whether a rollback updates also the resource that failed: a set has changed some of its stacks by then."""
    return resource_type == "AWS::CloudFormation::StackSet" or bool(_original["sent_back"](resource_type))


async def roll_back_operation(
    stack_name: str, stack_id: str, stack: Json, operation: Json, reason_override: str = ""
) -> None:
    """MiniStack's rollback; what it could not delete stays in the stack, for the next deletion to try again."""
    await _original["roll_back"](stack_name, stack_id, stack, operation, reason_override)
    if stack["StackStatus"] != "ROLLBACK_FAILED":
        return
    stack["_template"] = stack.get("_template") or operation["template"]
    for logical_id, record in stack["_rollback_failed"].items():
        stack["_resources"][logical_id] = {
            "Attributes": {},
            "LogicalResourceId": logical_id,
            "ResourceStatus": "DELETE_FAILED",
            "Timestamp": now_iso(),
            **record,
        }
