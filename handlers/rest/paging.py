"""Lists in pages by key: the next page begins behind the last id of this one, whatever came or went meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from handlers.rest import cursors, ids
from handlers.rest.answers import answer
from handlers.rest.lean import Response
from handlers.rest.operation import SCHEMAS, in_query
from handlers.rest.requests import query, whole_number

USUAL = 20
LONGEST = 100
PARAMETERS = (
    in_query(
        "limit", "Most entries of a page.", {"type": "integer", "minimum": 1, "maximum": LONGEST, "default": USUAL}
    ),
    in_query("cursor", "next_cursor of the page before.", {"type": "string", "maxLength": cursors.LONGEST}),
)


class Asked(NamedTuple):
    """Which page.

    Attributes:
        after: Id behind which it begins; empty for the first.
        limit: Most entries.
    """

    after: str
    limit: int


def schema(listing: str, entry: str) -> dict[str, Any]:
    """Schema of a page of *listing*, whose entries have the schema *entry*."""
    return {
        "type": "object",
        "required": [listing, "next_cursor"],
        "additionalProperties": False,
        "properties": {
            listing: {"type": "array", "maxItems": LONGEST, "items": {"$ref": SCHEMAS + entry}},
            "next_cursor": {"type": "string", "nullable": True, "description": "Of the next page; null on the last."},
        },
    }


def asked(event: Mapping[str, Any], listing: str) -> Asked:
    """The page of *listing* that the request asks for.

    Raises:
        Problem: 400; limit or cursor is none.
    """
    limit = whole_number(event, "limit", 1, LONGEST, USUAL)
    cursor = query(event, "cursor")
    if cursor is None:
        return Asked("", limit)
    position = cursors.decode(listing, cursor)
    if len(position) != 1 or not ids.is_id(str(position[0])):
        raise cursors.refused(cursor)
    return Asked(str(position[0]), limit)


def page(listing: str, found: list[dict[str, Any]], limit: int) -> Response[str]:
    """The page of *found*, where one more than *limit* was looked for to know whether there is a next one."""
    entries = found[:limit]
    more = cursors.encode(listing, [entries[-1]["id"]]) if len(found) > limit else None
    return answer({listing: entries, "next_cursor": more})
