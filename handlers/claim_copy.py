"""Take the copying of a recovery point for this run, or find that another has it. First state of ``copy``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handlers import machines
from handlers.core.errors import AlreadyClaimed, TemporarilyUnavailable
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
    """``{request: {point, snapshot, manifest}, execution} -> {claimed}``."""
    clients = Clients()
    ledger = Ledger(clients.dynamodb, from_environment(Environment).ledger, region())
    claim(clients, ledger, event["request"]["point"], event["execution"], now())
    return {"claimed": True}


def claim(clients: Clients, ledger: Ledger, point: Item, execution: str, at: datetime) -> None:
    """Let *execution* copy *point*; a claim of an earlier attempt, or of a dead execution, is taken over.

    Raises:
        AlreadyClaimed: Another execution copies it, it has been copied, or a later run has asked.
        TemporarilyUnavailable: Another execution claimed at the same moment.
    """
    outcome = ledger.read(f"POINT#{point['id']}", "OUTCOME#copy")
    if outcome and outcome["attempt"] >= point["attempt"]:
        raise AlreadyClaimed(f"the copy of {point['id']} has {outcome['state']}")
    before = ledger.read(f"POINT#{point['id']}", "CLAIM#copy")
    if before:
        if before["execution"] == execution and before["attempt"] == point["attempt"]:
            return
        stale = before["attempt"] > point["attempt"]
        if stale or (_is_unfinished(before) and machines.ending(clients.states, before["execution"]) is None):
            raise AlreadyClaimed(f"{before['execution']} copies {point['id']}")
    row = {
        "pk": f"POINT#{point['id']}",
        "sk": "CLAIM#copy",
        "point": point["id"],
        "attempt": point["attempt"],
        "execution": execution,
        "claimed_at": iso(at),
        "begun_at": iso(at),
        "open": ledger.region,
    }
    seen = before and {"execution": before["execution"], "attempt": before["attempt"]}
    if not ledger.put(row, seen=seen):
        raise TemporarilyUnavailable(f"the copy of {point['id']} was claimed meanwhile")


def _is_unfinished(claim: Item) -> bool:
    return "open" in claim
