"""Templates as files: ``outputs/<stage>/<stack>.json``, and ``outputs/<stage>/<machine>.asl.json`` for machines."""

from __future__ import annotations

import importlib
import json
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blueprints.rebuild import ROOT, Memory, fingerprints
from blueprints.request import Request

if TYPE_CHECKING:
    from troposphere import Template

    from blueprints.settings import Settings

    Stacks = Mapping[str, Callable[[Settings], Template | None]]  # None: this deployment does without

LINE = 100  # characters; a list or object this short stands on one line

Files = dict[str, str]  # path below outputs/, with slashes -> text


def defer(name: str) -> None:
    """Have module *name* imported when something is first read from it, unless it is there already.

    ``import troposphere`` imports ``cfn_flip``, which takes as long as the rest of it and is used by ``to_yaml`` only.
    (``importlib.util.LazyLoader`` does not help: the import statement itself reads ``__spec__``.)
    """

    def read(attribute: str) -> Any:
        if sys.modules[name] is stand_in:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    stand_in = types.ModuleType(name)
    stand_in.__getattr__ = read  # type: ignore[method-assign]  # https://peps.python.org/pep-0562/
    sys.modules.setdefault(name, stand_in)


def texts(settings: Settings, stack: str, template: Template | None) -> Files:
    """Text of every file that follows from *template*: its own, and the definition of each state machine in it."""
    if template is None:
        return {}
    content = template.to_dict()
    files = {f"{settings.stage}/{stack}.json": indented(content) + "\n"}
    for resource in content["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            properties = resource["Properties"]
            machine = properties["StateMachineName"].removeprefix(f"{settings.prefix}-")
            files[f"{settings.stage}/{machine}.asl.json"] = indented(properties["Definition"]) + "\n"
    return files


def indented(node: Any, margin: str = "\n") -> str:
    """*node* as JSON for people; several times faster than ``json.dumps(indent=…)``, whose C code knows no indent."""
    inner = margin + "  "
    if isinstance(node, str):
        return quote(node)
    if isinstance(node, dict):
        opening, parts, closing = "{", [f"{quote(k)}: {indented(v, inner)}" for k, v in node.items()], "}"
    elif isinstance(node, list | tuple):
        opening, parts, closing = "[", [indented(v, inner) for v in node], "]"
    else:
        return json.dumps(node)
    line = ", ".join(parts)
    if len(line) <= LINE and "\n" not in line:
        return f"{opening}{line}{closing}"
    return f"{opening}{inner}{f',{inner}'.join(parts)}{margin}{closing}"


def emit(outputs: Path, stacks: Stacks, request: Request, memory: Memory, sources: Path = ROOT) -> list[str]:
    """Bring the files of *request* below *outputs* up to date; the answer says what was done to which.

    Raises:
        SettingsError: the request names no settings, or wrong ones; nothing was written.
    """
    inputs = fingerprints(stacks, request.content(), root=sources)
    if memory.nothing_changed(request.name, inputs):
        return []
    done, built = [], {}
    for settings in request.deployments():
        kept: set[str] = set()
        for stack, blueprint in stacks.items():
            key = f"{settings.stage}/{stack}"
            if memory.holds(request.name, key, inputs[stack]):
                names = memory.files(request.name, key)
            else:
                files = texts(settings, stack, blueprint(settings))
                done += [f"wrote: {name}" for name in _write(outputs, files)]
                names = list(files)
            built[key] = (inputs[stack], names)
            kept.update(names)
        for name in superfluous(outputs, settings.stage, kept):
            (outputs / name).unlink()
            done.append(f"removed: {name}")
    memory.keep(request.name, built)
    return done


def check(outputs: Path, stacks: Stacks, request: Request) -> list[str]:
    """What differs between *outputs* and what the code emits for *request*, built afresh: ``stale: sandbox/keys.json``.

    Raises:
        SettingsError: the request names no settings, or wrong ones.
    """
    found = []
    for settings in request.deployments():
        wanted: Files = {}
        for stack, blueprint in stacks.items():
            wanted |= texts(settings, stack, blueprint(settings))
        found += [f"{fault}: {name}" for name, text in wanted.items() if (fault := _fault(outputs / name, text))]
        found += [f"superfluous: {name}" for name in superfluous(outputs, settings.stage, wanted)]
    return found


def superfluous(outputs: Path, stage: str, names: Iterable[str]) -> list[str]:
    """JSON files of *stage* that are not among *names*, sorted: what a renamed stack or machine left behind."""
    present = {f"{stage}/{path.name}" for path in (outputs / stage).glob("*.json")}
    return sorted(present - set(names))


def _fault(path: Path, text: str) -> str | None:
    try:
        return None if path.read_bytes() == text.encode() else "stale"
    except FileNotFoundError:
        return "missing"


def _write(outputs: Path, files: Files) -> list[str]:
    changed = [name for name, text in files.items() if _fault(outputs / name, text)]
    for name in changed:
        (outputs / name).parent.mkdir(parents=True, exist_ok=True)
        (outputs / name).write_bytes(files[name].encode())
    return changed
