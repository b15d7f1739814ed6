"""Alarms of what carries things between regions and services: replication, schedules, rules.

What S3 tells in the recovery region only (blueprints/observability_backups.py says why) is declared for both.
"""

from __future__ import annotations

from datetime import timedelta

from troposphere import Template

from blueprints import metrics
from blueprints.alarms import HOUR, MINUTE, above, alarm, at_least, held, total, words
from blueprints.regions import PRIMARY
from blueprints.settings import Settings

# What S3 promises where replication is timed.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html
REPLICATION = timedelta(minutes=15)
ROUTES = (("staging", "vault"), ("site", "site"))
RULES = {
    "snapshot-changed": False,
    "run-ended": False,
    "key-touched": False,
    "copy-concluded": True,
    "forward": True,
    "copy-requested": True,
}  # name: whether it is on our own bus


def delivery_alarms(t: Template, settings: Settings) -> None:
    """Add them all."""
    _replication(t, settings)
    _events(t, settings)


def _replication(t: Template, s: Settings) -> None:
    for source, target in ROUTES:
        what = target.capitalize()
        alarm(
            t,
            s,
            f"{what}ReplicationLate",
            f"The bucket {target} is more than {words(REPLICATION)} behind the primary region's {source}.",
            metrics.replication(s, source, target, "ReplicationLatency", "Maximum"),
            when=above(REPLICATION // timedelta(seconds=1), 5 * MINUTE, 2),
            runbook="replication-late",
        )
        alarm(
            t,
            s,
            f"{what}ReplicationFailing",
            f"S3 could not copy objects of {source} to the recovery region's {target}, and does not try again.",
            metrics.replication(s, source, target, "OperationsFailedReplication", "Sum"),
            when=held(1, HOUR),
            condition=PRIMARY,
            runbook="replication-failing",
        )


def _events(t: Template, s: Settings) -> None:
    alarm(
        t,
        s,
        "ScheduleDropped",
        "EventBridge Scheduler gave up starting something: a backup run, the sweep or the measuring.",
        total(
            dropped=metrics.schedules("InvocationDroppedCount"),
            lost=metrics.schedules("InvocationsFailedToBeSentToDeadLetterCount"),
        ),
        when=at_least(1, 5 * MINUTE),
    )
    for title, name, meaning in (
        ("EventsUndelivered", "FailedInvocations", "EventBridge gave up delivering events; they should lie"),
        ("EventsLost", "InvocationsFailedToBeSentToDlq", "Events could be neither delivered nor laid"),
    ):
        alarm(
            t,
            s,
            title,
            f"{meaning} among the dead letters.",
            total(
                **{
                    which.replace("-", "_"): metrics.rule(s, which, name, own_bus=own_bus)
                    for which, own_bus in RULES.items()
                }
            ),
            when=at_least(1, 5 * MINUTE),
            runbook="events-undelivered",
        )
