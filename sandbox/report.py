"""What the local run found, for people and for programs. Reads the ledger, the vault's manifest and the executions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from handlers.core import names
from handlers.ledger import Ledger
from sandbox.errors import StoryFailed
from sandbox.follow import Follower, Run, Step

if TYPE_CHECKING:
    from blueprints.settings import Settings
    from sandbox.server import Engine

VERIFIED = "verified"
LEVELS = {None: "nothing proved", 0: "taken", 1: "exported", 2: "copied"}
SHOWN_PROBLEMS = 20  # in the report for people; the JSON has all that the manifest has
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True)
class Table:
    """One exported table: rows from the Parquet footers, objects and bytes in the vault."""

    name: str
    rows: int
    objects: int
    bytes: int


@dataclass(frozen=True)
class PointReport:
    """What became of one recovery point; the fields are those of the JSON."""

    status: str
    level: int | None
    recovery_point: str
    database: str
    tables: Sequence[Table]
    problems: Sequence[Mapping[str, str]]
    steps: Sequence[Step]
    keys: Mapping[str, str]
    locations: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Report:
    """The whole run: every recovery point, what the run itself did, how long all of it took, and what now answers.

    Attributes:
        points: Of each database.
        steps: Of the run itself.
        seconds: All of it.
        api: Address of the primary region's API.
        console: Address of the console's page.
    """

    points: Sequence[PointReport]
    steps: Sequence[Step]
    seconds: float
    api: str
    console: str

    @property
    def verified(self) -> bool:
        """Whether every point is."""
        return bool(self.points) and all(point.status == VERIFIED for point in self.points)

    def as_json(self) -> str:
        """One object for one database; for several, what holds for all of them and a list of such objects."""
        return json.dumps(self.as_object(), indent=2, ensure_ascii=False)

    def as_object(self) -> dict[str, Any]:
        """What :meth:`as_json` writes."""
        if len(self.points) == 1:
            (point,) = self.points
            steps = [*self.steps, *point.steps]
            return {**asdict(point), "steps": [asdict(step) for step in steps], **self._whole()}
        statuses = {point.status for point in self.points}
        worst = next((status for status in ("failed", "running", "partial") if status in statuses), VERIFIED)
        levels = [point.level for point in self.points]
        return {
            "status": worst,
            "level": None if None in levels or not levels else min(level for level in levels if level is not None),
            "recovery_points": [asdict(point) for point in self.points],
            "problems": [problem for point in self.points for problem in point.problems],
            "steps": [asdict(step) for step in self.steps],
            **self._whole(),
        }

    def _whole(self) -> dict[str, Any]:
        return {"seconds": self.seconds, "api": self.api, "console": self.console}

    def as_text(self) -> str:
        """For people."""
        parts = [_point_text(point) for point in self.points]
        own = "".join(f"  {step.seconds:7.1f} s  {step.name}\n" for step in self.steps)
        verified = sum(point.status == VERIFIED for point in self.points)
        total = f"{verified} of {len(self.points)} recovery points verified in {self.seconds:.1f} s"
        answers = f"What answers\n  API      {self.api}\n  console  {self.console}\n"
        return "\n".join([*parts, f"This run\n{own}", answers, total]) + "\n"


def _point_text(point: PointReport) -> str:
    level = f"level {point.level}, {LEVELS[point.level]}" if point.level is not None else LEVELS[None]
    lines = ["", f"Recovery point {point.recovery_point}: {point.status.upper()} ({level})", ""]
    if point.tables:
        lines += [*_table_lines(point.tables), ""]
    if point.problems:
        lines.append("Problems")
        for problem in point.problems[:SHOWN_PROBLEMS]:
            lines.append(f"  {problem['subject']}: {problem['detail']} [{problem['reason']}]")
        if len(point.problems) > SHOWN_PROBLEMS:
            lines.append(f"  … and {len(point.problems) - SHOWN_PROBLEMS} more; --json shows them")
        lines.append("")
    lines += ["Steps", *(f"  {step.seconds:7.1f} s  {step.name}" for step in point.steps), ""]
    for title, values in (("Keys", point.keys), ("Where things lie", point.locations)):
        width = max(map(len, values), default=0)
        lines += [title, *(f"  {name:<{width}}  {value}" for name, value in values.items()), ""]
    return "\n".join(lines)


def _table_lines(tables: Sequence[Table]) -> list[str]:
    total = Table(
        f"{len(tables)} table{'s' if len(tables) > 1 else ''}",
        *(sum(getattr(table, field) for table in tables) for field in ("rows", "objects", "bytes")),
    )
    width = max(len(table.name) for table in (*tables, total))
    head = f"  {'table':<{width}}  {'rows':>12}  {'objects':>7}  {'size':>10}"
    body = [
        f"  {table.name:<{width}}  {table.rows:>12,}  {table.objects:>7,}  {size(table.bytes):>10}"
        for table in (*tables, total)
    ]
    rule = "  " + "─" * (len(head) - 2)
    return [head, rule, *body[:-1], rule, body[-1]]


def size(count: float) -> str:
    """Bytes for people: ``1.5 MiB``."""
    for unit in UNITS:
        if count < 1024 or unit == UNITS[-1]:  # noqa: PLR2004 (binary units)
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


@dataclass(frozen=True)
class Reporter:
    """Gathers the reports of one deployment's recovery points."""

    engine: Engine
    settings: Settings
    follower: Follower

    def of(self, run: Run) -> PointReport:
        """What became of the recovery point that the backup run made.

        Raises:
            StoryFailed: The ledger knows no such point.
        """
        primary = self.settings.primary_region
        row = Ledger(self.engine.client("dynamodb", primary), self.settings.name("ledger"), primary).point(run.name)
        ending = self.follower.ending(run)
        if row is None:
            why = " ".join(str(ending.get("cause", "no cause given")).split())
            raise StoryFailed(f"backup {run.name} {run.status.lower()}: {ending.get('error', 'no error name')}: {why}")
        manifest = self.manifest(row["id"]) or {}
        steps = self.follower.steps(run)
        for copy in self.follower.copies_of(run.name):
            steps += self.follower.steps(copy)
        taken = (ending.get("stopDate") or ending["startDate"]) - ending["startDate"]
        levels = row.get("levels", {})
        return PointReport(
            status=row["status"],
            level=row.get("level"),
            recovery_point=row["id"],
            database=row["database"],
            tables=[
                Table(table["name"], table["rows"], table["objects"], table["bytes"])
                for table in manifest.get("tables", [])
            ],
            problems=_problems(row, manifest),
            steps=steps,
            keys=self._keys(levels, manifest),
            locations=self._locations(row, levels, manifest),
            seconds=round(taken.total_seconds(), 3),
        )

    def manifest(self, point: str) -> dict[str, Any] | None:
        """The point's manifest as it lies in the vault, else in staging, else nothing."""
        primary, recovery = self.settings.regions
        for kind, region in (("vault", recovery), ("staging", primary)):
            s3 = self.engine.client("s3", region)
            try:
                answer = s3.get_object(Bucket=self.bucket(kind, region), Key=names.manifest_key(point))
            except s3.exceptions.NoSuchKey:
                continue
            found: dict[str, Any] = json.load(answer["Body"])
            return found
        return None

    def bucket(self, kind: str, region: str) -> str:
        """Name of the bucket for *kind* (``staging``, ``vault``) in the region."""
        return self.settings.name(kind, region, self.engine.account)

    def _keys(self, levels: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, str]:
        found = {
            "snapshot": levels.get("0", {}).get("key"),
            "export": manifest.get("key"),
            "copy": levels.get("2", {}).get("key"),
        }
        return {name: key for name, key in found.items() if key}

    def _locations(
        self, row: Mapping[str, Any], levels: Mapping[str, Any], manifest: Mapping[str, Any]
    ) -> dict[str, str]:
        primary, recovery = self.settings.regions
        found = {
            "snapshot": levels.get("0", {}).get("arn"),
            "snapshot copy": levels.get("2", {}).get("snapshot_arn"),
        }
        if manifest:
            prefix = manifest["prefix"]
            found["export"] = f"s3://{self.bucket('staging', primary)}/{prefix}/"
            found["vault"] = f"s3://{self.bucket('vault', recovery)}/{prefix}/"
            found["manifest"] = f"s3://{self.bucket('vault', recovery)}/{names.manifest_key(row['id'])}"
            found["locked until"] = levels.get("2", {}).get("locked_until")
        found["ledger"] = f"dynamodb://{primary}/{self.settings.name('ledger')}/{row['pk']}"
        return {name: place for name, place in found.items() if place}


def _problems(row: Mapping[str, Any], manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """The manifest's problems, the ledger's that are not among them, and the error of a run that failed."""
    found = [dict(problem) for problem in manifest.get("problems", [])]
    found += [dict(problem) for problem in row.get("problems", []) if dict(problem) not in found]
    if row.get("error"):
        found.append({"subject": "point", "reason": row["error"], "detail": row.get("cause", "no cause given")})
    return found
