"""How runs end: first the ledger, then event and metric, then the row is closed. The sweep repeats what was cut short.

Events and metrics are therefore told at least once: a failure that is counted twice wakes nobody twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handlers import metrics, protection
from handlers.cleaning import clean
from handlers.core import points
from handlers.core.errors import AlreadyClaimed, Final
from handlers.core.names import iso
from handlers.core.operations import Running
from handlers.events import publish
from handlers.following import Following
from handlers.ledger import Item
from handlers.runtime import Clients, log, now, region, translated


@dataclass(frozen=True)
class Concluding:
    """The ends of the runs of one region."""

    following: Following
    bus: str

    @classmethod
    def here(cls, ledger: str, bus: str) -> Concluding:
        """The runs of the region that this function runs in, with the table *ledger* and the event bus *bus*."""
        return cls(Following.of(Clients(), ledger, region(), now), bus)

    # ---- the primary region: points ----------------------------------------------------------------------------------

    def conclude(self, row: Item, values: Mapping[str, Any]) -> Item:
        """The point's *row* with its final *values*, announced; the first conclusion of a run stands.

        Raises:
            AlreadyClaimed: A later run has the point.
        """
        ledger = self.following.ledger
        at = iso(self.following.clock())
        seen = {"attempt": row["attempt"], "status": points.RUNNING}
        ledger.change(row, {**values, "concluded_at": at}, seen=seen)
        now = ledger.read(row["pk"], row["sk"])
        if now is None or now["attempt"] != row["attempt"]:
            raise AlreadyClaimed(f"{row['id']} belongs to a later run")
        if "open" in now:
            self.announce(now)
        return now

    def announce(self, row: Item) -> None:
        """Tell the world how the concluded point *row* ended, then close it."""
        protection.note(self.following.ledger, row)
        publish(
            self.following.clients.events,
            self.bus,
            f"Recovery Point {row['status'].capitalize()}",
            {
                "recovery_point": row["id"],
                "database": row["database"],
                "status": row["status"],
                "level": row.get("level"),
                **_more(row),
            },
        )
        count(row["status"])
        seen = {"attempt": row["attempt"], "status": row["status"]}
        self.following.ledger.change(row, {}, seen=seen, remove=("open",))
        log("recovery point concluded", point=row["id"], status=row["status"])

    def fail(self, row: Item, error: Mapping[str, str]) -> Item:
        """The point's *row* after its run failed with *error*: reported, its slot free, its leavings going.

        A point that was concluded before stays as it was.

        Raises:
            AlreadyClaimed: A later run has the point.
        """
        following = self.following
        if row["status"] != points.RUNNING:
            return self.conclude(row, {})
        mine = [op for op in following.ledger.operations(row["id"]) if self._is_mine(op, row["attempt"])]
        name, cause = points.failure(error, [note for op in mine if (note := self._unfinished(op))])
        abandoned = self._abandoned(mine, row["levels"])
        following.slots.leave("exports", row["id"], row["attempt"])
        row = self.conclude(row, {"status": points.FAILED, "error": name, "cause": cause})
        self._clean(abandoned)
        return row

    # ---- the recovery region: copies ---------------------------------------------------------------------------------

    def conclude_copy(self, point: str, attempt: int, values: Mapping[str, Any]) -> Item:
        """``OUTCOME#copy`` of *attempt*, announced; the first outcome of an attempt stands.

        Raises:
            AlreadyClaimed: A later run has asked for the copy.
        """
        ledger = self.following.ledger
        at = iso(self.following.clock())
        outcome = {"pk": f"POINT#{point}", "sk": "OUTCOME#copy", "point": point, "attempt": attempt, "at": at, **values}
        before = ledger.read(outcome["pk"], outcome["sk"])
        if before is None or before["attempt"] < attempt:
            ledger.put(outcome, seen=before and {"attempt": before["attempt"]})
        now = ledger.read(outcome["pk"], outcome["sk"])
        if now is None or now["attempt"] != attempt:
            raise AlreadyClaimed(f"the copy of {point} belongs to a later run")
        detail = {"recovery_point": point, "state": now["state"]}
        publish(self.following.clients.events, self.bus, "Copy Concluded", detail)
        claim = {"pk": outcome["pk"], "sk": "CLAIM#copy"}
        ledger.change(claim, {}, seen={"attempt": attempt}, remove=("open",))
        log("copy concluded", point=point, state=now["state"])
        return now

    def fail_copy(self, point: str, attempt: int, error: Mapping[str, str]) -> Item:
        """``OUTCOME#copy`` after the copy run of *attempt* failed with *error*; a copy that became available stays.

        Raises:
            AlreadyClaimed: A later run has asked for the copy.
        """
        following = self.following
        found = following.ledger.operation(point, "copy")
        mine = [found] if found and self._is_mine(found, attempt) else []
        name, cause = points.failure(error, [note for op in mine if (note := self._unfinished(op))])
        abandoned = self._abandoned(mine, {})
        following.slots.leave("copies", point, attempt)
        outcome = self.conclude_copy(point, attempt, {"state": "failed", "error": name, "cause": cause})
        self._clean(abandoned)
        return outcome

    # ---- both --------------------------------------------------------------------------------------------------------

    def _is_mine(self, operation: Item, attempt: int) -> bool:
        """Whether the operation is this region's, of this run or an earlier one, and not cleaned up yet."""
        gone = operation.get("abandoned") and "open" not in operation
        return operation["region"] == self.following.ledger.region and operation["attempt"] <= attempt and not gone

    def _unfinished(self, operation: Item) -> str:
        """What the operation still does, for people; empty if it has ended."""
        if operation["state"] != "open":
            return ""
        try:
            with translated():
                found = self.following.describe(operation)
        except Final as error:  # the report comes first
            return f"{operation['kind']} {operation['resource']} ({error})"
        outcome = self.following.look(operation, found)
        return outcome.note if isinstance(outcome, Running) else ""

    def _abandoned(self, operations: list[Item], levels: Mapping[str, Any]) -> list[Item | None]:
        """Those of *operations* that no level vouches for, given up; the sweep settles the others."""
        left = [op for op in operations if not points.is_vouched(op["kind"], op["state"], levels)]
        return [op if op.get("abandoned") else self.following.abandon(op) for op in left]

    def _clean(self, abandoned: list[Item | None]) -> None:
        for operation in filter(None, abandoned):
            try:
                with translated():
                    clean(self.following, operation)
            except Final as error:  # the failure is reported; the sweep goes on trying, and says so each time
                log("could not clean up", level="ERROR", resource=operation["resource"], error=str(error))


def count(status: str) -> None:
    """``RecoveryPointsVerified``, ``RecoveryPointsPartial`` or ``RecoveryPointsFailed``: one more."""
    metrics.record({f"RecoveryPoints{status.capitalize()}": (1, metrics.COUNT)})


def _more(row: Item) -> dict[str, Any]:
    """What only a failure has, or all but a failure; ``docs/events/`` has the schemas."""
    names = ("error", "cause") if row["status"] == points.FAILED else ()
    return {name: row[name] for name in names} or {"problems": row["problem_count"]}
