"""Take a recovery point for this run, or find that another has it. First state of ``backup``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handlers import described, machines
from handlers.core import names, operations, points
from handlers.core.errors import AlreadyClaimed, DatabaseNotFound, DatabaseUnsuitable, TemporarilyUnavailable
from handlers.ledger import Item, Ledger
from handlers.runtime import Clients, from_environment, now, region, translated

_TRIES = 3  # of the write, if another run writes meanwhile


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: First part of every physical name.
        ledger: Name of the table.
        data_key: ARN of the key, or of its alias, that the database must be encrypted under.
        rpo_seconds: Recovery point objective.
    """

    prefix: str
    ledger: str
    data_key: str
    rpo_seconds: int


@translated()
def handler(event: Item, context: object) -> Item:
    """``{database, scheduled_at, execution} -> point``."""
    environment = from_environment(Environment)
    clients = Clients()
    return claim(clients, Ledger(clients.dynamodb, environment.ledger, region()), environment, event, now())


def claim(clients: Clients, ledger: Ledger, environment: Environment, request: Item, at: datetime) -> Item:
    """The ``point`` object; the same again for a run that asks twice. A failed or dead run's point is taken over.

    ``attempt`` counts the runs that had the point, so that a late one is told from the present one everywhere.

    Raises:
        InvalidRequest: A field can't be what it is.
        AlreadyClaimed: Another run has the point, or it is finished.
        DatabaseNotFound: RDS knows no such database.
        DatabaseUnsuitable: Nothing that this pipeline makes of it could be trusted.
        TemporarilyUnavailable: Its status passes.
    """
    database = names.database_id(request.get("database"))
    scheduled_at = names.moment(request.get("scheduled_at"))
    instance = described.instance(clients.rds, database)
    if instance is None:
        raise DatabaseNotFound(f"RDS knows no database instance {database} in this region")
    points.require_suitable(database, instance)
    expected = clients.key_arn(environment.data_key)
    if not operations.same_key(instance.get("KmsKeyId", ""), expected):
        raise DatabaseUnsuitable(f"{database} is encrypted under {instance.get('KmsKeyId')}, not under {expected}")
    row = _claimed(clients, ledger, environment.prefix, points.begun(database, scheduled_at, request["execution"], at))
    return {
        "id": row["id"],
        "database": database,
        "scheduled_at": row["scheduled_at"],
        "attempt": row["attempt"],
        "snapshot": names.snapshot_id(environment.prefix, row["id"]),
        "export_task": row["export_task"],
        "address": instance["Endpoint"]["Address"],
        "port": instance["Endpoint"]["Port"],
        "resource_id": instance["DbiResourceId"],
        "urgency": points.urgency(scheduled_at, timedelta(seconds=environment.rpo_seconds)),
    }


def _claimed(clients: Clients, ledger: Ledger, prefix: str, row: Item) -> Item:
    """The point's row with this run in it."""
    row["open"] = ledger.region
    for _ in range(_TRIES):
        before = ledger.point(row["id"])
        if before is None:
            new = {**row, "attempt": 1, "export_task": names.export_task_id(prefix, row["id"])}
        else:
            own = before["execution"] == row["execution"]
            alive = before["status"] == points.RUNNING and not own and _is_alive(clients, before)
            match points.claim(before["status"], own=own, alive=alive):
                case "own":
                    return before
                case "refused":
                    raise AlreadyClaimed(f"{row['id']} is {before['status']} by {before['execution']}")
            attempt = before["attempt"] + 1
            kept: dict[str, Any] = {"levels": before["levels"]}
            if "level" in before:
                kept["level"] = before["level"]
            task = _export_task(ledger, prefix, before, attempt)
            new = {**row, **kept, "attempt": attempt, "export_task": task}
        if ledger.put(new, seen=before and {"attempt": before["attempt"], "status": before["status"]}):
            return new
    raise TemporarilyUnavailable(f"{row['id']} is fought over")


def _is_alive(clients: Clients, row: Item) -> bool:
    return machines.ending(clients.states, row["execution"]) is None


def _export_task(ledger: Ledger, prefix: str, before: Item, attempt: int) -> str:
    """The export task of the earlier run, if it can be adopted; RDS never forgets the id of one that failed."""
    export = ledger.operation(before["id"], "export")
    usable = export is None or not (export["state"] == "failed" or export.get("abandoned"))
    return (
        str(before["export_task"])
        if usable and "export_task" in before
        else names.export_task_id(prefix, before["id"], attempt)
    )
