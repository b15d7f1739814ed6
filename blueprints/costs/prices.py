"""The table of prices, ``prices.toml``, read and checked: what one unit of something costs, where, and says who."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("prices.toml")
PLACE = "blueprints/costs/prices.toml"  # what messages call it
REGIONS = ("us-east-1", "eu-west-1", "eu-central-1")  # that every item has a price for
EVERYWHERE = "everywhere"
ZONES = {"single": 0, "multi": 1}  # of an instance: its place in the class's list


class PriceError(ValueError):
    """The table of prices is malformed, or has no price for what a deployment uses."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a price comes from.

    Attributes:
        url: Page or list of AWS.
        date: When AWS published it, or somebody read it there: ``2026-09-11``, or ``2026`` if the day is not known.
        seen: Where it was read, since AWS itself could not be asked.
    """

    url: str
    date: str
    seen: str


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one unit costs.

    Attributes:
        item: Its name in the table.
        unit: What one is: ``GB-month``.
        usd: USD for one.
        source: Where that comes from.
        region: The region whose price it is.
        confirmed: Whether a copy of AWS's list for that region says so.
        note: What it is, if it is not confirmed.
        stand_in: Whether it stands in for a region that has no prices.
    """

    item: str
    unit: str
    usd: float
    source: Source
    region: str = EVERYWHERE
    confirmed: bool = True
    note: str = ""
    stand_in: bool = False


@dataclass(frozen=True, kw_only=True)
class Prices:
    """All of them.

    Attributes:
        taken: Day on which the table was put together.
        items: Item, then region or ``everywhere``, to price.
        classes: Virtual CPUs of each class of database instances that has prices.
    """

    taken: str
    items: Mapping[str, Mapping[str, Price]]
    classes: Mapping[str, int]

    def of(self, item: str, region: str) -> Price:
        """Price of *item* in *region*; in a region without prices the dearest of all, marked as a stand-in.

        Raises:
            PriceError: the table has no such item.
        """
        if item not in self.items:
            raise PriceError(f"{PLACE}: no price for {item}; add [items.{item!r}] with its unit and regions")
        found = self.items[item]
        if EVERYWHERE in found:
            return found[EVERYWHERE]
        if region in found:
            return found[region]
        dearest = max(found.values(), key=lambda price: price.usd)
        return Price(**{**vars(dearest), "stand_in": True, "confirmed": False})

    def instance(self, name: str, region: str, *, multi_az: bool) -> Price:
        """An hour of a database instance of class *name*.

        Raises:
            PriceError: the class has no prices.
        """
        self.vcpus(name)
        return self.of(f"rds.{name}.{'multi' if multi_az else 'single'}", region)

    def vcpus(self, name: str) -> int:
        """Virtual CPUs of the instance class *name*.

        Raises:
            PriceError: the class has no prices.
        """
        if name not in self.classes:
            families = sorted({each.rpartition(".")[0] for each in self.classes})
            raise PriceError(
                f'database.instance_class = "{name}": has no price; add it to [instances.classes] of {PLACE},'
                f" or estimate with a class of {', '.join(families)}"
            )
        return self.classes[name]

    def all(self) -> Iterator[Price]:
        """Every price of the table."""
        for regions in self.items.values():
            yield from regions.values()


@cache
def load(path: Path = TABLE) -> Prices:
    """The table in *path*, checked.

    Raises:
        PriceError: something in it is missing, unknown or no price.
    """
    with path.open("rb") as file:
        table = tomllib.load(file)
    sources = {name: _source(name, fields) for name, fields in _part(table, "sources").items()}
    items = {name: _item(name, fields, sources) for name, fields in _part(table, "items").items()}
    instances = _part(table, "instances")
    for name, row in _part(instances, "classes").items():
        for zones, place in ZONES.items():
            fields = {"unit": instances["unit"]} | {
                region: {"usd": row[region][place], "source": instances["source"]}
                for region in REGIONS
                if region in row
            }
            items[f"rds.{name}.{zones}"] = _item(f"rds.{name}.{zones}", fields, sources)
    vcpus = {name: int(row["vcpus"]) for name, row in instances["classes"].items()}
    return Prices(taken=str(table["taken"]), items=items, classes=vcpus)


def _part(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(table.get(name), dict):
        raise PriceError(f"{PLACE}: [{name}] is missing")
    return dict(table[name])


def _source(name: str, fields: Mapping[str, Any]) -> Source:
    if set(fields) != {"url", "date", "seen"}:
        raise PriceError(f"{PLACE}: [sources.{name}] needs url, date and seen, and nothing else")
    if not fields["url"].startswith("https://") or not re.fullmatch(r"20\d\d(-\d\d-\d\d)?", fields["date"]):
        raise PriceError(f'{PLACE}: [sources.{name}] needs an https:// page and a date such as "2026-09-11"')
    return Source(**fields)


def _item(name: str, fields: Mapping[str, Any], sources: Mapping[str, Source]) -> dict[str, Price]:
    """Prices of one item, by region.

    Raises:
        PriceError: a region is missing, or a price is none.
    """
    regions = {region: row for region, row in fields.items() if region != "unit"}
    if "unit" not in fields or not (set(regions) == {EVERYWHERE} or set(regions) >= set(REGIONS)):
        raise PriceError(f"{PLACE}: {name} needs a unit, and a price {EVERYWHERE} or in {', '.join(REGIONS)}")
    found = {}
    for region, row in regions.items():
        unknown = set(row) - {"usd", "source", "confirmed", "note"}
        if unknown or not isinstance(row.get("usd"), int | float) or not row["usd"] > 0:
            raise PriceError(f"{PLACE}: {name} in {region} needs usd above 0, source, and may have confirmed and note")
        if row.get("source") not in sources:
            raise PriceError(f'{PLACE}: {name} in {region}: source = "{row.get("source")}" is not in [sources]')
        if row.get("confirmed", True) == bool(row.get("note")):
            raise PriceError(f"{PLACE}: {name} in {region}: a note says what an unconfirmed price is, and only that")
        said = {"confirmed": row.get("confirmed", True), "note": row.get("note", "")}
        found[region] = Price(
            item=name, unit=fields["unit"], usd=row["usd"], source=sources[row["source"]], region=region, **said
        )
    return found
