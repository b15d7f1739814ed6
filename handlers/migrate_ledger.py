"""CloudFormation's custom resource ``Custom::Ledger``: the ledger as the deployment's code needs it, or no deployment.

The primary region migrates. The recovery region, which writes none of these rows, only looks whether its code can work
with the ledger. The rules are in ``core/ledger_versions.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers import protection
from handlers.core import ledger_versions as versions
from handlers.core.errors import InvalidRequest, PermissionMissing, TemporarilyUnavailable
from handlers.core.names import iso
from handlers.core.points import RUNNING
from handlers.custom_resource import answer, patiently
from handlers.ledger import BATCH, Item, Ledger
from handlers.runtime import Clients, from_environment, log, now, region

PHYSICAL_ID = "ledger"
Point = tuple[str, str]  # id, scheduled_at


class OutOfTime(Exception):
    """The step was cut short in good order; the message says how to go on."""


@dataclass(frozen=True)
class Environment:
    """Variables that ``blueprints/ledger_version.py`` sets.

    Attributes:
        ledger: Name of the table.
        primary_region: Region that writes the version and what the steps add.
    """

    ledger: str
    primary_region: str


def handler(event: dict[str, Any], context: Any) -> None:
    """``CloudFormation's request`` -> an answer to its ``ResponseURL``."""

    def work(ends: float) -> Item:
        environment = from_environment(Environment)
        ledger = Ledger(Clients().dynamodb, environment.ledger, region())
        asked = _version(event["ResourceProperties"])
        if ledger.region != environment.primary_region:
            return patiently(lambda: look(ledger, asked), ends, (PermissionMissing, TemporarilyUnavailable))
        before = _version(event.get("OldResourceProperties", {}), default=versions.OLDEST)
        bring = lambda: migrate(ledger, asked, before, now(), lambda: time.monotonic() < ends)  # noqa: E731
        # The role is as new as the function at a first deployment, and IAM takes a moment to tell everybody.
        return patiently(bring, ends, (PermissionMissing, TemporarilyUnavailable))

    answer(event, context, PHYSICAL_ID, work)


def look(ledger: Ledger, asked: int) -> Item:
    """``{Version}`` of the ledger, with which code of version *asked* can work.

    No ledger is no obstacle: the primary region makes the replica here, and may be down or not deployed yet.

    Raises:
        LedgerRefused: It can't.
    """
    try:
        row = ledger.read(versions.PK, versions.SK)
    except ledger.client.exceptions.ResourceNotFoundException:
        log("there is no ledger here yet", ledger=ledger.table)
        return {"Version": "none"}
    versions.require_readable(row, asked)
    return {"Version": versions.found(row)}


def migrate(ledger: Ledger, asked: int, before: int, at: datetime, goes_on: Callable[[], bool]) -> Item:
    """``{Version}`` of the ledger, brought up to *asked* from what code of version *before* has left.

    Args:
        ledger: Of the primary region.
        asked: Version of the deployment's code.
        before: Version of the code that the deployment had until now; the first one if it is not known.
        at: The time.
        goes_on: Whether there is time for another page.

    Raises:
        LedgerRefused: The ledger is too new, or this code too old.
        OutOfTime: There was not; called again, it goes on where it stopped.
        TemporarilyUnavailable: Another deployment does the same, or DynamoDB can't be reached now.
    """
    row = ledger.read(versions.PK, versions.SK)
    for number in versions.steps(row, asked, before):
        for point in STEPS[number](ledger, versions.resumed(row, number)):
            row = _write(ledger, row, versions.cut_short(row, number, point, iso(at)))
            if not goes_on():
                raise OutOfTime(
                    f"bringing the ledger to version {number} takes longer than a function may run; it has come down "
                    f"to points of {point[1]}: deploy again, and it goes on from there"
                )
        row = _write(ledger, row, versions.item(row, number, iso(at)))
        log("ledger brought up", version=number, ledger=ledger.table)
    return {"Version": versions.found(row)}


def _write(ledger: Ledger, row: Item | None, changed: Item) -> Item:
    seen = row and {name: row.get(name) for name in ("version", "progress")}
    if changed != row and not ledger.put(changed, seen=seen):
        raise TemporarilyUnavailable("another deployment brings the ledger up at this very moment")
    return changed


def _version(properties: Mapping[str, Any], default: int | None = None) -> int:
    """``Version`` of the resource, which CloudFormation hands on as text."""
    value = properties.get("Version", default)
    if not str(value).isdecimal():
        raise InvalidRequest("Version", value, "give the number that blueprints/ledger_version.py has")
    return int(str(value))


# ---- steps: each yields the point down to which it has come, newest first --------------------------------------------


def _what_each_database_has(ledger: Ledger, after: Point | None) -> Iterator[Point]:
    """Rows ``PROTECTION#<db>``, as those who conclude points write them (docs/decisions/0013), from all points.

    In any order: of two points the rule of ``catalogue.summary`` picks the one that counts.
    """
    while page := ledger.newest(BATCH, before=after):
        ended: dict[str, list[Item]] = {}
        for row in ledger.many((f"POINT#{name}", "POINT") for name, _ in page).values():
            if row["status"] != RUNNING:
                ended.setdefault(row["database"], []).append(row)
        for points in ended.values():
            protection.note(ledger, *points)
        after = page[-1]
        yield after


STEPS: Mapping[int, Callable[[Ledger, Point | None], Iterator[Point]]] = {2: _what_each_database_has}
