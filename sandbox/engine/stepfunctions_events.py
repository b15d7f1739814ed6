"""What Step Functions tells the world about an execution: its status on the default bus, and its metrics.

A machine under a customer's key tells neither input nor output, nor why it failed:
https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html. MiniStack told all of it.
"""

import time
from typing import Any

from ministack.services import stepfunctions

from sandbox.engine import events, metrics
from sandbox.engine.patching import replace

DETAIL_TYPE = "Step Functions Execution Status Change"
METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}  # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
SECRET = {"input": None, "output": None, "error": None, "cause": None}

_original: dict[str, Any] = {}


def install() -> None:
    """Wrap the telling."""
    _original["emit"] = replace(stepfunctions, "_emit_execution_status_event", emit, "9c89e45693e3")


def emit(execution: dict[str, Any]) -> None:
    """Count the change of status, and publish it."""
    if execution.get("sync"):
        return
    machine, status = execution["stateMachineArn"], execution["status"]
    metrics.record("AWS/States", METRICS[status], 1, "Count", StateMachineArn=machine)
    if status != "RUNNING":
        began, ended = (stepfunctions._iso_to_epoch_ms(execution.get(key)) for key in ("startDate", "stopDate"))
        took = (ended or time.time() * 1000) - (began or time.time() * 1000)
        metrics.record("AWS/States", "ExecutionTime", took, "Milliseconds", StateMachineArn=machine)
    encryption = (stepfunctions._state_machines.get(machine) or {}).get("encryptionConfiguration") or {}
    if encryption.get("type") != "CUSTOMER_MANAGED_KMS_KEY":
        _original["emit"](execution)
        return
    detail = {
        "executionArn": execution["executionArn"],
        "stateMachineArn": machine,
        "name": execution["name"],
        "status": status,
        "startDate": stepfunctions._iso_to_epoch_ms(execution.get("startDate")),
        "stopDate": stepfunctions._iso_to_epoch_ms(execution.get("stopDate")),
        **SECRET,
        "inputDetails": {"included": False},
        "outputDetails": {"included": False},
    }
    events.emit("aws.states", DETAIL_TYPE, detail, [execution["executionArn"]])
