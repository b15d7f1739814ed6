"""State machines, one ``<name>.asl.yaml`` each; this module only reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from workflows.parsed import Definition, Parsed

HERE = Path(__file__).parent
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
_parsed = Parsed()


def names() -> list[str]:
    """Names of all workflows, sorted."""
    return sorted(path.name.removesuffix(".asl.yaml") for path in HERE.glob("*.asl.yaml"))


def remember(path: Path) -> None:
    """Have parsed workflows kept in *path*, and taken from there if their files are still the same."""
    global _parsed  # noqa: PLW0603 (one for the whole run)
    _parsed = Parsed(path)


def load(name: str, **numbers: int) -> Definition:
    """Definition of workflow *name*: anchors resolved, *numbers* in place, other ``${Placeholders}`` left.

    CloudFormation substitutes text only, and a time-out must be a number; so Python fills in the numbers and
    ``DefinitionSubstitutions`` the ARNs.

    Raises:
        KeyError: a placeholder that ends in ``Seconds`` or ``Limit`` was given no number.
    """
    filled: Definition = _filled(_parsed.definition(HERE / f"{name}.asl.yaml"), numbers)  # a copy
    return filled


def _filled(node: Any, numbers: dict[str, int]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, numbers) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, numbers) for value in node]
    if isinstance(node, str) and (match := _PLACEHOLDER.fullmatch(node)) and match[1].endswith(("Seconds", "Limit")):
        return numbers[match[1]]
    return node


def placeholders(name: str) -> set[str]:
    """Names between ``${`` and ``}`` in workflow *name*."""
    return set(_PLACEHOLDER.findall((HERE / f"{name}.asl.yaml").read_text()))
