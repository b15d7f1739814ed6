"""Ask the recovery region to pull a recovery point; the waiting task is answered when it has. State of ``backup``."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.events import publish
from handlers.following import Following
from handlers.ledger import Item
from handlers.runtime import Clients, from_environment, now, region, translated


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        ledger: Name of the table.
        bus: Name of the event bus, which forwards to the recovery region.
    """

    ledger: str
    bus: str


@translated()
def handler(event: Item, context: object) -> None:
    """``{point, snapshot, check, token}``; the token is answered with the facts of ``OUTCOME#copy``."""
    environment = from_environment(Environment)
    following = Following.of(Clients(), environment.ledger, region(), now)
    request(following, environment, event)


def request(following: Following, environment: Environment, event: Item) -> None:
    """Note the request, then publish it. Should the event get lost, the recovery region's sweep finds the note."""
    point, snapshot = event["point"], event["snapshot"]
    wanted = {"point": point, "snapshot": snapshot, "manifest": event["check"]["manifest"]}
    row = following.arm("recovery-copy", point, event["token"], snapshot["arn"], {"request": wanted})
    publish(following.clients.events, environment.bus, "Copy Requested", {"request": wanted})
    following.settle(row)
