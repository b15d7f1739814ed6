"""What recovery points look like, as JSON Schema."""

from __future__ import annotations

from typing import Any

from handlers.core import catalogue

# As names.database_id and names.parsed_point have it, in the words that API Gateway's validators know.
DATABASE_ID = {"type": "string", "maxLength": 63, "pattern": "^[a-z](-?[a-z0-9])*$", "example": "orders"}
POINT_ID = {
    "type": "string",
    "maxLength": 78,
    "pattern": "^[a-z](-?[a-z0-9])*-[0-9]{8}t[0-9]{4}z$",
    "example": "orders-20261006t1200z",
}
_TIME = {"type": "string", "format": "date-time", "example": "2026-10-06T12:00:00Z"}
_TIME_OR_NOT = {**_TIME, "type": ["string", "null"]}
_STATUSES = [catalogue.REQUESTED, "running", "verified", "partial", "failed"]

_POINT: dict[str, Any] = {
    "id": POINT_ID,
    "database": DATABASE_ID,
    "status": {"type": "string", "enum": _STATUSES, "description": "requested: its run has not begun yet."},
    "level": {
        "type": ["integer", "null"],
        "minimum": 0,
        "maximum": len(catalogue.LEVELS) - 1,
        "description": "Highest assurance level reached: "
        + ", ".join(f"{n} {name}" for n, name in enumerate(catalogue.LEVELS)),
    },
    "scheduled_at": _TIME,
    "concluded_at": _TIME_OR_NOT,
    "taken_at": {**_TIME_OR_NOT, "description": "To when it restores the database; null while there is no snapshot."},
    "problem_count": {"type": "integer", "description": "How many things keep it from being whole."},
    "error": {
        "type": ["object", "null"],
        "description": "Why its run failed.",
        "required": ["name", "cause"],
        "properties": {"name": {"type": "string"}, "cause": {"type": "string"}},
    },
    "stages": {
        "type": "array",
        "description": "What its run goes through, in order.",
        "items": {"$ref": "#/components/schemas/Stage"},
    },
}
_DETAILS: dict[str, Any] = {
    "levels": {"type": "array", "items": {"$ref": "#/components/schemas/Level"}},
    "problems": {
        "type": "array",
        "description": "The first of them; the manifest has all.",
        "items": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("subject", "reason", "detail")},
        },
    },
}

POINT_SCHEMAS: dict[str, Any] = {
    "RecoveryPoints": {
        "type": "object",
        "required": ["recovery_points", "next_cursor"],
        "properties": {
            "recovery_points": {"type": "array", "items": {"$ref": "#/components/schemas/RecoveryPoint"}},
            "next_cursor": {"type": ["string", "null"], "description": "Null on the last page."},
        },
    },
    "RecoveryPoint": {"type": "object", "required": list(_POINT), "properties": _POINT},
    "RecoveryPointDetails": {
        "type": "object",
        "required": [*_POINT, *_DETAILS],
        "properties": {**_POINT, **_DETAILS},
    },
    "Stage": {
        "type": "object",
        "required": ["name", "state", "begun_at", "ended_at", "seconds"],
        "properties": {
            "name": {"type": "string", "enum": list(catalogue.STAGES)},
            "state": {
                "type": "string",
                "enum": list(catalogue.STATES),
                "description": "waiting: for a slot of an AWS quota. skipped: the run ended before.",
            },
            "begun_at": _TIME_OR_NOT,
            "ended_at": _TIME_OR_NOT,
            "seconds": {"type": ["integer", "null"], "description": "So far, while it goes on."},
        },
    },
    "Level": {
        "type": "object",
        "required": ["level", "name", "at", "facts"],
        "properties": {
            "level": {"type": "integer"},
            "name": {"type": "string", "enum": list(catalogue.LEVELS)},
            "at": {**_TIME, "description": "When it was reached."},
            "facts": {"type": "object", "additionalProperties": True, "description": "What was found."},
        },
    },
    "RecoveryPointRequest": {
        "type": "object",
        "required": ["database"],
        "properties": {"database": DATABASE_ID},
        "additionalProperties": False,
    },
}
