"""The backup catalogue behind the API: ``/databases`` and ``/recovery-points``, in both regions."""

from __future__ import annotations

from typing import Any

from handlers.catalogue import databases, recovery_points, room
from handlers.catalogue.room import Environment
from handlers.rest.app import serve
from handlers.rest.lean import APIGatewayRestResolver

__all__ = ["SCHEMAS", "Environment", "app", "handler"]

SCHEMAS = {**databases.SCHEMAS, **recovery_points.SCHEMAS}

app = APIGatewayRestResolver()
app.include_router(databases.router)
app.include_router(recovery_points.router)
room.furnish()
_answer = serve(app)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """``API Gateway's proxy event -> its proxy answer``."""
    return _answer(event, context)
