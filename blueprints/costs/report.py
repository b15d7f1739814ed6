"""An estimate as text for a terminal, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from blueprints.costs.lines import Line, Per
from blueprints.costs.model import Estimate
from blueprints.costs.prices import PLACE, REGIONS, Price
from blueprints.settings_reference import duration

WIDTH = 120
LEAST = 0.005  # USD below which a line of the fixed costs is added to the small ones


class Block(NamedTuple):
    """One of the four parts of an estimate.

    Attributes:
        title: Its heading.
        unit: What its sums are.
        per: Its lines.
        digits: Decimals that its sums need.
    """

    title: str
    unit: str
    per: tuple[Per, ...]
    digits: int


BLOCKS = (
    Block("Fixed: whatever is stored and asked", "USD a month", (Per.MONTH,), 2),
    Block("A backup run of one database, without its data", "USD a run", (Per.RUN,), 6),
    Block("Each GB protected: what a run moves, what a month keeps", "USD a GB and month", (Per.MOVED, Per.KEPT), 4),
    Block("A million requests to the API", "USD a million", (Per.REQUESTS,), 2),
)


def times(estimate: Estimate, per: Per) -> float:
    """How often a block's unit has the lines that are counted for one of *per*."""
    return estimate.of.runs if per is Per.MOVED else 1


def amount(estimate: Estimate, line: Line) -> float:
    """USD of *line* in the unit of its block."""
    return line.usd * times(estimate, line.per)


def total(estimate: Estimate, block: Block) -> float:
    """USD of all lines of *block*, in its unit."""
    return sum(amount(estimate, line) for line in estimate.part(*block.per))


def text(estimate: Estimate) -> str:
    """*estimate* as a terminal shows it."""
    return "\n".join([*_head(estimate), *_blocks(estimate), *_foot(estimate)])


def _head(e: Estimate) -> Iterator[str]:
    yield f"{e.of.settings.prefix}: about {e.month:,.2f} USD a month"
    fixed = e.usd(Per.MONTH)
    yield f"  fixed {fixed:,.2f}, backups {e.backups:,.2f}, API {e.api:,.2f}"
    yield f"  {said(e)}"
    if e.month > e.of.settings.alerts.monthly_budget:
        yield f"  more than alerts.monthly_budget ({e.of.settings.alerts.monthly_budget}): AWS Budgets will tell you"
    yield f"  a run of one database with its data: {e.run:,.2f}; {growth(e)}, since nothing deletes them yet"


def said(e: Estimate) -> str:
    """What was assumed, in one sentence."""
    load = e.of.load
    databases = f"{load.databases} database{'' if load.databases == 1 else 's'} of {load.gigabytes:g} GB"
    every = f"a run every {duration(e.of.settings.backup.interval)} ({e.of.runs:.1f} a month)"
    months = f"{load.months} month{'' if load.months == 1 else 's'} of recovery points"
    return f"with {databases}, {every}, {months}, {load.requests:,.0f} requests a month"


def growth(e: Estimate) -> str:
    """What time adds, in one clause."""
    added = e.of.load.databases * e.of.load.gigabytes * e.growth
    return f"each further month of points adds {added:,.2f} a month"


def _blocks(e: Estimate) -> Iterator[str]:
    for block in BLOCKS:
        yield ""
        yield f"{block.title}{block.unit:>{WIDTH - len(block.title)}}"
        lines = ordered(e, block)
        small = [line for line in lines if amount(e, line) < LEAST] if block.per == (Per.MONTH,) else []
        service = ""
        for line in lines:
            if line not in small:
                yield _row(e, block, line, line.service if line.service != service else "")
                service = line.service
        if small:
            rest = sum(amount(e, line) for line in small)
            yield f"  {f'{len(small)} lines of less than {LEAST} USD each':<{WIDTH - 14}}{rest:>12,.{block.digits}f}"
        yield f"{total(e, block):>{WIDTH},.{block.digits}f}"


def ordered(e: Estimate, block: Block) -> list[Line]:
    """The lines of *block*: dearest service first, then dearest line."""
    lines = e.part(*block.per)
    sums: dict[str, float] = {}
    for line in lines:
        sums[line.service] = sums.get(line.service, 0) + amount(e, line)
    return sorted(lines, key=lambda each: (-sums[each.service], each.service, -amount(e, each), each.what, each.region))


def _row(e: Estimate, block: Block, line: Line, service: str) -> str:
    counted = f"{units(e, line)} x {unit_price(line.price)}"
    left = f"  {service:<21} {line.what:<44} {line.region:<14}"
    return f"{left}{counted:>{WIDTH - len(left) - 12}}{amount(e, line):>12,.{block.digits}f}"


def units(e: Estimate, line: Line) -> str:
    """How many units of *line* its block's unit has."""
    quantity = line.quantity * times(e, line.per)
    return f"{quantity:,.0f}" if quantity >= 1000 else f"{quantity:.4g}"  # noqa: PLR2004 (enough digits either way)


def unit_price(price: Price) -> str:
    """USD of one unit, with :func:`mark`."""
    return f"{price.usd:.10f}".rstrip("0").rstrip(".") + mark(price)


def mark(price: Price) -> str:
    """How a price that is not sure is marked."""
    return "~" if price.stand_in else "" if price.confirmed else "?"


def _foot(e: Estimate) -> Iterator[str]:
    used = {line.price for line in e.lines}
    dates = sorted(price.source.date for price in used)
    taken = f"List prices of {dates[0]} to {dates[-1]}, put together {e.of.prices.taken} from public copies of AWS's,"
    told = [
        f"{taken} without tax, discounts and free tiers. docs/costs.md names sources, assumptions, what is left out."
    ]
    if any(price.stand_in for price in used):
        told.append(
            f"~ {' and '.join(without(e))} {'has' if len(without(e)) == 1 else 'have'} no prices in"
            f" {PLACE}: the dearest of {', '.join(REGIONS)} stands in. Add the region's own to that"
            " file; they may be higher."
        )
    if doubted := sorted({price.item for price in used if not price.confirmed and not price.stand_in}):
        items = {price.item for price in used}
        told.append(f"? {len(doubted)} of {len(items)} prices are not confirmed: {', '.join(doubted)}.")
    yield ""
    for each in told:
        yield from textwrap.wrap(each, WIDTH, subsequent_indent="  ")


def without(e: Estimate) -> list[str]:
    """Regions of the deployment that others stand in for."""
    return [region for region in e.of.settings.regions if region not in REGIONS]


def data(estimate: Estimate) -> dict[str, Any]:
    """*estimate* as plain values, for JSON."""
    e = estimate
    return {
        "deployment": e.of.settings.prefix,
        "currency": "USD",
        "regions": {"primary": e.of.here, "recovery": e.of.there},
        "assumptions": {name: value for name, value, _ in e.of.load.told()},
        "runs_a_month": e.of.runs,
        "prices_taken": e.of.prices.taken,
        "month": {"fixed": e.usd(Per.MONTH), "backups": e.backups, "api": e.api, "total": e.month},
        "monthly_budget": e.of.settings.alerts.monthly_budget,
        "run_with_data": e.run,
        "further_month": e.of.load.databases * e.of.load.gigabytes * e.growth,
        "blocks": [
            {
                "title": block.title,
                "unit": block.unit,
                "total": total(e, block),
                "lines": list(_plain(e, ordered(e, block))),
            }
            for block in BLOCKS
        ],
        "unconfirmed": sorted({f"{price.item} in {price.region}" for price in e.doubted}),
    }


def _plain(e: Estimate, lines: Iterable[Line]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        yield {
            "service": line.service,
            "what": line.what,
            "region": line.region,
            "item": line.price.item,
            "quantity": line.quantity * times(e, line.per),
            "unit": line.price.unit,
            "price": line.price.usd,
            "confirmed": line.price.confirmed,
            "stand_in": line.price.stand_in,
            "source": line.price.source.url,
            "date": line.price.source.date,
            "usd": amount(e, line),
        }
