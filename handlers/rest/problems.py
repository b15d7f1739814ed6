"""Answers that say what went wrong: problem documents.

https://www.rfc-editor.org/rfc/rfc9457
A detail names field, value and cure. A value is shown only if it is short and the client has just sent it; what the
server knows beyond that never stands in one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

CONTENT_TYPE = "application/problem+json"
SHOWN = 60  # characters of a value that a detail shows

SCHEMA = {
    "type": "object",
    "description": "What went wrong, and what to do about it (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "Which kind of problem; the same for all of its kind."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong this time, and the cure."},
        "request_id": {"type": "string", "description": "Name it when you ask us for help."},
        "field": {"type": "string", "description": "Which part of the request was wrong."},
    },
    "additionalProperties": True,
}


class Problem(Exception):
    """A request ends with this answer instead of the one that it asked for."""

    def __init__(  # noqa: PLR0913  # the members of a problem document
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        slug: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.slug = slug
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    def body(self) -> str:
        """The problem document."""
        found = {"type": f"/problems/{self.slug}", "title": self.title, "status": self.status}
        if self.detail:
            found["detail"] = self.detail
        return json.dumps({**found, **self.members})


def bad_request(field: str, value: object, cure: str) -> Problem:
    """400: *field* of the request has a *value* that can't be taken."""
    return Problem(
        400, "Bad request", f"{field} is {shown(value)}: {cure}", slug="bad-request", members={"field": field}
    )


def not_found(what: str) -> Problem:
    """404: there is no such thing, or an id that can't be one."""
    return Problem(404, "Not found", f"There is no {what}", slug="not-found")


def conflict(detail: str, **members: Any) -> Problem:
    """409: it can't be done in the present state of things."""
    return Problem(409, "Conflict", detail, slug="conflict", members=members)


def precondition_failed(detail: str) -> Problem:
    """412: somebody else has changed it since the client read it."""
    return Problem(412, "Changed in the meantime", detail, slug="precondition-failed")


def too_large(limit: int) -> Problem:
    """413: the body is longer than *limit* bytes."""
    return Problem(413, "Body too large", f"The body may have {limit} bytes; send less", slug="too-large")


def unsupported_media_type(found: str) -> Problem:
    """415: the body is not JSON."""
    cure = "send the body as application/json"
    return Problem(415, "Not JSON", f"Content-Type is {shown(found)}: {cure}", slug="unsupported-media-type")


def unprocessable(detail: str, *, slug: str = "unprocessable", **members: Any) -> Problem:
    """422: well formed, but contradicts something said before."""
    return Problem(422, "Contradiction", detail, slug=slug, members=members)


def precondition_required(header: str) -> Problem:
    """428: the client must say which version it has read."""
    cure = f"send {header} with the ETag that you read, so that nobody's change is overwritten unseen"
    return Problem(428, f"{header} is missing", cure, slug="precondition-required", members={"field": header})


def failed(request_id: str) -> Problem:
    """500: our fault; the log knows more."""
    detail = "The log knows why; name the request_id when you ask for help"
    return Problem(500, "Something broke here", detail, slug="internal", members={"request_id": request_id})


def unavailable(retry_after: int, detail: str = "", **members: Any) -> Problem:
    """503: the same request may well succeed in *retry_after* seconds."""
    return Problem(
        503,
        "Not available just now",
        detail or f"Try again in {retry_after} s",
        slug="unavailable",
        members=members,
        headers={"Retry-After": str(retry_after)},
    )


def shown(value: object) -> str:
    """*value* as text of bounded length."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
