"""The hand that draws: cards, lines and words as SVG that is calm in the light and in the dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

Point = tuple[float, float]


class Area(NamedTuple):
    """Where something is drawn."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height


RADIUS = 8  # of a line's corners
TITLE, LINE, SMALL = 13, 12, 11  # font sizes; a README shows 960 units as some 800 pixels
LEADING = 16  # from one line of words to the next
PADDING = 12  # between a card's edge and its words
# Advance widths of a common sans serif, in thousandths of its size: words must fit whatever font a reader has.
_NARROW, _WIDE, _USUAL, _CAPITAL = "iljtfrI.,:;'|!()[] ·", "mwMW—→", 615, 730

_STYLE = """
svg{--paper:#f8fafc;--card:#fff;--panel:#f1f5f9;--ink:#1e293b;--soft:#526072;--rule:#cbd5e1;--flow:#64748b;--dim:#a9b5c4;
--edge:#7c5cd6;--compute:#c9741a;--data:#2f6fd0;--storage:#2b8a5f;--guard:#c2445b;--watch:#0e8697;--event:#a8499a;--rest:#8793a3}
@media (prefers-color-scheme:dark){svg{--paper:#0f172a;--card:#1e293b;--panel:#172033;--ink:#e8edf4;--soft:#a7b4c5;
--rule:#3b4a61;--flow:#94a3b8;--dim:#55647b;--edge:#a993f0;--compute:#eba050;--data:#77a9f5;--storage:#5fc694;
--guard:#ee8396;--watch:#4cc3d4;--event:#dd8ed0;--rest:#7d8ba0}}
text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;fill:var(--soft)}
.t{font-size:13px;font-weight:600;fill:var(--ink)}.h{font-size:15px;font-weight:650;fill:var(--ink)}
.n{font-weight:600;fill:var(--ink)}.m{text-anchor:middle}.e{text-anchor:end}.s{font-size:11px}
.paper{fill:var(--paper)}.panel{fill:var(--panel);stroke:var(--rule)}.card{fill:var(--card);stroke:var(--rule)}
.off{stroke-dasharray:5 4}.under{fill:var(--paper)}.under.card{fill:var(--card)}
.under{stroke:none}path{fill:none;stroke-width:1.5}.flow{stroke:var(--flow)}.dim{stroke:var(--dim)}
marker path{stroke:none}.af{fill:var(--flow)}.ad{fill:var(--dim)}
"""


class Drawing:
    """A picture of *width* units that *title* and *description* tell to who can't see it."""

    def __init__(self, width: int, title: str, description: str) -> None:
        self.width = width
        self._head = f'<title id="name">{_escaped(title)}</title>\n<desc id="about">{_escaped(description)}</desc>'
        self._parts: list[str] = []

    def box(self, area: Area, style: str, radius: int = 8) -> None:
        """A rectangle with round corners."""
        x, y, width, height = area
        self._parts.append(
            f'<rect class="{style}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}"/>'
        )

    def words(self, x: float, y: float, text: str, style: str = "") -> None:
        """One line of words whose baseline begins at the point."""
        chosen = f' class="{style}"' if style else ""
        self._parts.append(f'<text{chosen} x="{x:g}" y="{y:g}">{_escaped(text)}</text>')

    def label(self, x: float, y: float, text: str, ground: str = "paper") -> None:
        """Small words whose baseline's middle is the point; what they lie on is hidden below them."""
        if text:
            width = breadth(text, SMALL) + 6
            self.box(Area(x - width / 2, y - 11, width, 15), f"under {ground}", 3)
            self.words(x, y, text, "s m")

    def card(self, area: Area, colour: str, title: str, lines: Iterable[str], *, off: bool = False) -> None:
        """A card with a bar of *colour* at its left; dashed if what it shows is not there yet."""
        x, y, _, height = area
        self.box(area, "card off" if off else "card")
        self._parts.append(
            f'<rect x="{x:g}" y="{y + 8:g}" width="4" height="{height - 16:g}" rx="2" style="fill:var(--{colour})"/>'
        )
        baseline = y + 19
        self.words(x + PADDING, baseline, title, "t")
        for number, line in enumerate(lines, 1):
            self.words(x + PADDING, baseline + LEADING * number, line)

    def line(self, *points: Point, dim: bool = False, both: bool = False, dot: bool = False) -> None:
        """An arrow along *points*, with round corners; with a point at *both* ends, or a dot where it begins."""
        style, head = ("dim", "d") if dim else ("flow", "f")
        start = f' marker-start="url(#{head})"' if both else ""
        self._parts.append(f'<path class="{style}" d="{_rounded(points)}"{start} marker-end="url(#{head})"/>')
        if dot:
            self._parts.append(f'<circle cx="{points[0][0]:g}" cy="{points[0][1]:g}" r="5" style="fill:var(--flow)"/>')

    def done(self, height: float) -> str:
        """The whole file."""
        frame = f'width="{self.width}" height="{height:g}" viewBox="0 0 {self.width} {height:g}"'
        arrows = "".join(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"'
            f' markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
            f'<path class="a{name}" d="M0 .5 8 4 0 7.5z"/></marker>'
            for name in "fd"
        )
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {frame} role="img" aria-labelledby="name about">',
                self._head,
                f"<style>{_STYLE}</style>",
                f"<defs>{arrows}</defs>",
                f'<rect class="paper" width="{self.width}" height="{height:g}" rx="12"/>',
                *self._parts,
                "</svg>\n",
            ]
        )


def breadth(text: str, size: float = LINE, *, bold: bool = False) -> float:
    """How wide *text* is in about any sans serif."""
    thousandths = sum(330 if c in _NARROW else 930 if c in _WIDE else _CAPITAL if c.isupper() else _USUAL for c in text)
    return thousandths / 1000 * size * (1.06 if bold else 1)


def wrapped(text: str, width: float, size: float = LINE) -> list[str]:
    """*text* in lines of at most *width*, broken at spaces; a word that is longer stands alone."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and breadth(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _escaped(text: str) -> str:
    """*text* as it may stand in an element; the module ``html`` takes longer to load than a picture to draw."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _rounded(points: Sequence[Point]) -> str:
    """A path along *points* whose corners are arcs; steps are horizontal or vertical."""
    first, *others = [point for point, before in zip(points, [None, *points], strict=False) if point != before]
    path = [f"M{first[0]:g} {first[1]:g}"]
    previous = first
    for corner, following in pairwise(others):
        radius = min(RADIUS, _distance(previous, corner) / 2, _distance(corner, following) / 2)
        near, far = _toward(corner, previous, radius), _toward(corner, following, radius)
        path.append(f"L{near[0]:g} {near[1]:g}Q{corner[0]:g} {corner[1]:g} {far[0]:g} {far[1]:g}")
        previous = corner
    return "".join([*path, f"L{others[-1][0]:g} {others[-1][1]:g}"])


def _distance(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _toward(start: Point, end: Point, length: float) -> Point:
    whole = _distance(start, end) or 1
    return round(start[0] + (end[0] - start[0]) * length / whole, 1), round(
        start[1] + (end[1] - start[1]) * length / whole, 1
    )
