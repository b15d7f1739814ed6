"""Layered layout: longest paths decide the rank, barycentres the order, neighbours the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

Graph = Mapping[str, Sequence[str]]  # what follows each node
SWEEPS = 8


def ranks(graph: Graph, start: str) -> dict[str, int]:
    """Rank of each node that can be reached: one more than that of the last before it; ways back do not count."""
    order: list[str] = []
    open_now: set[str] = set()
    back: set[tuple[str, str]] = set()

    def visit(node: str) -> None:
        open_now.add(node)
        for following in graph.get(node, ()):
            if following in open_now:
                back.add((node, following))
            elif following not in order:
                visit(following)
        open_now.discard(node)
        order.append(node)

    visit(start)
    found = dict.fromkeys(reversed(order), 0)
    for node in found:
        for following in graph.get(node, ()):
            if (node, following) not in back:
                found[following] = max(found[following], found[node] + 1)
    return found


def ordered(rows: list[list[str]], graph: Graph) -> list[list[str]]:
    """*rows* with each node near those it is joined to, which are in the row before or after."""
    above: dict[str, list[str]] = {}
    for node, following in graph.items():
        for each in following:
            above.setdefault(each, []).append(node)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for number in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            other = rows[number - 1 if down else number + 1]
            place = {node: position for position, node in enumerate(other)}
            rows[number] = _sorted(rows[number], above if down else graph, place)
    return rows


def _sorted(row: list[str], near: Graph, place: Mapping[str, int]) -> list[str]:
    def barycentre(position: int) -> float:
        found = [place[each] for each in near.get(row[position], ()) if each in place]
        return sum(found) / len(found) if found else position

    return [row[position] for position in sorted(range(len(row)), key=barycentre)]


def placed(rows: list[list[str]], graph: Graph, widths: Mapping[str, float], gap: float) -> dict[str, float]:
    """The middle of each node, as near to its neighbours' as the rest of its row leaves room; all begin at 0."""
    joined: dict[str, list[str]] = {}
    for node, following in graph.items():
        for each in following:
            joined.setdefault(node, []).append(each)
            joined.setdefault(each, []).append(node)
    x: dict[str, float] = {}
    for row in rows:
        _spread(row, dict.fromkeys(row, 0.0), widths, gap, x)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wanted = {}
            for node in row:
                around = sorted(x[each] for each in joined.get(node, ()) if each not in row)
                wanted[node] = (around[(len(around) - 1) // 2] + around[len(around) // 2]) / 2 if around else x[node]
            _spread(row, wanted, widths, gap, x)
    for row in reversed(rows):  # at last, what follows only each other stands in a straight line
        wanted = {node: x[node] for node in row}
        for node in row:
            following = graph.get(node, ())
            if len(following) == 1 and sum(following[0] in each for each in graph.values()) == 1:
                wanted[node] = x[following[0]]
        _spread(row, wanted, widths, gap, x)
    left = min(x[node] - widths[node] / 2 for node in x)
    return {node: round(middle - left) for node, middle in x.items()}


def _spread(
    row: Sequence[str], wanted: Mapping[str, float], widths: Mapping[str, float], gap: float, x: dict[str, float]
) -> None:
    """Place *row* in its order: runs of nodes that would overlap share the mean of what they want."""
    runs: list[tuple[list[str], float]] = []  # nodes side by side, and where the first one's middle is
    for node in row:
        members, first = [node], wanted[node]
        while runs:
            before, start = runs[-1]
            if start + _span(before, widths, gap)[-1] + _apart(before[-1], members[0], widths, gap) <= first:
                break
            runs.pop()
            members = before + members
            offsets = _span(members, widths, gap)
            first = sum(wanted[each] - offset for each, offset in zip(members, offsets, strict=True)) / len(members)
        runs.append((members, first))
    for members, first in runs:
        for node, offset in zip(members, _span(members, widths, gap), strict=True):
            x[node] = first + offset


def _span(members: Sequence[str], widths: Mapping[str, float], gap: float) -> list[float]:
    offsets = [0.0]
    for one, other in pairwise(members):
        offsets.append(offsets[-1] + _apart(one, other, widths, gap))
    return offsets


def _apart(one: str, other: str, widths: Mapping[str, float], gap: float) -> float:
    return (widths[one] + widths[other]) / 2 + gap
