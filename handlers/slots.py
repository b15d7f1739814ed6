"""Leases: the right to use one slot of an AWS quota, handed on to whoever needs it most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from handlers.core import leases
from handlers.core.errors import TemporarilyUnavailable
from handlers.core.names import iso
from handlers.core.operations import Succeeded
from handlers.ledger import Item, Ledger
from handlers.machines import answer

if TYPE_CHECKING:
    from handlers.runtime import Clients

_TRIES = 8  # of a write that others race for


@dataclass(frozen=True)
class Slots:
    """The leases of one region."""

    ledger: Ledger
    clients: Clients
    clock: Callable[[], datetime]

    def wait(self, quota: str, capacity: int, point: Mapping[str, Any], token: str) -> None:
        """Queue the run that has *point* for one of *capacity* slots, then hand out what is free."""
        self._ensure(quota, capacity)
        waiter = {
            "pk": self._pk(quota),
            "sk": f"WAITER#{point['urgency']}#{point['id']}",
            "point": point["id"],
            "attempt": point["attempt"],
            "urgency": point["urgency"],
            "token": token,
            "queued_at": iso(self.clock()),
        }
        before = self.ledger.read(waiter["pk"], waiter["sk"])
        if not self.ledger.put(waiter, seen=before and {"token": before["token"]}):
            raise TemporarilyUnavailable(f"the waiter of {point['id']} changed meanwhile")
        self.grant(quota)

    def grant(self, quota: str) -> None:
        """Give free slots to the most urgent waiters and tell them; safe to repeat at any time.

        First the lease is written, then the waiter told, then its row deleted: whoever dies in between is finished
        by the next call, since a waiter that holds a slot is told again.
        """
        for _ in range(_TRIES):
            lease = self.ledger.read(self._pk(quota), "LEASE")
            rows = self.ledger.partition(self._pk(quota), "WAITER#") if lease else []
            if lease is None or not rows:
                return
            waiting = {leases.Waiter(row["urgency"], row["point"], row["attempt"]): row for row in rows}
            held = {point: holder["attempt"] for point, holder in lease["holders"].items()}
            granted = leases.grants(lease["capacity"], held, waiting)
            if granted.holders == held or self._hold(lease, granted.holders):
                for waiter in granted.told:
                    self._tell(quota, waiting[waiter])
                return
        raise TemporarilyUnavailable(f"the lease of {quota} is fought over")

    def release(self, quota: str, point: str, attempt: int) -> None:
        """Take the slot back from *point*, unless a later attempt holds it, and hand it on."""
        for _ in range(_TRIES):
            lease = self.ledger.read(self._pk(quota), "LEASE")
            held = {name: holder["attempt"] for name, holder in lease["holders"].items()} if lease else {}
            if lease is None or held.get(point, attempt + 1) > attempt:
                break
            del held[point]
            if self._hold(lease, held):
                break
        else:
            raise TemporarilyUnavailable(f"the lease of {quota} is fought over")
        self.grant(quota)

    def leave(self, quota: str, point: str, attempt: int) -> None:
        """Take *point* out of the queue and its slot back: its run is over."""
        for row in self.ledger.partition(self._pk(quota), "WAITER#"):
            if row["point"] == point and row["attempt"] <= attempt:
                self.ledger.delete(row, seen={"token": row["token"]})
        self.release(quota, point, attempt)

    def parties(self, quota: str) -> list[tuple[str, int]]:
        """Point and attempt of all who hold a slot or wait for one."""
        rows = self.ledger.partition(self._pk(quota))
        holders = [(p, h["attempt"]) for row in rows for p, h in row.get("holders", {}).items()]
        return holders + [(row["point"], row["attempt"]) for row in rows if "token" in row]

    def _tell(self, quota: str, waiter: Item) -> None:
        answer(self.clients.states, waiter["token"], Succeeded({"slot": quota}))
        self.ledger.delete(waiter, seen={"token": waiter["token"]})

    def _hold(self, lease: Item, holders: Mapping[str, int]) -> bool:
        known, at = lease["holders"], iso(self.clock())
        unchanged = {p: known[p] for p, a in holders.items() if p in known and known[p]["attempt"] == a}
        new = {p: {"attempt": a, "granted_at": at} for p, a in holders.items() if p not in unchanged}
        values = {"holders": unchanged | new, "version": lease["version"] + 1}
        return self.ledger.change(lease, values, seen={"version": lease["version"]})

    def _ensure(self, quota: str, capacity: int) -> None:
        """Let there be a lease, of *capacity* slots: the deployment's settings may have changed."""
        lease = self.ledger.read(self._pk(quota), "LEASE")
        if lease is None:
            empty = {"pk": self._pk(quota), "sk": "LEASE", "capacity": capacity, "holders": {}, "version": 0}
            self.ledger.put(empty, seen=None)
        elif lease["capacity"] != capacity:
            self.ledger.change(lease, {"capacity": capacity}, seen={"version": lease["version"]})

    def _pk(self, quota: str) -> str:
        return f"LEASE#{self.ledger.region}#{quota}"
