"""Where each state of a machine and each way between two goes.

What follows if nothing fails stands in layers, the main part. States that only errors lead to stand at its right, in
parts of their own. Between them run the lanes: of errors, and of ways that lead back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from blueprints.pictures import layers, states
from blueprints.pictures.svg import PADDING, SMALL, TITLE, Area, breadth

GAP, LANE = 26, 16  # between cards side by side, between two lanes
CARD, FLAT = 46, 30  # a card's height, and the room between two rows
LABELLED = 46  # the room below a row whose ways have labels
LEAST = 150  # a card's width
START = 26  # the room for the dot where it begins
INSIDE = CARD - START + 2  # from the top of a card to the machine inside it
AGAIN = " ↻"


@dataclass
class Node:
    """A state, or a bend of a way that passes other rows."""

    width: float
    height: float
    inner: list[Chart] = field(default_factory=list)
    bend: bool = False


class Detour(NamedTuple):
    """A way by a lane."""

    source: str
    target: str
    label: str
    error: bool

    @property
    def lane(self) -> tuple[str, bool]:
        """Ways to one state share a lane, those of errors theirs."""
        return self.target, self.error


@dataclass
class Chart:
    """A machine laid out; every place is relative to its corner."""

    definition: Mapping[str, Any]
    nodes: dict[str, Node] = field(default_factory=dict)
    areas: dict[str, Area] = field(default_factory=dict)
    chains: list[tuple[list[str], str]] = field(default_factory=list)  # what a way passes, and its label
    detours: list[Detour] = field(default_factory=list)
    lanes: dict[tuple[str, bool], float] = field(default_factory=dict)  # where it runs; none if it is a straight line
    side: set[str] = field(default_factory=set)  # states that only errors lead to
    width: float = 0
    height: float = 0

    @property
    def states(self) -> dict[str, Any]:
        """States by name."""
        found: dict[str, Any] = self.definition["States"]
        return found


def laid_out(definition: Mapping[str, Any]) -> Chart:
    """The machine of *definition*."""
    chart = Chart(definition)
    chart.nodes = {name: _node(name, state) for name, state in chart.states.items()}
    alike = max((node.width for node in chart.nodes.values() if not node.inner), default=0)
    for node in chart.nodes.values():
        node.width = max(node.width, alike)
    _part(chart, definition["StartAt"], START)
    main = set(chart.areas)
    right = max(area.right for area in chart.areas.values())
    free = 0.0  # where the side is not taken yet
    while root := next((way.target for _, way in _errors(chart) if way.target not in chart.areas), None):
        sources = [chart.areas[name] for name, way in _errors(chart) if way.target == root]
        top = max(free, sources[len(sources) // 2].y)
        before = set(chart.areas)
        _part(chart, root, top)
        free = max(chart.areas[name].bottom for name in set(chart.areas) - before) + FLAT
    chart.side = {name for name in chart.states if name in chart.areas} - main
    chart.detours += [Detour(name, way.target, way.label, error=True) for name, way in _errors(chart)]
    _set_aside(chart, right)
    chart.width = max([area.right for area in chart.areas.values()] + [x + LANE for x in chart.lanes.values()])
    chart.height = max(area.bottom for area in chart.areas.values())
    return chart


def _node(name: str, state: Mapping[str, Any]) -> Node:
    words = [breadth(name + AGAIN, TITLE, bold=True), *(breadth(line) for line in states.facts(name, state))]
    width = max(LEAST, round(max(words) + 2 * PADDING))
    inner = [laid_out(machine) for machine in states.machines_in(state)]
    if not inner:
        return Node(width, CARD)
    inside = sum(chart.width for chart in inner) + GAP * (len(inner) - 1)
    height = INSIDE + max(chart.height for chart in inner) + PADDING
    return Node(max(width, inside + 2 * PADDING), height, inner)


def _errors(chart: Chart) -> Iterator[tuple[str, states.Way]]:
    """Ways that errors take from states that have their place."""
    for name, state in chart.states.items():
        if name in chart.areas:
            for way in states.catches(state):
                yield name, way


def _part(chart: Chart, root: str, top: float) -> None:
    """Lay out *root* and what follows it, as far as it has no place yet, in layers from *top* on."""
    usual = {
        name: [way.target for way in states.ways(state) if way.target not in chart.areas]
        for name, state in chart.states.items()
    }
    rank = layers.ranks(usual, root)
    rows, graph = _with_bends(chart, rank)
    labelled = {chain[0] for chain, label in chart.chains if label}
    rows = layers.ordered(rows, graph)
    x = layers.placed(rows, graph, {name: chart.nodes[name].width for row in rows for name in row}, GAP)
    for row in rows:
        tallest = max(chart.nodes[name].height for name in row)
        for name in row:
            node = chart.nodes[name]
            chart.areas[name] = Area(x[name] - node.width / 2, top, node.width, tallest if node.bend else node.height)
        top += tallest + (LABELLED if labelled & set(row) else FLAT)


def _with_bends(chart: Chart, rank: Mapping[str, int]) -> tuple[list[list[str]], dict[str, list[str]]]:
    """Rows of states and bends, and what is joined to what from row to row."""
    rows: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for name in chart.states:
        if name in rank:
            rows[rank[name]].append(name)
    graph: dict[str, list[str]] = {}
    for name in rank:
        for way in states.ways(chart.states[name]):
            if rank.get(way.target, 0) <= rank[name]:  # back, or to another part
                chart.detours.append(Detour(name, way.target, way.label, error=False))
                continue
            chain = [name]
            for number in range(rank[name] + 1, rank[way.target]):
                bend = f"{name} > {way.target} {number}"
                label = breadth(way.label, SMALL) if len(chain) == 1 else 0
                chart.nodes[bend] = Node(label + 8, 0, bend=True)
                rows[number].insert(0, bend)  # at the left: the lanes are at the right
                chain.append(bend)
            chain.append(way.target)
            chart.chains.append((chain, way.label))
            for one, other in pairwise(chain):
                graph.setdefault(one, []).append(other)
    return rows, graph


def _set_aside(chart: Chart, right: float) -> None:
    """Lay the lanes at the right of the main part, which ends at *right*, and the other parts beyond them."""
    straight = {
        detour.lane
        for detour in chart.detours
        if detour.source not in chart.side
        and detour.target in chart.side
        and sum(other.lane == detour.lane for other in chart.detours) == 1
        and chart.areas[detour.source].y == chart.areas[detour.target].y
    }
    lanes = dict.fromkeys(detour.lane for detour in chart.detours if detour.lane not in straight)
    chart.lanes = {lane: right + GAP + LANE * number for number, lane in enumerate(lanes)}
    named = [
        chart.areas[detour.source].right + breadth(detour.label, SMALL) + 2 * GAP
        for detour in chart.detours
        if detour.lane in straight
    ]
    column = max([right + GAP + LANE * len(lanes), *named])
    for name, area in chart.areas.items():
        bend = chart.nodes[name].bend and name.partition(" > ")[0]
        if (bend or name) in chart.side:
            chart.areas[name] = area._replace(x=area.x + column)
