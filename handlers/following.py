"""Following a long RDS job until it ends: one path for event, sweep and time-out.

``arm`` stores the token, the caller asks AWS, ``settle`` looks and answers. Every step states what it has seen
(``arms``: how often the row was armed), so a late one changes nothing, and every step can be repeated, so whoever dies
is finished by the next to come by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handlers import described
from handlers.core import operations
from handlers.core.errors import AlreadyClaimed, QuotaReached, TemporarilyUnavailable
from handlers.core.names import iso
from handlers.core.operations import Failed, Kind, Outcome, Running, Succeeded
from handlers.ledger import Item, Ledger
from handlers.machines import answer
from handlers.runtime import log
from handlers.slots import Slots

if TYPE_CHECKING:
    from handlers.runtime import Clients


@dataclass(frozen=True)
class Following:
    """The operations of one region."""

    ledger: Ledger
    slots: Slots
    clients: Clients
    clock: Callable[[], datetime]

    @classmethod
    def of(cls, clients: Clients, table: str, region: str, clock: Callable[[], datetime]) -> Following:
        """The operations that the ledger *table* holds for *region*."""
        ledger = Ledger(clients.dynamodb, table, region)
        return cls(ledger, Slots(ledger, clients, clock), clients, clock)

    def arm(self, kind: Kind, point: Mapping[str, Any], token: str, resource: str, expected: Item) -> Item:
        """The operation's row, which from now on has *token*; call this **before** asking AWS for *resource*.

        Raises:
            AlreadyClaimed: A later run has the point.
            QuotaReached: What an earlier run left must go first; RDS runs one export per snapshot.
            TemporarilyUnavailable: What an earlier run left is just being deleted, or somebody else armed.
        """
        before = self.ledger.operation(point["id"], kind)
        if before:
            _require_free(before, point["attempt"], resource)
        at = iso(self.clock())
        same_run = before and before["attempt"] == point["attempt"]
        row = {
            "pk": f"POINT#{point['id']}",
            "sk": f"OPERATION#{kind}",
            "kind": kind,
            "region": self.ledger.region,
            "point": point["id"],
            "attempt": point["attempt"],
            "resource": resource,
            "expected": expected,
            "token": token,
            "arms": (before["arms"] if before else 0) + 1,
            "state": "open",
            "begun_at": before["begun_at"] if before and same_run else at,
            "armed_at": at,
            "answered": False,
            "open": self.ledger.region,
        }
        seen = {"arms": before["arms"], "cleaning": None} if before else None
        if not self.ledger.put(row, seen=seen):
            raise TemporarilyUnavailable(f"{kind} of {point['id']} changed meanwhile")
        return row

    def settle(self, row: Item, *, unnoticed: bool = False) -> Outcome:
        """What has become of the operation *row*; if it has ended, its token is answered and its slot free.

        Args:
            row: As read just now.
            unnoticed: Who looks is the sweep: keep the row open until the event comes, or is found lost.
        """
        first = row["state"] == "open"
        if first:
            outcome = self.look(row, self.describe(row))
            if isinstance(outcome, Running):
                return outcome
            row = self._record(row, outcome)
        outcome = operations.recorded(row)
        if isinstance(outcome, Running) or row.get("abandoned"):
            return outcome
        if not row["answered"]:
            answer(self.clients.states, row["token"], outcome)
            if quota := operations.QUOTAS.get(row["kind"]):
                self.slots.release(quota, row["point"], row["attempt"])
            log("operation ended", kind=row["kind"], point=row["point"], outcome=type(outcome).__name__)
        self._close(row, unnoticed=unnoticed and first)
        return outcome

    def look(self, row: Item, found: Item | None) -> Outcome:
        """What has become of *row*, now that AWS says *found* of it."""
        return operations.outcome(row, found, self.clock())

    def describe(self, row: Item) -> Item | None:
        """What AWS, or for ``recovery-copy`` the recovery region, says of the operation; nothing if unknown."""
        if row["kind"] == "recovery-copy":
            return self.ledger.read(row["pk"], "OUTCOME#copy")
        if row["kind"] == "export":
            return described.export_task(self.clients.rds, row["resource"])
        return described.snapshot(self.clients.rds, row["resource"])

    def abandon(self, row: Item) -> Item | None:
        """*row*, whose run is over and whose leavings are to be cleaned; nothing if somebody changed it."""
        values = {"abandoned": True, "arms": row["arms"] + 1, "answered": True, "open": self.ledger.region}
        if not self.ledger.change(row, values, seen={"arms": row["arms"]}, remove=("token", "unnoticed_since")):
            return None
        return self.ledger.read(row["pk"], row["sk"])

    def _record(self, row: Item, outcome: Succeeded | Failed) -> Item:
        """*row* with its *outcome*; or as it is, if somebody else was quicker."""
        columns = operations.as_columns(outcome, self.clock())
        self.ledger.change(row, columns, seen={"arms": row["arms"], "state": "open"})
        now = self.ledger.read(row["pk"], row["sk"])
        return now if now and now["arms"] == row["arms"] else row

    def _close(self, row: Item, *, unnoticed: bool) -> None:
        values = {"answered": True, **({"unnoticed_since": iso(self.clock())} if unnoticed else {})}
        gone = ("token", *(() if unnoticed else ("open", "unnoticed_since")))
        self.ledger.change(row, values, seen={"arms": row["arms"]}, remove=gone)


def _require_free(before: Item, attempt: int, resource: str) -> None:
    name = f"{before['kind']} {before['resource']}"
    if before["attempt"] > attempt:
        raise AlreadyClaimed(f"{name} belongs to a later run of {before['point']}")
    if before.get("cleaning"):
        raise TemporarilyUnavailable(f"{name}, left by an earlier run, is being deleted")
    if before.get("abandoned") and "open" in before and before["resource"] != resource:
        raise QuotaReached(f"{name}, left by an earlier run, has not ended yet")
