"""Export tasks: what may start, what they say of themselves, how they are cancelled.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartExportTask.html
"""

import re
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services import rds, s3

from sandbox.engine.rds import export_run, roles, snapshots
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
    now,
    page,
    require_key,
    value,
)

AT_ONCE = 5  # tasks in progress: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
NAME = re.compile(r"[a-zA-Z](?!.*--)(?:[a-zA-Z0-9-]{0,58}[a-zA-Z0-9])?")
PARTIAL = re.compile(r"[A-Za-z0-9$_]+(\.[A-Za-z0-9$_]+)?")  # other names: only the whole snapshot
FIELDS = (
    "ExportTaskIdentifier",
    "SourceArn",
    "SnapshotTime",
    "TaskStartTime",
    "TaskEndTime",
    "S3Bucket",
    "S3Prefix",
    "IamRoleArn",
    "KmsKeyId",
    "Status",
    "PercentProgress",
    "TotalExtractedDataInGB",
    "FailureCause",
    "WarningMessage",
    "SourceType",
)
FILTERS = {
    "export-task-identifier": "ExportTaskIdentifier",
    "s3-bucket": "S3Bucket",
    "snapshot-arn": "SourceArn",
    "source-arn": "SourceArn",
    "status": "Status",
}

_tasks = AccountRegionScopedDict()


@answering
def start(parameters: Parameters) -> Answer:
    """A task that reads the snapshot, not the database, and writes Parquet; MiniStack has no such action."""
    name = value(parameters, "ExportTaskIdentifier")
    if not NAME.fullmatch(name):
        raise Refused(
            "InvalidParameterValue", f"The parameter ExportTaskIdentifier is not a valid identifier: {name!r}"
        )
    snapshot = _source(value(parameters, "SourceArn"))
    bucket, prefix = value(parameters, "S3BucketName"), value(parameters, "S3Prefix").strip("/")
    key = require_key(value(parameters, "KmsKeyId"))
    _check_bucket(bucket, prefix)
    folder = "/".join(filter(None, (prefix, name)))
    roles.check(value(parameters, "IamRoleArn"), bucket, folder, snapshot["DBSnapshotArn"])
    task = {
        "ExportTaskIdentifier": name,
        "SourceArn": snapshot["DBSnapshotArn"],
        "ExportOnly": _only(parameters),
        "SnapshotTime": snapshot["SnapshotCreateTime"],
        "TaskStartTime": now(),
        "S3Bucket": bucket,
        "S3Prefix": prefix,
        "IamRoleArn": value(parameters, "IamRoleArn"),
        "KmsKeyId": key,
        "Status": "STARTING",
        "PercentProgress": 0,
        "TotalExtractedDataInGB": 0,
        "SourceType": "SNAPSHOT",
        "_Folder": folder,
    }
    with admission:
        _check_room(name, snapshot["DBSnapshotArn"])
        _tasks[name] = task
    # RDS lets a snapshot be deleted while it is exported, so the task has the files under a name of its own.
    background(export_run.run, task, dict(snapshot), snapshots.share_data(snapshot, "sources"))
    return answer("StartExportTask", xml(task))


def _source(arn: str) -> Record:
    snapshot = snapshots.find(arn) if arn.startswith("arn:") else None
    if snapshot is None or snapshot["DBSnapshotArn"].split(":")[3] != get_region():
        raise Refused("DBSnapshotNotFound", f"DBSnapshot {arn} not found.", NOT_FOUND)
    if snapshot["Status"] != "available":
        raise Refused(
            "InvalidExportSourceState",
            "The state of the export snapshot is invalid for exporting to an Amazon S3 bucket.",
        )
    return snapshot


def _check_bucket(bucket: str, prefix: str) -> None:
    """Refuse a bucket that is elsewhere; wording: USER_ExportSnapshot.html, "Failure messages".

    Raises:
        Refused: So.
    """
    record = s3._buckets.get(bucket)
    if record is None or record.get("region", "us-east-1") != get_region():
        raise Refused(
            "InvalidS3BucketFault",
            f"The S3 bucket {bucket} isn't valid. Either it isn't located in the current AWS Region or it doesn't "
            "exist. Review your S3 bucket name and retry the export.",
        )
    if ":" in prefix:
        raise Refused("InvalidParameterValue", "Exports to S3 don't support S3 prefixes containing a colon.")


def _check_room(name: str, source: str) -> None:
    """Refuse a name that was used, a sixth task of the account, and a second one of a snapshot.

    Whether the five are counted per region is not documented; counted over all regions, an admission queue that is
    wrong in either way shows.

    Raises:
        Refused: So.
    """
    if name in _tasks:
        raise Refused("ExportTaskAlreadyExists", f"The export task with the ID {name} already exists.")
    account = get_account_id()
    running = [
        task
        for (owner, _, _), task in _tasks.all_items()
        if owner == account and task["Status"] in export_run.IN_PROGRESS
    ]
    if any(task["SourceArn"] == source for task in running):
        raise Refused("ExportTaskAlreadyExists", f"An export task for the snapshot {source} is already in progress.")
    if len(running) >= AT_ONCE:
        raise Refused(
            "ExportTaskLimitReachedFault", f"You have reached the maximum number of {AT_ONCE} export tasks in progress."
        )


def _only(parameters: Parameters) -> list[str]:
    chosen = [str(name) for name in rds._parse_member_list(parameters, "ExportOnly")]
    for name in chosen:
        if not PARTIAL.fullmatch(name):
            raise Refused("InvalidExportOnly", f"The export is invalid: {name!r} is not a database or database.table.")
    return chosen


@answering
def describe(parameters: Parameters) -> Answer:
    """The tasks of this region, filtered and paged."""
    name = value(parameters, "ExportTaskIdentifier")
    if name and name not in _tasks:
        raise Refused("ExportTaskNotFound", f"ExportTask {name} not found.", NOT_FOUND)
    found = [_tasks[name]] if name else list(_tasks.values())
    wanted: dict[str, Any] = {
        FILTERS[key]: values for key, values in rds._parse_filters(parameters).items() if key in FILTERS
    }
    for field in ("SourceArn", "SourceType"):
        if value(parameters, field):
            wanted[field] = [value(parameters, field)]
    found = [task for task in found if all(str(task.get(field)) in values for field, values in wanted.items())]
    shown, marker = page(parameters, found, "ExportTaskIdentifier")
    inner = "".join(f"<ExportTask>{xml(task)}</ExportTask>" for task in shown)
    return answer("DescribeExportTasks", f"<ExportTasks>{inner}</ExportTasks>{marker}")


@answering
def cancel(parameters: Parameters) -> Answer:
    """A running task becomes ``CANCELING`` and stops at the next table; what it wrote stays.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CancelExportTask.html
    """
    name = value(parameters, "ExportTaskIdentifier")
    task = _tasks.get(name)
    if task is None:
        raise Refused("ExportTaskNotFound", f"ExportTask {name} not found.", NOT_FOUND)
    if task["Status"] not in export_run.IN_PROGRESS:
        raise Refused("InvalidExportTaskStateFault", "You can't cancel an export task that has completed.")
    task["Status"] = "CANCELING"
    return answer("CancelExportTask", xml(task))


def xml(task: Record) -> str:
    """A task's fields."""
    only = "".join(f"<member>{name}</member>" for name in task["ExportOnly"])
    return elements(task, FIELDS) + (f"<ExportOnly>{only}</ExportOnly>" if only else "")
