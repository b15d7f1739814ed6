"""Instances restored from a snapshot, with its rows and users.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html
"""

from ministack.services import rds

from sandbox.engine.rds import instances, snapshots
from sandbox.engine.rds.common import NOT_FOUND, Answer, Parameters, Record, Refused, answering, true, value


@answering
def restore(parameters: Parameters) -> Answer:
    """AWS restores data, key and users and takes the rest from the request; MiniStack made an empty record."""
    snapshot = snapshots.require(value(parameters, "DBSnapshotIdentifier"))
    if snapshot["Engine"] not in instances.ENGINES:
        found: Answer = rds._restore_from_snapshot(parameters)
        return found
    _check(parameters, snapshot)
    source = snapshots.share_data(snapshot, "sources")
    if source is None:
        raise Refused("InvalidRestoreFault", "Cannot restore from a snapshot without data.")
    answer: Answer = rds._restore_from_snapshot(
        {**parameters, "DBSnapshotIdentifier": [snapshot["DBSnapshotIdentifier"]]}
    )
    if answer[0] >= 400:  # noqa: PLR2004
        return answer
    instance = instances.require(value(parameters, "DBInstanceIdentifier"))
    instance.update(_settings(parameters, snapshot))
    rds._tags[instance["DBInstanceArn"]] = list(instance["TagList"])
    return instances.restore(instance, source, snapshot["DBSnapshotIdentifier"])


def _check(parameters: Parameters, snapshot: Record) -> None:
    """Refuse what names things that are not in this region.

    Raises:
        Refused: So.
    """
    if snapshot["Status"] != "available":
        raise Refused("InvalidDBSnapshotState", "Cannot restore from a snapshot that is not in the available state.")
    if true(parameters, "ManageMasterUserPassword"):
        raise Refused(
            "InvalidParameterCombination", "ManageMasterUserPassword is supported on restore for Oracle only."
        )
    groups = (
        ("DBParameterGroupName", rds._param_groups, "DBParameterGroupNotFound", "default."),
        ("DBSubnetGroupName", rds._subnet_groups, "DBSubnetGroupNotFoundFault", "default"),
        ("OptionGroupName", rds._option_groups, "OptionGroupNotFoundFault", "default:"),
    )
    for parameter, known, fault, default in groups:
        name = value(parameters, parameter)
        if name and not name.startswith(default) and name not in known:
            raise Refused(fault, f"{parameter.removesuffix('Name')} {name} not found.", NOT_FOUND)


def _settings(parameters: Parameters, snapshot: Record) -> Record:
    """What MiniStack leaves out of a restored instance: from the request, else from the snapshot."""
    kept = snapshot.get("_Instance", {})
    engine = snapshot["Engine"]
    series = ".".join(snapshot["EngineVersion"].split(".")[:2])
    default_group = f"default.{engine}{series}"
    iam = value(parameters, "EnableIAMDatabaseAuthentication")
    retention = value(parameters, "BackupRetentionPeriod")
    subnets = value(parameters, "DBSubnetGroupName")
    return {
        "DBInstanceStatus": "creating",
        "StorageEncrypted": snapshot["Encrypted"],
        "KmsKeyId": snapshot["KmsKeyId"],
        "_MasterUserPassword": kept.get("_MasterUserPassword") or "",
        "BackupRetentionPeriod": int(retention) if retention else kept.get("BackupRetentionPeriod", 1),
        "IAMDatabaseAuthenticationEnabled": iam == "true"
        if iam
        else snapshot.get("IAMDatabaseAuthenticationEnabled", False),
        "DBParameterGroups": [
            {
                "DBParameterGroupName": value(parameters, "DBParameterGroupName") or default_group,
                "ParameterApplyStatus": "in-sync",
            }
        ],
        "OptionGroupMemberships": [
            {
                "OptionGroupName": value(parameters, "OptionGroupName")
                or f"default:{engine}-{series.replace('.', '-')}",
                "Status": "in-sync",
            }
        ],
        "VpcSecurityGroups": [
            {"VpcSecurityGroupId": group, "Status": "active"}
            for group in rds._parse_member_list(parameters, "VpcSecurityGroupIds")
        ],
        "DeletionProtection": true(parameters, "DeletionProtection"),
        "CopyTagsToSnapshot": true(parameters, "CopyTagsToSnapshot"),
        "TagList": snapshots.tags_of(parameters),
        **({"DBSubnetGroup": rds._subnet_groups[subnets]} if subnets in rds._subnet_groups else {}),
    }
