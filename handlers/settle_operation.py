"""Something may have ended: look, and answer whoever waits. Reads the queue behind the event rules of its region."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from handlers import machines, noticing
from handlers.concluding import Concluding
from handlers.core import names, operations
from handlers.core.errors import HoldfastError
from handlers.ledger import Item
from handlers.runtime import from_environment, log, translated


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: First part of every physical name.
        ledger: Name of the table.
        bus: Name of this region's event bus.
    """

    prefix: str
    ledger: str
    bus: str


def handler(event: Item, context: object) -> Item:
    """``{Records: [SQS message of an EventBridge event]} -> {batchItemFailures: [{itemIdentifier}]}``."""
    environment = from_environment(Environment)
    concluding = Concluding.here(environment.ledger, environment.bus)
    return settle_all(concluding, environment.prefix, event["Records"])


def settle_all(concluding: Concluding, prefix: str, records: list[Item]) -> Item:
    """Which of *records* are to come again; one that fails holds up no other."""
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (partial batch responses)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # loaded with the client

    failed = []
    for record in records:
        try:
            with translated():
                settle(concluding, prefix, json.loads(record["body"]))
        except (HoldfastError, ClientError, BotoCoreError, ValueError, KeyError) as error:
            log("event not settled", level="ERROR", error=f"{type(error).__name__}: {error}", id=record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def settle(concluding: Concluding, prefix: str, event: Item) -> None:
    """Look at what *event* points to. It is never believed: it may be late, doubled, out of order, or forged."""
    detail = event["detail"]
    look: dict[str, Callable[[], None]] = {
        "RDS DB Snapshot Event": lambda: _snapshot_changed(concluding, prefix, detail),
        "Copy Concluded": lambda: noticing.notice(concluding, detail["recovery_point"], frozenset({"recovery-copy"})),
        "Step Functions Execution Status Change": lambda: _execution_ended(concluding, detail["executionArn"]),
    }
    if event["detail-type"] in look:
        look[event["detail-type"]]()


def _snapshot_changed(concluding: Concluding, prefix: str, detail: Item) -> None:
    if point := names.point_of_snapshot(prefix, detail["SourceIdentifier"]):
        noticing.notice(concluding, point, operations.kinds_of_event(detail.get("EventID", "")))


def _execution_ended(concluding: Concluding, execution: str) -> None:
    """A run that ended without recording why is recorded as failed; all others did that themselves."""
    states, ledger = concluding.following.clients.states, concluding.following.ledger
    ending = machines.ending(states, execution)
    if ending is None:
        return
    data = machines.given(states, execution)
    if "request" in data:
        claim = ledger.read(f"POINT#{data['request']['point']['id']}", "CLAIM#copy")
        if claim and claim["execution"] == execution:
            noticing.copy_ended(concluding, claim, ending)
    elif "database" in data:
        run = {"database": data["database"], "scheduled_at": data.get("scheduled_at"), "execution": execution}
        noticing.run_ended(concluding, run, ending)
