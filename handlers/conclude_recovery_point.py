"""Say what a recovery point is worth, in the ledger and to the world. Last but one state of ``backup``."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.concluding import Concluding
from handlers.core import points
from handlers.core.errors import AlreadyClaimed
from handlers.core.names import iso
from handlers.ledger import Item
from handlers.runtime import from_environment, translated


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: First part of every physical name; names the metrics' deployment.
        ledger: Name of the table.
        bus: Name of the event bus.
    """

    prefix: str
    ledger: str
    bus: str


@translated()
def handler(event: Item, context: object) -> Item:
    """``{point, check, copy} -> {status, level, problems, reason}``."""
    environment = from_environment(Environment)
    concluding = Concluding.here(environment.ledger, environment.bus)
    return conclude(concluding, event["point"], event["check"], event["copy"])


def conclude(concluding: Concluding, point: Item, check: Item, copy: Item) -> Item:
    """The verdict; asked twice, it is the same and announced once more only if that was missed.

    Raises:
        AlreadyClaimed: A later run has the point.
    """
    row = concluding.following.ledger.point(point["id"])
    if row is None or row["attempt"] != point["attempt"]:
        raise AlreadyClaimed(f"{point['id']} is no longer this run's")
    verdict = points.verdict(check, copy)
    levels = row["levels"]
    if verdict.status == points.VERIFIED:
        levels = points.with_level(levels, 2, {"at": iso(concluding.following.clock()), **copy})
    values = {
        "status": verdict.status,
        "levels": levels,
        "level": verdict.level,
        "problems": [*row["problems"], *copy["problems"]],  # CheckExport recorded more than it passed on
        "problem_count": verdict.problem_count,
    }
    concluding.conclude(row, values)
    return {
        "status": verdict.status,
        "level": verdict.level,
        "problems": verdict.problem_count,
        "reason": verdict.reason,
    }
