"""Parts of operations that resources with ids and versions have in common."""

from __future__ import annotations

from handlers.rest import ids
from handlers.rest.operation import in_header, in_path, problem
from handlers.rest.requests import IDEMPOTENCY_KEY

TIME = {"type": "string", "format": "date-time", "description": "UTC, in whole seconds."}
VERSION = {"type": "integer", "minimum": 1, "description": "Grows with every change; the ETag is made of it."}

KEY = in_header("Idempotency-Key", "Your name for this write; sent again, it is not done again.", IDEMPOTENCY_KEY)
IF_MATCH = in_header("If-Match", "ETag of the version that you have read.", {"type": "string"}, required=True)
IF_NONE_MATCH = in_header("If-None-Match", "ETag of the version that you have.", {"type": "string"})

ETAG = {"ETag": "The version."}
LOCATION = {"Location": "Its path."}
REPLAYED = {"Idempotency-Replayed": "`true` if this is the answer of an earlier request with the same key."}
KEY_REUSED = {422: problem("The Idempotency-Key was used with another request.")}
STALE = {
    412: problem("Somebody has changed it since you read it."),
    428: problem("If-Match is missing."),
}


def which(name: str, what: str) -> dict[str, object]:
    """The path parameter *name*, the id of *what*."""
    return in_path(name, f"Which {what}.", ids.SCHEMA)
