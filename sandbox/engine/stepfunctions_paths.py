"""Paths, payload templates and choice rules of the Amazon States Language (JSONPath), for ``stepfunctions_states``.

https://states-language.net/spec.html and
https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
"""

import copy
import fnmatch
import functools
import json
import re
from collections.abc import Callable
from datetime import datetime
from operator import eq, ge, gt, le, lt
from typing import Any

from jsonpath_ng.exceptions import JsonPathLexerError, JsonPathParserError
from jsonpath_ng.ext.parser import parse as parse_jsonpath
from ministack.services import stepfunctions

from sandbox.engine.patching import replace

StatesError: Any = stepfunctions._ExecutionError
INDEFINITE = re.compile(r"\.\.|\*|\?|\[[^\]'\"]*[:,]")
Json = Any


def install() -> None:
    """Make the intrinsic functions, which we keep from MiniStack, see our paths."""
    replace(stepfunctions, "_resolve_path", lambda path, data: find(path, data, {}), "4ca0c5fe9f70")
    replace(stepfunctions, "_resolve_ctx_path", lambda path, context: find(path, {}, context), "9d99cf3416f9")


class PathNotFound(StatesError):  # type: ignore[misc]  # the base comes from MiniStack, which ships no types
    """A path leads nowhere: the execution fails with ``States.Runtime``, which no Catch can catch."""

    def __init__(self, path: str, data: Json) -> None:
        super().__init__(
            "States.Runtime",
            f"The JSONPath '{path}' could not be found in the input '{json.dumps(data, default=str)[:500]}'",
        )


def find(path: str, data: Json, context: dict[str, Any]) -> Json:
    """What a path finds: one value of a definite path, a list of an indefinite one.

    Raises:
        PathNotFound: The path is definite and leads nowhere. (MiniStack answered null.)
    """
    if path.startswith("$$"):
        visible = {key: value for key, value in context.items() if not key.startswith("_")}
        return find(path[1:], visible, {})
    if INDEFINITE.search(path):
        return [match.value for match in compiled(path).find(data)]
    tokens = stepfunctions._parse_jsonpath_tokens(path)
    if tokens is None:
        raise StatesError("States.Runtime", f"Invalid path '{path}'")
    found = data
    for _, key in tokens:
        try:
            found = found[key]
        except (KeyError, IndexError, TypeError):
            raise PathNotFound(path, data) from None
    return found


@functools.cache
def compiled(path: str) -> Any:
    """A parsed path.

    Raises:
        StatesError: It is no JSONPath.
    """
    try:
        return parse_jsonpath(path)
    except (JsonPathLexerError, JsonPathParserError) as error:
        raise StatesError("States.Runtime", f"Invalid path '{path}': {error}") from error


def fill(template: Json, data: Json, context: dict[str, Any]) -> Json:
    """A payload template (``Parameters``, ``ResultSelector``, ``ItemSelector``) with its ``.$`` fields replaced.

    Raises:
        StatesError: A path leads nowhere, or an intrinsic function fails.
    """
    if isinstance(template, list):
        return [fill(part, data, context) for part in template]
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(".$"): evaluate(value, data, context) if key.endswith(".$") else fill(value, data, context)
        for key, value in template.items()
    }


def evaluate(expression: str, data: Json, context: dict[str, Any]) -> Json:
    """The value of a path or of an intrinsic function.

    Raises:
        StatesError: ``States.IntrinsicFailure`` of a function, ``States.Runtime`` of a path.
    """
    if not expression.startswith("States."):
        return copy.deepcopy(find(expression, data, context))
    try:
        return stepfunctions._evaluate_intrinsic(expression, data, context)
    except StatesError:
        raise
    except (ValueError, TypeError, LookupError) as error:
        raise StatesError("States.IntrinsicFailure", f"{expression}: {error}") from error


def put(path: str | None, original: Json, result: Json) -> Json:
    """``ResultPath``: the result put into the original at a reference path.

    Raises:
        StatesError: ``States.ResultPathMatchFailure``, the path goes through something that is no object.
    """
    if path is None:
        return original
    if path == "$":
        return result
    tokens = [key for _, key in stepfunctions._parse_jsonpath_tokens(path) or []]
    output = copy.deepcopy(original)
    place = output
    try:
        for key in tokens[:-1]:
            place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
        place[tokens[-1]] = result
    except (TypeError, IndexError, KeyError, AttributeError):
        raise StatesError(
            "States.ResultPathMatchFailure",
            f"Unable to apply ReferencePath {path} to input {json.dumps(original)[:500]}",
        ) from None
    return output


# Choice rules

KINDS: dict[str, Callable[[Json], bool]] = {
    "String": lambda value: isinstance(value, str),
    "Numeric": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "Boolean": lambda value: isinstance(value, bool),
    "Timestamp": lambda value: timestamp(value) is not None,
    "Null": lambda value: value is None,
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": eq,
    "LessThan": lt,
    "GreaterThan": gt,
    "LessThanEquals": le,
    "GreaterThanEquals": ge,
}
COMPARISON = re.compile(r"(String|Numeric|Boolean|Timestamp)(Equals|(?:Less|Greater)Than(?:Equals)?)(Path)?")
NOT_RULES = frozenset({"Next", "Comment", "Assign", "Output"})


def holds(rule: dict[str, Any], data: Json, context: dict[str, Any]) -> bool:
    """Whether a choice rule holds; And and Or stop as soon as they know.

    Raises:
        PathNotFound: The variable is missing, and the rule is not ``IsPresent``. (MiniStack took the default.)
    """
    if "And" in rule:
        return all(holds(part, data, context) for part in rule["And"])
    if "Or" in rule:
        return any(holds(part, data, context) for part in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], data, context)
    operator = next(key for key in rule if key not in NOT_RULES and key != "Variable")
    if operator == "IsPresent":
        return bool(is_present(rule["Variable"], data, context) == rule[operator])
    return test(operator, find(rule["Variable"], data, context), rule[operator], data, context)


def test(operator: str, value: Json, expected: Json, data: Json, context: dict[str, Any]) -> bool:
    """Apply an operator to a value that is there; values of different kinds do not compare.

    Raises:
        StatesError: There is no such operator.
    """
    if operator == "StringMatches":
        return isinstance(value, str) and fnmatch.fnmatchcase(value, glob(expected))
    if operator.startswith("Is"):
        return bool(KINDS[operator[2:]](value) == expected)
    parts = COMPARISON.fullmatch(operator)
    if parts is None:
        raise StatesError("States.Runtime", f"{operator} is no comparison")
    kind, how, from_path = parts.groups()
    if from_path:
        expected = find(expected, data, context)
    if not (KINDS[kind](value) and KINDS[kind](expected)):
        return False
    if kind == "Timestamp":
        value, expected = timestamp(value), timestamp(expected)
    return COMPARE[how](value, expected)


def is_present(path: str, data: Json, context: dict[str, Any]) -> bool:
    """Whether a path leads somewhere, be it to null."""
    try:
        found = find(path, data, context)
    except PathNotFound:
        return False
    return found != [] or not INDEFINITE.search(path)


def timestamp(value: Json) -> datetime | None:
    """A time with an offset, None when the value is not one."""
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None


def glob(pattern: str) -> str:
    r"""A ``StringMatches`` pattern, whose only wildcard is ``*`` (``\*`` is a star), for fnmatch."""
    parts = re.split(r"(\\.|\*)", pattern)
    return "".join(part if part == "*" else re.sub(r"([*?[])", r"[\1]", part.removeprefix("\\")) for part in parts)
