"""The StackSets API of CloudFormation: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/.

Here are the calls that make, change and remove; those that describe and list are in ``reading``.
"""

import html
import re
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import engine, handlers, helpers

from sandbox.engine.stacksets import reading
from sandbox.engine.stacksets.operations import stop, submit
from sandbox.engine.stacksets.store import (
    SELF_MANAGED,
    SERVICE_MANAGED,
    Instance,
    Json,
    Key,
    Operation,
    Result,
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
        where = {key: "" for key, one in stack_set.instances.items() if one.status != "INOPERABLE"}
    require_instances(stack_set, where)
    given = parameters(request, stack_set.parameters)

    def change() -> None:
        before = (stack_set.text, stack_set.parameters, stack_set.tags)
        apply(stack_set, {"AdministrationRoleARN": None, **request})
        stack_set.text, stack_set.parameters = text, given
        if before != (text, given, stack_set.tags):
            stack_set.revision += 1
            for one in stack_set.instances.values():
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

    Those that are there already stay, so a repeated call does no harm
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stackinstances-create.html).

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
    return begin(stack_set, "DETECT_DRIFT", request, dict.fromkeys(stack_set.instances, ""), lambda: None)


def stop_stack_set_operation(request: Json) -> Json:
    """Let an operation end early.

    Raises:
        Refusal: It has ended, or there is none.
    """
    stack_set = find(request["StackSetName"])
    stop(stack_set, stack_set.operation(request["OperationId"]))
    return {}


def begin(stack_set: StackSet, action: str, request: Json, where: dict[Key, str], change: Callable[[], None]) -> Json:
    """Write down what the request changes of the set, and do the rest of it; the answer names the operation.

    Raises:
        Refusal: The id is another operation's, or another operation is under way.
    """
    identifier = request.get("OperationId") or str(uuid.uuid4())
    known = stack_set.operations.get(identifier)
    if known is not None:
        if (known.action, known.request) == (action, request):
            return {"OperationId": identifier}
        raise Refusal("OperationIdAlreadyExistsException", f"Operation {identifier} already exists")
    with stack_set.lock:
        operation = Operation(identifier, action, request, {key: Result() for key in where})
        before = stack_set.open_operations()
        if not before or stack_set.managed:
            change()
        operation.administration_role = stack_set.administration_role
        operation.execution_role = stack_set.execution_role
        submit(stack_set, operation)
    return {"OperationId": identifier}


def template(request: Json) -> str:
    """The template of a request.

    Raises:
        Refusal: It has none, or one that CloudFormation cannot read.
    """
    flat = {key: [request[key]] for key in ("TemplateBody", "TemplateURL") if key in request}
    if len(flat) != 1:
        raise Refusal("ValidationError", "Either Template URL or Template Body must be specified.")
    text, error = helpers._resolve_template(flat)
    if error is not None:
        raise Refusal("ValidationError", message(error))
    try:
        parsed = engine._parse_template(text)
    except Exception as problem:
        raise Refusal("ValidationError", f"Template format error: {problem}") from problem
    if not parsed.get("Resources"):
        raise Refusal("ValidationError", "Template format error: At least one Resources member must be defined.")
    return str(text)


def message(error: Any) -> str:
    """What an error of MiniStack's says."""
    found = re.search(r"<Message>(.*?)</Message>", error[2].decode(), re.DOTALL)
    return html.unescape(found[1]) if found else "CloudFormation cannot read the template"


def parameters(request: Json, before: dict[str, str]) -> dict[str, str]:
    """The set's parameters: what a request leaves out has its default again."""
    return overrides({"ParameterOverrides": request.get("Parameters", [])}, before)


def overrides(request: Json, before: dict[str, str]) -> dict[str, str]:
    """Values by name; those of before when the request says nothing, or that one is to keep its value."""
    if "ParameterOverrides" not in request:
        return before
    return {
        one["ParameterKey"]: before.get(one["ParameterKey"], "")
        if one.get("UsePreviousValue")
        else one.get("ParameterValue", "")
        for one in request["ParameterOverrides"]
    }


def apply(stack_set: StackSet, request: Json) -> None:
    """Take over what a request says about a set, beside template and parameters.

    Raises:
        Refusal: It contradicts itself.
    """
    model = request.get("PermissionModel", stack_set.permission_model)
    if model == SERVICE_MANAGED and (request.get("AdministrationRoleARN") or request.get("ExecutionRoleName")):
        raise Refusal("ValidationError", "You cannot specify roles for a StackSet with SERVICE_MANAGED permissions")
    if model == SELF_MANAGED and request.get("AutoDeployment"):
        raise Refusal("ValidationError", "AutoDeployment is not supported for StackSets with SELF_MANAGED permissions")
    if model == SERVICE_MANAGED and not (request.get("AutoDeployment") or stack_set.auto_deployment):
        raise Refusal("ValidationError", "AutoDeployment is required for StackSets with SERVICE_MANAGED permissions")
    stack_set.permission_model = model
    stack_set.description = request.get("Description", stack_set.description)
    stack_set.capabilities = request.get("Capabilities", [])
    stack_set.tags = request.get("Tags", stack_set.tags)
    stack_set.auto_deployment = request.get("AutoDeployment", stack_set.auto_deployment)
    stack_set.administration_role = request.get("AdministrationRoleARN", stack_set.administration_role)
    stack_set.execution_role = request.get("ExecutionRoleName", stack_set.execution_role)
    stack_set.managed = (request.get("ManagedExecution") or {}).get("Active", stack_set.managed)


def check_execution(stack_set: StackSet, request: Json) -> None:
    """Check that the configuration of execution stays while something is under way.

    Raises:
        Refusal: It would change.
    """
    wanted = (request.get("ManagedExecution") or {}).get("Active", stack_set.managed)
    if wanted != stack_set.managed and stack_set.open_operations():
        raise Refusal(
            "InvalidOperationException",
            "You cannot modify ManagedExecution while there are running or queued operations for the StackSet",
        )


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
    "StopStackSetOperation": stop_stack_set_operation,
}
