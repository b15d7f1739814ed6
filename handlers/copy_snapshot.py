"""Pull a snapshot into this region under its key; the task is answered when it is available. State of ``copy``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from handlers.core import names
from handlers.core.errors import CopyRefused, QuotaReached
from handlers.following import Following
from handlers.ledger import Item
from handlers.runtime import Clients, code, from_environment, log, message, now, region, translated


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: First part of every physical name, and a tag of the copy.
        ledger: Name of the table.
        backups_key: ARN of this region's key, or of its alias, to copy under.
        primary_region: Region to copy from.
    """

    prefix: str
    ledger: str
    backups_key: str
    primary_region: str


@translated()
def handler(event: Item, context: object) -> None:
    """``{point, snapshot, token}``; the answer is ``{snapshot, snapshot_arn, key, started_at, ended_at}``."""
    environment = from_environment(Environment)
    following = Following.of(Clients(), environment.ledger, region(), now)
    copy(following, environment, event["point"], event["snapshot"], event["token"])


def copy(following: Following, environment: Environment, point: Item, snapshot: Item, token: str) -> None:
    """Begin the copy, or adopt the one of its name if source, key and tags are right.

    Raises:
        CopyRefused: RDS will not copy.
        QuotaReached: All copies that RDS runs at once into this region are in use.
        PermissionMissing: The key of either region may not be used.
    """
    expected = {
        "source": snapshot["arn"],
        "taken_at": snapshot["taken_at"],
        "key": following.clients.key_arn(environment.backups_key),
        "deployment": environment.prefix,
    }
    row = following.arm("copy", point, token, point["snapshot"], expected)
    with translated(key=expected["key"]):
        _begin(following.clients, environment, point, expected)
    following.settle(row)


def _begin(clients: Clients, environment: Environment, point: Item, expected: Item) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    try:
        clients.rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier=expected["source"],
            TargetDBSnapshotIdentifier=point["snapshot"],
            KmsKeyId=expected["key"],
            SourceRegion=environment.primary_region,  # botocore signs the request to it
            Tags=names.tags(environment.prefix, point["id"]),  # type: ignore[arg-type]  # a list of dicts
        )
    except ClientError as error:
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBSnapshot.html
        match code(error).removesuffix("Fault"):
            case "DBSnapshotAlreadyExists":
                log("copy exists", snapshot=point["snapshot"])
            case "SnapshotQuotaExceeded" if not is_full(message(error)):
                raise QuotaReached(message(error)) from error
            case "SnapshotQuotaExceeded":
                raise CopyRefused(f"{message(error)}: delete manual snapshots here, or raise the quota") from error
            case "DBSnapshotNotFound" | "InvalidDBSnapshotState":
                raise CopyRefused(message(error)) from error
            case _:
                raise


def is_full(text: str) -> bool:
    """Whether a ``SnapshotQuotaExceeded`` of *text* means too many snapshots kept, not too many copied at once."""
    return bool(re.search(r"\bmanual\b", text, re.IGNORECASE)) and not re.search(r"progress|cop(y|ies)\b", text)
