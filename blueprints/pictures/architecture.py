"""The picture of a deployment: who asks, what answers in which region, and what crosses from one to the other."""

from __future__ import annotations

from typing import NamedTuple

from blueprints.pictures import deploying
from blueprints.pictures.model import Part, Region, Templates, mentions
from blueprints.pictures.parts import parts
from blueprints.pictures.pipeline import targets
from blueprints.pictures.service import edge, names
from blueprints.pictures.svg import LEADING, PADDING, Area, Drawing, Point, wrapped
from blueprints.regions import GLOBAL
from blueprints.settings import Settings

WIDTH, MARGIN, GUTTER = 960, 32, 92  # gutter: between the regions, where the arrows cross
GAP, ROW = 14, 22  # between cards side by side, between rows
HEADER = 44
PANEL = (WIDTH - 2 * MARGIN - GUTTER) / 2
CARD = (PANEL - 3 * GAP) / 2
CENTRE = WIDTH / 2
TOP_CARD = 260
# Rows of a region, the outer card first. What meets the other region is inside; the recovery region is mirrored.
ROWS = (
    ("api", "site"),
    ("serving", "logins"),
    ("proxy", "database"),
    ("schedules", "machines"),
    ("functions", "bus"),
    ("network", "ledger"),
    ("vault", "staging"),
    ("keys", "watch"),
    ("artifacts", "sets"),
)
SWAPPED = ("staging", "vault")  # in the recovery region, where the vault receives


class Picture(NamedTuple):
    """What is on the table.

    Attributes:
        drawing: The drawing.
        regions: Primary, then recovery.
        cards: Their cards.
        at: Where each is.
    """

    drawing: Drawing
    regions: tuple[Region, Region]
    cards: tuple[dict[str, Part], dict[str, Part]]
    at: tuple[dict[str, Area], dict[str, Area]]


def draw(settings: Settings, templates: Templates) -> str:
    """The picture of the deployment that *templates* are."""
    primary, recovery = (Region(templates, settings, name) for name in settings.regions)
    world = Region(templates, settings, GLOBAL)
    cards = parts(primary), parts(recovery)
    if "ledger" in cards[0]:  # the primary's stack makes both
        cards[1].setdefault("ledger", Part("storage", "Ledger's replica", cards[0]["ledger"].lines))
    if "sets" in cards[0]:  # which the primary region administers
        cards[1]["sets"] = deploying.deployed(cards[0]["sets"])
    drawing = Drawing(WIDTH, f"Architecture of {settings.prefix}", _told((primary, recovery), cards))
    entry, cloudfront, top = _top(drawing, settings, primary, world)
    at = _places(cards, top + HEADER)
    bottom = max(area.bottom for places in at for area in places.values()) + GAP
    for x, region in ((MARGIN, primary), (MARGIN + PANEL + GUTTER, recovery)):
        drawing.box(Area(x, top, PANEL, bottom - top), "panel", 12)
        side, style = (x + PADDING, "h") if region.primary else (x + PANEL - PADDING, "h e")
        drawing.words(side, top + 27, f"{'Primary' if region.primary else 'Recovery'} · {region.name}", style)
    picture = Picture(drawing, (primary, recovery), cards, at)
    _asked(picture, entry, cloudfront, top)
    for number in range(2):
        _inside(picture, number)
    _across(picture)
    for places, known in zip(at, cards, strict=True):
        for name, area in places.items():
            part = known[name]
            drawing.card(area, part.colour, part.title, _lines(part, area.width), off=part.off)
    return drawing.done(bottom + 24)


def _told(regions: tuple[Region, Region], cards: tuple[dict[str, Part], dict[str, Part]]) -> str:
    told = (
        f"{region.name}: {', '.join(p.title for p in known.values())}"
        for region, known in zip(regions, cards, strict=True)
    )
    return ". ".join(told) + "."


def _lines(part: Part, width: float) -> list[str]:
    return [line for each in part.lines for line in wrapped(each, width - 2 * PADDING)]


def _height(part: Part, width: float) -> float:
    return LEADING * (1 + len(_lines(part, width))) + 14


def _top(drawing: Drawing, settings: Settings, primary: Region, world: Region) -> tuple[Area, Area | None, float]:
    """Draw who asks and what stands at the edge; where those are, and where the regions may begin."""
    drawing.words(MARGIN, 34, settings.prefix, "h")
    entry = Area(CENTRE - TOP_CARD / 2, 50, TOP_CARD, LEADING * 2 + 14)
    drawing.card(entry, "rest", "People and programs", ["a browser, or a client of the API"])
    if found := names(primary) or names(world):
        below = Area(entry.x, entry.bottom + ROW, TOP_CARD, _height(found, TOP_CARD))
        drawing.line((CENTRE, entry.bottom), (CENTRE, below.y))
        drawing.card(below, found.colour, found.title, _lines(found, TOP_CARD))
        entry = below
    y, cloudfront = entry.bottom + ROW, None
    if found := edge(world):
        height = _height(found, TOP_CARD)
        drawing.box(Area(CENTRE - TOP_CARD / 2 - GAP, y, TOP_CARD + 2 * GAP, height + GAP + 30), "panel", 12)
        drawing.words(CENTRE - TOP_CARD / 2, y + 21, f"Edge · {world.name}", "t")
        cloudfront = Area(CENTRE - TOP_CARD / 2, y + 30, TOP_CARD, height)
        drawing.line((CENTRE, entry.bottom), (CENTRE, cloudfront.y))
        drawing.card(cloudfront, found.colour, found.title, _lines(found, TOP_CARD))
        y = cloudfront.bottom + GAP + ROW + 16
    return entry, cloudfront, y


def _places(cards: tuple[dict[str, Part], dict[str, Part]], top: float) -> tuple[dict[str, Area], dict[str, Area]]:
    places: tuple[dict[str, Area], dict[str, Area]] = ({}, {})
    columns = (MARGIN + GAP, MARGIN + 2 * GAP + CARD), (WIDTH - MARGIN - GAP - CARD, WIDTH - MARGIN - 2 * (GAP + CARD))
    y = top
    for row in ROWS:
        rows = row, SWAPPED if set(row) == set(SWAPPED) else row
        heights = [
            _height(known[name], CARD)
            for known, each in zip(cards, rows, strict=True)
            for name in each
            if name in known
        ]
        if not heights:
            continue
        for known, each, column, place in zip(cards, rows, columns, places, strict=True):
            for name, x in zip(each, column, strict=True):
                if name in known:
                    place[name] = Area(x, y, CARD, max(heights))
        y += max(heights) + ROW
    return places


def _asked(picture: Picture, entry: Area, cloudfront: Area | None, top: float) -> None:
    """Lines from the clients to both APIs, around the regions, and to the console's files in both."""
    y = entry.middle[1]
    for at, outside in zip(picture.at, (MARGIN / 2, WIDTH - MARGIN / 2), strict=True):
        api, site = at.get("api"), at.get("site")
        if api:
            begin, end = (entry.x, api.x) if outside < CENTRE else (entry.right, api.right)
            picture.drawing.line((begin, y), (outside, y), (outside, api.middle[1]), (end, api.middle[1]))
        if site and cloudfront:
            turn, x = top - 14, site.middle[0]
            picture.drawing.line((CENTRE, cloudfront.bottom), (CENTRE, turn), (x, turn), (x, site.y))
        elif site and api:
            picture.drawing.line(*_between(api, site))


def _inside(picture: Picture, number: int) -> None:
    """Lines from card to card of one region."""
    at, region, draw_line = picture.at[number], picture.regions[number], picture.drawing.line
    flows = [("api", "serving"), ("serving", "proxy")]
    if region.first("RDS::DBInstance"):
        flows.append(("proxy" if "proxy" in at else "serving", "database"))
    flows += [("schedules", to) for to in targets(region, "Scheduler::Schedule")]
    flows += [("bus", to) for to in targets(region, "Events::Rule")]
    flows += [("machines", "functions"), ("functions", "ledger")]
    for one, other in flows:
        if one in at and other in at:
            beside = at[one].x == at[other].x or at[one].y == at[other].y
            draw_line(*(_between if beside else _elbow)(at[one], at[other]))


def _between(one: Area, other: Area) -> list[Point]:
    """From the edge of *one* straight to that of *other*, beside, below or above it."""
    if one.x == other.x:
        x = one.middle[0]
        return [(x, one.bottom), (x, other.y)] if one.y < other.y else [(x, one.y), (x, other.bottom)]
    y = one.middle[1]
    return [(one.right, y), (other.x, y)] if one.x < other.x else [(one.x, y), (other.right, y)]


def _elbow(one: Area, other: Area) -> list[Point]:
    """From below *one* down and aside to the top of *other*, each a quarter from the edge they turn to."""
    toward = 1 if one.x < other.x else -1
    begin, end = one.middle[0] + toward * one.width / 4, other.middle[0] - toward * other.width / 4
    turn = other.y - ROW / 2
    return [(begin, one.bottom), (begin, turn), (end, turn), (end, other.y)]


def _across(picture: Picture) -> None:
    """Arrows between the regions, where the templates say that something crosses."""
    primary, recovery = picture.regions
    crossings = [
        (each, other, label)
        for each, other, label in (("site", "site", "replication"), ("staging", "vault", "replication"))
        if (bucket := primary.bucket(each))
        and mentions(bucket["ReplicationConfiguration"], f"-{other}-{recovery.name}")
    ]
    if any(mentions(rule["Targets"], f":{recovery.name}:") for rule in primary.all("Events::Rule")):
        crossings.append(("bus", "bus", "events"))
    if any(mentions(table["Replicas"], recovery.name) for table in primary.all("DynamoDB::GlobalTable")):
        crossings.append(("ledger", "ledger", "global table"))
    if primary.first("CloudFormation::StackSet"):
        crossings.append(("sets", "sets", "stacks"))
    copies = any(
        mentions(machine["Definition"], "CopySnapshot") for machine in recovery.all("StepFunctions::StateMachine")
    )
    if copies:
        crossings.append(("database", "database", "snapshots"))
    for one, other, label in crossings:
        begin, end = picture.at[0].get(one), picture.at[1].get(other)
        if not (begin and end):
            continue
        y = begin.middle[1]
        picture.drawing.line((begin.right, y), (end.x, y), both=label in ("events", "global table"))
        picture.drawing.label(CENTRE, y - 9, label)
