"""What a recovery point is worth, who may work on it, and when its database needs the next one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from handlers.core.errors import DatabaseUnsuitable, TemporarilyUnavailable
from handlers.core.names import iso, point_id

RUNNING, VERIFIED, PARTIAL, FAILED = "running", "verified", "partial", "failed"

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html (status of a DB instance)
_USABLE = {"available", "storage-optimization"}
_PASSING = {
    "backing-up", "configuring-enhanced-monitoring", "configuring-iam-database-auth", "configuring-log-exports",
    "maintenance", "modifying", "rebooting", "renaming", "resetting-master-credentials", "storage-config-upgrade",
    "storage-initialization", "upgrading",
}  # fmt: skip


def urgency(scheduled_at: datetime, objective: timedelta) -> str:
    """ISO time when the RPO breaks unless this point is finished; sorts who gets a slot first."""
    return iso(scheduled_at + objective)


def begun(database: str, scheduled_at: datetime, execution: str, at: datetime) -> dict[str, Any]:
    """The row of a point that *execution* begins; the ledger adds who has it and how often it was tried."""
    point = point_id(database, scheduled_at)
    return {
        "pk": f"POINT#{point}",
        "sk": "POINT",
        "id": point,
        "database": database,
        "scheduled_at": iso(scheduled_at),
        "execution": execution,
        "status": RUNNING,
        "levels": {},
        "problems": [],
        "problem_count": 0,
        "begun_at": iso(at),
    }


def require_suitable(database: str, instance: Mapping[str, Any]) -> None:
    """Nothing, if a snapshot of *instance* can be taken now.

    Raises:
        DatabaseUnsuitable: It never can.
        TemporarilyUnavailable: Its status passes.
    """
    if instance.get("Engine") != "mysql":
        raise DatabaseUnsuitable(f"{database} runs {instance.get('Engine')}: only RDS for MySQL is supported")
    if not instance.get("StorageEncrypted"):
        raise DatabaseUnsuitable(f"{database} is not encrypted: restore a snapshot of it under a customer-managed key")
    status = instance.get("DBInstanceStatus")
    if status in _PASSING:
        raise TemporarilyUnavailable(f"{database} is {status}")
    if status not in _USABLE:
        raise DatabaseUnsuitable(f"{database} is {status}: bring it to 'available'")


def is_protectable(instance: Mapping[str, Any]) -> bool:
    """Whether a run for *instance* makes sense: MySQL that serves, or will when its passing state is over."""
    return instance.get("Engine") == "mysql" and instance.get("DBInstanceStatus") in _USABLE | _PASSING


# ---- claims ----------------------------------------------------------------------------------------------------------

Claim = Literal["new", "own", "takeover", "refused"]


def claim(status: str, *, own: bool, alive: bool) -> Claim:
    """What a run may do with a point whose row says *status*.

    Args:
        status: Of the row.
        own: The row names this very run.
        alive: The run that the row names still goes on.
    """
    if status in (VERIFIED, PARTIAL):
        return "refused"
    if status == RUNNING and own:
        return "own"
    return "refused" if status == RUNNING and alive else "takeover"


# ---- verdict ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What the point is worth in the end."""

    status: str
    level: int
    problem_count: int
    problems: Sequence[Mapping[str, Any]]

    @property
    def reason(self) -> str:
        """The first problem's sentence."""
        return str(self.problems[0]["detail"]) if self.problems else "every check passed"


def verdict(check: Mapping[str, Any], copy: Mapping[str, Any]) -> Verdict:
    """Level 2 and verified only if export and copy are whole; a partial point bears the level it has reached."""
    count = check["problems"] + copy["problem_count"]
    problems = [*check["first_problems"], *copy["problems"]]
    if not check["whole"]:
        return Verdict(PARTIAL, 0, count, problems)
    if count:
        return Verdict(PARTIAL, 1, count, problems)
    return Verdict(VERIFIED, 2, 0, [])


def with_level(levels: Mapping[str, Any], level: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """*levels* with one more; another snapshot than the one of an earlier run voids what that one had reached."""
    same = level > 0 or levels.get("0", {}).get("taken_at") == facts["taken_at"]
    return {**(levels if same else {}), str(level): dict(facts)}


def highest(levels: Mapping[str, Any]) -> int | None:
    """The highest of *levels* with all below it, or nothing."""
    reached = [n for n in range(len(levels)) if all(str(below) in levels for below in range(n + 1))]
    return reached[-1] if reached else None


def is_vouched(kind: str, state: str, levels: Mapping[str, Any]) -> bool:
    """Whether what the operation *kind*, now in *state*, made stays though its run failed: a level vouches for it.

    A copy needs no level of its own; the snapshot that it came from is at level 0, and it can be restored from.
    """
    if proof := {"snapshot": "0", "export": "1"}.get(kind):
        return proof in levels and state != "failed"
    return state == "succeeded"


# ---- failures --------------------------------------------------------------------------------------------------------


def failure(error: Mapping[str, str], unfinished: Sequence[str]) -> tuple[str, str]:
    """Error name and one-line cause of what a machine caught; a time-out says what was *unfinished*."""
    name = error.get("Error") or "Unknown"
    cause = _sentence(error.get("Cause") or "")
    if name == "States.Timeout":
        waiting = "; ".join(unfinished) or "nothing that RDS knows of"
        cause = f"no answer in time; still running: {waiting}"
    return name, cause or "no cause given"


def _sentence(cause: str) -> str:
    """Lambda wraps the message in JSON with a stack trace; SendTaskFailure does not."""
    try:
        text = str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        text = cause
    return " ".join(text.split())[:2000]
