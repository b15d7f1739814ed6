"""Follow executions of the three machines in both regions: where each is, how long each state took, how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from deployment.progress import Progress
from sandbox.errors import LAST_LOG, StoryFailed

if TYPE_CHECKING:
    from blueprints.settings import Settings
    from sandbox.server import Engine

# What each state waits for, in an operator's words; a test holds this against workflows/.
WAITS_FOR: Mapping[str, str] = {
    "SelectDatabases": "RDS lists the databases that carry our tag",
    "StartBackups": "Step Functions starts one backup run per database",
    "StartBackup": "Step Functions starts one backup run per database",
    "HandOver": "the next page of databases starts",
    "ClaimRecoveryPoint": "the ledger takes the recovery point for this run",
    "TakeInventory": "the database lists its tables",
    "TakeSnapshot": "RDS takes the snapshot",
    "RetakeInventory": "the database lists its tables again",
    "RecordTaken": "the ledger notes level 0",
    "AwaitExportSlot": "one of the account's export slots becomes free",
    "ExportSnapshot": "RDS writes the snapshot as Parquet",
    "CheckExport": "every object is looked at, every row counted",
    "RequestCopy": "the recovery region copies and compares",
    "ConcludeRecoveryPoint": "the ledger notes the verdict",
    "RecordFailure": "the failure is recorded and cleaned up after",
    "ClaimCopy": "the ledger takes the copy for this run",
    "AwaitCopySlot": "one of the region's copy slots becomes free",
    "CopySnapshot": "RDS copies the snapshot into this region",
    "CompareVault": "the vault holds and shows every object",
    "ConcludeCopy": "the ledger notes the copy's outcome",
    "RecordCopyFailure": "the failure is recorded and cleaned up after",
}
MACHINES = ("fleet", "backup", "copy")
RUNNING = "RUNNING"
POLL = 0.2  # seconds between two looks
POLL_PER_DATABASE = 0.04  # seconds more for each database, to leave the engine its time
START_TIMEOUT = 30  # seconds until the schedule's event must have started `fleet`
RUN_TIMEOUT = 600  # seconds for the whole run


@dataclass(frozen=True)
class Step:
    """One state of one machine, or one act of the local run."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Run:
    """An execution."""

    machine: str
    region: str
    name: str  # of `backup`: the recovery point's id
    arn: str
    status: str


@dataclass
class Follower:
    """Looks at the executions of one deployment that begin after it was made, and shows what it sees."""

    engine: Engine
    settings: Settings
    progress: Progress
    _told: dict[str, int] = field(default_factory=dict)  # execution -> states told of
    _over: set[str] = field(default_factory=set)  # executions whose end was told
    _points: dict[str, str] = field(default_factory=dict)  # execution of `copy` -> recovery point
    _older: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self._older = frozenset(run.arn for machine in MACHINES for run in self.runs(machine))

    def runs(self, machine: str) -> list[Run]:
        """The executions of *machine* (``fleet``, ``backup``, ``copy``)."""
        region = self.settings.recovery_region if machine == "copy" else self.settings.primary_region
        arn = f"arn:aws:states:{region}:{self.engine.account}:stateMachine:{self.settings.name(machine)}"
        pages = self._client(region).get_paginator("list_executions").paginate(stateMachineArn=arn)
        return [
            Run(machine, region, found["name"], found["executionArn"], found["status"])
            for page in pages
            for found in page["executions"]
            if found["executionArn"] not in self._older
        ]

    def copies_of(self, point: str) -> list[Run]:
        """The `copy` runs for a recovery point; an event names its execution by chance, so their input tells."""
        found = []
        for run in self.runs("copy"):
            if run.arn not in self._points:
                request = json.loads(self.ending(run).get("input", "{}")).get("request", {})
                self._points[run.arn] = str(request.get("point", {}).get("id"))
            if self._points[run.arn] == point:
                found.append(run)
        return found

    def follow(self, expected: int) -> list[Run]:
        """The *expected* backup runs that a schedule's event started, once all have ended, and `copy` with them.

        Raises:
            StoryFailed: `fleet` failed, or a run neither started nor ended in time.
        """
        begun = time.monotonic()
        while True:
            backups = self.runs("backup")
            copies = [run for point in backups for run in self.copies_of(point.name)]
            for run in (*backups, *copies):
                self._show(run, alone=expected == 1)
            if len(backups) >= expected and all(run.status != RUNNING for run in (*backups, *copies)):
                return backups
            self._check_fleet(begun, len(backups), expected)
            if time.monotonic() - begun > RUN_TIMEOUT:
                late = [run.name for run in backups if run.status == RUNNING]
                raise StoryFailed(f"no verdict after {RUN_TIMEOUT} s; still running: {', '.join(late) or 'copy'}")
            time.sleep(POLL + POLL_PER_DATABASE * expected)

    def _check_fleet(self, begun: float, started: int, expected: int) -> None:
        fleets = self.runs("fleet")
        failed = [run for run in fleets if run.status not in (RUNNING, "SUCCEEDED")]
        if failed:
            described = self._client(failed[0].region).describe_execution(executionArn=failed[0].arn)
            cause = " ".join(str(described.get("cause", "no cause given")).split())
            raise StoryFailed(f"fleet {failed[0].status.lower()}: {described.get('error', 'no error name')}: {cause}")
        if started < expected and time.monotonic() - begun > START_TIMEOUT:
            what = (
                f"fleet started {started} of {expected} backup runs"
                if fleets
                else "the schedule's event started no run"
            )
            raise StoryFailed(f"{what} within {START_TIMEOUT} s; the engine's log is {LAST_LOG}")

    def _show(self, run: Run, *, alone: bool) -> None:
        """Tell the person what the run has been through since the last look, where it is, and how it ended."""
        if run.arn in self._over:
            return
        point = run.name if run.machine == "backup" else self._points[run.arn]
        who = run.machine if alone else f"{run.machine} of {point}"
        passed, current = self._states(run)
        for step in passed[self._told.get(run.arn, 0) :]:
            self.progress.drop(run.arn)
            self.progress.say(f"{who}: {step.name.partition('.')[2]} ({step.seconds:.1f} s)")
        self._told[run.arn] = len(passed)
        if run.status != RUNNING:
            self._over.add(run.arn)
            self.progress.drop(run.arn)
            self.progress.say(f"{who}: {run.status.lower()}")
        elif current in WAITS_FOR:
            self.progress.begin(run.arn, f"{who}: {current}", WAITS_FOR[current])

    def _states(self, run: Run) -> tuple[list[Step], str]:
        """The tasks that the run is through with, and the state that it is in."""
        history = self._history(run)
        entered = [e["stateEnteredEventDetails"]["name"] for e in history if e["type"].endswith("StateEntered")]
        passed = [step for step in steps_of(run.machine, history) if step.name.partition(".")[2] in WAITS_FOR]
        return passed, entered[-1] if entered else ""

    def state_of(self, run: Run) -> str | None:
        """The state that the run is in."""
        history = self._client(run.region).get_execution_history(executionArn=run.arn, reverseOrder=True, maxResults=20)
        for event in history["events"]:
            if event["type"].endswith("StateEntered"):
                return str(event["stateEnteredEventDetails"]["name"])
        return None

    def steps(self, run: Run) -> list[Step]:
        """How long the run was in each of its states, in order."""
        return steps_of(run.machine, self._history(run))

    def _history(self, run: Run) -> list[dict[str, Any]]:
        pages = self._client(run.region).get_paginator("get_execution_history").paginate(executionArn=run.arn)
        return [event for page in pages for event in page["events"]]

    def ending(self, run: Run) -> dict[str, Any]:
        """What Step Functions says of the run."""
        found: dict[str, Any] = self._client(run.region).describe_execution(executionArn=run.arn)
        return found

    def _client(self, region: str) -> Any:
        return self.engine.client("stepfunctions", region)


def steps_of(machine: str, history: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Seconds between entering and leaving each state of one execution's history; a state that failed ends with it."""
    found: list[Step] = []
    entered: tuple[str, datetime] | None = None
    for event in history:
        kind, at = event["type"], event["timestamp"]
        begins = kind.endswith("StateEntered")
        if entered and (begins or kind.endswith("StateExited") or kind.startswith("Execution")):
            found.append(Step(f"{machine}.{entered[0]}", round((at - entered[1]).total_seconds(), 3)))
            entered = None
        if begins:
            entered = str(event["stateEnteredEventDetails"]["name"]), at
    return found
