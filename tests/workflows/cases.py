"""Every way through every machine, derived from the definitions and a page of happy answers.

A case mocks each Task of one execution, and says which states the execution must enter, in order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import workflows

NUMBERS = {
    "BackupTimeoutSeconds": 3600,
    "CopyRunTimeoutSeconds": 3600,
    "SnapshotTimeoutSeconds": 600,
    "ExportTimeoutSeconds": 600,
    "CopyTimeoutSeconds": 600,
    "SlotTimeoutSeconds": 600,
    "ReplicationLookLimit": 3,
}
POINT = {"id": "orders-20261121t2100z", "snapshot": "holdfast-test-orders-20261121t2100z"}
FAILURE = {"error": "SnapshotFailed", "cause": "RDS says the snapshot failed"}

INPUTS: dict[str, dict[str, Any]] = {
    "fleet": {"scheduled_at": "2026-11-21T21:00:00Z"},
    "backup": {"database": "orders", "scheduled_at": "2026-11-21T21:00:00Z"},
    "copy": {"request": {"point": POINT, "snapshot": {"arn": "arn:of:snapshot"}, "manifest": "manifests/x.json"}},
}
HAPPY: dict[str, dict[str, Any]] = {
    "fleet": {
        "SelectDatabases": {
            "runs": [
                {"name": "orders-20261121t2100z", "database": "orders", "scheduled_at": "2026-11-21T21:00:00Z"},
                {"name": "users-20261121t2100z", "database": "users", "scheduled_at": "2026-11-21T21:00:00Z"},
            ],
            "marker": None,
            "next_name": None,
            "next_input": None,
        },
        "StartBackup": {"ExecutionArn": "arn:of:execution", "StartDate": 1.0},
        "HandOver": {"ExecutionArn": "arn:of:execution", "StartDate": 1.0},
    },
    "backup": {
        "ClaimRecoveryPoint": POINT,
        "TakeInventory": {"tables": 7},
        "TakeSnapshot": {"arn": "arn:of:snapshot"},
        "RetakeInventory": {"tables": 7},
        "RecordTaken": {"level": 0},
        "AwaitExportSlot": {"slot": "exports"},
        "ExportSnapshot": {"task": "t"},
        "CheckExport": {"whole": True, "manifest": "manifests/x.json"},
        "RequestCopy": {"problem_count": 0},
        "ConcludeRecoveryPoint": {"status": "verified", "level": 2},
        "RecordFailure": FAILURE,
    },
    "copy": {
        "ClaimCopy": {"claimed": True},
        "AwaitCopySlot": {"slot": "copies"},
        "CopySnapshot": {"snapshot_arn": "arn:of:copy"},
        "CompareVault": {"problem_count": 0},
        "ConcludeCopy": {"state": "succeeded"},
        "RecordCopyFailure": FAILURE,
    },
}


@dataclass(frozen=True)
class Case:
    """One execution: what its tasks answer and where it must go."""

    machine: str
    name: str
    path: list[str]
    status: str = "SUCCEEDED"
    error: str | None = None
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Name that is unique over all machines and fit for a mock file."""
        return f"{self.machine.capitalize()}{self.name}"


def returns(value: Any) -> dict[str, Any]:
    """A mocked answer."""
    return {"Return": value}


def throws(error: str) -> dict[str, Any]:
    """A mocked error."""
    return {"Throw": {"Error": error, "Cause": f"{error} for a test"}}


def definition(machine: str) -> dict[str, Any]:
    """Definition of *machine* with numbers and ARNs in place."""
    text = json.dumps(workflows.load(machine, **NUMBERS))
    text = re.sub(r"\$\{(\w+)Machine\}", r"arn:aws:states:us-east-1:123456789012:stateMachine:\1", text)
    text = re.sub(r"\$\{(\w+)\}", r"arn:aws:lambda:us-east-1:123456789012:function:\1", text)
    named: dict[str, Any] = json.loads(text)
    return named


def happy_path(machine: str, start: str, choices: dict[str, str]) -> list[str]:
    """States from *start* to the end when no task fails; *choices* says where each Choice goes."""
    states, path, name = definition(machine)["States"], [], start
    while name:
        path.append(name)
        name = choices.get(name) or states[name].get("Next", "")
    return path


INNER_STATES = {"StartBackup", "BackupStarted", "BackupNotStarted"}  # of fleet's Map
GOOD_CHOICES = {
    "IsVerified": "RecoveryPointVerified",
    "AreDatabasesLeft": "HaveAllStarted",
    "HaveAllStarted": "FleetStarted",
}


def failures() -> Iterator[Case]:
    """For each catcher of each task: the task throws, and the execution goes where the catcher says."""
    for machine in workflows.names():
        states = definition(machine)["States"]
        path = happy_path(machine, definition(machine)["StartAt"], GOOD_CHOICES)
        for name in (n for n in path if states[n]["Type"] == "Task"):
            for catcher in states[name]["Catch"]:
                error = catcher["ErrorEquals"][0].replace("States.ALL", "SomethingElse")
                after = happy_path(machine, catcher["Next"], GOOD_CHOICES)
                end = states[after[-1]]["Type"]
                yield Case(
                    machine,
                    f"{name}Throws{error.rpartition('.')[2]}",
                    [*path[: path.index(name) + 1], *after],
                    status="SUCCEEDED" if end == "Succeed" else "FAILED",
                    error=None if end == "Succeed" else states[after[-1]].get("Error", FAILURE["error"]),
                    answers={name: [throws(error)]},
                )


def recoveries() -> Iterator[Case]:
    """For each retrier of each task: the task throws once, is tried again and the execution goes on."""
    for machine in workflows.names():
        states = definition(machine)["States"]
        path = happy_path(machine, definition(machine)["StartAt"], GOOD_CHOICES)
        for name in (n for n in path if states[n]["Type"] == "Task"):
            for retrier in states[name]["Retry"]:
                error = retrier["ErrorEquals"][0]
                yield Case(
                    machine,
                    f"{name}RecoversFrom{error.rpartition('.')[2]}",
                    path,
                    answers={name: [throws(error), returns(HAPPY[machine][name])]},
                )


def others() -> Iterator[Case]:
    """The ways that data decides."""
    for machine in workflows.names():
        yield Case(machine, "GoesWell", happy_path(machine, definition(machine)["StartAt"], GOOD_CHOICES))
    backup = happy_path("backup", "ClaimRecoveryPoint", {"IsVerified": "RecoveryPointPartial"})
    for status in ("partial", "nonsense"):
        yield Case("backup", f"Verdict{status.capitalize()}", backup, "FAILED", "RecoveryPointPartial",
                   {"ConcludeRecoveryPoint": [returns({"status": status})]})  # fmt: skip
    page = {**HAPPY["fleet"]["SelectDatabases"], "marker": "m", "next_name": "n", "next_input": {"marker": "m"}}
    handing_over = happy_path("fleet", "SelectDatabases", {**GOOD_CHOICES, "AreDatabasesLeft": "HandOver"})
    yield Case("fleet", "MoreDatabasesAreLeft", handing_over, answers={"SelectDatabases": [returns(page)]})
    yield Case("fleet", "NextFleetIsStartedAlready", handing_over,
               answers={"SelectDatabases": [returns(page)],
                        "HandOver": [throws("StepFunctions.ExecutionAlreadyExistsException")]})  # fmt: skip
    yield Case("fleet", "HandOverFails", [*handing_over[:-2], "FleetFailed"], "FAILED", "FleetFailed",
               {"SelectDatabases": [returns(page)], "HandOver": [throws("SomethingElse")]})  # fmt: skip
    whole = happy_path("fleet", "SelectDatabases", GOOD_CHOICES)
    yield Case("fleet", "BackupIsStartedAlready", whole,
               answers={"StartBackup": [throws("StepFunctions.ExecutionAlreadyExistsException")] * 2})  # fmt: skip
    yield Case("fleet", "OneBackupDoesNotStart", [*whole[:-1], "FleetFailed"], "FAILED", "FleetFailed",
               {"StartBackup": [throws("SomethingElse")] * 2})  # fmt: skip
    yield Case("fleet", "NoDatabaseIsProtected", whole,
               answers={"SelectDatabases": [returns({**HAPPY["fleet"]["SelectDatabases"], "runs": []})]})  # fmt: skip
    late = [throws("States.Timeout")] * 3
    path = happy_path("backup", "ClaimRecoveryPoint", GOOD_CHOICES)
    for name in ("TakeSnapshot", "ExportSnapshot", "RequestCopy"):
        failing = [*path[: path.index(name) + 1], "RecordFailure", "RecoveryPointFailed"]
        yield Case("backup", f"{name}IsOverdueForGood", failing, "FAILED", FAILURE["error"], {name: late})
    pending = happy_path("copy", "ClaimCopy", {})
    yield Case("copy", "VaultNeverHoldsEverything", [*pending[:4], "RecordCopyFailure", "CopyFailed"], "FAILED",
               FAILURE["error"], {"CompareVault": [throws("ReplicationPending")] * 4})  # fmt: skip


CASES = [*others(), *failures(), *recoveries()]


def mock_file() -> dict[str, Any]:
    """All cases in the format of Step Functions Local (``SFN_MOCK_CONFIG``)."""
    machines: dict[str, Any] = {name: {"TestCases": {}} for name in workflows.names()}
    responses: dict[str, Any] = {}
    for case in CASES:
        answers = {state: [returns(value)] * 3 for state, value in HAPPY[case.machine].items()} | case.answers
        mocks = {}
        for state, series in answers.items():
            mocks[state] = f"{case.id}{state}"
            responses[mocks[state]] = {str(attempt): answer for attempt, answer in enumerate(series)}
        machines[case.machine]["TestCases"][case.id] = mocks
    return {"StateMachines": machines, "MockedResponses": responses}
