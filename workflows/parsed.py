"""Workflows as ``yaml`` parsed them, kept from run to run for who asks for it.

Loading ``yaml`` and parsing three files takes an eighth of a whole build, and the files seldom change.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

Definition = dict[str, Any]


class Parsed:
    """Definitions by name and content of their files; kept in the file *path*, if one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    @cached_property
    def known(self) -> dict[str, Definition]:
        """Definitions by name and digest; read when the first is asked for, as most stacks have no workflow."""
        try:
            known = json.loads(self.path.read_bytes()) if self.path else {}
        except (OSError, ValueError):
            known = {}
        return known if isinstance(known, dict) else {}

    def definition(self, source: Path) -> Definition:
        """What *source* says; not to be changed, since the next who asks gets the same object."""
        content = source.read_bytes()
        key = f"{source.name} {hashlib.sha256(_parser() + content).hexdigest()}"
        if key not in self.known:
            others = {k: v for k, v in self.known.items() if not k.startswith(f"{source.name} ")}
            self.known = {**others, key: _parse(content)}
            self._keep()
        return self.known[key]

    def _keep(self) -> None:
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.path.with_suffix(f".{os.getpid()}")
            fresh.write_text(json.dumps(self.known))
            fresh.replace(self.path)  # at once, so that two runs side by side leave one whole file


def _parse(content: bytes) -> Definition:
    import yaml  # noqa: PLC0415 (only if a file has changed)

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, if there is one: 8 times as fast
    parsed: Definition = yaml.load(content, Loader=loader)  # both are safe  # noqa: S506  # nosec B506
    return parsed


def _parser() -> bytes:
    """The module of ``yaml`` that holds its version: another release may read otherwise."""
    spec = PathFinder.find_spec("yaml")
    return Path(spec.origin).read_bytes() if spec and spec.origin else b""
