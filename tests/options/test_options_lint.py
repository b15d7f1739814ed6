"""Every pair of options together: the linters find nothing. What was clean last time is not read again."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

import build
from blueprints.settings import Settings
from tests.pairwise import CASES, name_of, settings_of
from tests.templates import lint

MEMORY = lint.ROOT / ".cache" / "lint-options.json"


def shape(node: Any) -> Any:
    """What a linter looks at: members and types, not names of regions or buckets."""
    if isinstance(node, dict):
        return {name: shape(part) for name, part in node.items()}
    if isinstance(node, list):
        return [shape(part) for part in node]
    return type(node).__name__


def different() -> list[Any]:
    """One template of each shape among all cases, with the first case that has it."""
    found: dict[str, Any] = {}
    for case in CASES:
        settings = settings_of(case)
        for stack, template in build.templates(settings).items():
            text = template.to_json()
            key = stack + json.dumps(shape(json.loads(text)), sort_keys=True)
            found.setdefault(key, pytest.param(settings, stack, text, id=f"{stack}-{name_of(case)}"))
    return list(found.values())


class Clean(NamedTuple):
    """Digests of templates in which nothing was found: last time, and this time."""

    before: set[str]
    now: set[str]


@pytest.fixture(scope="module")
def clean() -> Iterator[Clean]:
    found = Clean(lint._remembered(MEMORY), set())
    yield found
    MEMORY.parent.mkdir(parents=True, exist_ok=True)
    MEMORY.write_text(json.dumps(sorted(found.now | lint._remembered(MEMORY))))  # another process may have written, too


@pytest.mark.parametrize(("settings", "stack", "text"), different())
def test_the_linters_find_nothing(settings: Settings, stack: str, text: str, tmp_path: Path, clean: Clean) -> None:
    rules = " ".join([sys.version, *map(version, lint.TOOLS)]) + Path(__file__).read_text()
    digest = hashlib.sha256(f"{rules}{settings.regions}{text}".encode()).hexdigest()
    if digest in clean.before:
        clean.now.add(digest)
        return
    path = tmp_path / f"{stack}.json"
    path.write_text(text)
    options = ManualArgs(regions=list(settings.regions), append_rules=["cfn_lint_serverless.rules"])
    findings = [f"{found.linenumber}: {found.rule.id} {found.message}" for found in lint_file(path, options)]
    findings += [finding for _, finding in lint._cloudformation_validate([path])]
    assert findings == []
    clean.now.add(digest)
