"""``docs/costs.md``: what each profile costs, what drives it, how to lower it, and where the prices are from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from blueprints.costs import assumptions, model, prices, report, savings
from blueprints.costs.deployed import Resource, resources
from blueprints.costs.lines import Deployment, Line, Per
from blueprints.costs.model import Estimate
from blueprints.settings import PRODUCTION, PROFILES, Settings

if TYPE_CHECKING:
    from troposphere import Template

    Templates = Callable[[Settings], Mapping[str, Template]]

INTRODUCTION = """\
# What it costs

Made by `python build.py cost --page > docs/costs.md` from the emitted templates, the settings and
`blueprints/costs/prices.toml`; a test compares. For your own settings and amounts:

```console
$ python build.py cost --settings acme.toml --databases 3 --gigabytes 200 --requests 5e6 --months 6
```

`--json` gives every line with its price and source. USD, list prices, without tax, discounts, credits and free tiers
(they belong to the account, not to a deployment). An estimate, never held against a bill: this project has not run on
AWS. Every type of resource that a template holds is priced, or stands in `FREE` of `blueprints/costs/model.py` with
the reason why it is free; an unknown one stops the estimate.
"""
NOT_INCLUDED = """\
## What is not included

- Tax, support plans, discounts, reserved instances, savings plans, free tiers.
- The databases that you protect beside the platform's own: their instances, storage and automated backups. What is
  counted for them is what protection adds.
- The first copy of each database to the other region, which moves all of it once; after that, changes only.
- A failover: then the recovery region serves, and a database instance runs there too. Restores.
- Each key's first and second yearly rotation, which add 1 USD a month each.
- CloudTrail, Config, Security Hub and GuardDuty of the account; the hosted zone and the domain; CPU credits of
  `db.t4g` classes.
- The way of the ledger's rows and the console's files to the other region: cents.
- Log queries, `GetMetricData` of dashboards while somebody looks, access logs beyond what is assumed, attacks.
- The way to the end of a month: storage is counted as it is then, the month that fills it costs about half of that.
"""
DEAREST = 10
MONTHS = (1, 3, 6, 12)


def page(templates: Templates) -> str:
    """The whole page.

    Raises:
        UnpricedError: a template holds a type without a price.
        PriceError: a price is missing.
    """
    table = prices.load()

    @cache
    def emitted(settings: Settings) -> tuple[Resource, ...]:
        return tuple(resources(settings, templates(settings)))

    def estimated(settings: Settings, months: int = 1) -> Estimate:
        load = replace(assumptions.usual(settings), months=months)
        return model.priced(Deployment(settings, emitted(settings), load, table))

    found = {name: estimated(settings) for name, settings in PROFILES.items()}
    production = found["PRODUCTION"]
    parts = (
        INTRODUCTION.splitlines(),
        _overview(found),
        _drivers(production),
        _time(production, [estimated(PRODUCTION, each) for each in MONTHS]),
        _savings(production, {change: estimated(change.settings) for change in savings.changes()}),
        NOT_INCLUDED.splitlines(),
        *(_profile(name, each) for name, each in found.items()),
        _assumed(production),
        _sources(found.values(), table),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def monthly(e: Estimate, line: Line) -> float:
    """USD a month of *line*, with all databases, runs and requests."""
    load = e.of.load
    gigabytes = load.databases * load.gigabytes
    many = {
        Per.MONTH: 1.0,
        Per.RUN: load.databases * e.of.runs,
        Per.MOVED: gigabytes * e.of.runs,
        Per.KEPT: gigabytes,
        Per.GROWTH: gigabytes * (load.months - 1),
        Per.REQUESTS: load.requests / assumptions.MILLION,
    }
    return line.usd * many[line.per]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _overview(found: Mapping[str, Estimate]) -> Iterator[str]:
    each = list(found.values())
    yield "## The profiles\n"
    yield "With one database, half as full as the profile makes it.\n"
    yield _row("USD", *found)
    yield "|---|---:|---:|---:|"
    yield _row("fixed, a month", *(f"{e.usd(Per.MONTH):,.2f}" for e in each))
    yield _row("a backup run of one database, without its data", *(f"{e.usd(Per.RUN):.4f}" for e in each))
    yield _row("each GB protected, a month", *(f"{e.gigabyte:.2f}" for e in each))
    yield _row("each GB protected, more with each further month", *(f"{e.growth:.2f}" for e in each))
    yield _row("a million requests to the API", *(f"{e.usd(Per.REQUESTS):.2f}" for e in each))
    yield _row("runs a month", *(f"{e.of.runs:.1f}" for e in each))
    yield _row("GB in the database", *(f"{e.of.load.gigabytes:g}" for e in each))
    yield _row("one run with these GB", *(f"{e.run:.2f}" for e in each))
    yield _row("**first month, a million requests**", *(f"**{e.month:,.2f}**" for e in each))
    yield _row("`alerts.monthly_budget`", *(f"{e.of.settings.alerts.monthly_budget}" for e in each))


def _drivers(e: Estimate) -> Iterator[str]:
    yield "## What drives it\n"
    yield f"The dearest lines of `PRODUCTION`, {report.said(e)}:\n"
    yield "| what | where | USD a month | of all |\n|---|---|---:|---:|"
    for line in sorted(e.lines, key=lambda each: -monthly(e, each))[:DEAREST]:
        usd = monthly(e, line)
        yield _row(f"{line.service}: {line.what}", line.region, f"{usd:,.2f}", f"{usd / e.month:.0%}")


def _time(e: Estimate, later: Iterable[Estimate]) -> Iterator[str]:
    yield "## What time adds\n"
    yield "Nothing deletes snapshots or the vault's exports yet: locks end with `backup.lock_retention`, objects stay."
    yield f"In `PRODUCTION` {report.growth(e)}:\n"
    yield _row("months of points", *map(str, MONTHS))
    yield "|---|---:|---:|---:|---:|"
    yield _row("USD a month", *(f"{each.month:,.2f}" for each in later))


def _savings(e: Estimate, changed: Mapping[savings.Change, Estimate]) -> Iterator[str]:
    yield "## How to lower it\n"
    yield "Settings of `PRODUCTION`, each alone, with what it holds above:\n"
    yield "| set | saves, USD a month | and costs |\n|---|---:|---|"
    for change, cheaper in sorted(changed.items(), key=lambda each: each[1].month):
        yield _row(change.told, f"{e.month - cheaper.month:,.2f}", change.otherwise)
    yield "\nWhat no setting turns off, since this project promises it, and what it costs there:\n"
    yield "| part | USD a month | it is |\n|---|---:|---|"
    for part in savings.PARTS:
        usd = sum(monthly(e, line) for line in e.lines if line.price.item.startswith(part.item))
        yield _row(part.told, f"{usd:,.2f}", part.without)


def _profile(name: str, e: Estimate) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"{e.of.here} and {e.of.there}, {report.said(e)}. A price with a question mark is not confirmed."
    for block in report.BLOCKS:
        yield f"\n### {name}: {block.title}\n"
        yield _row("service", "for", "where", "units", "USD a unit", block.unit)
        yield "|---|---|---|---:|---:|---:|"
        for line in report.ordered(e, block):
            units, price = report.units(e, line), report.unit_price(line.price)
            usd = f"{report.amount(e, line):,.{block.digits}f}"
            yield _row(line.service, line.what, line.region, units, price, usd)
        yield _row("", "", "", "", "", f"**{report.total(e, block):,.{block.digits}f}**")


def _assumed(e: Estimate) -> Iterator[str]:
    yield "## What is assumed\n"
    yield "The templates can't say these; `blueprints/costs/assumptions.py` does. The values are those of `PRODUCTION`;"
    yield "`gigabytes` is half of `database.storage`.\n"
    yield "| assumption | value | is |\n|---|---:|---|"
    yield from (_row(f"`{name}`", f"{value:,.10g}", meaning) for name, value, meaning in e.of.load.told())


def _sources(estimates: Iterable[Estimate], table: prices.Prices) -> Iterator[str]:
    used = {line.price for each in estimates for line in each.lines}
    yield "## Where the prices are from\n"
    yield f"Put together {table.taken}. AWS could not be asked: each price was read from a public copy or quotation of"
    yield "AWS's list. A year alone: the day is not known.\n"
    yield "| AWS's page or list | of | seen | prices used here |\n|---|---|---|---|"
    for source in sorted({price.source for price in used}, key=lambda each: (each.url, each.date, each.seen)):
        items = sorted({f"`{price.item}`{report.mark(price)}" for price in used if price.source == source})
        yield _row(f"<{source.url}>", source.date, source.seen, ", ".join(items))
    yield "\nNot confirmed:\n"
    yield "| price | region | USD | it is |\n|---|---|---:|---|"
    for price in sorted(
        (each for each in table.all() if not each.confirmed), key=lambda each: (each.item, each.region)
    ):
        yield _row(f"`{price.item}`", price.region, report.unit_price(price).rstrip("?"), price.note)
    yield f"\nOther regions: the dearest of {', '.join(prices.REGIONS)} stands in, marked `~`, until `prices.toml` has"
    yield "their own; those may be higher."
