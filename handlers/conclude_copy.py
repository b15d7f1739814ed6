"""Write down what the recovery region holds of a point, and tell the primary. Last but one state of ``copy``."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.concluding import Concluding
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
    """``{point, copy, vault} -> {state, facts}``."""
    environment = from_environment(Environment)
    concluding = Concluding.here(environment.ledger, environment.bus)
    return conclude(concluding, event["point"], event["copy"], event["vault"])


def conclude(concluding: Concluding, point: Item, copy: Item, vault: Item) -> Item:
    """The outcome as the primary region will read it in ``OUTCOME#copy``.

    Raises:
        AlreadyClaimed: A later run has asked for the copy.
    """
    facts = {"snapshot_arn": copy["snapshot_arn"], "key": copy["key"], **vault}
    outcome = concluding.conclude_copy(point["id"], point["attempt"], {"state": "succeeded", "facts": facts})
    return {"state": outcome["state"], "facts": outcome.get("facts", {})}
