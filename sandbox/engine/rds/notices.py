"""RDS's events: on the default bus, and in ``DescribeEvents``.

AWS sends them best effort: late, doubled or not at all
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloudwatch-events.html); the fault ``rds_events`` makes each
of these happen. Messages: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
"""

import contextvars
import json
import threading
import time

from ministack.core.responses import new_uuid
from ministack.services import rds

from sandbox.engine import clients, events, faults
from sandbox.engine.rds import subscriptions
from sandbox.engine.rds.common import Record, background, now, operation_seconds

LATE = 1.0  # seconds, or five times as long as an operation takes: after everybody has looked


def of_snapshot(snapshot: Record, event: str, category: str, message: str) -> None:
    """Announce something about a snapshot; an export's events bear the snapshot's name too."""
    source = snapshot["DBSnapshotIdentifier"], snapshot["DBSnapshotArn"]
    _announce("SNAPSHOT", source, event, category, message)


def of_instance(instance: Record, event: str, category: str, message: str) -> None:
    """Announce something about an instance."""
    source = instance["DBInstanceIdentifier"], instance["DBInstanceArn"]
    _announce("DB_INSTANCE", source, event, category, message)


DETAIL_TYPES = {"SNAPSHOT": "RDS DB Snapshot Event", "DB_INSTANCE": "RDS DB Instance Event"}
DESCRIBED_AS = {"SNAPSHOT": "db-snapshot", "DB_INSTANCE": "db-instance"}


def _announce(kind: str, source: tuple[str, str], event: str, category: str, message: str) -> None:
    name, arn = source
    rds._events[new_uuid()] = {
        "SourceIdentifier": name,
        "SourceType": DESCRIBED_AS[kind],
        "SourceArn": arn,
        "Message": message,
        "Date": time.time(),
        "EventCategories": [category],
    }
    detail = {
        "EventCategories": [category],
        "SourceType": kind,
        "SourceArn": arn,
        "Date": now(),
        "Message": message,
        "SourceIdentifier": name,
        "EventID": event,
    }
    fault = (faults.get("rds_events") or {}).get(event)
    if fault == "drop":
        return
    for topic in subscriptions.topics_for(DESCRIBED_AS[kind], name, category):
        _publish(topic, kind, name, event, message)
    if fault == "late":
        context = contextvars.copy_context()
        delay = max(LATE, 5 * operation_seconds())
        timer = threading.Timer(delay, context.run, (events.emit, "aws.rds", DETAIL_TYPES[kind], detail, [arn]))
        timer.daemon = True
        timer.start()
        return
    for _ in range(2 if fault == "double" else 1):
        events.emit("aws.rds", DETAIL_TYPES[kind], detail, [arn])


def _publish(topic: str, kind: str, name: str, event: str, message: str) -> None:
    """Send an event to a topic, in the form of https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.html."""
    content = {
        "Event Source": DESCRIBED_AS[kind],
        "Event Time": now().replace("T", " ").removesuffix("Z"),
        "Source ID": name,
        "Event ID": f"http://docs.amazonwebservices.com/AmazonRDS/latest/UserGuide/USER_Events.html#{event}",
        "Event Message": message,
    }
    background(
        lambda: clients.client("sns").publish(
            TopicArn=topic, Subject="RDS Notification Message", Message=json.dumps(content)
        )
    )
