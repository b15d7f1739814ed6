"""Record why a run failed, tell the world, and take away what it began. Last but one state of ``backup``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.concluding import Concluding, count
from handlers.core import names, points
from handlers.core.errors import InvalidRequest
from handlers.events import publish
from handlers.ledger import Item
from handlers.runtime import from_environment, translated


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: First part of every physical name; names the metrics' deployment.
        ledger: Name of the table.
        bus: Name of the event bus.
    """

    prefix: str
    ledger: str
    bus: str


@translated()
def handler(event: Item, context: object) -> Item:
    """``{database, scheduled_at, execution, error} -> {error, cause}``."""
    environment = from_environment(Environment)
    concluding = Concluding.here(environment.ledger, environment.bus)
    return record(concluding, event)


def record(concluding: Concluding, event: Item) -> Item:
    """Error and cause of the failed run, after they were recorded; a point of another run is left alone."""
    row = row_of(concluding, event)
    error, cause = points.failure(event["error"], [])
    if row is not None and row["execution"] == event["execution"]:
        failed = concluding.fail(row, event["error"])
        return {"error": failed.get("error", error), "cause": failed.get("cause", cause)}
    if row is None or row["status"] == points.FAILED:  # nothing of this run is in the ledger: the event is the report
        detail = {
            "recovery_point": row and row["id"],
            "database": str(event["database"]),
            "status": points.FAILED,
            "level": row and row.get("level"),
            "error": error,
            "cause": cause,
        }
        publish(concluding.following.clients.events, concluding.bus, "Recovery Point Failed", detail)
        count(points.FAILED)
    return {"error": error, "cause": cause}


def row_of(concluding: Concluding, event: Mapping[str, str]) -> Item | None:
    """The point's row: made now if the run failed before it could claim it; nothing if the request names no point."""
    ledger = concluding.following.ledger
    try:
        database = names.database_id(event["database"])
        scheduled_at = names.moment(event["scheduled_at"])
    except InvalidRequest:
        return None
    point = names.point_id(database, scheduled_at)
    if ledger.point(point) is None:
        new = points.begun(database, scheduled_at, event["execution"], concluding.following.clock())
        ledger.put({**new, "attempt": 1, "open": ledger.region}, seen=None)
    return ledger.point(point)
