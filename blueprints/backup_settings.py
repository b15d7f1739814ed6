"""Settings of the backup pipeline: how often, how long each step may take, how long what it makes is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from blueprints.validation import require

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Backup:
    """How often recovery points are made, how long each step may take and how long copies are kept.

    Attributes:
        interval: Time between two scheduled runs; divides a day, or is a day.
        start: Local time of the first run of the day, ``HH:MM``.
        time_zone: IANA name of the zone that *start* is in.
        recovery_point_objective: Most data, counted in time, that a disaster may cost (RPO).
        snapshot_timeout: Longest time to follow one snapshot before looking again.
        export_timeout: Longest time to follow one export before looking again.
        copy_timeout: Longest time to follow one cross-region copy before looking again.
        slot_timeout: Longest time to wait for a free slot of an AWS quota.
        replication_timeout: Longest time to wait for the vault to hold every object.
        concurrent_exports: Export tasks RDS runs at once in the account.
        concurrent_copies: Snapshot copies RDS runs at once into the recovery region.
        lock_retention: Time that objects in the vault stay locked.
        lock_mode: ``GOVERNANCE`` (some may lift the lock) or ``COMPLIANCE`` (nobody may, not even root).
        staging_retention: Time that exports stay in the primary region's staging bucket.
        sweep_interval: Time between two sweeps for lost events.
    """

    interval: timedelta = timedelta(hours=6)
    start: str = "00:30"
    time_zone: str = "Etc/UTC"
    recovery_point_objective: timedelta = timedelta(hours=12)
    snapshot_timeout: timedelta = timedelta(hours=1)
    export_timeout: timedelta = timedelta(hours=6)
    copy_timeout: timedelta = timedelta(hours=4)
    slot_timeout: timedelta = timedelta(hours=12)
    replication_timeout: timedelta = timedelta(hours=1)
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html (five export tasks at once)
    concurrent_exports: int = 5
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html (twenty per region)
    concurrent_copies: int = 20
    lock_retention: timedelta = 35 * DAY
    lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    staging_retention: timedelta = 7 * DAY
    sweep_interval: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        whole_minutes = self.interval >= timedelta(minutes=5) and not self.interval % timedelta(minutes=1)
        divides = whole_minutes and not DAY % self.interval
        require(
            divides
            and (
                self.interval % timedelta(hours=1) == timedelta(0) or timedelta(hours=1) % self.interval == timedelta(0)
            ),
            "backup.interval",
            self.interval,
            "use 5, 10, 15, 20 or 30 minutes, or 1, 2, 3, 4, 6, 8, 12 or 24 hours",
        )
        require(
            bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.start)),
            "backup.start",
            self.start,
            "use a local time such as 00:30",
        )
        require(
            _is_time_zone(self.time_zone), "backup.time_zone", self.time_zone, "use an IANA zone such as Europe/Berlin"
        )
        worst = self.interval + self.snapshot_timeout + self.copy_timeout
        require(
            worst <= self.recovery_point_objective,
            "backup.recovery_point_objective",
            self.recovery_point_objective,
            f"a copy in the recovery region can be {worst} old (interval + snapshot_timeout + copy_timeout); "
            "shorten one of these or allow more",
        )
        for name in (
            "snapshot_timeout",
            "export_timeout",
            "copy_timeout",
            "slot_timeout",
            "replication_timeout",
            "sweep_interval",
        ):
            value = getattr(self, name)
            require(timedelta(minutes=1) <= value <= 7 * DAY, f"backup.{name}", value, "use one minute to seven days")
        require(
            1 <= self.concurrent_exports <= 100, "backup.concurrent_exports", self.concurrent_exports, "use 1 to 100"
        )
        require(1 <= self.concurrent_copies <= 100, "backup.concurrent_copies", self.concurrent_copies, "use 1 to 100")
        require(
            self.lock_retention >= DAY and not self.lock_retention % DAY,
            "backup.lock_retention",
            self.lock_retention,
            "use whole days, at least one",
        )
        require(
            self.lock_mode in ("GOVERNANCE", "COMPLIANCE"),
            "backup.lock_mode",
            self.lock_mode,
            "use GOVERNANCE or COMPLIANCE",
        )
        require(
            self.staging_retention >= DAY and not self.staging_retention % DAY,
            "backup.staging_retention",
            self.staging_retention,
            "use whole days, at least one",
        )

    def schedule(self) -> str:
        """EventBridge Scheduler expression of the runs, in :attr:`time_zone`."""
        hour, minute = map(int, self.start.split(":"))
        if self.interval >= timedelta(hours=1):
            step = self.interval // timedelta(hours=1)
            hours = ",".join(str(h) for h in range(hour % step, 24, step)) if step > 1 else "*"
            return f"cron({minute} {hours} * * ? *)"
        step = self.interval // timedelta(minutes=1)
        return f"cron({','.join(str(m) for m in range(minute % step, 60, step))} * * * ? *)"


def _is_time_zone(name: str) -> bool:
    if name == "Etc/UTC":  # everywhere; most runs need not ask, and zoneinfo is slow to load
        return True
    import zoneinfo  # noqa: PLC0415

    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return False
    return True
