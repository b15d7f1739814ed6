"""The resources on which AWS checks a call, where MiniStack checks another or none; for ``audit`` and ``delegation``.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html and list_awsstepfunctions.html
"""

from typing import Any

from ministack.core import iam_actions

from sandbox.engine.patching import replace

Parameters = dict[str, list[str]]

# The first is checked in any case, as a wildcard when the call names none (``db:*``); the others when it names them.
RDS: dict[str, tuple[tuple[str, str], ...]] = {
    "AddTagsToResource": (("", "ResourceName"),),
    "CopyDBSnapshot": (("snapshot", "SourceDBSnapshotIdentifier"), ("snapshot", "TargetDBSnapshotIdentifier")),
    "CreateDBSnapshot": (("db", "DBInstanceIdentifier"), ("snapshot", "DBSnapshotIdentifier")),
    "DeleteDBSnapshot": (("snapshot", "DBSnapshotIdentifier"),),
    "DescribeDBInstances": (("db", "DBInstanceIdentifier"),),
    "DescribeDBSnapshots": (("snapshot", "DBSnapshotIdentifier"), ("db", "DBInstanceIdentifier")),
    "DescribeDBSubnetGroups": (("subgrp", "DBSubnetGroupName"),),
    "DescribeOptionGroups": (("og", "OptionGroupName"),),
    "ListTagsForResource": (("", "ResourceName"),),
    "ModifyDBSnapshot": (("snapshot", "DBSnapshotIdentifier"),),
    "RemoveTagsFromResource": (("", "ResourceName"),),
    "RestoreDBInstanceFromDBSnapshot": (
        ("db", "DBInstanceIdentifier"),
        ("snapshot", "DBSnapshotIdentifier"),
        ("subgrp", "DBSubnetGroupName"),
        ("og", "OptionGroupName"),
        ("pg", "DBParameterGroupName"),
    ),
    "StartExportTask": (("snapshot", "SourceArn"),),
}

_original: dict[str, Any] = {}
_machines: dict[str, str] = {}


def install() -> None:
    """Replace the choice of the resource that is checked."""
    _original["extract"] = replace(iam_actions, "extract_resource_arn", extract_resource_arn, "82f51700695c")


def extract_resource_arn(  # noqa: PLR0913, PLR0917  # the signature is MiniStack's
    service: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query_params: Parameters,
    region: str,
    account_id: str,
) -> str:
    """The resource of a call: of RDS by our table, of an answered task token the machine that waits for it."""
    if service == "rds":
        found = of_rds((query_params.get("Action") or [""])[0], query_params, region, account_id)
        if found:
            return found[0]
    if service == "states" and b'"taskToken"' in body:
        return _machines.get(iam_actions._safe_json_field(body, "taskToken"), "*")
    return str(_original["extract"](service, method, path, headers, body, query_params, region, account_id))


def of_rds(action: str, parameters: Parameters, region: str, account: str) -> list[str]:
    """Every resource of a call to RDS, empty for an action that is not in the table."""
    found = []
    for index, (kind, parameter) in enumerate(RDS.get(action, ())):
        name = (parameters.get(parameter) or [""])[0]
        if name.startswith("arn:"):
            found.append(name)
        elif name or index == 0:
            found.append(f"arn:aws:rds:{region}:{account}:{kind or '*'}:{name or '*'}")
    return found


def remember_token(token: str, machine_arn: str) -> None:
    """Note which machine waits for a token; it stays known when nobody waits any more."""
    _machines[token] = machine_arn
