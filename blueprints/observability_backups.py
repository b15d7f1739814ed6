"""Alarms of the backup pipeline, from the one that matters most: there is no recovery point to go back to.

Some concern one region only. What the primary region alone can tell is declared for it alone; what the recovery region
alone can tell is declared for both, and stays silent in the primary: dearer by some cents a month than a second
condition, and simpler.
"""

from __future__ import annotations

from datetime import timedelta

from troposphere import Template

from blueprints import metrics
from blueprints.alarms import DAY, HOUR, MINUTE, Metric, above, alarm, at_least, below, held, total, words
from blueprints.regions import PRIMARY
from blueprints.settings import Backup, Settings

QUOTA_PERCENT = 80
LOST_EVENTS = 3  # in an hour; fewer are life with a service that delivers events as best it can


def backup_alarms(t: Template, settings: Settings) -> None:
    """Add them all."""
    _protection(t, settings)
    _outcomes(t, settings)
    _runs(t, settings)
    _upkeep(t, settings)


def at_risk(backup: Backup) -> timedelta:
    """Age of the newest verified point that a healthy run does not let it reach: half of the slack is used up."""
    return (backup.interval + backup.recovery_point_objective) / 2


def look(backup: Backup) -> timedelta:
    """Period of metrics that come with every sweep."""
    return min(DAY, max(5 * MINUTE, backup.sweep_interval - backup.sweep_interval % -MINUTE))


def _protection(t: Template, s: Settings) -> None:
    age = metrics.ours(s, "RecoveryPointAgeSeconds", "Maximum")
    objective = s.backup.recovery_point_objective
    # In both regions, though both see the same ledger: this alarm must outlive the loss of either.
    alarm(
        t,
        s,
        "NoRecentRecoveryPoint",
        f"A database has no verified recovery point younger than {words(objective)} (the RPO), or nobody measures it.",
        age,
        when=above(_seconds(objective), look(s.backup), _patience(s.backup)),
        silence_is_failure=True,
    )
    alarm(
        t,
        s,
        "RecoveryPointObjectiveAtRisk",
        f"A database has no verified recovery point younger than {words(at_risk(s.backup))}; RPO: {words(objective)}.",
        age,
        when=above(_seconds(at_risk(s.backup)), look(s.backup), _patience(s.backup)),
    )

    if s.database:  # which bears our tag; without one of ours it may be meant that nobody asks for protection
        alarm(
            t,
            s,
            "NoDatabaseProtected",
            "No database asks for protection any more: the tag is gone from all of them, or they are.",
            metrics.ours(s, "DatabasesProtected", "Maximum"),
            when=below(1, look(s.backup), _patience(s.backup)),
        )


def _outcomes(t: Template, s: Settings) -> None:
    alarm(
        t,
        s,
        "RecoveryPointPartial",
        "A recovery point is not whole: part of it could not be exported, copied or proved.",
        metrics.ours(s, "RecoveryPointsPartial", "Sum"),
        when=held(1, s.backup.interval),
        condition=PRIMARY,
    )
    alarm(
        t,
        s,
        "RecoveryPointFailed",
        "A recovery point failed.",
        metrics.ours(s, "RecoveryPointsFailed", "Sum"),
        when=held(1, s.backup.interval),
        condition=PRIMARY,
    )


def _runs(t: Template, s: Settings) -> None:
    # A window longer than the interval, so that a run which is some seconds late does not count as none.
    hours = max(1, s.backup.interval // HOUR) + 1
    alarm(
        t,
        s,
        "NoBackupStarted",
        f"No backup run has started for {hours} hours; one is due every {words(s.backup.interval)}.",
        metrics.machine(s, "fleet", "ExecutionsStarted"),
        when=below(1, HOUR, hours),
        silence_is_failure=True,
        condition=PRIMARY,
    )
    bad_ends = ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted")
    alarm(
        t,
        s,
        "FleetRunFailed",
        "The machine fleet ended badly: some databases were not backed up this time.",
        total(**_ends(s, "fleet", *bad_ends)),
        when=at_least(1, 5 * MINUTE),
        condition=PRIMARY,
    )
    # Runs that fail say so themselves: RecoveryPointFailed, RecoveryPointPartial.
    alarm(
        t,
        s,
        "BackupRunCutShort",
        "A run of the machine backup timed out or was stopped, and could not say what became of its recovery point.",
        total(**_ends(s, "backup", *bad_ends[1:])),
        when=at_least(1, 5 * MINUTE),
        condition=PRIMARY,
    )
    alarm(
        t,
        s,
        "CopyRunFailed",
        "A run of the machine copy ended badly: a recovery point did not reach this region whole.",
        total(**_ends(s, "copy", *bad_ends)),
        when=at_least(1, 5 * MINUTE),
    )


def _upkeep(t: Template, s: Settings) -> None:
    longest = s.backup.recovery_point_objective  # what is done later than that is done too late
    alarm(
        t,
        s,
        "LostEventsFound",
        "Events of RDS or of our machines do not arrive; the sweep makes up for them, late.",
        metrics.ours(s, "LostEventsFound", "Sum"),
        when=at_least(LOST_EVENTS, HOUR),
    )
    alarm(
        t,
        s,
        "WorkUnfinished",
        f"Work begun more than {words(longest)} ago is still open, and may hold a slot of a quota.",
        metrics.ours(s, "UnfinishedSeconds", "Maximum"),
        when=above(_seconds(longest), look(s.backup), _patience(s.backup)),
    )
    alarm(
        t,
        s,
        "ManualSnapshotQuotaLow",
        f"{QUOTA_PERCENT} % of the manual snapshots that this region may hold are there; at 100 % no backup succeeds.",
        metrics.ours(s, "ManualSnapshotQuotaPercent", "Maximum"),
        when=at_least(QUOTA_PERCENT, look(s.backup), _patience(s.backup)),
    )


def _ends(s: Settings, which: str, *names: str) -> dict[str, Metric]:
    return {name.removeprefix("Executions").lower(): metrics.machine(s, which, name) for name in names}


def _patience(backup: Backup) -> int:
    """Looks in a row that must say the same: one can be missed, and a whole day is the longest that counts."""
    return max(1, min(3, DAY // look(backup)))


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
