"""The picture of a state machine: what follows what, with the ways that errors take in grey at the right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blueprints.pictures import states
from blueprints.pictures.chart import AGAIN, GAP, INSIDE, Chart, Detour, Node, laid_out
from blueprints.pictures.svg import SMALL, Area, Drawing, Point, breadth

MARGIN, HEAD = 28, 56  # around it; from the upper edge to the chart
LEGEND = "↻ tried again after a passing fault · grey: the way of errors"
APART = 18  # between two lines that leave one card


def draw(name: str, definition: Mapping[str, Any]) -> str:
    """The picture of the machine *name*."""
    chart = laid_out(definition)
    width = round(max(chart.width, breadth(LEGEND, SMALL)) + 2 * MARGIN)
    drawing = Drawing(width, f"State machine {name}", _told(definition))
    drawing.words(MARGIN, 34, name, "h")
    limit = f"runs at most {states.span(definition['TimeoutSeconds'])}" if "TimeoutSeconds" in definition else ""
    drawing.words(width - MARGIN, 34, limit, "e")
    left = (width - chart.width) / 2
    start = chart.areas[definition["StartAt"]]
    drawing.line((left + start.middle[0], HEAD + 2), (left + start.middle[0], HEAD + start.y), dot=True)
    _paint(drawing, chart, left, HEAD, "paper")
    bottom = HEAD + chart.height + 40
    drawing.words(MARGIN, bottom, LEGEND, "s")
    return drawing.done(bottom + 18)


def _told(definition: Mapping[str, Any]) -> str:
    """The way from state to state, for who can't see it."""
    return " ".join([f"Begins with {definition['StartAt']}.", *_sentences(definition)])


def _sentences(definition: Mapping[str, Any]) -> Iterator[str]:
    for name, state in definition["States"].items():
        to = [f"{way.target}{f' ({way.label})' if way.label else ''}" for way in states.ways(state)]
        to += [f"on error {way.target}" for way in states.catches(state)]
        if to:
            yield f"{name}: {', '.join(to)}."
        for inner in states.machines_in(state):
            yield from _sentences(inner)


def _paint(drawing: Drawing, chart: Chart, left: float, top: float, ground: str) -> None:
    at = {name: Area(a.x + left, a.y + top, a.width, a.height) for name, a in chart.areas.items()}
    for name in chart.states:
        leaving = [detour for detour in chart.detours if detour.source == name]
        for number, detour in enumerate(leaving):
            y = at[name].middle[1] + (number - (len(leaving) - 1) / 2) * APART
            _paint_detour(drawing, chart, detour, at, left, y, ground)
    for chain, label in chart.chains:
        _paint_way(drawing, [at[name] for name in chain], label, ground)
    for name, state in chart.states.items():
        if name in at:
            _paint_state(drawing, chart.nodes[name], name, state, at[name])


def _paint_state(drawing: Drawing, node: Node, name: str, state: Mapping[str, Any], area: Area) -> None:
    title = name + (AGAIN if "Retry" in state else "")
    drawing.card(area, states.colour(state), title, states.facts(name, state))
    x = area.middle[0] - (sum(inner.width for inner in node.inner) + GAP * (len(node.inner) - 1)) / 2
    for inner in node.inner:
        _paint(drawing, inner, x, area.y + INSIDE, "card")
        x += inner.width + GAP


def _paint_way(drawing: Drawing, areas: list[Area], label: str, ground: str) -> None:
    points: list[Point] = [(areas[0].middle[0], areas[0].bottom)]
    for area in areas[1:]:
        (x, y), middle = points[-1], area.middle[0]
        turn = y + 12 if label else (y + area.y) / 2
        points += [(x, turn), (middle, turn), (middle, area.y)]
        if area is not areas[-1]:
            points.append((middle, area.bottom))
    drawing.line(*points)
    drawing.label(areas[1].middle[0], areas[1].y - 13, label, ground)


def _paint_detour(  # noqa: PLR0913, PLR0917 (what it goes around)
    drawing: Drawing, chart: Chart, detour: Detour, at: Mapping[str, Area], left: float, y: float, ground: str
) -> None:
    source, target = at[detour.source], at[detour.target]
    if detour.lane not in chart.lanes:
        drawing.line((source.right, y), (target.x, y), dim=True)
        drawing.label((source.right + target.x) / 2, y + 4, detour.label, ground)
        return
    lane = left + chart.lanes[detour.lane]
    begin = source.x if detour.source in chart.side else source.right
    x, middle = target.middle
    points: list[Point] = [(begin, y), (lane, y)]
    row = [
        area for name, area in at.items() if name in chart.states and area.y == source.y and source.x < area.x < lane
    ]
    if detour.source not in chart.side and any(area.bottom > y for area in row):  # from below, around them
        begin, y = source.middle[0] + source.width / 4, max(area.bottom for area in [source, *row]) + 8
        points = [(begin, source.bottom), (begin, y), (lane, y)]
    if detour.target in chart.side:
        points += [(lane, middle), (target.x, middle)]
    elif any(other.y == target.y and other.x > target.x for name, other in at.items() if name not in chart.side):
        points += [(lane, target.bottom + 14), (x, target.bottom + 14), (x, target.bottom)]  # from below, around others
    else:
        end = middle if detour.error else target.y + 10
        points += [(lane, end), (target.right, end)]
    drawing.line(*points, dim=detour.error)
    if detour.label and not detour.error:
        drawing.label(lane, y + 14, detour.label, ground)
