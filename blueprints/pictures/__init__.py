"""Pictures of what is emitted: a deployment's architecture, the order of its stacks, and each of its machines.

Every one follows from the emitted files and the settings alone. Drawing all of a deployment's takes longer than one of
its templates, so that what was drawn is kept from run to run; see :func:`remember`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints.artifacts import contents

if TYPE_CHECKING:
    from blueprints.settings import Settings

HERE = Path(__file__).parent
MACHINE = ".asl.json"
OTHERS = (MACHINE, "/openapi.json")  # what is emitted beside templates


class Kept:
    """Pictures by name, each with a digest of all that it follows from; in the file *path*, if one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.known: dict[str, list[str]] = {}
        self.changed = False
        if path:
            try:
                self.known = {
                    name: [str(inputs), str(svg)] for name, (inputs, svg) in json.loads(path.read_bytes()).items()
                }
            except (OSError, ValueError, TypeError, AttributeError):
                self.known = {}  # a damaged file is none

    def picture(self, name: str, inputs: str, draw: Callable[[], str]) -> str:
        """The picture *name* as it was drawn from *inputs*; drawn now if it was not."""
        found = self.known.get(name)
        if not found or found[0] != inputs:
            found = self.known[name] = [inputs, draw()]
            self.changed = True
        return found[1]

    def keep(self) -> None:
        """Write what is known if some is new; at once, so that two runs side by side leave one whole file."""
        if self.path and self.changed:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.path.with_suffix(f".{os.getpid()}")
            fresh.write_text(json.dumps(self.known))
            fresh.replace(self.path)


_kept = Kept()


def remember(path: Path) -> None:
    """Have pictures kept in *path*, and taken from there if what they follow from is still the same."""
    global _kept  # noqa: PLW0603 (one for the whole run)
    _kept = Kept(path)


def drawn(settings: Settings, files: Mapping[str, str]) -> dict[str, str]:
    """The pictures of the deployment that is emitted as *files*, by the names of the files they become."""
    stage, own = settings.stage, _sources()
    templates = {Path(name).stem: text for name, text in files.items() if not name.endswith(OTHERS)}
    everything = _digest(own, repr(settings), *templates, *templates.values())

    def architecture() -> str:
        from blueprints.pictures import architecture  # noqa: PLC0415 (only what changed is drawn)

        return architecture.draw(settings, {stack: json.loads(text) for stack, text in templates.items()})

    def dependencies() -> str:
        from blueprints.pictures import steps  # noqa: PLC0415

        return steps.draw(settings, list(templates))

    def machine(name: str, text: str) -> Callable[[], str]:
        def draw() -> str:
            from blueprints.pictures import machine  # noqa: PLC0415

            return machine.draw(name, json.loads(text))

        return draw

    found = {
        f"{stage}/architecture.svg": _kept.picture(f"{settings.prefix} architecture", everything, architecture),
        f"{stage}/dependencies.svg": _kept.picture(f"{settings.prefix} dependencies", everything, dependencies),
    }
    for path, text in files.items():
        if path.endswith(MACHINE):
            name = Path(path).name.removesuffix(MACHINE)
            key = f"{settings.prefix} machine {name}"
            found[f"{stage}/{name}.svg"] = _kept.picture(key, _digest(own, text), machine(name, text))
    _kept.keep()
    return found


def _sources() -> str:
    """Digest of what draws: this package, and the order and the places that it draws."""
    others = [HERE.parent / name for name in ("order.py", "regions.py")]
    return _digest(*(contents(str(path)).decode() for path in sorted([*HERE.glob("*.py"), *others])))


def _digest(*parts: str) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)}\0{part}".encode())
    return total.hexdigest()
