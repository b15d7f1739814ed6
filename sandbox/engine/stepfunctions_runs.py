"""One running execution: its record and history, how it is stopped, how its time passes."""

import contextvars
import json
import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from ministack.services import stepfunctions

from sandbox.engine import faults
from sandbox.engine.clients import Credentials

StatesError: Any = stepfunctions._ExecutionError
Json = Any

MAX_PAYLOAD = 262_144  # bytes; https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_EVENTS = 25_000  # the same page
LEAST_TIMEOUT = 20.0  # real seconds under which a scaled timeout never falls: a loaded machine must not time out
TERMINAL = frozenset({"States.Runtime", "States.DataLimitExceeded"})  # no Retry and no Catch matches these


class Stopped(Exception):
    """The execution was aborted, or its time is over; its threads unwind."""


@dataclass
class Run:
    """An execution, or the child execution of a distributed map."""

    record: dict[str, Any]
    machine: dict[str, Any]
    role: Credentials | None
    mock_attempts: dict[str, int] = field(default_factory=dict)
    _signals: set[threading.Event] = field(default_factory=set)
    _children: list["Run"] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def is_running(self) -> bool:
        """Whether the execution has not ended."""
        return bool(self.record["status"] == "RUNNING")

    def note(self, kind: str, context: dict[str, Any] | None = None, **details: Json) -> int:
        """Append a history event and return its id; ``context`` remembers it as the branch's previous one.

        Raises:
            Stopped: The execution has ended, so it has no more history.
            StatesError: The history is full.
        """
        with self._lock:
            if not self.is_running:
                raise Stopped
            if len(self.record["events"]) >= MAX_EVENTS:
                raise StatesError(
                    "States.Runtime", f"The execution reached the maximum number of history events ({MAX_EVENTS})"
                )
            event = stepfunctions._add_event(self.record, kind, {key: value for key, value in details.items() if value})
            event["previousEventId"] = (context or {}).get("_previous", 0)
        if context is not None:
            context["_previous"] = event["id"]
        return int(event["id"])

    def end(self, status: str, *, output: Json = None, error: str | None = None, cause: str | None = None) -> None:
        """Write the outcome, once, and wake everything that waits."""
        kinds = {
            "SUCCEEDED": ("ExecutionSucceeded", {"output": output}),
            "FAILED": ("ExecutionFailed", {"error": error, "cause": cause}),
            "TIMED_OUT": ("ExecutionTimedOut", {"error": error, "cause": cause}),
        }
        kind, details = kinds[status]
        with self._lock:
            if not self.is_running:
                return
            name = f"{kind[0].lower()}{kind[1:]}EventDetails"
            event = stepfunctions._add_event(
                self.record, kind, {name: {key: part for key, part in details.items() if part}}
            )
            event["previousEventId"] = event["id"] - 1
            self.record.update(status=status, output=output, error=error, cause=cause, stopDate=stepfunctions.now_iso())
        self.wake()
        if "mapRunArn" not in self.record:
            stepfunctions._emit_execution_status_event(self.record)

    def child(self, record: dict[str, Any]) -> "Run":
        """The run of a child execution, which ends with this one."""
        run = Run(record, self.machine, self.role, self.mock_attempts)
        self._children.append(run)
        return run

    def wake(self) -> None:
        """Let everything that waits look around; children of an execution that has ended are aborted."""
        for signal in list(self._signals):
            signal.set()
        for child in self._children:
            if not self.is_running and child.is_running:
                child.record.update(status="ABORTED", stopDate=stepfunctions.now_iso())
                child.wake()

    def wait(self, signal: threading.Event, seconds: float | None) -> bool:
        """Wait for a signal for so many real seconds; whether it came.

        Raises:
            Stopped: The execution ended meanwhile.
        """
        self._signals.add(signal)
        try:
            if not self.is_running:
                raise Stopped
            came = signal.wait(seconds)
            if not self.is_running:
                raise Stopped
            return came
        finally:
            self._signals.discard(signal)

    def sleep(self, seconds: float) -> None:
        """Let the time of a Wait state or of a retry's interval pass, scaled by ``SFN_WAIT_SCALE``."""
        scaled = seconds * stepfunctions._SFN_WAIT_SCALE
        if scaled > 0:
            self.wait(threading.Event(), scaled)

    def expire_after(self, seconds: float) -> None:
        """End the execution as timed out if it still runs then."""

        def expire() -> None:
            self.end("TIMED_OUT", error="States.Timeout")

        timer = threading.Timer(real_seconds(seconds, self.machine["name"]), contextvars.copy_context().run, (expire,))
        timer.daemon = True
        timer.start()


def real_seconds(seconds: float, name: str) -> float:
    """How long a timeout of that many seconds lasts here; a fault can shorten it for a state or a machine by name."""
    asked = faults.get("timeouts")
    if name in asked:
        return float(asked[name])
    return max(seconds * float(os.environ.get("HOLDFAST_TIMEOUT_SCALE", "1")), min(seconds, LEAST_TIMEOUT))


def limited(output: Json, name: str) -> str:
    """The output as JSON.

    Raises:
        StatesError: It is larger than a payload may be.
    """
    text = json.dumps(output)
    if len(text.encode()) > MAX_PAYLOAD:
        raise StatesError(
            "States.DataLimitExceeded",
            f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service "
            "limit.",
        )
    return text


def now() -> float:
    """The monotonic clock by which timeouts run."""
    return time.monotonic()
