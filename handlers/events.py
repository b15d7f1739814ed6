"""What the pipeline tells the world: events on the deployment's own bus."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from handlers.core.errors import TemporarilyUnavailable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SOURCE = "holdfast.backup"


def publish(events: EventBridgeClient, bus: str, kind: str, detail: Mapping[str, Any]) -> None:
    """Put one event of *kind* on *bus*. Delivery is at least once, here and in EventBridge.

    Raises:
        TemporarilyUnavailable: EventBridge took the call and not the event.
    """
    entry = {"Source": SOURCE, "DetailType": kind, "Detail": json.dumps(detail), "EventBusName": bus}
    answer = events.put_events(Entries=[entry])  # type: ignore[list-item]
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html (200 with entries that failed)
    if answer.get("FailedEntryCount", 0):
        refused = answer["Entries"][0]
        raise TemporarilyUnavailable(
            f"{kind!r} did not reach {bus}: {refused.get('ErrorCode')} {refused.get('ErrorMessage')}"
        )
