"""What RDS says of a thing, or nothing. The only place that reads state; no event is ever believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from handlers.runtime import code

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

Item = dict[str, Any]


def instance(rds: RDSClient, name: str) -> Item | None:
    """The database instance of that *name*."""
    return _first(lambda: rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"], "DBInstanceNotFound")


def snapshot(rds: RDSClient, name: str) -> Item | None:
    """The snapshot of that *name*, in this region."""
    return _first(lambda: rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"], "DBSnapshotNotFound")


def export_task(rds: RDSClient, name: str) -> Item | None:
    """The export task of that *name*."""
    return _first(lambda: rds.describe_export_tasks(ExportTaskIdentifier=name)["ExportTasks"], "ExportTaskNotFound")


def _first(call: Callable[[], Any], absent: str) -> Item | None:
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    try:
        found = call()
    except ClientError as error:
        if code(error).removesuffix("Fault") == absent:
            return None
        raise
    return dict(found[0]) if found else None
