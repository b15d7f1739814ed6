"""Queue for a slot of an AWS quota; the task is answered when there is one. State of ``backup`` and ``copy``."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.core.errors import InvalidRequest
from handlers.ledger import Item, Ledger
from handlers.runtime import Clients, from_environment, now, region, translated
from handlers.slots import Slots


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        ledger: Name of the table.
        export_slots: Export tasks that RDS runs at once in the account.
        copy_slots: Snapshot copies that RDS runs at once into this region.
    """

    ledger: str
    export_slots: int
    copy_slots: int


@translated()
def handler(event: Item, context: object) -> None:
    """``{quota, point, token}``; the token is answered with ``{slot}``.

    Raises:
        InvalidRequest: There is no such quota.
    """
    environment = from_environment(Environment)
    capacity = {"exports": environment.export_slots, "copies": environment.copy_slots}
    quota = event["quota"]
    if quota not in capacity:
        raise InvalidRequest("quota", quota, "use exports or copies")
    clients = Clients()
    slots = Slots(Ledger(clients.dynamodb, environment.ledger, region()), clients, now)
    slots.wait(quota, capacity[quota], event["point"], event["token"])
