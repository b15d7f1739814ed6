"""The plan as text for a terminal: what becomes of each stack, region beside region, and what would be lost."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from blueprints.order import Stack
from deployment.changes import HOLDS, Action, Change
from deployment.plan import Entry, Kind, Plan

if TYPE_CHECKING:
    from deployment.target import Target

WIDTH = 80
NAME = 16  # columns of a stack's name and what stands before it
MOST_LINES = 3  # of a list of names

# https://invisible-island.net/xterm/ctlseqs/ctlseqs.html (SGR)
BOLD, DIM, RED, YELLOW, GREEN = "1", "2", "1;31", "33", "32"
MARKS: dict[Action, str] = {"add": "+", "change": "~", "replace": "±", "delete": "-"}
LEGEND = "+ new   ~ changed   ± replaced by a new one   - deleted"


@dataclass(frozen=True)
class Paint:
    """Colours, or none."""

    on: bool

    def __call__(self, text: str, style: str) -> str:
        """*text* in a colour, where there are any."""
        return f"\x1b[{style}m{text}\x1b[0m" if self.on and style and text.strip() else text


def colours(stream: TextIO) -> bool:
    """Whether a stream shows colours: a terminal that can, whose person does not mind (https://no-color.org)."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")


def plan(made: Plan, target: Target, *, colour: bool = False) -> str:
    """The plan: a table of stacks and regions, what is replaced and deleted by name, and a sum; ends with a newline."""
    paint = Paint(colour)
    lines = [*_table(made, target, paint), *_details(made, paint), *_notes(made, paint), *_losses(made, paint)]
    return "\n".join(line.rstrip() for line in [*lines, "", f"  {paint(summary(made), BOLD)}", ""])


def summary(made: Plan) -> str:
    """How many stacks become what: ``2 stacks to create, 3 to change, 11 unchanged``."""
    words: dict[Kind, str] = {
        "create": "to create",
        "remake": "to make again",
        "update": "to change",
        "under-way": "under way",
        "stuck": "stuck",
        "unchanged": "unchanged",
        "superfluous": "no longer asked for",
    }
    count = Counter(entry.kind for entry in made.entries.values())
    parts = [f"{count[kind]} {text}" for kind, text in words.items() if count[kind]]
    if not parts:
        return "no stacks"
    number, rest = parts[0].split(" ", 1)
    return ", ".join([f"{number} stack{'' if number == '1' else 's'} {rest}", *parts[1:]])


def _table(made: Plan, target: Target, paint: Paint) -> Iterator[str]:
    """One line for each stack, one column for each region."""
    used = [stack.region for stack in made.entries]
    regions = list(dict.fromkeys([*(region for region in target.regions if region in used), *used]))
    width = (WIDTH - NAME) // len(regions)
    parts = {target.settings.primary_region: "primary", target.settings.recovery_region: "recovery"}
    yield ""
    yield " " * NAME + "".join(f"{region:<{width}}" for region in regions)
    yield " " * NAME + "".join(paint(f"{parts.get(region, ''):<{width}}", DIM) for region in regions)
    for name in dict.fromkeys(stack.name for stack in made.entries):
        cells = [_cell(made.entries.get(Stack(name, region))) for region in regions]
        yield f"  {name:<{NAME - 2}}" + "".join(paint(f"{text:<{width}}", style) for text, style in cells)


def _cell(entry: Entry | None) -> tuple[str, str]:
    """What the table says of one stack, and its colour."""
    if entry is None:
        return "", ""
    if entry.kind == "unchanged":
        return "unchanged", DIM
    if entry.kind == "create":
        return f"create {_resources(entry.changes)}", GREEN
    lost = sum(change.loses for change in entry.changes)
    if entry.kind == "remake":
        return f"make again {_counts(entry.changes)}", RED if lost else YELLOW
    if entry.kind == "update":
        return f"change {_counts(entry.changes) or 'outputs'}", RED if lost else ""
    return {"under-way": "under way", "stuck": "stuck", "superfluous": "not asked for"}[entry.kind], YELLOW


def _resources(changes: Sequence[Change]) -> str:
    return f"{len(changes)} resource{'' if len(changes) == 1 else 's'}"


def _counts(changes: Sequence[Change]) -> str:
    count = Counter(change.action for change in changes)
    return " ".join(f"{mark}{count[action]}" for action, mark in MARKS.items() if count[action])


def _details(made: Plan, paint: Paint) -> Iterator[str]:
    """What is replaced and deleted, by name, and the names of the rest; equal regions together."""
    groups: dict[tuple[str, tuple[Change, ...]], list[str]] = {}
    for stack, entry in made.entries.items():
        if (entry.kind == "update" and entry.changes) or (
            entry.kind == "remake" and any(c.action != "add" for c in entry.changes)
        ):
            groups.setdefault((stack.name, entry.changes), []).append(stack.region)
    for (name, changes), regions in groups.items():
        yield ""
        yield f"  {paint(name, BOLD)} in {' and '.join(regions)}"
        for change in sorted(changes, key=lambda change: (not change.loses, change.action, change.logical_id)):
            if change.action in ("replace", "delete"):
                yield from _by_name(change, paint)
        for action in ("change", "add"):
            yield from _names(action, [change for change in changes if change.action == action], paint)
    if groups:
        yield ""
        yield f"  {paint(LEGEND, DIM)}"


def _by_name(change: Change, paint: Paint) -> Iterator[str]:
    kind = change.type.removeprefix("AWS::")
    what = f"    {MARKS[change.action]} {change.logical_id} ({kind}): {_fate(change)}"
    if change.loses:
        yield from (paint(line, RED) for line in wrapped(what, "        "))
        lost = f"      DATA LOST: {HOLDS[change.type]}" + (
            "; the old one stays behind, the deployment uses an empty one" if change.kept else ""
        )
        yield from (paint(line, RED) for line in wrapped(lost, "        "))
    else:
        yield from wrapped(what, "        ")


def _fate(change: Change) -> str:
    because = f" ({', '.join(change.properties)})" if change.properties else ""
    if change.action == "replace":
        return ("may be replaced" if change.perhaps else "replaced") + because
    return "leaves the stack and stays behind" if change.kept else "deleted"


def _names(action: Action, changes: Iterable[Change], paint: Paint) -> Iterator[str]:
    """Names of what is new or changed, on a few lines."""
    names = sorted(change.logical_id for change in changes)
    if not names:
        return
    lines = wrapped(f"    {MARKS[action]} {', '.join(names)}", "      ")
    for line in lines[:MOST_LINES]:
        yield paint(line, DIM)
    if len(lines) > MOST_LINES:
        left = len(names) - sum(line.count(",") for line in lines[:MOST_LINES])
        yield paint(f"      and {left} more", DIM)


def _notes(made: Plan, paint: Paint) -> Iterator[str]:
    """What is to be known of single stacks."""
    for stack, entry in made.entries.items():
        if entry.note and entry.kind != "unchanged":
            yield ""
            about = f"  {stack.name} in {stack.region}: {entry.note}"
            yield from (paint(line, YELLOW) for line in wrapped(about, "    "))


def _losses(made: Plan, paint: Paint) -> Iterator[str]:
    lossy = sorted({f"{stack.name}/{change.logical_id}" for stack, change in made.lossy()})
    if lossy:
        yield ""
        yield from (paint(line, RED) for line in wrapped(f"  Data would be lost: {', '.join(lossy)}", "    "))


def wrapped(text: str, indent: str) -> list[str]:
    """Lines of at most 80 columns; what stands on a line of its own, such as a command, stays whole to be copied."""
    first, *others = text.splitlines()
    lines = textwrap.wrap(first, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
    return [*lines, *(f"{indent}{line}" for line in others)]
