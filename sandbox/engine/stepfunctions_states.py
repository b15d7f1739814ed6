"""The interpreter of the Amazon States Language (JSONPath): every state type, with Retry and Catch.

MiniStack's own lets a missing path be null, retries by its own clock, shares the token between parallel branches, and
leaves inner states out of the history; it stays in use for machines written in JSONata.
"""

import contextvars
import json
import random
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ministack.services import stepfunctions

from sandbox.engine import stepfunctions_maps, stepfunctions_tasks
from sandbox.engine.stepfunctions_paths import evaluate, fill, find, holds, put, timestamp
from sandbox.engine.stepfunctions_runs import TERMINAL, Run, Stopped, limited

StatesError: Any = stepfunctions._ExecutionError
Json = Any
Context = dict[str, Any]
Outcome = tuple[Json, str | None]

DEFAULT_ATTEMPTS, DEFAULT_INTERVAL, DEFAULT_BACKOFF = 3, 1, 2.0  # of a Retry


def run_states(states: dict[str, Any], data: Json, run: Run, context: Context) -> Json:
    """Run a machine, a branch or an iteration from its start to its end and return the output.

    Raises:
        StatesError: A state failed and nothing caught it.
    """
    name: str | None = states["StartAt"]
    while name is not None:
        state = states["States"].get(name)
        if state is None:
            raise StatesError("States.Runtime", f"There is no state {name}")
        data, name = run_state(name, state, data, run, context)
    return data


def run_state(name: str, state: dict[str, Any], data: Json, run: Run, context: Context) -> Outcome:
    """Run one state: its output, and the name of the next state or None."""
    kind = state["Type"]
    entered = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    context["State"] = {"Name": name, "EnteredTime": entered, "RetryCount": 0}
    details = {"name": name, "input": json.dumps(data)}
    run.note(f"{kind}StateEntered", context, stateEnteredEventDetails=details)
    if kind == "Fail":
        raise StatesError(text_of(state, "Error", data, context), text_of(state, "Cause", data, context))
    output, following = STATES[kind](state, data, run, context)
    details = {"name": name, "output": limited(output, name)}
    run.note(f"{kind}StateExited", context, stateExitedEventDetails=details)
    return output, following


def text_of(state: dict[str, Any], field: str, data: Json, context: Context) -> str:
    """The ``Error`` or the ``Cause`` of a Fail state, given or found by its path."""
    path = state.get(f"{field}Path")
    return str(evaluate(path, data, context)) if path else str(state.get(field, ""))


def select(state: dict[str, Any], field: str, data: Json, context: Context) -> Json:
    """``InputPath`` or ``OutputPath``: a part of the data, all of it by default, nothing by null."""
    path = state.get(field, "$")
    return {} if path is None else find(path, data, context)


def arguments(state: dict[str, Any], data: Json, context: Context) -> Json:
    """What a state works on: its input after ``InputPath`` and ``Parameters``."""
    selected = select(state, "InputPath", data, context)
    return fill(state["Parameters"], selected, context) if "Parameters" in state else selected


def finish(state: dict[str, Any], data: Json, result: Json, context: Context) -> Outcome:
    """What a state passes on: its result after ``ResultSelector``, ``ResultPath`` and ``OutputPath``."""
    if "ResultSelector" in state:
        result = fill(state["ResultSelector"], result, context)
    merged = put(state.get("ResultPath", "$"), data, result)
    return select(state, "OutputPath", merged, context), state.get("Next")


def pass_through(state: dict[str, Any], data: Json, _run: Run, context: Context) -> Outcome:
    """A Pass state."""
    result = state["Result"] if "Result" in state else arguments(state, data, context)
    return finish(state, data, result, context)


def choose(state: dict[str, Any], data: Json, _run: Run, context: Context) -> Outcome:
    """A Choice state: the first rule that holds, else the default.

    Raises:
        StatesError: ``States.NoChoiceMatched``.
    """
    selected = select(state, "InputPath", data, context)
    output = select(state, "OutputPath", selected, context)
    for rule in state["Choices"]:
        if holds(rule, selected, context):
            return output, rule["Next"]
    if "Default" not in state:
        raise StatesError("States.NoChoiceMatched", "There is no match, and the state has no Default")
    return output, state["Default"]


def wait(state: dict[str, Any], data: Json, run: Run, context: Context) -> Outcome:
    """A Wait state, in scaled time."""
    selected = select(state, "InputPath", data, context)
    if "Seconds" in state or "SecondsPath" in state:
        run.sleep(state["Seconds"] if "Seconds" in state else find(state["SecondsPath"], selected, context))
    else:
        until = state["Timestamp"] if "Timestamp" in state else find(state["TimestampPath"], selected, context)
        when = timestamp(until)
        if when is None:
            raise StatesError("States.Runtime", f"{until} is no timestamp")
        run.sleep((when - datetime.now(UTC)).total_seconds())
    return select(state, "OutputPath", selected, context), state.get("Next")


def succeed(state: dict[str, Any], data: Json, _run: Run, context: Context) -> Outcome:
    """A Succeed state."""
    return select(state, "OutputPath", select(state, "InputPath", data, context), context), None


def guarded(work: Callable[[], Outcome], state: dict[str, Any], data: Json, run: Run, context: Context) -> Outcome:
    """Work under the state's Retry and Catch; every retrier counts its own attempts.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    counts: dict[int, int] = {}
    here = dict(context["State"])
    while True:
        context["State"] = {**here, "RetryCount": sum(counts.values())}
        try:
            return work()
        except StatesError as error:
            index = next((i for i, one in enumerate(state.get("Retry", [])) if matches(one, error)), None)
            if index is not None and counts.get(index, 0) < state["Retry"][index].get("MaxAttempts", DEFAULT_ATTEMPTS):
                run.sleep(interval(state["Retry"][index], counts.get(index, 0)))
                counts[index] = counts.get(index, 0) + 1
                continue
            catcher = next((one for one in state.get("Catch", []) if matches(one, error)), None)
            if catcher is None:
                raise
            context["State"] = here
            return put(catcher.get("ResultPath", "$"), data, {"Error": error.error, "Cause": error.cause}), catcher[
                "Next"
            ]


def matches(handler: dict[str, Any], error: Any) -> bool:
    """Whether a retrier or catcher is for an error: ``States.TaskFailed`` is for all but timeouts."""
    if error.error in TERMINAL:
        return False
    names = handler["ErrorEquals"]
    if error.error in names or "States.ALL" in names:
        return True
    if error.error == "States.HeartbeatTimeout" and "States.Timeout" in names:
        return True
    return "States.TaskFailed" in names and error.error != "States.Timeout"


def interval(retrier: dict[str, Any], attempt: int) -> float:
    """Seconds before the next attempt: exponential, capped by ``MaxDelaySeconds``, spread by full jitter."""
    seconds = retrier.get("IntervalSeconds", DEFAULT_INTERVAL) * retrier.get("BackoffRate", DEFAULT_BACKOFF) ** attempt
    seconds = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    return random.uniform(0, seconds) if retrier.get("JitterStrategy") == "FULL" else seconds  # noqa: S311


def task(state: dict[str, Any], data: Json, run: Run, context: Context) -> Outcome:
    """A Task state; each attempt has a token of its own."""
    resource = stepfunctions_tasks.parse(state["Resource"])
    name = context["State"]["Name"]

    def work() -> Outcome:
        if resource.waits:
            context["Task"] = {"Token": stepfunctions_tasks.new_token()}
        context["_read"] = lambda path: find(path, data, context)
        parameters = arguments(state, data, context)
        details = {**resource.details, "parameters": json.dumps(parameters)}
        run.note("TaskScheduled", context, taskScheduledEventDetails=details)
        run.note("TaskStarted", context, taskStartedEventDetails=resource.details)
        try:
            result = stepfunctions_tasks.attempt(state, name, resource, parameters, run, context)
        except StatesError as error:
            kind = "TaskTimedOut" if error.error in {"States.Timeout", "States.HeartbeatTimeout"} else "TaskFailed"
            failed = {**resource.details, "error": error.error, "cause": error.cause}
            run.note(kind, context, **{f"{kind[0].lower()}{kind[1:]}EventDetails": failed})
            raise
        succeeded = {**resource.details, "output": limited(result, name)}
        run.note("TaskSucceeded", context, taskSucceededEventDetails=succeeded)
        return finish(state, data, result, context)

    return guarded(work, state, data, run, context)


def parallel(state: dict[str, Any], data: Json, run: Run, context: Context) -> Outcome:
    """A Parallel state; the first branch that fails fails it."""

    def work() -> Outcome:
        given = arguments(state, data, context)
        run.note("ParallelStateStarted", context)
        results = together([partial(run_states, branch, given, run, dict(context)) for branch in state["Branches"]])
        run.note("ParallelStateSucceeded", context)
        return finish(state, data, results, context)

    return guarded(work, state, data, run, context)


def map_over(state: dict[str, Any], data: Json, run: Run, context: Context) -> Outcome:
    """A Map state, inline or distributed."""
    processor = state.get("ItemProcessor") or state["Iterator"]
    is_distributed = (processor.get("ProcessorConfig") or {}).get("Mode") == "DISTRIBUTED"
    mode = stepfunctions_maps.distributed if is_distributed else stepfunctions_maps.inline

    def work() -> Outcome:
        results = mode(state, processor, select(state, "InputPath", data, context), run, context)
        return finish(state, data, results, context)

    return guarded(work, state, data, run, context)


def together(jobs: Sequence[Callable[[], Json]], at_once: int = 0) -> list[Json]:
    """Run jobs on threads, at most so many at once, and return their results in order.

    Raises:
        StatesError: The first that a job raised, as soon as it did; the others are left to end by themselves.
        Stopped: The execution ended.
    """
    results: list[Json] = [None] * len(jobs)
    errors: list[Exception] = []
    ended = threading.Semaphore(0)
    places = threading.Semaphore(at_once or len(jobs) or 1)

    def one(index: int) -> None:
        try:
            if not errors:
                results[index] = jobs[index]()
        except (StatesError, Stopped) as error:
            errors.append(error)
        except Exception as error:  # noqa: BLE001  # a defect must fail the state, not hang it
            errors.append(StatesError("States.Runtime", f"{type(error).__name__}: {error}"))
        finally:
            places.release()
            ended.release()

    def feed() -> None:
        for index in range(len(jobs)):
            places.acquire()
            threading.Thread(target=contextvars.copy_context().run, args=(one, index), daemon=True).start()

    threading.Thread(target=contextvars.copy_context().run, args=(feed,), daemon=True).start()
    for _ in jobs:
        ended.acquire()
        if errors:
            raise errors[0]
    return results


STATES: dict[str, Callable[[dict[str, Any], Json, Run, Context], Outcome]] = {
    "Pass": pass_through,
    "Choice": choose,
    "Wait": wait,
    "Succeed": succeed,
    "Task": task,
    "Parallel": parallel,
    "Map": map_over,
}
