"""The work of one export task: a scratch server on the snapshot's files, Parquet into the bucket, and its description.

Layout and files: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.FileNames.html
"""

import contextvars
import json
import shutil
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ministack.services import s3

from sandbox.engine import faults
from sandbox.engine.rds import notices
from sandbox.engine.rds.common import BAD_REQUEST, Record, fresh_directory, logger, now, operation_seconds
from sandbox.engine.rds.parquet import Table, parts, read, tables_of
from sandbox.mysql import Server

IN_PROGRESS = ("STARTING", "IN_PROGRESS", "CANCELING")
GIB = 1024**3


class Cancelled(Exception):
    """Somebody cancelled the task."""


def run(task: Record, snapshot: Record, source: Path | None) -> None:
    """Carry a task to its end, and say how it ended; never raises."""
    try:
        _extract(task, snapshot, source)
        ending = ("COMPLETE", "RDS-EVENT-0161", "The snapshot export task completed.")
    except Cancelled:
        ending = ("CANCELED", "RDS-EVENT-0160", "The snapshot export task was canceled.")
    except Exception as cause:  # noqa: BLE001  # whatever it is, the task failed
        logger.exception("export task %s failed", task["ExportTaskIdentifier"])
        task["FailureCause"] = str(cause)
        ending = ("FAILED", "RDS-EVENT-0159", "The snapshot export task failed.")
    finally:
        if source:
            shutil.rmtree(source, ignore_errors=True)
    status, event, message = ending
    task.setdefault("TaskEndTime", now())
    task["Status"] = status
    notices.of_snapshot(snapshot, event, "notification", message)


def _extract(task: Record, snapshot: Record, source: Path | None) -> None:
    """Write everything; on return the bucket holds the whole export.

    Raises:
        Cancelled: The task was cancelled.
        RuntimeError: A test asked for a failure, or there is nothing to read from.
    """
    started = time.monotonic()
    wishes = faults.get("export")
    if source is None:
        raise RuntimeError("An unknown internal error occurred.")
    server = Server.start(fresh_directory("scratch"), source=source)
    try:
        time.sleep(max(0.0, operation_seconds() / 2 - (time.monotonic() - started)))
        _advance(task, "IN_PROGRESS", 0)
        if wishes.get("fail"):
            raise RuntimeError(str(wishes["fail"]))
        tables = [table for table in tables_of(server) if _chosen(task, table)]
        writer = Writer(task, wishes)
        statuses = []
        for number, table in enumerate(tables):
            statuses.append(writer.status_of(server, table))
            _advance(task, "IN_PROGRESS", 95 * (number + 1) // len(tables))
        writer.wait()
    finally:
        server.delete()
    time.sleep(max(0.0, operation_seconds() - (time.monotonic() - started)))
    _advance(task, "IN_PROGRESS", 99)
    _describe(task, snapshot, writer, statuses, wishes)


def _advance(task: Record, status: str, percent: int) -> None:
    if task["Status"] == "CANCELING":
        raise Cancelled
    task.update(Status=status, PercentProgress=percent)


def _chosen(task: Record, table: Table) -> bool:
    """Whether a partial export includes the table."""
    return not task["ExportOnly"] or table.database in task["ExportOnly"] or table.target in task["ExportOnly"]


class Writer:
    """Puts a task's objects into its bucket under its key, several at a time."""

    def __init__(self, task: Record, wishes: dict[str, Any]) -> None:
        self._task, self._wishes = task, wishes
        self._key = wishes.get("wrong_key") or task["KmsKeyId"]
        self._context = contextvars.copy_context()
        self._pool = ThreadPoolExecutor(1, "rds-export")
        self._pending: list[Future[None]] = []
        self.bytes = 0

    def put(self, name: str, body: bytes) -> None:
        """Write one object of the export, straight into the bucket: `roles.check` has asked who may.

        Raises:
            RuntimeError: S3 refuses; its answer.
        """
        headers = {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": self._key,
            "content-type": "application/octet-stream",
        }
        status, _, answer = s3._put_object(self._task["S3Bucket"], f"{self._task['_Folder']}/{name}", body, headers)
        if status >= BAD_REQUEST:
            raise RuntimeError(answer.decode())

    def wait(self) -> None:
        """Return when everything is in the bucket.

        Raises:
            RuntimeError: As RDS words a refused write.
        """
        self._pool.shutdown()
        for future in self._pending:
            cause = future.exception()
            if cause:
                raise RuntimeError(
                    f"The RDS export failed to write to the S3 bucket {self._task['S3Bucket']} using the IAM role "
                    f"{self._task['IamRoleArn']} with the KMS key {self._key}. Error: {cause}"
                ) from cause

    def status_of(self, server: Server, table: Table) -> Record:
        """The table's entry in ``perTableStatus``, its files on their way to the bucket."""
        reason = table.skipped_because
        if reason:
            return self._left_out(table, "SKIPPED", reason)
        if table.target in self._wishes.get("fail_tables", ()):
            return self._left_out(table, "FAILED", "UNKNOWN_ERROR")
        with server.connect() as connection, connection.cursor() as cursor:
            rows = read(cursor, server, table)
        written = list(parts(rows))
        size = sum(len(part.content) for part in written)
        self.bytes += size
        if table.target in self._wishes.get("drop_parts", ()):
            written.pop()
        self._pending += [self._submit(f"{table.path}/1/{part.name}", part.content) for part in written]
        self._pending.append(self._submit(f"{table.path}/1/_SUCCESS", b""))
        number = max(1, len(written))
        return {
            "tableStatistics": {
                "partitioningInfo": {"numberOfPartitions": number, "numberOfCompletedPartitions": number}
            },
            "schemaMetadata": {"originalTypeMappings": [column.mapping() for column in table.columns]},
            "status": "COMPLETE",
            "sizeGB": size / GIB,
            "target": table.target,
        }

    def _submit(self, name: str, body: bytes) -> Future[None]:
        return self._pool.submit(self._context.copy().run, self.put, name, body)

    @staticmethod
    def _left_out(table: Table, status: str, reason: str) -> Record:
        return {
            "status": status,
            "sizeGB": 0.0,
            "target": table.target,
            "warningMessage": f"Table extraction failed for table {table.target} due to {reason}",
            "_reason": reason,
        }


def _describe(task: Record, snapshot: Record, writer: Writer, statuses: list[Record], wishes: dict[str, Any]) -> None:
    """Write the export's two kinds of description, and warn of what is missing in the task itself.

    A task ends COMPLETE with a ``WarningMessage`` when tables were left out: "Monitoring snapshot exports" in
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Monitoring.html
    """
    left_out = [(status["target"], status.pop("_reason")) for status in statuses if "_reason" in status]
    general = [{"reason": "FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"}] if wishes.get("warning") else []
    if left_out or general:
        skipped = [{"target": target, "reason": reason} for target, reason in left_out]
        task["WarningMessage"] = json.dumps({"skippedTables": skipped, "skippedObjectives": [], "general": general})
    for target, reason in left_out:
        message = (
            f"Export task {task['ExportTaskIdentifier']}: Table extraction failed for table {target} due to {reason}."
        )
        notices.of_snapshot(snapshot, "RDS-EVENT-0484", "failure", message)
    name = task["ExportTaskIdentifier"]
    if statuses:
        writer.put(
            f"export_tables_info_{name}_from_1_to_{len(statuses)}.json",
            json.dumps({"perTableStatus": statuses}).encode(),
        )
    task.update(PercentProgress=100, TotalExtractedDataInGB=writer.bytes // GIB, TaskEndTime=now())
    writer.put(f"export_info_{name}.json", json.dumps(_information(task, writer.bytes / GIB)).encode())


def _information(task: Record, gibibytes: float) -> Record:
    """``export_info_<task>.json``."""
    return {
        "exportTaskIdentifier": task["ExportTaskIdentifier"],
        "sourceArn": task["SourceArn"],
        "exportOnly": task["ExportOnly"],
        "snapshotTime": task["SnapshotTime"],
        "taskStartTime": task["TaskStartTime"],
        "taskEndTime": task["TaskEndTime"],
        "s3Bucket": task["S3Bucket"],
        "s3Prefix": task["S3Prefix"],
        "exportedFilesPath": task["_Folder"],
        "iamRoleArn": task["IamRoleArn"],
        "kmsKeyId": task["KmsKeyId"],
        "status": "COMPLETE",
        "percentProgress": 100,
        "totalExportedDataInGB": gibibytes,
    }
