"""Taking away what a failed run began and nothing vouches for. Only what bears our tags, or lies in our folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.core import operations
from handlers.core.names import export_prefix, manifest_key
from handlers.following import Following
from handlers.ledger import Item
from handlers.runtime import code, log

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client

_PASSING = {"InvalidDBSnapshotState", "InvalidExportTaskStateFault", "InvalidExportTaskState"}
_GONE = {"DBSnapshotNotFound", "ExportTaskNotFound"}


def clean(following: Following, row: Item) -> bool:
    """Whether the abandoned operation *row* left nothing, or nothing any more; otherwise a later look goes on.

    ``cleaning`` is written before the first deletion: from then on no new run may adopt what this one left.
    """
    step = operations.remains(row, following.describe(row), following.clock())
    if step == "cancel":
        _cancel(following.clients.rds, row["resource"])
    elif step == "delete":
        if not following.ledger.change(row, {"cleaning": True}, seen={"arms": row["arms"], "abandoned": True}):
            return False
        _delete(following, row)
        row = {**row, "cleaning": True}
        if row["kind"] != "export" and following.describe(row) is not None:
            return False
        step = "nothing"
    if step != "nothing":
        return False
    state = "failed" if row["state"] == "open" else row["state"]
    error = {"error": "RunEnded", "cause": "its run ended first"} if row["state"] == "open" else {}
    gone = ("open", "cleaning")
    following.ledger.change(row, {"state": state, **error}, seen={"arms": row["arms"]}, remove=gone)
    log("cleaned up", kind=row["kind"], point=row["point"], resource=row["resource"])
    return True


def _delete(following: Following, row: Item) -> None:
    if row["kind"] == "export":
        expected = row["expected"]
        folder = export_prefix(expected["database"], row["resource"])
        _delete_objects(following.clients.s3, expected["bucket"], f"{folder}/")
        following.clients.s3.delete_object(Bucket=expected["bucket"], Key=manifest_key(row["point"]))
        return
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    try:
        following.clients.rds.delete_db_snapshot(DBSnapshotIdentifier=row["resource"])
    except ClientError as error:
        if code(error).removesuffix("Fault") not in _PASSING | _GONE:
            raise


def _cancel(rds: RDSClient, task: str) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    try:
        rds.cancel_export_task(ExportTaskIdentifier=task)
    except ClientError as error:
        if code(error) not in _PASSING and code(error).removesuffix("Fault") not in _PASSING | _GONE:
            raise


def _delete_objects(s3: S3Client, bucket: str, folder: str) -> None:
    """Delete all below *folder*; the bucket keeps the versions for as long as its lifecycle says."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder):
        if objects := [{"Key": found["Key"]} for found in page.get("Contents", [])]:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})  # type: ignore[typeddict-item]
