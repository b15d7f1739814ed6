"""What a handler asks the gateway's event: headers, parameters of the query, who calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from handlers.rest.problems import bad_request

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_KEY = re.compile(r"[!-~]{1,64}")  # visible ASCII

IDEMPOTENCY_KEY = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"}
"""Schema of the header ``Idempotency-Key``, for :func:`handlers.rest.operation.in_header`."""


def header(event: Mapping[str, Any], name: str) -> str | None:
    """Header *name* (in lower case) of the request; the gateway leaves the client's spelling."""
    length = len(name)
    for found, value in (event.get("headers") or {}).items():
        if len(found) == length and found.lower() == name:
            return str(value)
    return None


def query(event: Mapping[str, Any], name: str) -> str | None:
    """Parameter *name* of the query, decoded; the last if there are several."""
    return (event.get("queryStringParameters") or {}).get(name)


def whole_number(event: Mapping[str, Any], name: str, low: int, high: int, default: int) -> int:
    """Parameter *name* of the query, from *low* to *high*.

    Raises:
        Problem: 400; it is something else.
    """
    text = query(event, name)
    if text is None:
        return default
    if not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
        raise bad_request(name, text, f"take a whole number from {low} to {high}")
    return int(text)


def idempotency_key(event: Mapping[str, Any]) -> str | None:
    """The name that the client gave this write, so that it can safely send it again.

    Raises:
        Problem: 400; it is empty, too long or not visible ASCII.
    """
    key = header(event, "idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise bad_request("Idempotency-Key", key, "take 1 to 64 visible ASCII characters, a UUID for instance")
    return key


def caller(event: Mapping[str, Any]) -> str:
    """Who calls: the user of the token, or the client that acts by itself; empty where nobody had to say."""
    claims = ((event.get("requestContext") or {}).get("authorizer") or {}).get("claims") or {}
    return str(claims.get("sub") or claims.get("client_id") or "")


def location(event: Mapping[str, Any], part: str) -> str:
    """Path of what is called *part* below the request's own path, as the client sees it, the stage included."""
    path = (event.get("requestContext") or {}).get("path") or event["path"]
    return f"{path.rstrip('/')}/{part}"
