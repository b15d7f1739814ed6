"""Note that a recovery point has reached level 0: taken. State of ``backup``."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.core.names import iso
from handlers.ledger import Item, Ledger
from handlers.runtime import Clients, from_environment, now, region, translated


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        ledger: Name of the table.
    """

    ledger: str


@translated()
def handler(event: Item, context: object) -> Item:
    """``{point, snapshot} -> {level, at}``; that key, source and tags are right was checked when the snapshot ended.

    Raises:
        AlreadyClaimed: A later run has the point.
    """
    environment = from_environment(Environment)
    at = iso(now())
    Ledger(Clients().dynamodb, environment.ledger, region()).record_level(
        event["point"], 0, {"at": at, **event["snapshot"]}
    )
    return {"level": 0, "at": at}
