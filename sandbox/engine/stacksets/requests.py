"""What a request says of a set (template, parameters, roles, how it is executed), and the operation that it begins."""

import html
import re
import uuid
from collections.abc import Callable
from typing import Any

from ministack.services.cloudformation import engine, helpers

from sandbox.engine.stacksets.operations import submit
from sandbox.engine.stacksets.store import SELF_MANAGED, SERVICE_MANAGED, Json, Key, Operation, Result, StackSet
from sandbox.engine.stacksets.wire import Refusal


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
