"""Write down why a copy run failed, and tell the primary region. Last but one state of ``copy``."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.concluding import Concluding
from handlers.core import points
from handlers.ledger import Item
from handlers.runtime import from_environment, translated


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        ledger: Name of the table.
        bus: Name of this region's event bus, which forwards to the primary's.
    """

    ledger: str
    bus: str


@translated()
def handler(event: Item, context: object) -> Item:
    """``{point, execution, error} -> {error, cause}``."""
    environment = from_environment(Environment)
    concluding = Concluding.here(environment.ledger, environment.bus)
    return record(concluding, event["point"], event["execution"], event["error"])


def record(concluding: Concluding, point: Item, execution: str, error: Item) -> Item:
    """Error and cause of the failed run, after they were recorded; a copy that another run makes is left alone."""
    claim = concluding.following.ledger.read(f"POINT#{point['id']}", "CLAIM#copy")
    if claim and claim["attempt"] >= point["attempt"] and claim["execution"] != execution:
        name, cause = points.failure(error, [])
        return {"error": name, "cause": cause}
    outcome = concluding.fail_copy(point["id"], point["attempt"], error)
    name, cause = points.failure(error, [])
    return {"error": outcome.get("error", name), "cause": outcome.get("cause", cause)}
