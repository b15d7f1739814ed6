"""Opaque cursors: where a list goes on.

A cursor holds only a position in a list that the caller may read anyway, so it is no secret and bears no signature. Its
checksum finds accidents and idle play; whoever forges one gets a page of the same list. It belongs to one list, filters
included, so that it can't be used with another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from handlers.rest.problems import Problem, bad_request

LONGEST = 1_024  # characters
_CHECKSUM = 6  # bytes


def encode(listing: str, position: list[Any]) -> str:
    """Cursor of the *position* (numbers, strings, lists) in *listing*."""
    content = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_checksum(listing, content) + content).rstrip(b"=").decode()


def decode(listing: str, cursor: str) -> list[Any]:
    """The position that :func:`encode` put into *cursor*.

    Raises:
        Problem: 400; it isn't a cursor of this *listing*.
    """
    try:
        if len(cursor) > LONGEST or not cursor.isascii():
            raise refused(cursor)
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        content = raw[_CHECKSUM:]
        if raw[:_CHECKSUM] != _checksum(listing, content):
            raise refused(cursor)
        position = json.loads(content)
    except (binascii.Error, ValueError, RecursionError):
        raise refused(cursor) from None
    if not isinstance(position, list):
        raise refused(cursor)
    return position


def _checksum(listing: str, content: bytes) -> bytes:
    return hashlib.sha256(listing.encode() + b"\0" + content).digest()[:_CHECKSUM]


def refused(cursor: str) -> Problem:
    """400: *cursor* is not one of this listing."""
    return bad_request(
        "cursor", cursor, "take next_cursor from the page before, with the same filters, or leave it out"
    )
