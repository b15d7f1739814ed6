"""The application's own API: every resource of ``handlers/resources/``, on the database. Runs in the VPC.

On its import path is nothing that takes long (goal G3x): no boto3, no tracer, no pydantic.
"""

from __future__ import annotations

from typing import Any

from handlers import database, resources
from handlers.database import Environment
from handlers.rest.app import serve
from handlers.rest.lean import APIGatewayRestResolver

__all__ = ["Environment", "app", "handler"]

app = APIGatewayRestResolver()
for _resource in resources.modules():
    app.include_router(_resource.router)
database.prepare()
_answer = serve(app)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """``API Gateway's proxy event -> its proxy answer``."""
    return _answer(event, context)
