"""``AWS::CloudFormation::StackSet``, as its public provider does it.

https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-cloudformation (aws-cloudformation-stackset)
"""

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from sandbox.engine.clients import client
from sandbox.engine.shapes import fit
from sandbox.engine.stacksets.store import find

Properties = dict[str, Any]
Created = tuple[str, Properties]

LONGEST = 36 * 3600.0  # seconds that the provider waits for an operation
PAUSE = 0.1  # seconds before it asks again for an operation that another one forbade
MOST = 850  # characters of the reasons
CREATE = (
    "StackSetName",
    "PermissionModel",
    "AdministrationRoleARN",
    "ExecutionRoleName",
    "AutoDeployment",
    "Capabilities",
    "CallAs",
    "Description",
    "ManagedExecution",
    "Parameters",
    "Tags",
    "TemplateBody",
    "TemplateURL",
)
UPDATE = tuple(set(CREATE) - {"PermissionModel", "ManagedExecution"} | {"OperationPreferences"})
NESTED = "AWS::CloudFormation::StackSet"  # which no template of a set may have


def create(_logical_id: str, properties: Properties, _stack: str) -> Created:
    """Make the set, and its instances.

    Raises:
        ValueError: Its template has a set in it.
        RuntimeError: Instances could not be made.
    """
    require_template(properties)
    call("create_stack_set", select(properties, CREATE))
    name = properties["StackSetName"]
    for group in properties.get("StackInstancesGroup", []):
        operate("create_stack_instances", name, properties, group)
    identifier = find(name).id
    return identifier, {"StackSetId": identifier}


def update(physical_id: str, old: Properties, new: Properties, _stack: str) -> Created:
    """Change the set and with it all its instances, whoever made them; then those that the properties name.

    Raises:
        ValueError: Its template has a set in it.
        RuntimeError: The operation did not succeed; the message has the reasons of its instances.
    """
    require_template(new)
    before = call("describe_stack_set", as_whom({"StackSetName": physical_id}, new))["StackSet"]
    managed = new.get("ManagedExecution") or {"Active": False}
    if bool(managed.get("Active")) != before["ManagedExecution"]["Active"]:
        roles = select(new, ("AdministrationRoleARN", "ExecutionRoleName", "Capabilities"))
        only = {**roles, "ManagedExecution": managed, "UsePreviousTemplate": True}
        await_operation(physical_id, "update_stack_set", as_whom(only, new))
    there, wanted = old.get("StackInstancesGroup", []), new.get("StackInstancesGroup", [])
    for group in [one for one in there if one not in wanted]:
        operate("delete_stack_instances", physical_id, old, group)
    await_operation(physical_id, "update_stack_set", select(new, UPDATE))
    for group in [one for one in wanted if one not in there]:
        operate("create_stack_instances", physical_id, new, group)
    return physical_id, {"StackSetId": physical_id}


def delete(physical_id: str, properties: Properties) -> None:
    """Remove the set's own instances, then the set; it stays if somebody else has made instances of it.

    Raises:
        RuntimeError: It has instances.
    """
    try:
        for group in properties.get("StackInstancesGroup", []):
            operate("delete_stack_instances", physical_id, properties, group)
        call("delete_stack_set", as_whom({"StackSetName": physical_id}, properties))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "StackSetNotFoundException":
            return
        raise RuntimeError(f"{code}: {error.response['Error']['Message']}") from error


def operate(operation: str, name: str, properties: Properties, group: Properties) -> None:
    """Make or remove the instances of a group, and wait for it."""
    where: Properties = {
        key: group[key] for key in ("DeploymentTargets", "Regions", "ParameterOverrides") if key in group
    }
    if operation == "delete_stack_instances":
        where = {**where, "RetainStacks": False}
        where.pop("ParameterOverrides", None)
    await_operation(name, operation, as_whom({**where, **select(properties, ("OperationPreferences",))}, properties))


def await_operation(name: str, operation: str, parameters: Properties) -> None:
    """Begin an operation, and wait until it has ended.

    Raises:
        RuntimeError: It did not succeed.
    """
    deadline = time.monotonic() + LONGEST
    while True:
        try:
            identifier = call(operation, {**parameters, "StackSetName": name})["OperationId"]
            break
        except ClientError as error:
            if error.response["Error"]["Code"] != "OperationInProgressException" or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
    begun = find(name).operation(identifier)
    begun.finished.wait(deadline - time.monotonic())
    if begun.status == "SUCCEEDED":
        return
    reasons = {one.reason for one in begun.results.values() if one.status == "FAILED"}
    said = f"Operation {identifier} is {begun.status}: {'; '.join(sorted(reasons))}"
    raise RuntimeError(f"Resource of type '{NESTED}' with identifier '{name}' did not stabilize. {said[:MOST]}")


def require_template(properties: Properties) -> None:
    """Check the template as the provider does.

    Raises:
        ValueError: It has a set in it.
    """
    summary = call("get_template_summary", as_whom(select(properties, ("TemplateBody", "TemplateURL")), properties))
    if NESTED in summary.get("ResourceTypes", []):
        raise ValueError(f"Nested {NESTED} is not supported in the template of {properties['StackSetName']}")


def select(properties: Properties, names: tuple[str, ...]) -> Properties:
    """Those of the properties, a template as text."""
    found = {name: properties[name] for name in names if name in properties}
    if isinstance(found.get("TemplateBody"), dict):
        found["TemplateBody"] = json.dumps(found["TemplateBody"])
    return found


def as_whom(parameters: Properties, properties: Properties) -> Properties:
    """The parameters, and in whose name the set is managed."""
    return {**parameters, **select(properties, ("CallAs",))}


def call(operation: str, parameters: Properties) -> Any:
    """Call CloudFormation."""
    found = client("cloudformation")
    model = found.meta.service_model.operation_model(found.meta.method_to_api_mapping[operation])
    return getattr(found, operation)(**fit(parameters, model.input_shape))


TYPES = {"AWS::CloudFormation::StackSet": {"create": create, "update": update, "delete": delete}}
