"""Whether the application answers, and with ``?deep=true`` whether its database does. Anybody may ask."""

from __future__ import annotations

import time
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from handlers import database
from handlers.core.errors import HoldfastError
from handlers.database import BOUNDED, Environment
from handlers.rds_token import CredentialsMissing
from handlers.rest.answers import answer
from handlers.rest.app import serve
from handlers.rest.lean import APIGatewayRestResolver, Response, Router
from handlers.rest.operation import Answer, in_query, operation
from handlers.rest.problems import bad_request, unavailable
from handlers.rest.requests import query
from handlers.runtime import from_environment, region

__all__ = ["SCHEMAS", "Environment", "app", "handler", "router"]

NO_DATABASE = "none"  # DATABASE_HOST of a deployment without one
RETRY_AFTER = 5  # seconds

SCHEMAS = {
    "Health": {
        "type": "object",
        "required": ["status", "region", "checks"],
        "additionalProperties": False,
        "properties": {
            "status": {"type": "string", "enum": ["ok"]},
            "region": {"type": "string"},
            "checks": {
                "type": "object",
                "description": "What was looked at, and how long it took to answer, in milliseconds.",
                "additionalProperties": {"type": "number"},
            },
        },
    },
}

router = Router()


@router.get(
    "/health",
    **operation(
        "getHealth",
        "Whether the application answers",
        scope=None,
        tag="health",
        answers={200: Answer("It does.", "Health")},
        parameters=[
            in_query(
                "deep",
                "`true`: ask the database too; a 503 then names what is down.",
                {"type": "string", "enum": ["true", "false"], "default": "false"},
            )
        ],
    ),
)
def get_health() -> Response[str]:
    """What answers, and how quickly."""
    deep = query(router.current_event.raw_event, "deep")
    if deep not in ("true", "false", None):
        raise bad_request("deep", deep, "take true or false")
    checks = {}
    if deep == "true" and from_environment(Environment).database_host != NO_DATABASE:
        checks["database"] = _database()
    return answer({"status": "ok", "region": region(), "checks": checks})


def _database() -> float:
    """Milliseconds that the database took, by the way that the application takes.

    Raises:
        Problem: 503; it doesn't answer, within the time limits of :mod:`handlers.database`.
    """
    begun = time.perf_counter()
    try:
        database.shared().read(_one)
    except (HoldfastError, CredentialsMissing, pymysql.err.Error) as error:
        raise unavailable(RETRY_AFTER, "The database doesn't answer", down=["database"]) from error
    return round((time.perf_counter() - begun) * 1000, 1)


def _one(sql: Cursor) -> None:
    sql.execute(f"{BOUNDED} 1")
    sql.fetchone()


app = APIGatewayRestResolver()
app.include_router(router)
database.prepare()
_answer = serve(app)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """``API Gateway's proxy event -> its proxy answer``."""
    return _answer(event, context)
