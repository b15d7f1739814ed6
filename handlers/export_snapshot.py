"""Export a snapshot to the staging bucket; the task is answered when that has ended. State of ``backup``."""

from __future__ import annotations

from dataclasses import dataclass

from handlers import described
from handlers.core import names
from handlers.core.errors import ExportRefused, QuotaReached
from handlers.following import Following
from handlers.ledger import Item
from handlers.runtime import Clients, code, from_environment, log, message, now, region, translated


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        ledger: Name of the table.
        staging: Bucket that takes the export, in this region.
        backups_key: ARN of the key, or of its alias, to export under.
        export_role: ARN of the role that RDS writes with.
    """

    ledger: str
    staging: str
    backups_key: str
    export_role: str


@translated()
def handler(event: Item, context: object) -> None:
    """``{point, snapshot, token}``; the answer is the export's facts (``core.operations``)."""
    environment = from_environment(Environment)
    following = Following.of(Clients(), environment.ledger, region(), now)
    export(following, environment, event["point"], event["snapshot"], event["token"])


def export(following: Following, environment: Environment, point: Item, snapshot: Item, token: str) -> None:
    """Start the export, or adopt the one of its name if source, bucket and key are right.

    Raises:
        ExportRefused: RDS will not export.
        QuotaReached: All export tasks of the account are in use, or one of this snapshot has not ended yet.
        PermissionMissing: RDS's role may not write, or the key may not be used.
    """
    expected = {
        "source": snapshot["arn"],
        "bucket": environment.staging,
        "key": following.clients.key_arn(environment.backups_key),
        "role": environment.export_role,
        "database": point["database"],
        "taken_at": snapshot["taken_at"],
    }
    row = following.arm("export", point, token, point["export_task"], expected)
    with translated(key=expected["key"], role=environment.export_role):
        _begin(following.clients, row)
    following.settle(row)


def _begin(clients: Clients, row: Item) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    expected = row["expected"]
    try:
        clients.rds.start_export_task(
            ExportTaskIdentifier=row["resource"],
            SourceArn=expected["source"],
            S3BucketName=expected["bucket"],
            S3Prefix=names.export_folder(expected["database"]),
            IamRoleArn=expected["role"],
            KmsKeyId=expected["key"],
        )
    except ClientError as error:
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartExportTask.html
        # ExportTaskLimitReachedFault is real and not in botocore's model
        match code(error).removesuffix("Fault"):
            case "ExportTaskAlreadyExists":
                if described.export_task(clients.rds, row["resource"]) is None:
                    raise QuotaReached(f"{expected['source']} is being exported by another task") from error
                log("export exists", export=row["resource"])
            case "ExportTaskLimitReached":
                raise QuotaReached(message(error)) from error
            case "DBSnapshotNotFound" | "InvalidExportSourceState" | "InvalidExportOnly" | "InvalidS3Bucket":
                raise ExportRefused(message(error)) from error
            case _:
                raise
