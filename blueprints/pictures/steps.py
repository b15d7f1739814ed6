"""The picture of a deployment's order: a column for each step, a row for each stack, a line for each need.

First what is deployed as it is, then set by set: a step is done when it is done in both regions. Where a set's regions
take turns, the line leads from the recovery region's stack to the primary's, within the column.
"""

from __future__ import annotations

from collections.abc import Collection

from blueprints import order
from blueprints.order import Stack
from blueprints.pictures.svg import Area, Drawing
from blueprints.settings import Settings

WIDTH, MARGIN = 960, 32
BAR, ROW = 26, 34  # heights: of a stack, and from one to the next
GAP = 44  # between two steps, for the lines; less where there are many steps
LEAST = 104  # a stack's width; "observability" must fit
HEAD, LANE = 62, 40  # room for the picture's title, and for each region's
NEAREST, STRIPES = 11, 5  # from a stack to the last line before it; so many lines side by side
COLOURS = {
    "bootstrap": "compute",
    "stacksets": "compute",
    "keys": "guard",
    "network": "guard",
    "storage": "storage",
    "database": "data",
    "backup": "watch",
    "api": "edge",
    "site": "edge",
    "observability": "event",
}

FOOT = (
    "One column after the other; what stands in one is deployed at the same time, in both regions.",
    "Where a line leads from a stack of the recovery region straight down, that one comes first.",
)


def draw(settings: Settings, names: Collection[str]) -> str:
    """The picture of the order in which the stacks *names* are deployed."""
    waves = _waves(names, settings)
    step = {stack: number for number, wave in enumerate(waves) for stack in wave}
    needs = {stack: _direct(stack, names, settings) for stack in step}
    drawing = Drawing(WIDTH, f"Order of deployment of {settings.prefix}", _told(waves, needs))
    drawing.words(MARGIN, 38, f"{settings.prefix}: order of deployment", "h")
    room, between = WIDTH - 2 * MARGIN, max(1, len(waves) - 1)
    width = max(LEAST, (room - GAP * between) / len(waves))
    gap = (room - width * len(waves)) / between
    at: dict[Stack, Area] = {}
    lanes = []
    y: float = HEAD
    for region in dict.fromkeys([*reversed(settings.regions), *(stack.region for stack in step)]):
        top = y
        y += LANE
        turn = -1 if region == settings.recovery_region else 1  # what takes turns stands next to the other region
        for stack in sorted(
            (s for s in step if s.region == region),
            key=lambda s: (step[s], -turn * order.in_turn(s.name, settings), list(names).index(s.name)),
        ):
            at[stack] = Area(round(MARGIN + step[stack] * (width + gap), 1), y, round(width, 1), BAR)
            y += ROW
        lanes.append((region, Area(MARGIN - 14, top + 8, WIDTH - 2 * MARGIN + 28, y - top - 4)))
        y += 6
    for region, area in lanes:
        drawing.box(area, "panel", 12)
        drawing.words(WIDTH - MARGIN, area.y + 21, _title(region, settings), "t e")
    _lines(drawing, at, names, settings, (gap - NEAREST) / STRIPES)
    for stack, area in at.items():
        drawing.card(area, COLOURS.get(stack.name, "rest"), "", ())
        drawing.words(area.x + 12, area.y + 17.5, stack.name, "n")
    for number, line in enumerate(FOOT, 1):
        drawing.words(MARGIN, y + 4 + 16 * number, line, "s")
    return drawing.done(y + 20 + 16 * len(FOOT))


def _waves(names: Collection[str], settings: Settings) -> list[list[Stack]]:
    """The stacks of each step: those of some sets in all their regions, recovery first."""
    alone = [[name] for name in (order.BOOTSTRAP, order.SETS) if name in names]
    return [
        [Stack(name, region) for name in wave for region in order.region_order(name, settings)]
        for wave in [*alone, *order.set_waves(names, settings)]
    ]


def _title(region: str, settings: Settings) -> str:
    roles = {settings.primary_region: "Primary", settings.recovery_region: "Recovery"}
    return f"{roles.get(region, 'Edge')} · {region}"


def _told(waves: list[list[Stack]], needs: dict[Stack, list[Stack]]) -> str:
    def shown(stacks: Collection[Stack]) -> str:
        return ", ".join(f"{stack.name} in {stack.region}" for stack in stacks)

    steps = [f"Step {number}: {shown(wave)}." for number, wave in enumerate(waves, 1)]
    return " ".join([*steps, *(f"{shown([stack])} needs {shown(found)}." for stack, found in needs.items() if found)])


def _direct(stack: Stack, names: Collection[str], settings: Settings) -> list[Stack]:
    """What *stack* needs and nothing else that it needs does: the rest follows."""

    def before(one: Stack) -> set[Stack]:
        found = order.needs(one, names, settings)
        return found.union(*(before(each) for each in found))

    needed = order.needs(stack, names, settings)
    return sorted(needed - set[Stack]().union(*(before(each) for each in needed)))


def _sources(stack: Stack, at: Collection[Stack], names: Collection[str], settings: Settings) -> list[Stack]:
    """From where lines lead to *stack*: that the sets before it are done in the other region, too, say the columns."""
    if stack.name == order.BOOTSTRAP:
        return []
    if stack.name == order.SETS:
        return [each for each in at if each.name == order.BOOTSTRAP]

    def before(name: str) -> set[str]:
        found = set(order.set_needs(name, names, settings))
        return found.union(*(before(each) for each in found))

    needed = order.set_needs(stack.name, names, settings)
    direct = set(needed) - set[str]().union(*(before(each) for each in needed)) or {order.SETS} & set(names)
    near = [Stack(name, stack.region) for name in sorted(direct)]
    return [each if each in at else Stack(each.name, settings.primary_region) for each in near]


def _lines(drawing: Drawing, at: dict[Stack, Area], names: Collection[str], settings: Settings, stripe: float) -> None:
    """Along the row of what is needed, where no other stack is; then, before the step, to the row of what needs it."""
    before: dict[float, int] = {}  # lines that already lead to the same column
    for stack, area in at.items():
        place = before[area.x] = before.get(area.x, -1) + 1
        x = round(area.x - NEAREST - stripe * (place % STRIPES), 1)
        for source in (at[each] for each in _sources(stack, at, names, settings)):
            y, end = source.middle[1], area.middle[1]
            drawing.line((source.right, y), (x, y), (x, end), (area.x, end))
    down: dict[float, int] = {}
    for name in (name for name in order.sets(names) if order.in_turn(name, settings)):
        first, then = (at[Stack(name, region)] for region in order.region_order(name, settings))
        place = down[first.x] = down.get(first.x, 0) + 1
        x = round(first.x + first.width * place / 3, 1)
        drawing.line((x, first.bottom), (x, then.y))
