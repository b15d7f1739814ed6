"""The state machines, seen from outside: answering the tasks that wait, and asking whether a run goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from handlers.core.operations import Failed, Succeeded
from handlers.runtime import code

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
_NOBODY_WAITS = {"TaskTimedOut", "InvalidToken", "TaskDoesNotExist"}
_ERROR_LENGTH, _CAUSE_LENGTH = 256, 32768  # characters


def answer(states: SFNClient, token: str, outcome: Succeeded | Failed) -> None:
    """Send *outcome* to the task that waits with *token*. One token takes one answer; a second one goes nowhere."""
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    try:
        if isinstance(outcome, Succeeded):
            states.send_task_success(taskToken=token, output=json.dumps(outcome.facts))
        else:
            error, cause = outcome.error[:_ERROR_LENGTH], outcome.cause[:_CAUSE_LENGTH]
            states.send_task_failure(taskToken=token, error=error, cause=cause)
    except ClientError as error:
        if code(error) not in _NOBODY_WAITS:
            raise


def ending(states: SFNClient, execution: str) -> dict[str, Any] | None:
    """How *execution* ended, as a machine would catch it (``Error``, ``Cause``); nothing while it goes on."""
    found = _described(states, execution)
    if found is None:
        return {"Error": "RunEnded", "Cause": f"{execution} does not exist"}
    if found["status"] in {"RUNNING", "PENDING_REDRIVE"}:
        return None
    cause = found.get("cause") or f"the run ended as {found['status']} without recording why"
    return {"Error": found.get("error") or "RunEnded", "Cause": cause}


def given(states: SFNClient, execution: str) -> dict[str, Any]:
    """What *execution* was started with; nothing if there is no such execution.

    Asked for, since events of machines under a customer-managed key bear neither input, output, error nor cause:
    https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
    """
    found = _described(states, execution)
    data: dict[str, Any] = json.loads(found.get("input") or "{}") if found else {}
    return data


def start(states: SFNClient, machine: str, names: list[str], data: dict[str, Any]) -> bool:
    """Whether an execution of *machine* could be started under one of *names*; a name stays taken for 90 days."""
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    for name in names:
        try:
            states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(data))
        except ClientError as error:
            if code(error) != "ExecutionAlreadyExists":
                raise
        else:
            return True
    return False


def _described(states: SFNClient, execution: str) -> Any | None:
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    try:
        return states.describe_execution(executionArn=execution)
    except ClientError as error:
        if code(error) in {"ExecutionDoesNotExist", "InvalidArn"}:
            return None
        raise
