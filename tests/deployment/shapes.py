"""Whether AWS would take a request: botocore's model of the API, with all that it says and botocore does not check.

botocore looks at types, required members and some lengths. AWS also refuses unknown members, values that are not in an
enumeration, what does not match a pattern, and numbers, lists and texts outside their bounds; the models say which.
"""

from __future__ import annotations

import datetime as dt
import pickle
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
from botocore.model import Shape

TYPES: Mapping[str, tuple[type, ...]] = {
    "blob": (bytes, bytearray),
    "boolean": (bool,),
    "double": (float, int),
    "float": (float, int),
    "integer": (int,),
    "list": (list, tuple),
    "long": (int,),
    "map": (dict,),
    "string": (str,),
    "structure": (dict,),
    "timestamp": (dt.datetime, str, int, float),
}
POSIX = {"ASCII": "\x00-\x7f", "Alnum": "0-9A-Za-z", "Alpha": "A-Za-z", "Print": " -~", "Graph": "!-~"}
# Java writes what lies beyond 16 bits as two halves; Python does not.
BEYOND = r"\uD800\uDC00-\uDBFF\uDFFF"


class Request(NamedTuple):
    """One request, as it was asked for."""

    service: str
    operation: str
    params: Mapping[str, Any]

    @property
    def name(self) -> str:
        """``cloudformation.DescribeStacks``."""
        return f"{self.service}.{self.operation}"


def recorded(file: Path) -> list[Request]:
    """Requests that ``recording/sitecustomize.py`` wrote down."""
    found = []
    with file.open("rb") as stream:
        while stream.peek(1):
            found.append(Request(*pickle.load(stream)))  # noqa: S301 (our own file)
    return found


def problems(request: Request) -> list[str]:
    """Why AWS would refuse the request; nothing if it would not."""
    shape = _model(request.service).operation_model(request.operation).input_shape
    if shape is None:
        return [f"{request.name} takes no parameters"] if request.params else []
    return [f"{request.name}: {each}" for each in _wrong(shape, request.params, "")]


@cache
def _model(service: str) -> Any:
    return _session().get_service_model(service)


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


def _wrong(shape: Any, value: Any, where: str) -> Iterator[str]:
    at = where or "the request"
    if not isinstance(value, TYPES[shape.type_name]) or (isinstance(value, bool) and shape.type_name != "boolean"):
        yield f"{at} is {type(value).__name__}, and must be {shape.type_name}"
        return
    yield from _out_of_bounds(shape, value, at)
    if shape.type_name == "structure":
        yield from _wrong_structure(shape, value, where)
    elif shape.type_name == "list":
        for number, each in enumerate(value):
            yield from _wrong(shape.member, each, f"{where}[{number}]")
    elif shape.type_name == "map":
        for key, each in value.items():
            yield from _wrong(shape.key, key, f"the key {key!r} of {at}")
            yield from _wrong(shape.value, each, f"{where}[{key!r}]")
    elif shape.type_name == "string":
        yield from _wrong_text(shape, value, at)


def _wrong_structure(shape: Any, value: Mapping[str, Any], where: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{where}.{name} is missing"
    if shape.is_tagged_union and len(value) != 1:
        yield f"{where or 'the request'} must have exactly one of {', '.join(shape.members)}"
    for name, each in value.items():
        if name not in shape.members:
            yield f"{where}.{name} is unknown"
        else:
            yield from _wrong(shape.members[name], each, f"{where}.{name}")


def _wrong_text(shape: Any, value: str, at: str) -> Iterator[str]:
    if shape.enum and value not in shape.enum:
        yield f"{at} is {value!r}, and must be one of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield f"{at} is {value!r}, and must match {pattern}"


def _out_of_bounds(shape: Shape, value: Any, at: str) -> Iterator[str]:
    sized = shape.type_name in ("string", "list", "map", "blob")
    amount = len(value) if sized else value
    what = "the length of " if sized else ""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and amount < least:
        yield f"{what}{at} is {amount}, and must be at least {least}"
    if most is not None and amount > most:
        yield f"{what}{at} is {amount}, and must be at most {most}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """The pattern of a model, which is Java's, in Python's words."""
    python, inside = "", False
    for token in re.findall(r"\\p\{\w+\}|\\.|.", pattern.replace(BEYOND, "\U00010000-\U0010ffff"), re.DOTALL):
        inside = token == "[" or (inside and token != "]")
        if token.startswith(r"\p"):
            characters = _characters(token[3:-1])
            python += characters if inside else f"[{characters}]"
        else:
            python += token
    return re.compile(python)


@cache
def _characters(name: str) -> str:
    """The inside of brackets that stands for a class of characters: POSIX's or, as ``L``, Unicode's."""
    if name in POSIX:
        return POSIX[name]
    known = (point for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)).startswith(name))
    ranges = []
    for _, run in groupby(enumerate(known), lambda pair: pair[1] - pair[0]):
        points = [point for _, point in run]
        ranges.append(f"\\U{points[0]:08x}-\\U{points[-1]:08x}")
    return "".join(ranges)
