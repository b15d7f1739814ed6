"""What makes a deployment cheaper, and what that costs besides money."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from blueprints.settings import DAY, PRODUCTION, Settings


class Change(NamedTuple):
    """A setting that makes the production profile cheaper.

    Attributes:
        told: What is set.
        settings: The settings then.
        otherwise: What it costs besides money.
    """

    told: str
    settings: Settings
    otherwise: str


class Part(NamedTuple):
    """A part of every deployment that no setting turns off.

    Attributes:
        told: What it is.
        item: How the names of its prices begin.
        without: What would be missing.
    """

    told: str
    item: str
    without: str


PARTS = (
    Part("exports to S3, without check and vault", "rds.export", "level 1: no row would ever be counted"),
    Part("replication within 15 minutes (S3 RTC)", "s3.replication-time", "a promise when the vault has an export"),
    Part(
        "firewalls of both APIs and of the console", "waf.", "what stops known attacks and floods before the functions"
    ),
    Part("alarms", "cloudwatch.alarm", "whoever tells you"),
    Part("traces (X-Ray)", "xray.", "the way of a slow request through the functions"),
)


def changes() -> list[Change]:
    """What can be set in the production profile, one at a time."""
    database, backup = PRODUCTION.database, PRODUCTION.backup
    if database is None:
        raise ValueError("the profile PRODUCTION has no database, so nothing of it can be saved")
    return [
        Change(
            '`backup.interval = "24h"`, `backup.recovery_point_objective = "36h"`',
            replace(PRODUCTION, backup=replace(backup, interval=DAY, recovery_point_objective=timedelta(hours=36))),
            "a disaster may cost a day and a half of data instead of 12 hours",
        ),
        Change(
            "`database.multi_az = false`",
            replace(PRODUCTION, database=replace(database, multi_az=False)),
            "the loss of a zone, and each patch, takes the database down for minutes to hours",
        ),
        Change(
            '`database.instance_class = "db.t4g.medium"`',
            replace(PRODUCTION, database=replace(database, instance_class="db.t4g.medium")),
            "half the memory, and processor time by credits: steady load is slowed down or costs extra",
        ),
        Change(
            "`database.proxy = false`",
            replace(PRODUCTION, database=replace(database, proxy=False)),
            "each function holds connections of its own: a burst can use them up, a failover is noticed later",
        ),
        Change(
            '`backup.staging_retention = "1d"`',
            replace(PRODUCTION, backup=replace(backup, staging_retention=DAY)),
            "an export must be replicated and checked within a day, or be made again",
        ),
        Change(
            "`site.cloudfront = false`",
            replace(PRODUCTION, site=replace(PRODUCTION.site, cloudfront=False)),
            "the API serves the console: farther from people, and not while its region is down",
        ),
    ]
