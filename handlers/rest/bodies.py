"""The JSON body of a request, read with limits and held against the schema that the document shows.

API Gateway has validated it at the edge already. It is done again here because not every caller comes through the edge,
and because the edge knows less: it takes repeated members, any depth and half of a surrogate pair.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from handlers.rest.problems import bad_request, too_large, unsupported_media_type
from handlers.rest.requests import header
from handlers.rest.schemas import checked

LIMIT = 16_384  # bytes
DEPTH = 8  # levels of arrays and objects


def read(event: Mapping[str, Any], schema: Mapping[str, Any], *, limit: int = LIMIT) -> dict[str, Any]:
    """The object that the body of the gateway's *event* holds, with the defaults of *schema* filled in.

    Args:
        event: Of the gateway.
        schema: Of an object; ``handlers/rest/schemas.py`` says which part of JSON Schema it may use.
        limit: Bytes.

    Raises:
        Problem: 400, 413 or 415.
    """
    found: dict[str, Any] = checked(_parsed(event, limit), schema, "body")
    return found


def _parsed(event: Mapping[str, Any], limit: int) -> Any:
    content_type = header(event, "content-type")
    kind, _, parameters = (content_type or "application/json").lower().partition(";")
    if kind.strip() != "application/json" or ("charset" in parameters and "utf-8" not in parameters):
        raise unsupported_media_type(content_type or "")
    content = (event.get("body") or "").encode("utf-8", "surrogatepass")
    if len(content) > (limit * 2 if event.get("isBase64Encoded") else limit):
        raise too_large(limit)
    try:
        if event.get("isBase64Encoded"):
            content = base64.b64decode(content, validate=True)
        if len(content) > limit:
            raise too_large(limit)
        text = content.decode()
        found = _decode(text)
    except (UnicodeDecodeError, binascii.Error, json.JSONDecodeError, RecursionError):
        raise bad_request("body", "not JSON", "send one JSON object in UTF-8") from None
    except ValueError as error:  # of the hooks below, and numbers of thousands of digits
        raise bad_request(
            "body", "not JSON", str(error) if type(error) is _Refused else "send smaller numbers"
        ) from None
    if _depth(found) > DEPTH:
        raise bad_request("body", "too deep", f"nest at most {DEPTH} levels")
    return found


class _Refused(ValueError):
    """JSON that two readers may read differently."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("name each member once")
    return found


def _no_number(_text: str) -> NoReturn:
    raise _Refused("NaN and Infinity are no JSON; leave the member out")


def _depth(value: Any) -> int:
    """Levels of *value*, counted no further than one too many."""
    levels, layer = 0, [value]
    while layer and levels <= DEPTH:
        layer = [inner for outer in layer if isinstance(outer, dict | list) for inner in _inner(outer)]
        levels += 1
    return levels


def _inner(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


_decode = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_number).decode
