"""Copies of snapshots, also from another region.

Called in the destination region: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html
"""

import time

from ministack.core.responses import get_region
from ministack.services import rds

from sandbox.engine.rds import notices, snapshots
from sandbox.engine.rds.common import (
    Answer,
    Parameters,
    Record,
    Refused,
    admission,
    answering,
    arn,
    background,
    now,
    require_key,
    true,
    value,
)

IN_PROGRESS = (
    20  # per destination region: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html
)
NOT_INHERITED = {"_Data", "TagList", "SourceRegion", "SourceDBSnapshotIdentifier"}


@answering
def copy(parameters: Parameters) -> Answer:
    """A copy under the destination's key, on its way to ``available``; MiniStack has no such action."""
    source = snapshots.require(value(parameters, "SourceDBSnapshotIdentifier"))
    target = value(parameters, "TargetDBSnapshotIdentifier")
    origin = source["DBSnapshotArn"].split(":")[3]
    if source["Status"] != "available":
        raise Refused(
            "InvalidDBSnapshotState", "Cannot copy the snapshot because it is not currently in the available state."
        )
    key = _key(source, value(parameters, "KmsKeyId"), across=origin != get_region())
    given = snapshots.tags_of(parameters)
    with admission:
        snapshots.check_room(target)
        if origin != get_region():
            _check_lane()
        made = rds._snapshots[target] = _record(source, target, key, origin)
    snapshots.set_tags(made, given or (_inherited(source) if true(parameters, "CopyTags") else []))
    made["_Data"] = snapshots.share_data(source, "snapshots")
    if value(parameters, "OptionGroupName"):
        made["OptionGroupName"] = value(parameters, "OptionGroupName")
    _announce_and_settle(made, source["DBSnapshotIdentifier"], origin)
    return snapshots.described("CopyDBSnapshot", made)


def _key(source: Record, given: str, *, across: bool) -> str:
    """The ARN of the key that the copy is encrypted under; empty for a plain copy of a plain snapshot.

    Raises:
        Refused: An encrypted snapshot crosses regions without naming a key of this region
            (https://github.com/1Strategy/rds-oracle-cross-account-cross-region-dr/issues/1), or names one that is not
            usable here.
    """
    if given:
        return require_key(given, "target ")
    if source.get("Encrypted") and across:
        raise Refused("InvalidParameterValue", "Must specify new KMS key for cross region encrypted snapshot copy.")
    return str(source.get("KmsKeyId", "")) if source.get("Encrypted") else ""


def _check_lane() -> None:
    """Refuse one copy too many, worded as in https://github.com/pbudzon/aws-maintenance/issues/19 .

    Raises:
        Refused: So.
    """
    running = sum(
        found["Status"] == "creating" and found.get("SourceRegion", get_region()) != get_region()
        for found in rds._snapshots.values()
    )
    if running >= IN_PROGRESS:
        raise Refused("SnapshotQuotaExceeded", f"Cannot copy more than {IN_PROGRESS} snapshots across regions")


def _inherited(source: Record) -> list[Record]:
    """The source's tags but for AWS's own, which cannot be written."""
    return [tag for tag in source.get("TagList", []) if not tag["Key"].startswith("aws:")]


def _record(source: Record, name: str, key: str, origin: str) -> Record:
    """The copy's description: the source's, with its own name, time and key.

    ``OriginalSnapshotCreateTime`` stays: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshot.html.
    The documentation's example of CopyDBSnapshot shows the status ``creating``.
    """
    return {
        **{field: content for field, content in source.items() if field not in NOT_INHERITED},
        "DBSnapshotIdentifier": name,
        "DBSnapshotArn": arn("snapshot", name),
        "SnapshotType": "manual",
        "SnapshotCreateTime": now(),
        "Status": "creating",
        "PercentProgress": 0,
        "AvailabilityZone": f"{get_region()}a",
        "Encrypted": bool(key),
        "StorageEncrypted": bool(key),
        "KmsKeyId": key,
        "SourceDBSnapshotIdentifier": source["DBSnapshotArn"],
        "SourceRegion": origin,
        **({} if origin == get_region() else {"OptionGroupName": "", "VpcId": ""}),  # never copied to another region
    }


def _announce_and_settle(made: Record, source: str, origin: str) -> None:
    """Send the events of a copy, which differ for copies within a region."""
    across = origin != get_region()
    where = f"{'from' if across else 'in'} region {origin}"
    begun, done = ("RDS-EVENT-0059", "RDS-EVENT-0060") if across else ("RDS-EVENT-0196", "RDS-EVENT-0197")
    notices.of_snapshot(made, begun, "notification", f"Started copy of snapshot {source} {where}")
    started = time.monotonic()

    def finished() -> None:
        minutes = f" in {(time.monotonic() - started) / 60:.0f} minutes" if across else ""
        notices.of_snapshot(made, done, "notification", f"Finished copy of snapshot {source} {where}{minutes}")

    background(snapshots.settle, made, finished)
