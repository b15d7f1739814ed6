"""Manual snapshots: the data frozen at one instant, kept as files nobody writes to.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
"""

import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from ministack.core.responses import get_account_id, request_scope
from ministack.services import rds

from sandbox.engine.rds import databases, instances, notices
from sandbox.engine.rds.common import (
    NOT_FOUND,
    Answer,
    Parameters,
    Record,
    Refused,
    admission,
    answer,
    answering,
    background,
    elements,
    fresh_directory,
    logger,
    operation_seconds,
    page,
    value,
)

NAME = re.compile(r"[a-zA-Z](?!.*--)(?:[a-zA-Z0-9-]{0,253}[a-zA-Z0-9])?")
MORE_FIELDS = ("SourceRegion", "SourceDBSnapshotIdentifier", "OptionGroupName")
FILTERS = {
    "db-instance-id": "DBInstanceIdentifier",
    "db-snapshot-id": "DBSnapshotIdentifier",
    "dbi-resource-id": "DbiResourceId",
    "snapshot-type": "SnapshotType",
    "engine": "Engine",
}


def manual_quota() -> int:
    """Manual snapshots a region may hold: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html ."""
    return int(os.environ.get("HOLDFAST_RDS_MANUAL_SNAPSHOTS", "100"))


def manual_count() -> int:
    """Manual snapshots this region holds."""
    return sum(snapshot["SnapshotType"] == "manual" for snapshot in rds._snapshots.values())


def check_room(name: str) -> None:
    """Refuse a name that is taken or malformed, or a snapshot too many.

    Raises:
        Refused: So; the quota's wording: https://github.com/pbudzon/aws-maintenance/issues/12
    """
    if not NAME.fullmatch(name):
        raise Refused(
            "InvalidParameterValue",
            f"The parameter DBSnapshotIdentifier is not a valid identifier. {name!r} must begin with a letter; must "
            "contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two "
            "consecutive hyphens.",
        )
    if name in rds._snapshots:
        raise Refused(
            "DBSnapshotAlreadyExists",
            f"Cannot create the snapshot because a snapshot with the identifier {name} already exists.",
        )
    if manual_count() >= manual_quota():
        raise Refused("SnapshotQuotaExceeded", f"Cannot create more than {manual_quota()} manual snapshots")


def find(name: str) -> Record | None:
    """A snapshot of this account by name in this region, or by ARN in any."""
    if not name.startswith("arn:"):
        found: Record | None = rds._snapshots.get(name)
        return found
    parts = name.split(":", 6)
    if len(parts) < 7 or parts[5] != "snapshot":  # noqa: PLR2004
        return None
    with request_scope(get_account_id(), parts[3]):
        return rds._snapshots.get(parts[6])


def require(name: str) -> Record:
    """The snapshot.

    Raises:
        Refused: There is none.
    """
    found = find(name)
    if found is None:
        raise Refused("DBSnapshotNotFound", f"DBSnapshot {name} not found.", NOT_FOUND)
    return found


def tags_of(parameters: Parameters) -> list[Record]:
    """The tags of a request.

    Raises:
        Refused: One is AWS's own: https://github.com/1Strategy/rds-oracle-cross-account-cross-region-dr/issues/1
    """
    tags: list[Record] = rds._parse_tags(parameters)
    if any(tag["Key"].lower().startswith("aws:") for tag in tags):
        raise Refused("InvalidParameterValue", "Tag keys cannot start with the reserved prefix aws:")
    return tags


def set_tags(snapshot: Record, tags: list[Record]) -> None:
    """Put tags on a snapshot, where both the description and ``ListTagsForResource`` read them."""
    snapshot["TagList"] = list(tags)
    rds._tags[snapshot["DBSnapshotArn"]] = list(tags)


@answering
def create(parameters: Parameters) -> Answer:
    """AWS freezes the volume and answers ``creating``; MiniStack said ``available`` of a snapshot without data."""
    instance = instances.require(value(parameters, "DBInstanceIdentifier"))
    snapshot = take(instance, value(parameters, "DBSnapshotIdentifier"), tags_of(parameters))
    return described("CreateDBSnapshot", snapshot)


def take(instance: Record, name: str, tags: list[Record]) -> Record:
    """A new snapshot of the instance as it is now, on its way to ``available``.

    Raises:
        Refused: The name is taken, the region is full, or the instance is not available.
    """
    if instance["DBInstanceStatus"] != "available":
        raise Refused(
            "InvalidDBInstanceState",
            "Cannot create a snapshot because the database instance "
            f"{instance['DBInstanceIdentifier']} is not currently in the available state.",
        )
    with admission:
        check_room(name)
        snapshot: Record = rds._create_snapshot_internal(name, instance)
        snapshot["Status"] = "creating"
    snapshot.update(
        Status="creating",
        PercentProgress=0,
        VpcId=instance["DBSubnetGroup"].get("VpcId", ""),
        OptionGroupName=instance["OptionGroupMemberships"][0]["OptionGroupName"],
        _Instance={key: instance.get(key) for key in ("_MasterUserPassword", "BackupRetentionPeriod", "DBSubnetGroup")},
    )
    inherited = instance.get("TagList", []) if instance.get("CopyTagsToSnapshot") else []
    given = {tag["Key"] for tag in tags}
    set_tags(snapshot, [*tags, *(tag for tag in inherited if tag["Key"] not in given)])
    server = databases.server_of(instance)
    if server:
        data = fresh_directory("snapshots")
        server.freeze(data)
        snapshot["_Data"] = data
    notices.of_snapshot(snapshot, "RDS-EVENT-0040", "creation", "Creating manual snapshot")
    background(
        settle, snapshot, lambda: notices.of_snapshot(snapshot, "RDS-EVENT-0042", "creation", "Manual snapshot created")
    )
    return snapshot


def settle(snapshot: Record, announce: Callable[[], None]) -> None:
    """Let a snapshot or copy take its time, become available and be announced; a failed one sends no event.

    RDS has no event for a manual snapshot that failed; see ``aws-facts``: whoever waits must describe.
    """
    steps = 4
    for step in range(1, steps):
        time.sleep(operation_seconds() / steps)
        snapshot["PercentProgress"] = 100 * step // steps
    time.sleep(operation_seconds() / steps)
    if rds._snapshots.get(snapshot["DBSnapshotIdentifier"]) is snapshot:
        snapshot.update(Status="available", PercentProgress=100)
        announce()


@answering
def describe(parameters: Parameters) -> Answer:
    """AWS filters and pages; MiniStack gives everything.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html
    """
    name = value(parameters, "DBSnapshotIdentifier")
    if name:
        found = [require(name)]
    else:
        wanted = {FILTERS[key]: values for key, values in rds._parse_filters(parameters).items() if key in FILTERS}
        for field in ("DBInstanceIdentifier", "SnapshotType", "DbiResourceId"):
            if value(parameters, field):
                wanted[field] = [value(parameters, field).rpartition(":")[2]]
        found = [
            snapshot
            for snapshot in rds._snapshots.values()
            if all(snapshot.get(field) in values for field, values in wanted.items())
        ]
    shown, marker = page(parameters, found, "DBSnapshotIdentifier")
    inner = "".join(f"<DBSnapshot>{rds._snapshot_xml(snapshot)}</DBSnapshot>" for snapshot in shown)
    return answer("DescribeDBSnapshots", f"<DBSnapshots>{inner}</DBSnapshots>{marker}")


@answering
def delete(parameters: Parameters) -> Answer:
    """AWS deletes only what is available (or failed); MiniStack deletes anything."""
    snapshot = require(value(parameters, "DBSnapshotIdentifier"))
    if snapshot["Status"] not in ("available", "failed"):
        raise Refused(
            "InvalidDBSnapshotState",
            f"Cannot delete the snapshot because it is not currently in the available state: {snapshot['Status']}.",
        )
    del rds._snapshots[snapshot["DBSnapshotIdentifier"]]
    rds._tags.pop(snapshot["DBSnapshotArn"], None)
    snapshot["Status"] = "deleted"
    if "_Data" in snapshot:
        shutil.rmtree(snapshot["_Data"], ignore_errors=True)
    notices.of_snapshot(snapshot, "RDS-EVENT-0041", "deletion", "Deleted user snapshot")
    return described("DeleteDBSnapshot", snapshot)


def share_data(source: Record, kind: str) -> Path | None:
    """The snapshot's files under a path of their own, without copying: nobody writes to them."""
    if "_Data" not in source:
        logger.warning("snapshot %s has no data: its instance has no server", source["DBSnapshotIdentifier"])
        return None
    target = fresh_directory(kind)
    shutil.copytree(source["_Data"], target, copy_function=os.link)
    return target


def described(action: str, snapshot: Record) -> Answer:
    """The answer that shows one snapshot."""
    return answer(action, f"<DBSnapshot>{rds._snapshot_xml(snapshot)}</DBSnapshot>")


def xml(snapshot: Record) -> str:
    """AWS shows where a copy came from; MiniStack does not."""
    written: str = miniature(snapshot)
    return written + elements(snapshot, MORE_FIELDS)


miniature = rds._snapshot_xml  # MiniStack's own


@answering
def describe_account(_parameters: Parameters) -> Answer:
    """The quotas of the account in this region, as far as this engine keeps any.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html
    """
    quotas = {
        "DBInstances": (len(rds._instances), 40),
        "ManualSnapshots": (manual_count(), manual_quota()),
        "DBParameterGroups": (len(rds._param_groups), 50),
        "DBSubnetGroups": (len(rds._subnet_groups), 50),
        "OptionGroups": (len(rds._option_groups), 20),
    }
    inner = "".join(
        f"<AccountQuota><AccountQuotaName>{name}</AccountQuotaName><Used>{used}</Used><Max>{most}</Max></AccountQuota>"
        for name, (used, most) in quotas.items()
    )
    return answer("DescribeAccountAttributes", f"<AccountQuotas>{inner}</AccountQuotas>")
