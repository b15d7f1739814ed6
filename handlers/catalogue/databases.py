"""``/databases``: what is protected, and how well."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from handlers import protection
from handlers.catalogue import room
from handlers.catalogue.room import Room
from handlers.core import catalogue, names
from handlers.core.catalogue import Outlook
from handlers.core.schedules import ZoneUnknown
from handlers.ledger import Item, Key
from handlers.rest.lean import Router
from handlers.rest.operation import Answer, operation
from handlers.runtime import log, translated

router = Router()

_TIME = {"type": "string", "format": "date-time", "example": "2026-10-06T12:00:00Z"}
_LEVEL = {"type": ["integer", "null"], "minimum": 0, "maximum": 4, "description": "Highest assurance level reached."}

SCHEMAS: dict[str, Any] = {
    "Databases": {
        "type": "object",
        "required": ["databases"],
        "properties": {"databases": {"type": "array", "items": {"$ref": "#/components/schemas/Database"}}},
    },
    "Database": {
        "type": "object",
        "description": "A database that asks for protection, or once did.",
        "required": [
            "id", "present", "first_seen_at", "rpo_objective_seconds", "recovery_point_age_seconds", "status",
            "last_verified", "newest", "next_run",
        ],
        "properties": {
            "id": {"type": "string", "example": "orders"},
            "present": {"type": "boolean", "description": "Whether RDS has it and it asks for protection still."},
            "first_seen_at": _TIME,
            "rpo_objective_seconds": {"type": "integer", "description": "How old its newest verified data may be."},
            "recovery_point_age_seconds": {
                "type": ["integer", "null"],
                "description": "How old its newest verified data is; null if there is none.",
            },
            "status": {
                "type": "string",
                "enum": [catalogue.PROTECTED, catalogue.AT_RISK, catalogue.UNPROTECTED],
                "description": "unprotected: no verified data, or older than the objective. at_risk: within the "
                "objective, but the newest point failed or is partial, or none can come in time.",
            },
            "last_verified": {
                "type": ["object", "null"],
                "required": ["id", "level", "taken_at"],
                "properties": {"id": {"type": "string"}, "level": {"type": "integer"}, "taken_at": _TIME},
            },
            "newest": {
                "type": ["object", "null"],
                "required": ["id", "status", "level"],
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string", "enum": ["running", "verified", "partial", "failed"]},
                    "level": _LEVEL,
                },
            },
            "next_run": {**_TIME, "type": ["string", "null"], "description": "When the next scheduled run begins."},
        },
    },
}  # fmt: skip


@router.get(
    "/databases",
    **operation(
        "listDatabases",
        "What is protected, and how well",
        scope="backups:read",
        tag="databases",
        answers={200: Answer("Every database that asks for protection, or once did, by id.", "Databases")},
    ),
)
@translated()
def list_databases() -> Item:
    """``{databases: [Database]}``."""
    return listed(room.here())


def listed(here: Room) -> Item:
    """Every database with its state: three queries or so, however many databases and points there are."""
    known = protection.databases(here.ledger)
    running = _running(here)
    outlook = _outlook(here)
    return {"databases": [catalogue.database(each, _newest(each, running), outlook) for each in known]}


def _running(here: Room) -> dict[str, Item]:
    """The newest point of each database that has one in progress; all of them are the primary region's."""
    begun: dict[str, tuple[datetime, Key]] = {}
    for key in _points(here.ledger.unfinished(here.environment.primary_region)):
        if parsed := names.parsed_point(key[0].removeprefix("POINT#")):
            name, at = parsed
            begun[name] = max(begun.get(name, (at, key)), (at, key))
    rows = here.ledger.many(key for _, key in begun.values())
    return {row["database"]: row for row in rows.values()}


def _points(keys: Iterable[Key]) -> Iterable[Key]:
    return (key for key in keys if key[1] == "POINT")


def _newest(known: catalogue.Database, running: dict[str, Item]) -> Item | None:
    ended: Item | None = known.summary.get("newest")
    row = running.get(known.row["id"])
    return row if row and (ended is None or row["scheduled_at"] >= ended["scheduled_at"]) else ended


def _outlook(here: Room) -> Outlook:
    now = here.clock()
    objective = timedelta(seconds=here.environment.rpo_seconds)
    try:
        next_run, due = here.schedule.next_run(now), here.schedule.next_run(now - catalogue.GRACE)
    except ZoneUnknown as error:  # what can be said without it is said
        log("next run unknown", level="WARNING", error=str(error))
        return Outlook(now, objective, None, None)
    return Outlook(now, objective, next_run, due)
