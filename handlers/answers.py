"""Answering the machines that wait: one token, one live answer, however often it is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from handlers.core.operations import Failed, Succeeded
from handlers.runtime import code

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
_NOBODY_WAITS = {"TaskTimedOut", "InvalidToken", "TaskDoesNotExist"}
_ERROR_LENGTH, _CAUSE_LENGTH = 256, 32768  # characters


def answer(states: SFNClient, token: str, outcome: Succeeded | Failed) -> None:
    """Send *outcome* to the task that waits with *token*; nothing if nobody waits (any more): it was answered."""
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
