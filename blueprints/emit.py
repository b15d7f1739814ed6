"""Templates as files: ``outputs/<stage>/<stack>.json``, ``<machine>.asl.json``, ``openapi.json``; and pictures."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import workflows
from blueprints.rebuild import EMITTED, ROOT, Memory, fingerprints
from blueprints.request import Request

if TYPE_CHECKING:
    from troposphere import Template

    from blueprints.settings import Settings

    # None: this deployment does without. The last one, SETS, is given the texts of all others, too.
    Stacks = Mapping[str, Callable[..., Template | None]]

Files = dict[str, str]  # path below outputs/, with slashes -> text
OTHERS = (".asl.json", "/openapi.json")  # what is emitted beside templates
PICTURES = "pictures"  # what the memory calls them
SETS = "stacksets"  # follows from every other stack, by their digests


def defer(*names: str) -> None:
    """Have each of the modules *names* imported when something is first read from it, unless it is there already.

    ``import troposphere`` imports ``cfn_flip``, which takes as long as the rest of it and is used by ``to_yaml`` only.
    ``import awacs`` does the same with ``inspect``, for the message about a value of a wrong type.
    (``importlib.util.LazyLoader`` does not help: the import statement itself reads ``__spec__``.)
    """
    for name in names:
        sys.modules.setdefault(name, _stand_in(name))


def _stand_in(name: str) -> types.ModuleType:
    def read(attribute: str) -> Any:
        if sys.modules[name] is stand_in:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    stand_in = types.ModuleType(name)
    stand_in.__getattr__ = read  # type: ignore[method-assign]  # https://peps.python.org/pep-0562/
    return stand_in


def texts(settings: Settings, stack: str, template: Template | None) -> Files:
    """Text of every file that follows from *template*: its own, and those of the machines and the API in it."""
    if template is None:
        return {}
    from blueprints import text  # noqa: PLC0415 (a run that changes nothing needs no troposphere)

    files = {f"{settings.stage}/{stack}.json": text.whole(template)}
    for resource in template.resources.values():
        if resource.resource_type == "AWS::StepFunctions::StateMachine":
            machine = resource.StateMachineName.removeprefix(f"{settings.prefix}-")
            files[f"{settings.stage}/{machine}.asl.json"] = text.indented(resource.Definition) + "\n"
        elif resource.resource_type == "AWS::ApiGateway::RestApi":
            files[f"{settings.stage}/openapi.json"] = text.indented(resource.Body.public) + "\n"
    return files


def templates(settings: Settings, stacks: Stacks) -> dict[str, Template]:
    """Every template of one deployment, in the order of *stacks*."""
    found, files = {}, Files()
    for stack, blueprint in stacks.items():
        if template := _built(settings, stack, blueprint, files):
            found[stack] = template
            files |= texts(settings, stack, template) if SETS in stacks else {}
    return found


def _built(
    settings: Settings, stack: str, blueprint: Callable[..., Template | None], files: Mapping[str, str]
) -> Template | None:
    """The template of *stack*, before which *files* were emitted."""
    if stack != SETS:
        return blueprint(settings)
    return blueprint(settings, {Path(name).stem: text for name, text in files.items() if not name.endswith(OTHERS)})


def emit(  # noqa: PLR0913 (where from, where to, and what)
    outputs: Path,
    stacks: Stacks,
    request: Request,
    memory: Memory,
    sources: Path = ROOT,
    *,
    illustrated: bool = False,
) -> list[str]:
    """Bring the files of *request* below *outputs* up to date; the answer says what was done to which.

    Args:
        outputs: Folder that holds one for each stage.
        stacks: What is emitted, in the order of deployment.
        request: Which deployments are.
        memory: What the last run did.
        sources: Root of what the files follow from.
        illustrated: Draw pictures of them, too.

    Raises:
        SettingsError: the request names no settings, or wrong ones; nothing was written.
    """
    inputs = fingerprints(stacks, request.content(), root=sources)
    inputs |= dict.fromkeys([PICTURES, SETS] if SETS in stacks else [PICTURES], " ".join(inputs.values()))
    if memory.nothing_changed(request.name, inputs):
        return []
    from blueprints import interface  # noqa: PLC0415 (a run that changes nothing needs no document)

    workflows.remember(memory.path.with_name("workflows.json"))
    interface.remember(memory.path.with_name("openapi.json"))
    if illustrated:
        from blueprints import pictures  # noqa: PLC0415

        pictures.remember(memory.path.with_name("pictures.json"))
    done, built = [], {}
    for settings in request.deployments():
        kept: Files = {}
        for stack, blueprint in stacks.items():
            key = f"{settings.stage}/{stack}"
            if memory.holds(request.name, key, inputs[stack]):
                files = {name: (outputs / name).read_text() for name in memory.files(request.name, key)}
            else:
                files = texts(settings, stack, _built(settings, stack, blueprint, kept))
                done += [f"wrote: {name}" for name in _write(outputs, files)]
            built[key] = (inputs[stack], list(files))
            kept |= files
        if illustrated:
            files = pictures.drawn(settings, kept)
            done += [f"wrote: {name}" for name in _write(outputs, files)]
            built[f"{settings.stage}/{PICTURES}"] = (inputs[PICTURES], list(files))
            kept |= files
        for name in superfluous(outputs, settings.stage, kept):
            (outputs / name).unlink()
            done.append(f"removed: {name}")
    memory.keep(request.name, built)
    return done


def check(outputs: Path, stacks: Stacks, request: Request, *, illustrated: bool = False) -> list[str]:
    """What differs between *outputs* and what the code emits for *request*, built afresh: ``stale: sandbox/keys.json``.

    Raises:
        SettingsError: the request names no settings, or wrong ones.
    """
    found = []
    for settings in request.deployments():
        wanted: Files = {}
        for stack, blueprint in stacks.items():
            wanted |= texts(settings, stack, _built(settings, stack, blueprint, wanted))
        if illustrated:
            from blueprints import pictures  # noqa: PLC0415

            wanted |= pictures.drawn(settings, wanted)
        found += [f"{fault}: {name}" for name, text in wanted.items() if (fault := _fault(outputs / name, text))]
        found += [f"superfluous: {name}" for name in superfluous(outputs, settings.stage, wanted)]
    return found


def superfluous(outputs: Path, stage: str, names: Iterable[str]) -> list[str]:
    """Files of *stage* that are not among *names*, sorted: what a renamed stack or machine left behind."""
    present = {f"{stage}/{path.name}" for path in (outputs / stage).glob("*") if path.suffix in EMITTED}
    return sorted(present - set(names))


def _fault(path: Path, text: str) -> str | None:
    try:
        return None if path.read_bytes() == text.encode() else "stale"
    except FileNotFoundError:
        return "missing"


def _write(outputs: Path, files: Files) -> list[str]:
    changed = [name for name, text in files.items() if _fault(outputs / name, text)]
    for folder in {(outputs / name).parent for name in changed}:
        folder.mkdir(parents=True, exist_ok=True)
    for name in changed:
        (outputs / name).write_bytes(files[name].encode())
    return changed
