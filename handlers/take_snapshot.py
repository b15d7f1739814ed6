"""Take the snapshot of a recovery point; the task is answered when it is available. State of ``backup``."""

from __future__ import annotations

from dataclasses import dataclass

from handlers import described
from handlers.core import names, points
from handlers.core.errors import DatabaseNotFound, SnapshotRefused
from handlers.following import Following
from handlers.ledger import Item
from handlers.runtime import Clients, code, from_environment, log, message, now, region, translated


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: First part of every physical name, and a tag of the snapshot.
        ledger: Name of the table.
        data_key: ARN of the key, or of its alias, that the snapshot must be encrypted under.
    """

    prefix: str
    ledger: str
    data_key: str


@translated()
def handler(event: Item, context: object) -> None:
    """``{point, token}``; the answer is ``{id, arn, key, taken_at, engine, engine_version, storage}``."""
    environment = from_environment(Environment)
    following = Following.of(Clients(), environment.ledger, region(), now)
    take(following, environment, event["point"], event["token"])


def take(following: Following, environment: Environment, point: Item, token: str) -> None:
    """Take the snapshot, or adopt the one of its name if source, key and tags are right.

    Raises:
        DatabaseNotFound: The database is gone.
        SnapshotRefused: RDS will not take it.
        TemporarilyUnavailable: The database is in a state that passes.
    """
    expected = {
        "source": point["database"],
        "key": following.clients.key_arn(environment.data_key),
        "deployment": environment.prefix,
    }
    row = following.arm("snapshot", point, token, point["snapshot"], expected)
    _begin(following.clients, environment, point)
    following.settle(row)


def _begin(clients: Clients, environment: Environment, point: Item) -> None:
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    try:
        clients.rds.create_db_snapshot(
            DBInstanceIdentifier=point["database"],
            DBSnapshotIdentifier=point["snapshot"],
            Tags=names.tags(environment.prefix, point["id"]),  # type: ignore[arg-type]  # a list of dicts
        )
    except ClientError as error:
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
        match code(error).removesuffix("Fault"):
            case "DBSnapshotAlreadyExists":
                log("snapshot exists", snapshot=point["snapshot"])
            case "DBInstanceNotFound":
                raise DatabaseNotFound(f"RDS knows no database instance {point['database']!r}") from error
            case "InvalidDBInstanceState":
                points.require_suitable(point["database"], described.instance(clients.rds, point["database"]) or {})
                raise SnapshotRefused(message(error)) from error
            case "SnapshotQuotaExceeded":
                raise SnapshotRefused(f"{message(error)}: delete manual snapshots, or raise the quota") from error
            case _:
                raise
