"""Step Functions' API around ``stepfunctions_states``: machines that AWS refuses, executions by name, task tokens."""

import contextvars
import json
import re
from typing import Any

from ministack.services import stepfunctions

from sandbox.engine import stepfunctions_events, stepfunctions_paths
from sandbox.engine.patching import replace
from sandbox.engine.permissions import NotAllowed, require_trust, session_of
from sandbox.engine.stepfunctions_definitions import problems
from sandbox.engine.stepfunctions_runs import MAX_PAYLOAD, Run, Stopped
from sandbox.engine.stepfunctions_states import run_states

Data = dict[str, Any]
Response = Any

SERVICE = "states.amazonaws.com"
NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")

_original: dict[str, Any] = {}
_runs: dict[str, Run] = {}
_asked_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("holdfast_version", default=None)


def install() -> None:
    """Replace the interpreter, and wrap the calls around it."""
    stepfunctions_paths.install()
    stepfunctions_events.install()
    _original["run"] = replace(stepfunctions, "_run_execution", run_execution, "996dff84e0e0")
    _original["start"] = replace(stepfunctions, "_start_execution", start_execution, "9923282fc76c")
    _original["stop"] = replace(stepfunctions, "_stop_execution", stop_execution, "44d2d84ccd5c")
    _original["create"] = replace(stepfunctions, "_create_state_machine", create_state_machine, "4bc1231dda69")
    _original["update"] = replace(stepfunctions, "_update_state_machine", update_state_machine, "476e0deee6a3")
    replace(stepfunctions, "_validate_state_machine_definition", validate, "91730eff8585")
    replace(stepfunctions, "_send_task_success", send_task_success, "12eff48bce57")
    replace(stepfunctions, "_send_task_failure", send_task_failure, "c2a489b4ed33")
    replace(stepfunctions, "_send_task_heartbeat", send_task_heartbeat, "56879a4655d1")


def run_execution(arn: str) -> None:
    """Run an execution to its end, on the thread that MiniStack started for it.

    A version or an alias runs the definition of its version; MiniStack ran the newest.
    """
    record = stepfunctions._executions.get(arn)
    machine = stepfunctions._state_machines.get(record["stateMachineArn"]) if record else None
    if record is None or machine is None:
        return
    version = stepfunctions._state_machine_versions.get(_asked_version.get() or "") or {}
    machine = {**machine, **{key: version[key] for key in ("definition", "roleArn") if version.get(key)}}
    definition = json.loads(machine["definition"])
    if definition.get("QueryLanguage") == "JSONata":
        _original["run"](arn)
        return
    run = Run(record, machine, session_of(machine["roleArn"], "states"))
    try:
        require_trust(machine["roleArn"], SERVICE, machine["stateMachineArn"])
    except NotAllowed as refusal:
        run.end("FAILED", error="States.Permissions", cause=str(refusal))
        return
    _runs[arn] = run
    if "TimeoutSeconds" in definition:
        run.expire_after(definition["TimeoutSeconds"])
    data = json.loads(record["input"])
    context = {
        "Execution": {
            "Id": arn,
            "Input": data,
            "Name": record["name"],
            "RoleArn": machine["roleArn"],
            "StartTime": record["startDate"],
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": machine["stateMachineArn"], "Name": machine["name"]},
        "_previous": 1,
    }
    try:
        run.end("SUCCEEDED", output=json.dumps(run_states(definition, data, run, context)))
    except stepfunctions._ExecutionError as error:
        run.end("FAILED", error=error.error, cause=error.cause)
    except Stopped:
        pass
    except Exception as error:  # noqa: BLE001  # a defect must fail the execution, not leave it running
        stepfunctions.logger.exception("execution %s", arn)
        run.end("FAILED", error="States.Runtime", cause=f"{type(error).__name__}: {error}")
    finally:
        run.wake()
        _runs.pop(arn, None)


def start_execution(data: Data) -> Response:
    """Start an execution; asked twice with the same name and input while it runs, answer the same execution.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html; MiniStack refused the
    second call, took any name, and started on broken input.
    """
    machine_arn = str(data.get("stateMachineArn", "")).partition("#")[0]
    name, given = data.get("name"), data.get("input") or "{}"
    if name is not None and not NAME.fullmatch(name):
        return refuse("InvalidName", f"Invalid Name: '{name}'")
    if problem := broken_json(given):
        return refuse("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{problem}'")
    base = stepfunctions._resolve_state_machine_arn(machine_arn)
    if base and name:
        known = stepfunctions._executions.get(f"{base.replace(':stateMachine:', ':execution:')}:{name}")
        if known and known["status"] == "RUNNING" and known["input"] == given:
            return stepfunctions.json_response({"executionArn": known["executionArn"], "startDate": known["startDate"]})
    token = _asked_version.set(stepfunctions._execution_version_arn(machine_arn))
    try:
        return _original["start"]({**data, "input": given})
    finally:
        _asked_version.reset(token)


def broken_json(text: str) -> str | None:
    """What is wrong with an execution's input, None when nothing is."""
    if len(text.encode()) > MAX_PAYLOAD:
        return f"longer than {MAX_PAYLOAD} bytes"
    try:
        json.loads(text)
    except ValueError as error:
        return str(error)
    return None


def stop_execution(data: Data) -> Response:
    """Abort an execution and wake its threads."""
    answer = _original["stop"](data)
    if run := _runs.get(data.get("executionArn", "")):
        run.wake()
    return answer


def create_state_machine(data: Data) -> Response:
    """Create a machine, unless its definition is broken; MiniStack took any JSON."""
    return refuse_broken(data) or _original["create"](data)


def update_state_machine(data: Data) -> Response:
    """Update a machine, unless its new definition is broken."""
    return (refuse_broken(data) if data.get("definition") else None) or _original["update"](data)


def refuse_broken(data: Data) -> Response:
    """An ``InvalidDefinition`` error, None when the definition is sound."""
    found = problems(data.get("definition", ""))
    return refuse("InvalidDefinition", f"Invalid State Machine Definition: '{'; '.join(found)}'") if found else None


def validate(data: Data) -> Response:
    """Say what is wrong with a definition."""
    found = problems(data.get("definition", ""))
    diagnostics = [{"severity": "ERROR", "code": one.partition(":")[0], "message": one} for one in found]
    result = "FAIL" if found else "OK"
    return stepfunctions.json_response({"result": result, "diagnostics": diagnostics, "truncated": False})


def refuse(code: str, message: str) -> Response:
    """An error of the API."""
    return stepfunctions.error_response_json(code, message, 400)


# Task tokens. One that was answered, or whose task timed out, is TaskTimedOut; MiniStack said TaskDoesNotExist.
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html

TOKEN = re.compile(r"\d{12}-[0-9a-f-]{36}")


def waiting(token: str) -> tuple[Data | None, Response]:
    """The task that waits for a token, or the error to answer."""
    found = stepfunctions._task_tokens.get(token)
    if found is not None and found["result"] is None and found["error"] is None:
        return found, None
    if TOKEN.fullmatch(token):
        return None, refuse("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    return None, refuse("InvalidToken", "Invalid Token: 'Invalid token'")


def send_task_success(data: Data) -> Response:
    """Answer a token with an output."""
    if problem := broken_json(data.get("output", "")):
        return refuse("InvalidOutput", f"Invalid Output: '{problem}'")
    task, error = waiting(data.get("taskToken", ""))
    if task is None:
        return error
    task["result"] = data["output"]
    task["event"].set()
    return stepfunctions.json_response({})


def send_task_failure(data: Data) -> Response:
    """Answer a token with an error."""
    task, error = waiting(data.get("taskToken", ""))
    if task is None:
        return error
    task["error"] = {"Error": data.get("error", ""), "Cause": data.get("cause", "")}
    task["event"].set()
    return stepfunctions.json_response({})


def send_task_heartbeat(data: Data) -> Response:
    """Say that a task is alive."""
    task, error = waiting(data.get("taskToken", ""))
    if task is None:
        return error
    task["heartbeat"] = stepfunctions.new_uuid()
    task["event"].set()
    return stepfunctions.json_response({})
