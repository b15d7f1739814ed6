"""Answers with a version: JSON, entity tags and preconditions. https://www.rfc-editor.org/rfc/rfc9110#section-13."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from handlers.rest.lean import Response
from handlers.rest.problems import Problem, bad_request, precondition_failed, precondition_required
from handlers.rest.requests import header

JSON = "application/json"
_TAGS = re.compile(r'\s*(\*|(?:W/)?"[\x21\x23-\x7e]*"(?:\s*,\s*(?:W/)?"[\x21\x23-\x7e]*")*)\s*')
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[str]:
    """*value* as JSON."""
    return Response(status, JSON, _encode(value), headers)


def versioned(value: Mapping[str, Any], status: int = 200, **headers: str) -> Response[str]:
    """*value*, which has a member ``version``, as JSON with its entity tag."""
    return Response(status, JSON, _encode(value), {"ETag": etag(value["version"]), **headers})


def empty(status: int, **headers: str) -> Response[str]:
    """An answer without a body."""
    return Response(status, None, "", headers)


def etag(version: int) -> str:
    """Entity tag of that version."""
    return f'"{version}"'


def is_known(event: Mapping[str, Any], version: int) -> bool:
    """Whether the client has that version already (``If-None-Match``) and needs no body."""
    tags = header(event, "if-none-match")
    return tags is not None and (tags.strip() == "*" or etag(version) in _list(tags.replace("W/", "")))


def expected(event: Mapping[str, Any]) -> str:
    """The version or versions that the client has read and wants to change (``If-Match``).

    Raises:
        Problem: 428 without the header, 400 if it is no entity tag.
    """
    tags = header(event, "if-match")
    if tags is None:
        raise precondition_required("If-Match")
    if not _TAGS.fullmatch(tags):
        raise bad_request("If-Match", tags, "send the ETag as you read it, in its quotation marks")
    return tags


def check(tags: str, version: int) -> None:
    """Let through who expects *version*, by strong comparison.

    Raises:
        Problem: 412; somebody has changed it since.
    """
    if tags.strip() != "*" and etag(version) not in _list(tags):
        raise stale()


def stale() -> Problem:
    """412, with the cure."""
    return precondition_failed("Somebody has changed it since you read it: read it again, then decide")


def _list(tags: str) -> list[str]:
    return [tag.strip() for tag in tags.split(",")]
