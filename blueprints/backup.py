"""Backup stack: snapshot, encrypted export, copy to the recovery region, verdict; and the sweep behind it.

The same template goes to both regions. The schedule is armed in the primary region only; ``copy`` runs in the other.
"""

from __future__ import annotations

from datetime import timedelta

from awacs.aws import Statement
from troposphere import Template
from troposphere.stepfunctions import StateMachine

import workflows
from blueprints import arns, ledger_version, permissions
from blueprints.backup_events import channel, deliver, rules, schedules
from blueprints.backup_functions import SETTLE_TIMEOUT, Pipeline
from blueprints.machines import machine
from blueprints.outputs import BackupOutputs, KeysOutputs, NetworkOutputs, StorageOutputs
from blueprints.regions import two_region_template
from blueprints.settings import Backup, Settings

ARMS = 3  # the first try of a followed operation and two more, as the machines' Retry says
LOOK_INTERVAL = timedelta(seconds=30)  # between two looks at the vault, as copy.asl.yaml says
RUN_MARGIN = timedelta(hours=1)  # for all the short tasks of a run


def blueprint(settings: Settings, keys: KeysOutputs, network: NetworkOutputs, storage: StorageOutputs) -> Template:
    """Template of the backup stack."""
    t = two_region_template(settings, "recovery points: taken, exported, copied, proved")
    c = channel(t, settings, keys, SETTLE_TIMEOUT)

    pipeline = Pipeline(t, settings, keys, network, storage, c.bus.ref())
    functions = pipeline.functions()
    settle = pipeline.settle_operation(c.settle.get_att("Arn"))
    deliver(c, settle)
    ledger_version.keep_up(t, settings, keys, storage, [*functions.values(), settle])

    by_name = {title: each.get_att("Arn") for title, each in functions.items()}
    started = {f"{name.capitalize()}Machine": arns.machine(settings, name) for name in ("fleet", "backup")}

    def built(name: str, *statements: Statement) -> StateMachine:
        invoked = [by_name[title] for title in sorted(workflows.placeholders(name) & by_name.keys())]
        rights = [permissions.invoke(*invoked), *statements]
        return machine(
            t, settings, keys, name, *rights, numbers=limits(settings.backup), substitutions=by_name | started
        )

    fleet = built("fleet", permissions.start_executions(*started.values()))
    backup = built("backup")
    copy = built("copy")
    rules(c, copy)
    schedules(c, fleet, functions["SweepOperations"], functions["MeasureProtection"])

    BackupOutputs(
        bus=c.bus.ref(),
        bus_arn=c.bus.get_att("Arn"),
        fleet_machine=fleet.ref(),
        backup_machine=backup.ref(),
        copy_machine=copy.ref(),
    ).publish(t, settings)
    return t


def limits(backup: Backup) -> dict[str, int]:
    """Time-outs (seconds) and limits that the machines ask for; the arithmetic stands in their files, too."""
    run = backup.slot_timeout + ARMS * backup.copy_timeout + 2 * backup.replication_timeout + RUN_MARGIN
    whole = ARMS * (backup.snapshot_timeout + backup.export_timeout + run) + backup.slot_timeout + RUN_MARGIN
    timeouts = {
        "Snapshot": backup.snapshot_timeout,
        "Export": backup.export_timeout,
        "Copy": backup.copy_timeout,
        "Slot": backup.slot_timeout,
        "CopyRun": run,
        "Backup": whole,
    }
    seconds = {f"{name}TimeoutSeconds": int(time.total_seconds()) for name, time in timeouts.items()}
    return {**seconds, "ReplicationLookLimit": backup.replication_timeout // LOOK_INTERVAL}
