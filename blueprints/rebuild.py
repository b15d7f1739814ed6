"""What need not be built again: a stack whose sources and settings are those of the last run, and whose files are too.

Stacks never import each other (import-linter holds them to it), so a stack follows from its own module, from every
source that is no stack's, and from the settings; see :func:`fingerprints`. ``--check`` never asks here: it builds.
Only what loads fast is imported, since a run that changes nothing is mostly imports.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from blueprints.artifacts import contents

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("build.py", "blueprints", "workflows", "handlers", "requirements/handlers.txt")
SUFFIXES = (".py", ".yaml", ".pem", ".json", ".txt")
EMITTED = (".json", ".svg")
GENERATORS = ("troposphere", "awacs", "yaml")  # a release of these may emit something else


class Memory:
    """The last run of each request: its stacks, what each was built from, and which files it became.

    A request is a stage's name, the absolute path of a settings file, or ``""`` for every profile.
    """

    def __init__(self, path: Path, outputs: Path) -> None:
        self.path = path
        self.outputs = outputs
        try:
            known = json.loads(path.read_bytes())
        except (OSError, ValueError):
            known = {}
        self.runs: dict[str, Any] = known if isinstance(known, dict) else {}

    def stacks(self, request: str) -> dict[str, Any]:
        """``{"stage/stack": {"inputs": digest, "files": {name: digest}}}`` of the last run of *request*."""
        found = self.runs.get(request, {})
        return found if isinstance(found, dict) else {}

    def files(self, request: str, stack: str) -> list[str]:
        """Names of the files that *stack* became."""
        return list(self.stacks(request)[stack]["files"])

    def holds(self, request: str, stack: str, inputs: str) -> bool:
        """Whether *stack*, as ``stage/stack``, was built from *inputs* and its files are still what it became."""
        last = self.stacks(request).get(stack)
        if not last or last["inputs"] != inputs:
            return False
        return all(self._digest(name) == digest for name, digest in last["files"].items())

    def nothing_changed(self, request: str, inputs: dict[str, str]) -> bool:
        """Whether a run of *request* would write nothing and remove nothing."""
        stacks = self.stacks(request)
        stages: dict[str, set[str]] = {}
        for stack, last in stacks.items():
            if not self.holds(request, stack, inputs.get(stack.partition("/")[2], "")):
                return False
            stages.setdefault(stack.partition("/")[0], set()).update(last["files"])
        present = {
            f"{stage}/{name}"
            for stage in stages
            for name in os.listdir(self.outputs / stage)  # noqa: PTH208 (names only)
            if name.endswith(EMITTED)
        }
        return bool(stacks) and present == set().union(*stages.values())

    def keep(self, request: str, stacks: Mapping[str, tuple[str, Collection[str]]]) -> None:
        """Remember a finished run of *request*: for each stack its inputs and the names of its files."""
        self.runs[request] = {
            stack: {"inputs": inputs, "files": {name: self._digest(name) for name in sorted(names)}}
            for stack, (inputs, names) in stacks.items()
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(self.runs))
        fresh.replace(self.path)  # at once, so that two runs side by side leave one whole file

    def _digest(self, name: str) -> str | None:
        try:
            return _hashed([(name, contents(f"{self.outputs}/{name}"))])
        except OSError:
            return None


def fingerprints(stacks: Collection[str], *more: bytes, root: Path = ROOT) -> dict[str, str]:
    """For each of *stacks* one digest of all that it follows from; *more* is what else does (a settings file)."""
    own = {f"blueprints/{stack}.py": stack for stack in stacks}
    shared, alone = [("", part) for part in (sys.version.encode(), *more)], {}
    for name, content in [*_sources(root), *_generators()]:
        if name in own:
            alone[own[name]] = content
        else:
            shared.append((name, content))
    common = _hashed(shared).encode()
    return {stack: _hashed([("", common), (stack, content)]) for stack, content in alone.items()}


def _sources(root: Path) -> Iterator[tuple[str, bytes]]:
    base = str(root)
    for source in SOURCES:
        found = [f"{base}/{source}"] if source.endswith(SUFFIXES) else sorted(_below(f"{base}/{source}"))
        for path in found:
            yield path[len(base) + 1 :], contents(path)


def _below(folder: str) -> Iterator[str]:
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _below(entry.path)
        elif entry.name.endswith(SUFFIXES):
            yield entry.path


def _generators() -> Iterator[tuple[str, bytes]]:
    for name in GENERATORS:  # their first module holds the version
        spec = PathFinder.find_spec(name)
        if spec and spec.origin:
            yield spec.origin, contents(spec.origin)


def _hashed(parts: Iterable[tuple[str, bytes]]) -> str:
    total = hashlib.sha256()
    for name, content in parts:
        total.update(f"{name}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()
