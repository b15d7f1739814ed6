"""The StackSets API of CloudFormation: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/.

Here are the calls that make, change and remove; those that describe and list are in ``reading``.
"""

from collections.abc import Callable

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import handlers, helpers

from sandbox.engine.stacksets import reading
from sandbox.engine.stacksets.imports import import_stacks_to_stack_set
from sandbox.engine.stacksets.operations import stop
from sandbox.engine.stacksets.requests import apply, begin, check_execution, overrides, parameters, template
from sandbox.engine.stacksets.store import (
    Instance,
    Json,
    Key,
    StackSet,
    exists,
    find,
    sets,
)
from sandbox.engine.stacksets.targets import named_targets, targets
from sandbox.engine.stacksets.wire import Refusal, Response, answer, read, refuse

Handler = Callable[[Json], Json]


def install() -> None:
    """Add the actions to CloudFormation's."""
    for action, handler in {**ACTIONS, **reading.ACTIONS}.items():
        handlers._ACTION_HANDLERS[action] = served(action, handler)


def served(action: str, handler: Handler) -> Callable[[dict[str, list[str]]], Response]:
    """MiniStack's form of a handler."""

    def serve(parameters: dict[str, list[str]]) -> Response:
        try:
            return answer(action, handler(read(action, parameters)))
        except Refusal as refusal:
            return refuse(action, refusal)

    return serve


def create_stack_set(request: Json) -> Json:
    """Make a set, which has no instances yet.

    Raises:
        Refusal: There is one of that name, or the request is none that a set can be made of.
    """
    name, token = request["StackSetName"], request.get("ClientRequestToken", "")
    there = exists(name)
    if there is not None:
        if token and there.token == token:  # the same request again
            return {"StackSetId": there.id}
        raise Refusal("NameAlreadyExistsException", f"The StackSet name {name} is already in use")
    if problems := helpers.stack_name_problems(name):
        said = helpers.validation_error_message(problems)
        raise Refusal("ValidationError", said.replace("stackName", "stackSetName"))
    stack_set = StackSet(name, get_account_id(), get_region(), template(request), token)
    apply(stack_set, request)
    stack_set.parameters = parameters(request, {})
    sets().append(stack_set)
    return {"StackSetId": stack_set.id}


def update_stack_set(request: Json) -> Json:
    """Change a set, and all its instances, or those that the request names.

    What is left out is forgotten or kept as
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStackSet.html says.

    Raises:
        Refusal: It cannot be changed so, or not now.
    """
    stack_set = find(request["StackSetName"])
    text = stack_set.text if request.get("UsePreviousTemplate") else template(request)
    check_execution(stack_set, request)
    where = named_targets(stack_set, request)
    if where is None:
        where = {key: "" for key, one in list(stack_set.instances.items()) if one.status != "INOPERABLE"}
    require_instances(stack_set, where)
    given = parameters(request, stack_set.parameters)

    def change() -> None:
        before = (stack_set.text, stack_set.parameters, stack_set.tags)
        apply(stack_set, {"AdministrationRoleARN": None, **request})
        stack_set.text, stack_set.parameters = text, given
        if before != (text, given, stack_set.tags):
            stack_set.revision += 1
            for one in list(stack_set.instances.values()):
                if one.status != "INOPERABLE":
                    one.status, one.detailed = "OUTDATED", "PENDING"

    return begin(stack_set, "UPDATE", request, where, change)


def delete_stack_set(request: Json) -> Json:
    """Remove a set that has no instances.

    Raises:
        Refusal: It has, or something is under way.
    """
    stack_set = find(request["StackSetName"])
    if stack_set.open_operations():
        raise Refusal("OperationInProgressException", f"Another Operation on StackSet {stack_set.arn} is in progress")
    if stack_set.instances:
        raise Refusal("StackSetNotEmptyException", "StackSet is not empty")
    stack_set.status = "DELETED"
    return {}


def create_stack_instances(request: Json) -> Json:
    """Make stacks of a set in accounts and regions.

    Those that are current stay as they are, those that are outdated are tried again
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackInstances.html, OperationId).

    Raises:
        Refusal: Not there, or not now.
    """
    stack_set = find(request["StackSetName"])
    where = targets(stack_set, request, creating=True)

    def change() -> None:
        for (account, region), unit in where.items():
            there = stack_set.instances.setdefault((account, region), Instance(account, region, unit))
            there.overrides = overrides(request, there.overrides)

    return begin(stack_set, "CREATE", request, where, change)


def update_stack_instances(request: Json) -> Json:
    """Make the named instances as the set is now, with other parameters of their own if the request has some.

    Raises:
        Refusal: One of them does not exist, or not now.
    """
    stack_set = find(request["StackSetName"])
    where = targets(stack_set, request)
    require_instances(stack_set, where)

    def change() -> None:
        for key in where:
            there = stack_set.instances[key]
            there.overrides = overrides(request, there.overrides)

    return begin(stack_set, "UPDATE", request, where, change)


def delete_stack_instances(request: Json) -> Json:
    """Take instances out of a set, with their stacks or without.

    Raises:
        Refusal: Not now.
    """
    stack_set = find(request["StackSetName"])
    where = {key: unit for key, unit in targets(stack_set, request).items() if key in stack_set.instances}
    return begin(stack_set, "DELETE", request, where, lambda: None)


def detect_stack_set_drift(request: Json) -> Json:
    """Look for drift in every instance.

    Raises:
        Refusal: Not now.
    """
    stack_set = find(request["StackSetName"])
    return begin(stack_set, "DETECT_DRIFT", request, dict.fromkeys(list(stack_set.instances), ""), lambda: None)


def stop_stack_set_operation(request: Json) -> Json:
    """Let an operation end early.

    Raises:
        Refusal: It has ended, or there is none.
    """
    stack_set = find(request["StackSetName"])
    stop(stack_set, stack_set.operation(request["OperationId"]))
    return {}


def require_instances(stack_set: StackSet, where: dict[Key, str]) -> None:
    """Check that a set has instances there.

    Raises:
        Refusal: It lacks one.
    """
    for account, region in where:
        stack_set.instance(account, region)


ACTIONS: dict[str, Handler] = {
    "CreateStackSet": create_stack_set,
    "UpdateStackSet": update_stack_set,
    "DeleteStackSet": delete_stack_set,
    "CreateStackInstances": create_stack_instances,
    "UpdateStackInstances": update_stack_instances,
    "DeleteStackInstances": delete_stack_instances,
    "DetectStackSetDrift": detect_stack_set_drift,
    "ImportStacksToStackSet": import_stacks_to_stack_set,
    "StopStackSetOperation": stop_stack_set_operation,
}
