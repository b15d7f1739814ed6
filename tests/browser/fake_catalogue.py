"""What the fake API knows: databases and recovery points in the shapes of the catalogue, and runs that go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
OBJECTIVE = timedelta(hours=12)
STAGES = {"snapshot": 95, "export": 840, "check": 40, "copy": 610, "compare": 75}  # seconds each
LEVELS = ("taken", "exported", "copied")
PAGE = 20


def iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def point_id(database: str, at: datetime) -> str:
    return f"{database}-{at:%Y%m%dt%H%Mz}"


def stages_until(at: datetime, done: int, running: str | None = "running", last: str = "pending") -> list[Json]:
    """The first *done* stages succeeded, the next is *running* (or so), the rest *last*."""
    stages = []
    for index, (name, seconds) in enumerate(STAGES.items()):
        state = "succeeded" if index < done else running if index == done and running else last
        begun = state in {"succeeded", "running", "waiting", "failed"}
        end = at + timedelta(seconds=seconds)
        ended = state in {"succeeded", "failed"}
        stages.append({
            "name": name,
            "state": state,
            "begun_at": iso(at) if begun else None,
            "ended_at": iso(end) if ended else None,
            "seconds": seconds if ended else 0 if begun else None,
        })  # fmt: skip
        at = end if ended else at
    return stages


def levels_until(at: datetime, level: int | None) -> list[Json]:
    reached = range(-1 if level is None else level + 1) if level is not None else ()
    key = "arn:aws:kms:eu-west-1:111122223333:key/7cfba0ea-91f6-4953-ad71-5c6d7e704757"
    facts = (
        {"id": "holdfast-test-snapshot", "key": key, "taken_at": iso(at), "engine_version": "8.0.40", "storage": 100},
        {"tables": 23, "rows": 367733, "objects": 24, "key": key},
        {"objects": 24, "bytes": 5557452, "locked_until": iso(at + timedelta(days=35))},
    )
    return [
        {"level": each, "name": LEVELS[each], "at": iso(at + timedelta(minutes=1 + 12 * each)), "facts": facts[each]}
        for each in reached
    ]


def point(database: str, at: datetime, status: str = "verified", **changes: Any) -> Json:
    """The full document of a point, as GET /recovery-points/{id} answers it."""
    level = {"verified": 2, "partial": 0, "failed": None, "running": None, "requested": None}[status]
    done = {"verified": 5, "partial": 3, "failed": 1, "running": 0, "requested": 0}[status]
    running = {"failed": "failed", "running": "running"}.get(status)
    ended = status in {"verified", "partial", "failed"}
    stages = stages_until(at, done, running, "skipped" if ended else "pending")
    return {
        "id": point_id(database, at),
        "database": database,
        "status": status,
        "level": level,
        "scheduled_at": iso(at),
        "concluded_at": iso(at + timedelta(seconds=sum(STAGES.values()))) if ended else None,
        "taken_at": iso(at + timedelta(seconds=30)) if level is not None else None,
        "problem_count": 0,
        "error": None,
        "stages": stages,
        "levels": levels_until(at, level),
        "problems": [],
        **changes,
    }


@dataclass
class Catalogue:
    """Databases with their points; a run goes one stage further each time that somebody looks at it."""

    databases: dict[str, Json] = field(default_factory=dict)
    points: dict[str, Json] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # Idempotency-Key -> point
    held: bool = False  # runs stay where they are
    now: datetime = NOW

    def protect(self, database: str, age: timedelta | None = timedelta(hours=2), **changes: Any) -> None:
        """Add a database whose newest verified point is *age* old."""
        status = "unprotected" if age is None or age > OBJECTIVE else "protected"
        self.databases[database] = {
            "id": database,
            "present": True,
            "first_seen_at": iso(self.now - timedelta(days=30)),
            "rpo_objective_seconds": int(OBJECTIVE.total_seconds()),
            "status": status,
            "next_run": iso(self.now + timedelta(hours=3)) if changes.get("present", True) else None,
            **changes,
        }
        if age is not None:
            self.add(point(database, self.now - age))

    def add(self, *points: Json) -> None:
        self.points.update({each["id"]: each for each in points})

    # ---- what the API answers ----------------------------------------------------------------------------------------

    def listed_databases(self) -> list[Json]:
        return [self._database(row) for _, row in sorted(self.databases.items())]

    def _database(self, row: Json) -> Json:
        newest = next(self._of(row["id"]), None)
        last = next((each for each in self._of(row["id"]) if each["status"] == "verified"), None)
        age = None if last is None else (self.now - datetime.fromisoformat(last["taken_at"])).total_seconds()
        return {
            "recovery_point_age_seconds": age,
            "last_verified": last and {"id": last["id"], "level": last["level"], "taken_at": last["taken_at"]},
            "newest": newest and {"id": newest["id"], "status": newest["status"], "level": newest["level"]},
            **row,
        }

    def _of(self, database: str | None) -> Iterator[Json]:
        newest_first = sorted(self.points.values(), key=lambda each: each["scheduled_at"], reverse=True)
        return (each for each in newest_first if database in (None, each["database"]))

    def page(self, database: str | None, cursor: str | None, limit: int) -> Json:
        found = [each for each in self._of(database) if each["status"] != "requested"]
        first = int(cursor or 0)
        shown = found[first : first + limit]
        more = first + limit < len(found)
        hidden = {"levels", "problems"}
        return {
            "recovery_points": [{k: v for k, v in each.items() if k not in hidden} for each in shown],
            "next_cursor": str(first + limit) if more else None,
        }

    def start(self, database: str, key: str) -> Json:
        """The point that a request with this *key* has made or makes."""
        if key not in self.keys:
            made = point(database, self.now, "requested")
            self.add(made)
            self.keys[key] = made["id"]
        return self.points[self.keys[key]]

    def looked_at(self, name: str) -> Json | None:
        """The point, and it goes on."""
        found = self.points.get(name)
        if not self.held:
            self.go_on(name)
        return found

    def go_on(self, name: str) -> None:
        """One stage further, if the point is being made."""
        found = self.points.get(name)
        if found and found["status"] in {"requested", "running"}:
            self.points[name] = _further(found)


def _further(before: Json) -> Json:
    """*before*, one stage later."""
    at = datetime.fromisoformat(before["scheduled_at"])
    if before["status"] == "requested":
        return point(before["database"], at, "running")
    done = sum(stage["state"] == "succeeded" for stage in before["stages"]) + 1
    if done == len(STAGES):
        return point(before["database"], at)
    level = {1: 0, 2: 0, 3: 1, 4: 1}[done]
    return {**before, "stages": stages_until(at, done), "level": level, "levels": levels_until(at, level)}


def history(database: str, count: int, every: timedelta = timedelta(hours=6)) -> Iterable[Json]:
    """*count* verified points, the newest two hours old."""
    return (point(database, NOW - timedelta(hours=2) - every * number) for number in range(count))
