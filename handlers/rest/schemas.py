"""Values held against the part of JSON Schema that our documents use, without a library of 1 MB.

Objects: ``properties``, ``required``, and nothing besides what is named. Strings: ``minLength``, ``maxLength``,
``pattern``, ``enum``. Integers: ``minimum``, ``maximum``. Arrays: ``items``, ``maxItems``. Booleans. ``default``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from handlers.rest.problems import bad_request

Schema = Mapping[str, Any]


def checked(value: Any, schema: Schema, field: str) -> Any:
    """*value*, if it is what *schema* describes, with the defaults of absent members filled in.

    Raises:
        Problem: 400; names the field, what it is, and the cure.
    """
    return _CHECKS[schema["type"]](value, schema, field)


def _object(value: Any, schema: Schema, field: str) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    if not isinstance(value, dict):
        raise bad_request(field, value, f"send an object with {', '.join(properties)}")
    for name in value:
        if name not in properties:
            raise bad_request(_member(field, name), value[name], f"leave it out; known are {', '.join(properties)}")
    found = {}
    for name, inner in properties.items():
        if name in value:
            found[name] = checked(value[name], inner, _member(field, name))
        elif name in schema.get("required", ()):
            raise bad_request(_member(field, name), None, "it is required")
        elif "default" in inner:
            found[name] = inner["default"]
    return found


def _member(field: str, name: str) -> str:
    return name if field == "body" else f"{field}.{name}"


def _array(value: Any, schema: Schema, field: str) -> list[Any]:
    longest = schema.get("maxItems")
    if not isinstance(value, list) or (longest is not None and len(value) > longest):
        raise bad_request(field, value, f"send a list of at most {longest}" if longest else "send a list")
    return [checked(inner, schema["items"], f"{field}[{index}]") for index, inner in enumerate(value)]


def _string(value: Any, schema: Schema, field: str) -> str:
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    if not isinstance(value, str) or len(value) < low or (high is not None and len(value) > high):
        raise bad_request(field, value, f"send text of {low} to {high} characters" if high else "send text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise bad_request(field, "half of a surrogate pair", "send whole Unicode characters") from None
    if "enum" in schema and value not in schema["enum"]:
        raise bad_request(field, value, f"take one of {', '.join(schema['enum'])}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        raise bad_request(field, value, f"it must match {schema['pattern']}")
    return value


def _integer(value: Any, schema: Schema, field: str) -> int:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value  # 1.0 is an integer in JSON Schema
    low, high = schema.get("minimum"), schema.get("maximum")
    right = type(whole) is int and (low is None or whole >= low) and (high is None or whole <= high)
    if not right:
        raise bad_request(field, value, f"send a whole number from {low} to {high}")
    return int(whole)


def _boolean(value: Any, _schema: Schema, field: str) -> bool:
    if not isinstance(value, bool):
        raise bad_request(field, value, "send true or false")
    return value


_CHECKS = {"object": _object, "array": _array, "string": _string, "integer": _integer, "boolean": _boolean}
