"""What has become of a long RDS job, told from its description. The same rule serves event, sweep and time-out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from handlers.core.names import DEPLOYMENT_TAG, POINT_TAG, export_prefix, iso

Kind = Literal["snapshot", "export", "recovery-copy", "copy"]
Item = dict[str, Any]  # a row of the ledger, or a description by RDS

QUOTAS: Mapping[str, str] = {"export": "exports", "copy": "copies"}  # kinds that need a slot, and of which quota

# An event of an export names its snapshot, so only the id tells which operation it speaks of: failed, cancelled,
# completed, a table not extracted.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html#USER_Events.Messages.snapshot
_EXPORT_EVENTS = {"RDS-EVENT-0159", "RDS-EVENT-0160", "RDS-EVENT-0161", "RDS-EVENT-0484"}

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (a function lives 15 minutes at most):
# after that long, no call of a dead function can still be on its way
LONGEST_CALL = timedelta(minutes=15)


def kinds_of_event(event_id: str) -> frozenset[Kind]:
    """Kinds of operation that an RDS snapshot event may speak of."""
    return frozenset({"export"}) if event_id in _EXPORT_EVENTS else frozenset({"snapshot", "copy"})


@dataclass(frozen=True)
class Running:
    """Not ended; *note* says how far it is, for people."""

    note: str


@dataclass(frozen=True)
class Succeeded:
    """Ended well; *facts* are the output of the machine's state."""

    facts: Item


@dataclass(frozen=True)
class Failed:
    """Ended badly; *error* is a class name of :mod:`handlers.core.errors`."""

    error: str
    cause: str


Outcome = Running | Succeeded | Failed


def outcome(row: Item, found: Item | None, now: datetime) -> Outcome:
    """What has become of the operation *row*, of which AWS says *found* (nothing: AWS does not know it, or not yet)."""
    if found is None:
        return Running(f"{row['kind']} {row['resource']}: not begun")
    return _RULES[row["kind"]](row, found, now)


def recorded(row: Item) -> Outcome:
    """The outcome that *row* holds."""
    if row["state"] == "succeeded":
        return Succeeded(row["outcome"])
    if row["state"] == "failed":
        return Failed(row["error"], row["cause"])
    return Running(f"{row['kind']} {row['resource']}")


def as_columns(ended: Succeeded | Failed, now: datetime) -> Item:
    """The columns that hold the outcome *ended*; :func:`recorded` reads them back."""
    if isinstance(ended, Succeeded):
        return {"state": "succeeded", "outcome": ended.facts, "ended_at": iso(now)}
    return {"state": "failed", "error": ended.error, "cause": ended.cause, "ended_at": iso(now)}


def is_ours(row: Item, snapshot: Item) -> bool:
    """Whether *snapshot* bears the tags that the operation *row* gave it; nothing else may be deleted."""
    tags = {tag["Key"]: tag.get("Value", "") for tag in snapshot.get("TagList", [])}
    return bool(tags.get(POINT_TAG) == row["point"] and tags.get(DEPLOYMENT_TAG) == row["expected"]["deployment"])


def same_key(one: str, other: str) -> bool:
    """Whether two names of a KMS key mean the same one; RDS answers now with the id and now with the ARN."""
    return bool(one) and one.rsplit("/", 1)[-1] == other.rsplit("/", 1)[-1]


# ---- snapshots, taken and copied -------------------------------------------------------------------------------------


def _snapshot(row: Item, found: Item, now: datetime) -> Outcome:
    expected = row["expected"]
    if found.get("DBInstanceIdentifier") != expected["source"]:
        return Failed(
            "SnapshotRefused",
            f"snapshot {row['resource']} exists and is of {found.get('DBInstanceIdentifier')}, "
            f"not of {expected['source']}: delete or rename it",
        )
    if ended := _unfinished(row, found, "Snapshot"):
        return ended
    return Succeeded(
        {
            "id": found["DBSnapshotIdentifier"],
            "arn": found["DBSnapshotArn"],
            "key": found["KmsKeyId"],
            "taken_at": iso(found["SnapshotCreateTime"]),
            "engine": found["Engine"],
            "engine_version": found["EngineVersion"],
            "storage": found["AllocatedStorage"],
        }
    )


def _copy(row: Item, found: Item, now: datetime) -> Outcome:
    if running := _under_way(row, found):  # nothing says that RDS names the source before the copy is there
        return running
    source = found.get("SourceDBSnapshotIdentifier", "")
    if source != row["expected"]["source"]:
        return Failed(
            "CopyRefused",
            f"snapshot {row['resource']} exists here and is a copy of {source or 'nothing'}, "
            f"not of {row['expected']['source']}: delete or rename it",
        )
    if ended := _unfinished(row, found, "Copy"):
        return ended
    if _predates(found.get("SnapshotCreateTime"), row):
        return Failed("CopyRefused", f"snapshot {row['resource']} here copies an earlier one of that name: delete it")
    return Succeeded(
        {
            "snapshot": found["DBSnapshotIdentifier"],
            "snapshot_arn": found["DBSnapshotArn"],
            "key": found["KmsKeyId"],
            "started_at": row["begun_at"],
            "ended_at": iso(now),
        }
    )


def _under_way(row: Item, found: Item) -> Running | None:
    """How far a snapshot is; nothing if it has ended."""
    status = found.get("Status", "")
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBSnapshot.html
    if status in {"creating", "copying", "pending"}:
        return Running(f"{row['kind']} {row['resource']} ({status}, {found.get('PercentProgress', 0)} %)")
    return None


def _unfinished(row: Item, found: Item, noun: Literal["Snapshot", "Copy"]) -> Running | Failed | None:
    """Why a snapshot of the right source is no success; nothing if it is available, ours and under our key."""
    status = found.get("Status", "")
    name = row["resource"]
    if running := _under_way(row, found):
        return running
    if not is_ours(row, found):
        return Failed(f"{noun}Refused", f"snapshot {name} exists without the tags of this deployment: delete or tag it")
    if status != "available":
        return Failed(f"{noun}Failed", f"RDS says that snapshot {name} is {status!r}: see the events of RDS")
    if not same_key(found.get("KmsKeyId", ""), row["expected"]["key"]):
        return Failed(
            f"{noun}Refused", f"snapshot {name} is under {found.get('KmsKeyId')}, not under {row['expected']['key']}"
        )
    return None


def _predates(made: datetime | None, row: Item) -> bool:
    """Whether what was *made* then can't come from the snapshot that the operation *row* starts from."""
    return made is not None and iso(made) < row["expected"]["taken_at"]


# ---- exports ---------------------------------------------------------------------------------------------------------


def _export(row: Item, found: Item, now: datetime) -> Outcome:
    expected = row["expected"]
    task = row["resource"]
    for what, seen in (("source", found.get("SourceArn")), ("bucket", found.get("S3Bucket"))):
        if seen != expected[what]:
            return Failed("ExportRefused", f"export {task} exists with {what} {seen}, not {expected[what]}: rename it")
    if not same_key(found.get("KmsKeyId", ""), expected["key"]):
        return Failed("ExportRefused", f"export {task} is under {found.get('KmsKeyId')}, not under {expected['key']}")
    if _predates(found.get("TaskStartTime"), row):
        return Failed("ExportRefused", f"export {task} is of an earlier snapshot of the same name: run again")
    status = found.get("Status", "")
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ExportTask.html
    if status in {"STARTING", "IN_PROGRESS", "CANCELING"}:
        return Running(f"export {task} ({status}, {found.get('PercentProgress', 0)} %)")
    if status != "COMPLETE":
        cause = found.get("FailureCause") or "no cause given"
        under = f"key {expected['key']}, role {expected['role']}"
        return Failed("ExportFailed", f"RDS says that export {task} is {status!r}: {cause} ({under})")
    return Succeeded(
        {
            "task": task,
            "bucket": expected["bucket"],
            "prefix": export_prefix(expected["database"], task),
            "key": found["KmsKeyId"],
            "warning": found.get("WarningMessage") or None,
            "bytes_reported": found.get("TotalExtractedDataInGB", 0) * 2**30,  # RDS rounds to whole GiB
            "started_at": iso(found.get("TaskStartTime", now)),
            "ended_at": iso(found.get("TaskEndTime", now)),
            "snapshot_time": iso(found["SnapshotTime"]) if "SnapshotTime" in found else row["expected"]["taken_at"],
        }
    )


# ---- the recovery region's answer, seen from the primary -------------------------------------------------------------


def _recovery_copy(row: Item, found: Item, now: datetime) -> Outcome:
    if found["attempt"] != row["attempt"]:  # the answer to an earlier run
        return Running(f"copy of {row['point']} in the recovery region: not begun")
    if found["state"] == "succeeded":
        return Succeeded(found["facts"])
    return Failed(found["error"], found["cause"])


_RULES: Mapping[str, Callable[[Item, Item, datetime], Outcome]] = {
    "snapshot": _snapshot,
    "copy": _copy,
    "export": _export,
    "recovery-copy": _recovery_copy,
}


# ---- what an abandoned operation left --------------------------------------------------------------------------------

Remains = Literal["wait", "cancel", "delete", "nothing"]


def remains(row: Item, found: Item | None, now: datetime) -> Remains:
    """What is to be done about the abandoned operation *row*, of which AWS says *found*.

    ``nothing`` closes the row; ``wait`` and ``cancel`` look again later. A copy that became available is kept: the
    snapshot it came from is at level 0, and it can be restored from.
    """
    if row["kind"] == "recovery-copy":
        return "nothing"
    if found is None:
        begun = datetime.fromisoformat(row["armed_at"])
        return "nothing" if row.get("cleaning") or now - begun > LONGEST_CALL else "wait"
    status = found.get("Status", "")
    if row["kind"] == "export":
        if found.get("SourceArn") != row["expected"]["source"]:
            return "nothing"
        return {"STARTING": "cancel", "IN_PROGRESS": "cancel", "CANCELING": "wait"}.get(status, "delete")  # type: ignore[return-value]  # mypy sees str
    if not is_ours(row, found) or (row["kind"] == "copy" and status == "available"):
        return "nothing"
    return "wait" if status in {"creating", "copying", "pending", "deleting"} else "delete"
