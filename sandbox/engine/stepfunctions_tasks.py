"""Task states: what a resource does, task tokens, timeouts, heartbeats and mocked answers."""

import contextvars
import json
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import stepfunctions

from sandbox.engine.clients import client
from sandbox.engine.resources import remember_token
from sandbox.engine.stepfunctions_runs import Run, now, real_seconds
from sandbox.engine.stepfunctions_sdk import OPTIMIZED, call_optimized, call_sdk

StatesError: Any = stepfunctions._ExecutionError
Json = Any

RESOURCE = re.compile(
    r"arn:aws:states:::(?P<service>[\w-]+(?::[\w-]+)??):(?P<action>\w+)(?P<pattern>\.sync(?::2)?|\.waitForTaskToken)?"
)
CALLBACK = ".waitForTaskToken"
POLL_SECONDS = 0.02  # real seconds between looks at a nested execution


@dataclass
class Attempt:
    """One try of a task: where its answer arrives."""

    signal: threading.Event = field(default_factory=threading.Event)
    result: Json = None
    error: Exception | None = None
    is_done: bool = False


@dataclass(frozen=True)
class Resource:
    """The parts of a task's ``Resource``."""

    arn: str
    service: str
    action: str
    pattern: str = ""

    @property
    def waits(self) -> bool:
        """Whether the task ends when somebody answers its token."""
        return self.pattern == CALLBACK

    @property
    def details(self) -> dict[str, str]:
        """How history events name it."""
        return {"resourceType": self.service, "resource": self.action + self.pattern}


def parse(arn: str) -> Resource:
    """Read a task's ``Resource``.

    Raises:
        StatesError: It is neither a function nor an integration.
    """
    if ":lambda:" in arn and ":function:" in arn:
        return Resource(arn, "lambda", "function")
    found = RESOURCE.fullmatch(arn)
    if found is None:
        raise StatesError("States.Runtime", f"The resource {arn} is not one this engine knows")
    return Resource(arn, found["service"], found["action"], found["pattern"] or "")


def attempt(  # noqa: PLR0913, PLR0917
    state: dict[str, Any], name: str, resource: Resource, parameters: Json, run: Run, context: Json
) -> Json:
    """Perform a task once, within its timeout and between its heartbeats.

    Raises:
        StatesError: It failed, or its time was over.
    """
    mocked = mocked_answer(run, name)
    if mocked is not None:
        if "Throw" in mocked:
            raise StatesError(mocked["Throw"].get("Error"), mocked["Throw"].get("Cause", ""))
        return mocked["Return"]
    tried = Attempt()
    token = context["Task"]["Token"] if resource.waits else None
    if token:
        remember_token(token, run.machine["stateMachineArn"])
        stepfunctions._task_tokens[token] = {"event": tried.signal, "result": None, "error": None, "heartbeat": None}
    work = threading.Thread(
        target=contextvars.copy_context().run, args=(perform, resource, parameters, run, tried), daemon=True
    )
    work.start()
    try:
        return await_answer(tried, token, run, timeouts(state, name, context))
    finally:
        if token:
            stepfunctions._task_tokens.pop(token, None)


def timeouts(state: dict[str, Any], name: str, context: Json) -> tuple[float | None, float | None]:
    """The timeout and the heartbeat of a state in real seconds, None where it has none."""

    def seconds(field_name: str) -> float | None:
        path = state.get(f"{field_name}Path")
        value = context["_read"](path) if path else state.get(field_name)
        return None if value is None else real_seconds(float(value), name)

    return seconds("TimeoutSeconds"), seconds("HeartbeatSeconds")


def await_answer(tried: Attempt, token: str | None, run: Run, limits: tuple[float | None, float | None]) -> Json:
    """Wait for the task's own end, or for somebody to answer its token.

    Raises:
        StatesError: The task failed, somebody said so, or ``States.Timeout`` or ``States.HeartbeatTimeout``.
    """
    timeout, heartbeat = limits
    ends, beats = (None if timeout is None else now() + timeout), (None if heartbeat is None else now() + heartbeat)
    seen = None
    while True:
        answered, answer = read_answer(tried, token)
        if answered:
            return answer
        moment = now()
        info = stepfunctions._task_tokens.get(token) or {}
        if heartbeat is not None and info.get("heartbeat") != seen:
            seen, beats = info["heartbeat"], moment + heartbeat
        if ends is not None and moment >= ends:
            raise StatesError("States.Timeout", "")
        if beats is not None and moment >= beats:
            raise StatesError("States.HeartbeatTimeout", "")
        next_look = min((limit - moment for limit in (ends, beats) if limit is not None), default=None)
        if run.wait(tried.signal, next_look):
            tried.signal.clear()


def read_answer(tried: Attempt, token: str | None) -> tuple[bool, Json]:
    """Whether there is an answer, and what it is.

    Raises:
        StatesError: The answer is a failure.
    """
    if tried.error is not None:
        raise tried.error
    if token is None:
        return tried.is_done, tried.result
    info = stepfunctions._task_tokens.get(token) or {}
    if info.get("error"):
        raise StatesError(info["error"]["Error"], info["error"]["Cause"])
    if info.get("result") is not None:
        return True, json.loads(info["result"])
    return False, None


def perform(resource: Resource, parameters: Json, run: Run, tried: Attempt) -> None:
    """Do what a resource does, on a thread of its own; result or error go into ``tried``."""
    try:
        tried.result = do(resource, parameters, run)
    except StatesError as error:
        tried.error = error
    except Exception as error:  # noqa: BLE001  # a defect of the engine must fail the task, not hang it
        tried.error = StatesError("States.Runtime", f"{type(error).__name__}: {error}")
    tried.is_done = True
    tried.signal.set()


def do(resource: Resource, parameters: Json, run: Run) -> Json:
    """Call what a resource names.

    Raises:
        StatesError: It failed, or this engine has no such integration.
    """
    if resource.action == "function":
        return invoke(resource.arn, parameters, run)["Payload"]
    if resource.service in INTEGRATIONS:
        return INTEGRATIONS[resource.service](resource, parameters, run)
    if resource.service in OPTIMIZED:
        return call_optimized(resource.service, resource.action, parameters, run.role)
    if resource.service.startswith("aws-sdk:"):
        return call_sdk(resource.service.partition(":")[2], resource.action, parameters, run.role)
    raise StatesError("States.Runtime", f"The embedded AWS has no integration {resource.arn}")


def invoke_function(_resource: Resource, parameters: Json, run: Run) -> Json:
    """``lambda:invoke``."""
    return invoke(parameters["FunctionName"], parameters.get("Payload", {}), run)


def invoke(function: str, payload: Json, run: Run) -> Json:
    """Invoke a function as the machine's role.

    An exception of the function is an error of its class's name, its cause the whole error object
    (https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html).

    Raises:
        StatesError: The function failed, or could not be invoked.
    """
    answer = call_optimized("lambda", "invoke", {"FunctionName": function, "Payload": payload}, run.role)
    body = json.loads(answer["Payload"] or "null")
    if answer.get("FunctionError"):
        raise StatesError(body.get("errorType", "Lambda.Unknown"), json.dumps(body))
    return {"ExecutedVersion": answer.get("ExecutedVersion", "$LATEST"), "Payload": body, "StatusCode": 200}


def start_nested(resource: Resource, parameters: Json, run: Run) -> Json:
    """Start an execution of another machine, and with ``.sync`` wait for its end.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html

    Raises:
        StatesError: It did not start, or with ``.sync`` it did not succeed.
    """
    started = call_optimized("states", "startExecution", parameters, run.role)
    if not resource.pattern.startswith(".sync"):
        return {"ExecutionArn": started["ExecutionArn"], "StartDate": started["StartDate"]}
    found = call_optimized("states", "describeExecution", {"ExecutionArn": started["ExecutionArn"]}, run.role)
    while found["Status"] == "RUNNING":
        if not run.is_running:
            client("stepfunctions").stop_execution(executionArn=started["ExecutionArn"])
        threading.Event().wait(POLL_SECONDS)
        found = call_optimized("states", "describeExecution", {"ExecutionArn": started["ExecutionArn"]}, run.role)
    if found["Status"] != "SUCCEEDED":
        raise StatesError("States.TaskFailed", json.dumps(found))
    if resource.pattern == ".sync:2":
        found["Input"], found["Output"] = json.loads(found["Input"]), json.loads(found["Output"])
    return found


def put_events(_resource: Resource, parameters: Json, run: Run) -> Json:
    """Publish events; one that is refused fails the task, and all name the execution among their resources.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html

    Raises:
        StatesError: ``EventBridge.FailedEntry``.
    """
    origin = [run.record["executionArn"], run.machine["stateMachineArn"]]
    entries = [{**entry, "Resources": [*entry.get("Resources", []), *origin]} for entry in parameters["Entries"]]
    answer = call_optimized("events", "putEvents", {**parameters, "Entries": entries}, run.role)
    if answer.get("FailedEntryCount"):
        raise StatesError("EventBridge.FailedEntry", json.dumps(answer))
    return answer


INTEGRATIONS: dict[str, Callable[[Resource, Json, Run], Json]] = {
    "lambda": invoke_function,
    "states": start_nested,
    "events": put_events,
}


def mocked_answer(run: Run, name: str) -> Json:
    """What the mock file has for this visit of a state: ``{"Return": …}``, ``{"Throw": …}``, or None to call AWS.

    https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html: the n-th visit takes the answer
    ``n`` or the range that holds n. A token is not waited for.

    Raises:
        StatesError: The state is mocked, but not for so many visits.
    """
    machines = stepfunctions._sfn_mock_config.get("StateMachines") or {}
    case = (machines.get(run.machine["name"]) or {}).get("TestCases", {}).get(run.record.get("testCase") or "", {})
    if name not in case:
        return None
    answers = stepfunctions._sfn_mock_config["MockedResponses"][case[name]]
    visit = run.mock_attempts.get(name, 0)
    run.mock_attempts[name] = visit + 1
    for visits, answer in answers.items():
        first, _, last = visits.partition("-")
        if int(first) <= visit <= int(last or first):
            return answer
    raise StatesError("States.Runtime", f"The mocked response {case[name]} of {name} has no answer for visit {visit}")


def new_token() -> str:
    """A task token; each attempt has its own."""
    return f"{get_account_id()}-{uuid.uuid4()}"
