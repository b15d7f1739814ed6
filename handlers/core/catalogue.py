"""What can be restored, to when, and how we know: the documents of the API, told from rows of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handlers.core.names import iso
from handlers.core.points import FAILED, PARTIAL, RUNNING, VERIFIED

Item = dict[str, Any]

LEVELS = ("taken", "exported", "copied", "restored", "serving")
PROTECTED, AT_RISK, UNPROTECTED = "protected", "at_risk", "unprotected"
REQUESTED = "requested"  # beside the statuses of a point's row: asked for, and no run has claimed it yet
GRACE = timedelta(minutes=15)  # that a due run may take to begin, before it counts as missed


# ---- what a database has, kept up to date as its points end ----------------------------------------------------------


def summary(before: Mapping[str, Any] | None, *ended: Mapping[str, Any]) -> Item | None:
    """``{newest, verified?}`` of a database now that points of it have *ended*; nothing if *before* says so already.

    Of two verified points the one with the later data counts, which a second run of an older point may have.
    """
    found = {name: before[name] for name in ("newest", "verified") if name in before} if before else {}
    for point in ended:
        newest = {name: point[name] for name in ("id", "scheduled_at", "attempt", "status")}
        if _order(newest) >= _order(found.get("newest")):
            found["newest"] = newest | {"level": point.get("level")}
        if point["status"] == VERIFIED:
            verified = {"id": point["id"], "level": point["level"], "taken_at": taken_at(point)}
            if verified["taken_at"] >= found.get("verified", {"taken_at": ""})["taken_at"]:
                found["verified"] = verified
    unchanged = before and all(before.get(name) == value for name, value in found.items())
    return None if unchanged else found


def _order(newest: Mapping[str, Any] | None) -> tuple[str, int]:
    return (newest["scheduled_at"], newest["attempt"]) if newest else ("", 0)


def taken_at(point: Mapping[str, Any]) -> str | None:
    """To when *point* restores its database; nothing while it has no snapshot."""
    at: str | None = point["levels"].get("0", {}).get("taken_at")
    return at


# ---- databases -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Database:
    """A database that asks for protection, or once did.

    Attributes:
        row: Its row in the registry: ``id``, ``first_seen_at``, ``seen_at``, ``gone_at?``.
        summary: ``{newest, verified?}`` of its points that have ended; empty before the first has.
    """

    row: Mapping[str, Any]
    summary: Mapping[str, Any]

    @property
    def present(self) -> bool:
        """Whether it is there and asks for protection still."""
        return "gone_at" not in self.row

    def age(self, now: datetime) -> timedelta | None:
        """How old the data of the newest verified point is, which is what a disaster would cost *now*."""
        verified = self.summary.get("verified")
        return max(timedelta(0), now - datetime.fromisoformat(verified["taken_at"])) if verified else None

    def exposure(self, now: datetime) -> timedelta:
        """The :meth:`age`; of a database without a verified point, how long it has been known."""
        age = self.age(now)
        return now - datetime.fromisoformat(self.row["first_seen_at"]) if age is None else age


@dataclass(frozen=True)
class Outlook:
    """What the state of a database is judged by.

    Attributes:
        now: The time.
        objective: Most data, counted in time, that a disaster may cost (RPO).
        next_run: When the next scheduled run begins; nothing if that is not known.
        due: When the first run begins that need not have begun yet, :data:`GRACE` granted.
    """

    now: datetime
    objective: timedelta
    next_run: datetime | None
    due: datetime | None


def database(known: Database, newest: Mapping[str, Any] | None, outlook: Outlook) -> Item:
    """The document of a database; *newest* is the row of its newest point, going on or ended."""
    age = known.age(outlook.now)
    verified = known.summary.get("verified")
    return {
        "id": known.row["id"],
        "present": known.present,
        "first_seen_at": known.row["first_seen_at"],
        "rpo_objective_seconds": _seconds(outlook.objective),
        "recovery_point_age_seconds": None if age is None else _seconds(age),
        "status": protection(known, newest, outlook),
        "last_verified": {name: verified[name] for name in ("id", "level", "taken_at")} if verified else None,
        "newest": {"id": newest["id"], "status": newest["status"], "level": newest.get("level")} if newest else None,
        "next_run": iso(outlook.next_run) if known.present and outlook.next_run else None,
    }


def protection(known: Database, newest: Mapping[str, Any] | None, outlook: Outlook) -> str:
    """``protected``, ``at_risk`` or ``unprotected``.

    Unprotected: no verified point, or one older than the objective allows. At risk: within the objective, but the
    newest point has failed or is partial, or no run that goes on or is still to come can begin before the objective is
    missed.
    """
    age = known.age(outlook.now)
    if age is None or age > outlook.objective:
        return UNPROTECTED
    if newest and newest["status"] in (PARTIAL, FAILED):
        return AT_RISK
    goes_on = newest is not None and newest["status"] == RUNNING
    too_late = outlook.due is not None and outlook.due - outlook.now > outlook.objective - age
    return AT_RISK if too_late and not goes_on else PROTECTED


# ---- recovery points -------------------------------------------------------------------------------------------------


def point(rows: Iterable[Mapping[str, Any]], now: datetime) -> Item | None:
    """A point as lists show it, from its *rows*: POINT, OPERATION and OUTCOME; nothing without the first."""
    by_key = {row["sk"]: row for row in rows}
    row = by_key.get("POINT")
    if row is None:
        return None
    return {
        "id": row["id"],
        "database": row["database"],
        "status": row["status"],
        "level": row.get("level"),
        "scheduled_at": row["scheduled_at"],
        "concluded_at": row.get("concluded_at"),
        "taken_at": taken_at(row),
        "problem_count": row["problem_count"],
        "error": {"name": row["error"], "cause": row["cause"]} if "error" in row else None,
        "stages": stages(row, by_key, now),
    }


def details(row: Mapping[str, Any]) -> Item:
    """What the document of a single point has beside: levels with their facts, and the first problems."""
    levels = sorted(row["levels"].items(), key=lambda level: int(level[0]))
    return {
        "levels": [
            {"level": int(n), "name": LEVELS[int(n)], "at": facts["at"], "facts": _but(facts, "at", "problems")}
            for n, facts in levels
        ],
        "problems": [dict(problem) for problem in row["problems"]],
    }


def requested(point_id: str, database_id: str, at: datetime, error: Mapping[str, str] | None = None) -> Item:
    """The document of a point that was asked for and that no run has claimed; it has failed if there is an *error*."""
    row = {
        "sk": "POINT",
        "id": point_id,
        "database": database_id,
        "status": FAILED if error else REQUESTED,
        "scheduled_at": iso(at),
        "levels": {},
        "problems": [],
        "problem_count": 0,
        **({"error": error["Error"], "cause": error["Cause"]} if error else {}),
    }
    return {**(point([row], at) or {}), **details(row)}


# ---- stages ----------------------------------------------------------------------------------------------------------

STAGES = ("snapshot", "export", "check", "copy", "compare")
STATES = ("pending", "waiting", "running", "succeeded", "failed", "skipped")


def stages(row: Mapping[str, Any], by_key: Mapping[str, Mapping[str, Any]], now: datetime) -> list[Item]:
    """Every stage of the run that has the point: its state, and when it began and ended.

    A stage that waits for a slot of an AWS quota has begun, so that the stages together are the whole run.
    """

    def mine(key: str) -> Mapping[str, Any]:
        found = by_key.get(key, {})
        return found if found.get("attempt") == row.get("attempt") else {}

    def reached(level: str) -> str | None:  # a later run keeps what an earlier one has reached of the same snapshot
        at: str | None = row["levels"].get(level, {}).get("at")
        return at if at and at >= row["begun_at"] else None

    snapshot, export, request = (mine(f"OPERATION#{kind}") for kind in ("snapshot", "export", "recovery-copy"))
    copy, outcome = mine("OPERATION#copy"), mine("OUTCOME#copy")
    compared_badly = outcome.get("state") == "failed" or outcome.get("facts", {}).get("problem_count", 0) > 0
    whole = reached("1")
    found = (
        _Stage(row.get("begun_at"), snapshot.get("ended_at"), failed=snapshot.get("state") == "failed"),
        _Stage(reached("0"), export.get("ended_at"), failed=export.get("state") == "failed", waits=not export),
        _Stage(_success(export), whole or (request and request["begun_at"]) or None, failed=not whole),
        _Stage(
            request.get("begun_at"),
            copy.get("ended_at") or outcome.get("at"),
            failed=_success(copy) is None,
            waits=not copy,
        ),
        _Stage(_success(copy), outcome.get("at"), failed=compared_badly),
    )
    over = (row.get("concluded_at") or iso(now)) if row["status"] not in (RUNNING, REQUESTED) else None
    return [{"name": name, **stage.document(over, now)} for name, stage in zip(STAGES, found, strict=True)]


def _success(operation: Mapping[str, Any]) -> str | None:
    at: str | None = operation.get("ended_at")
    return at if operation.get("state") == "succeeded" else None


@dataclass(frozen=True)
class _Stage:
    """When a stage began and ended, and how; *waits* says what it does in between."""

    begun_at: str | None
    ended_at: str | None
    failed: bool
    waits: bool = False

    def document(self, over: str | None, now: datetime) -> Item:
        """State and times; *over* is when the run ended, if it has."""
        if self.begun_at is None:
            return {"state": "skipped" if over else "pending", "begun_at": None, "ended_at": None, "seconds": None}
        ended = self.ended_at or over
        if self.ended_at and not self.failed:
            state = "succeeded"
        elif ended:
            state = "failed"
        else:
            state = "waiting" if self.waits else "running"
        until = datetime.fromisoformat(ended) if ended else now
        seconds = max(0, _seconds(until - datetime.fromisoformat(self.begun_at)))
        return {"state": state, "begun_at": self.begun_at, "ended_at": ended, "seconds": seconds}


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


def _but(facts: Mapping[str, Any], *names: str) -> Item:
    return {name: value for name, value in facts.items() if name not in names}
