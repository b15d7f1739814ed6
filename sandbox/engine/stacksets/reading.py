"""The actions of the StackSets API that describe and list."""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope

from sandbox.engine.stacksets.drift import drift_details
from sandbox.engine.stacksets.stacks import find as find_stack
from sandbox.engine.stacksets.store import SELF_MANAGED, Instance, Json, Key, Operation, StackSet, find, sets
from sandbox.engine.stacksets.wire import page

_access = {"Status": "ENABLED"}  # of StackSets to the organization


def describe_stack_set(request: Json) -> Json:
    """A set as it is."""
    one = find(request["StackSetName"])
    return {
        "StackSet": {
            **summary(one),
            "TemplateBody": one.text,
            "Parameters": pairs(one.parameters),
            "Capabilities": one.capabilities,
            "Tags": one.tags,
            "StackSetARN": one.arn,
            **(roles(one) if one.permission_model == SELF_MANAGED else {}),
            "StackSetDriftDetectionDetails": one.drift or {"DriftStatus": "NOT_CHECKED"},
            "OrganizationalUnitIds": sorted({i.unit for i in list(one.instances.values()) if i.unit}),
            "Regions": sorted({i.region for i in list(one.instances.values())}),
        }
    }


def roles(one: StackSet | Operation) -> Json:
    """The roles of a set."""
    return {"AdministrationRoleARN": one.administration_role, "ExecutionRoleName": one.execution_role}


def summary(one: StackSet) -> Json:
    """What a list says of a set."""
    return {
        "StackSetName": one.name,
        "StackSetId": one.id,
        "Description": one.description,
        "Status": one.status,
        "AutoDeployment": one.auto_deployment,
        "PermissionModel": one.permission_model,
        "DriftStatus": (one.drift or {}).get("DriftStatus", "NOT_CHECKED"),
        "LastDriftCheckTimestamp": (one.drift or {}).get("LastDriftCheckTimestamp"),
        "ManagedExecution": {"Active": one.managed},
    }


def list_stack_sets(request: Json) -> Json:
    """All sets, those that were deleted, too, unless the request says which."""
    wanted = request.get("Status")
    return page([summary(one) for one in sets() if wanted in {None, one.status}], request)


def describe_stack_instance(request: Json) -> Json:
    """An instance as it is."""
    stack_set = find(request["StackSetName"])
    one = stack_set.instance(request["StackInstanceAccount"], request["StackInstanceRegion"])
    overrides = {"ParameterOverrides": pairs(one.overrides)}
    return {"StackInstance": {**instance(stack_set, one), **overrides}}


def instance(stack_set: StackSet, one: Instance) -> Json:
    """What a list says of an instance."""
    return {
        "StackSetId": stack_set.id,
        "Region": one.region,
        "Account": one.account,
        "StackId": one.stack_id or None,
        "Status": one.status,
        "StatusReason": one.reason or None,
        "StackInstanceStatus": {"DetailedStatus": one.detailed},
        "OrganizationalUnitId": one.unit,
        "DriftStatus": one.drift,
        "LastDriftCheckTimestamp": one.checked,
        "LastOperationId": one.operation or None,
    }


def list_stack_instances(request: Json) -> Json:
    """The instances of a set that pass all filters."""
    stack_set = find(request["StackSetName"])
    wanted = {one["Name"]: one["Values"].split(",") for one in request.get("Filters", [])}

    def passes(one: Instance) -> bool:
        have = {"DETAILED_STATUS": one.detailed, "LAST_OPERATION_ID": one.operation, "DRIFT_STATUS": one.drift}
        return (
            request.get("StackInstanceAccount") in {None, one.account}
            and request.get("StackInstanceRegion") in {None, one.region}
            and all(have[name] in values for name, values in wanted.items())
        )

    return page([instance(stack_set, one) for one in list(stack_set.instances.values()) if passes(one)], request)


def describe_stack_set_operation(request: Json) -> Json:
    """An operation as it is."""
    stack_set = find(request["StackSetName"])
    one = stack_set.operation(request["OperationId"])
    drift = {}
    if one.action == "DETECT_DRIFT":
        drift = {"StackSetDriftDetectionDetails": drift_details(stack_set, one, None if one.open else one.status)}
    return {
        "StackSetOperation": {
            **operation(one),
            "StackSetId": stack_set.id,
            "RetainStacks": one.request.get("RetainStacks") if one.action == "DELETE" else None,
            "DeploymentTargets": one.request.get("DeploymentTargets"),
            **(roles(one) if stack_set.permission_model == SELF_MANAGED else {}),
            **drift,
        }
    }


def operation(one: Operation) -> Json:
    """What a list says of an operation."""
    return {
        "OperationId": one.id,
        "Action": one.action,
        "Status": one.status,
        "CreationTimestamp": one.created,
        "EndTimestamp": one.ended,
        "StatusReason": one.reason or None,
        "StatusDetails": {"FailedStackInstancesCount": sum(r.status == "FAILED" for r in one.results.values())},
        "OperationPreferences": one.preferences or None,
    }


def list_stack_set_operations(request: Json) -> Json:
    """The operations of a set, the newest first."""
    found = list(find(request["StackSetName"]).operations.values())
    return page([operation(one) for one in reversed(found)], request)


def list_stack_set_operation_results(request: Json) -> Json:
    """What became of an operation at each instance, of which the filters want to know."""
    stack_set = find(request["StackSetName"])
    one = stack_set.operation(request["OperationId"])
    wanted = [each["Values"] for each in request.get("Filters", [])]
    found = [
        {
            "Account": key[0],
            "Region": key[1],
            "Status": result.status,
            "StatusReason": result.reason or None,
            "AccountGateResult": gate(key),
            "OrganizationalUnitId": stack_set.instances[key].unit if key in stack_set.instances else "",
        }
        for key, result in one.results.items()
        if not wanted or result.status in wanted
    ]
    return page(found, request)


def gate(key: Key) -> Json:
    """What AWS says where no function of that name opens or shuts a gate.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-account-gating.html
    """
    account, region = key
    function = f"arn:aws:lambda:{region}:{account}:function:AWSCloudFormationStackSetAccountGate"
    return {"Status": "SKIPPED", "StatusReason": f"Function not found: {function}"}


def list_stack_instance_resource_drifts(request: Json) -> Json:
    """The resources that an operation has found drifted, or not, in one instance."""
    stack_set = find(request["StackSetName"])
    stack_set.operation(request["OperationId"])
    one = stack_set.instance(request["StackInstanceAccount"], request["StackInstanceRegion"])
    wanted = request.get("StackInstanceResourceDriftStatuses")
    if one.drift_operation != request["OperationId"]:
        return page([], request)
    with request_scope(one.account, one.region):
        stack = find_stack(one.stack_id) or {}
    keys = ("StackId", "LogicalResourceId", "PhysicalResourceId", "ResourceType")
    more = ("PropertyDifferences", "StackResourceDriftStatus", "Timestamp")
    drifts: list[Json] = [each["_drift"] for each in stack.get("_resources", {}).values() if each.get("_drift")]
    found = [
        {name: each.get(name) for name in (*keys, *more)}
        for each in drifts
        if not wanted or each["StackResourceDriftStatus"] in wanted
    ]
    return page(found, request)


def pairs(values: dict[str, str]) -> list[dict[str, str]]:
    """Parameters as the API writes them."""
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]


def describe_organizations_access(_request: Json) -> Json:
    """Whether StackSets may act in the organization."""
    return dict(_access)


def set_access(status: str) -> Callable[[Json], Json]:
    """Open or close the organization to StackSets."""

    def act(_request: Json) -> Json:
        _access["Status"] = status
        return {}

    return act


ACTIONS: dict[str, Callable[[Json], Any]] = {
    "DescribeStackSet": describe_stack_set,
    "ListStackSets": list_stack_sets,
    "DescribeStackInstance": describe_stack_instance,
    "ListStackInstances": list_stack_instances,
    "DescribeStackSetOperation": describe_stack_set_operation,
    "ListStackSetOperations": list_stack_set_operations,
    "ListStackSetOperationResults": list_stack_set_operation_results,
    "ListStackInstanceResourceDrifts": list_stack_instance_resource_drifts,
    "DescribeOrganizationsAccess": describe_organizations_access,
    "ActivateOrganizationsAccess": set_access("ENABLED"),
    "DeactivateOrganizationsAccess": set_access("DISABLED"),
}
