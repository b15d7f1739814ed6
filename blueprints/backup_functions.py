"""The functions of the backup pipeline: what each may do and what it is told. One entry per handler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from awacs.aws import Action, Statement
from troposphere import AWSHelperFn, Template, awslambda, iam

from blueprints import arns
from blueprints import permissions as may
from blueprints.actions import BEGIN_IN_LEDGER, CLAIM_IN_LEDGER, NOTE_IN_LEDGER, USE_LEDGER, WATCH_LEDGER
from blueprints.functions import function
from blueprints.iam import role
from blueprints.outputs import KeysOutputs, NetworkOutputs, StorageOutputs
from blueprints.settings import Settings

INVENTORY_USER = "holdfast_inventory"  # IAM database user that sees the names of tables and no row
CA_BUNDLE = "handlers/certificates/rds.pem"
PAGE_SIZE = 100  # databases per page, the most that DescribeDBInstances gives
SETTLE_TIMEOUT = timedelta(seconds=110)
CLEANING_TIMEOUT = timedelta(seconds=290)  # the task waits 300
MEASURING_TIMEOUT = timedelta(seconds=110)  # pages of databases; whoever asks is a schedule
PROOF_TIMEOUT = timedelta(seconds=890)  # the task waits 900, which is as long as Lambda lets a function run
PROOF_MEMORY = 1769  # MiB; from here on a function has a whole CPU
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html

EXPORTS, INVENTORIES, MANIFESTS = "exports/", "inventories/", "manifests/"


class Pipeline(NamedTuple):
    """What the functions share; each method declares some of them."""

    t: Template
    settings: Settings
    keys: KeysOutputs
    network: NetworkOutputs
    storage: StorageOutputs
    bus: AWSHelperFn

    def functions(self) -> dict[str, awslambda.Function]:
        """Every function of the stack, by logical id."""
        declared = (*self._claiming(), *self._following(), *self._proving(), *self._concluding(), *self._watching())
        return {each.title: each for each in declared}

    # ---- what several functions may do -------------------------------------------------------------------------------

    def _ledger(self, actions: Sequence[Action], *services: str) -> list[Statement]:
        """Use the ledger; and the data key, for it and for *services*."""
        key = may.use_key("UseDataKey", self.keys.data_key, "dynamodb", *services)
        return [may.use_ledger(self.settings, actions), key]

    def _runs(self, *names: str) -> Statement:
        return may.describe_executions(*(arns.executions(self.settings, name) for name in names))

    def _answers(self, *names: str) -> Statement:
        return may.answer_tasks(*(arns.machine(self.settings, name) for name in names))

    def _settling(self) -> list[Statement]:
        """See what has become of any operation, answer whoever waits, and take away what a failed run left."""
        s = self.settings
        return [
            *self._ledger(USE_LEDGER, "states"),
            self._answers("backup", "copy"),
            self._runs("backup", "copy"),
            may.describe_snapshots(s),
            may.describe_exports(),
            may.cancel_exports(),
            may.delete_snapshots(s),
            may.list_objects(self.storage.staging_arn, EXPORTS),
            may.delete_objects(arns.objects(s, "staging", EXPORTS), arns.objects(s, "staging", MANIFESTS)),
            may.publish_events(arns.bus(s)),
        ]

    def _function(self, module: str, *statements: Statement, **more: Any) -> awslambda.Function:
        return function(self.t, self.settings, self.keys, module, *statements, **more)

    # ---- the functions -----------------------------------------------------------------------------------------------

    def _claiming(self) -> Iterator[awslambda.Function]:
        s, ledger = self.settings, self.storage.ledger
        yield self._function("select_databases", may.describe_databases(), PREFIX=s.prefix, PAGE_SIZE=PAGE_SIZE)
        yield self._function(
            "claim_recovery_point",
            *self._ledger(CLAIM_IN_LEDGER, "states"),
            self._runs("backup"),
            may.describe_databases(),
            may.describe_keys(self.keys.data_key),
            PREFIX=s.prefix,
            LEDGER=ledger,
            DATA_KEY=self.keys.data_key,
            RPO_SECONDS=_seconds(s.backup.recovery_point_objective),
        )
        yield self._function("claim_copy", *self._ledger(CLAIM_IN_LEDGER, "states"), self._runs("copy"), LEDGER=ledger)
        yield self._function(
            "await_slot",
            *self._ledger(USE_LEDGER, "states"),
            self._answers("backup", "copy"),
            LEDGER=ledger,
            EXPORT_SLOTS=s.backup.concurrent_exports,
            COPY_SLOTS=s.backup.concurrent_copies,
        )

    def _following(self) -> Iterator[awslambda.Function]:
        s, ledger, keys = self.settings, self.storage.ledger, self.keys
        yield self._function(
            "take_snapshot",
            *self._ledger(BEGIN_IN_LEDGER, "states"),
            self._answers("backup"),
            may.describe_databases(),
            may.describe_snapshots(s),
            may.take_snapshots(s),
            may.lend_key_to_rds("LendDataKey", keys.data_key),
            PREFIX=s.prefix,
            LEDGER=ledger,
            DATA_KEY=keys.data_key,
        )
        yield self._function("record_taken", *self._ledger(NOTE_IN_LEDGER), LEDGER=ledger)
        writer = self._export_role()
        yield self._function(
            "export_snapshot",
            *self._ledger(USE_LEDGER, "states"),
            self._answers("backup"),
            may.describe_exports(),
            may.start_exports(s),
            may.lend_key_to_rds("LendKeys", keys.data_key, keys.backups_key),
            may.pass_role(writer.get_att("Arn"), "export.rds"),
            LEDGER=ledger,
            STAGING=self.storage.staging,
            BACKUPS_KEY=keys.backups_key,
            EXPORT_ROLE=writer.get_att("Arn"),
        )
        yield self._function(
            "request_copy",
            *self._ledger(BEGIN_IN_LEDGER, "states"),
            self._answers("backup"),
            may.publish_events(arns.bus(s)),
            LEDGER=ledger,
            BUS=self.bus,
        )
        yield self._function(
            "copy_snapshot",
            *self._ledger(USE_LEDGER, "states"),
            self._answers("copy"),
            may.describe_snapshots(s),
            may.copy_snapshots(s),
            may.lend_key_to_rds("LendBackupsKey", keys.backups_key),
            may.lend_foreign_key_to_rds("LendPrimarysDataKey", s, "data", s.primary_region),
            PREFIX=s.prefix,
            LEDGER=ledger,
            BACKUPS_KEY=keys.backups_key,
            PRIMARY_REGION=s.primary_region,
        )

    def _proving(self) -> Iterator[awslambda.Function]:
        s, storage, key = self.settings, self.storage, self.keys.backups_key
        yield self._function(
            "take_inventory",
            may.connect_to_databases(INVENTORY_USER),
            may.write_objects(arns.objects(s, "staging", INVENTORIES)),
            may.use_key("UseBackupsKey", key, "s3"),
            vpc=self.network,
            STAGING=storage.staging,
            INVENTORY_USER=INVENTORY_USER,
            CA_BUNDLE=CA_BUNDLE,
        )
        yield self._function(
            "check_export",
            *self._ledger(NOTE_IN_LEDGER),
            may.list_versions(storage.staging_arn, EXPORTS),
            may.read_objects(*(arns.objects(s, "staging", prefix) for prefix in (EXPORTS, INVENTORIES))),
            may.write_objects(arns.objects(s, "staging", MANIFESTS)),
            may.use_key("UseBackupsKey", key, "s3"),
            timeout=PROOF_TIMEOUT,
            memory=PROOF_MEMORY,
            LEDGER=storage.ledger,
            STAGING=storage.staging,
            BACKUPS_KEY=key,
        )
        yield self._function(
            "compare_vault",
            may.list_objects(storage.vault_arn, EXPORTS, MANIFESTS),
            may.read_objects(arns.objects(s, "vault")),
            may.read_locks(arns.objects(s, "vault")),
            may.use_key("UseBackupsKey", key, "s3"),
            timeout=PROOF_TIMEOUT,
            memory=PROOF_MEMORY,
            VAULT=storage.vault,
            BACKUPS_KEY=key,
            RETENTION_DAYS=s.backup.lock_retention // timedelta(days=1),
            LOCK_MODE=s.backup.lock_mode,
            REPLICATION_TIMEOUT_SECONDS=_seconds(s.backup.replication_timeout),
        )

    def _concluding(self) -> Iterator[awslambda.Function]:
        told = {"LEDGER": self.storage.ledger, "BUS": self.bus}
        counts = {"PREFIX": self.settings.prefix, **told}
        tells = may.publish_events(arns.bus(self.settings))
        yield self._function("conclude_recovery_point", *self._ledger(BEGIN_IN_LEDGER), tells, **counts)
        yield self._function("conclude_copy", *self._ledger(BEGIN_IN_LEDGER), tells, **told)
        yield self._function("record_failure", *self._settling(), timeout=CLEANING_TIMEOUT, **counts)
        yield self._function("record_copy_failure", *self._settling(), timeout=CLEANING_TIMEOUT, **told)

    def _watching(self) -> Iterator[awslambda.Function]:
        s, told = self.settings, {"LEDGER": self.storage.ledger, "BUS": self.bus}
        yield self._function(
            "sweep_operations",
            *self._settling(),
            may.find_unfinished(s),
            may.start_executions(arns.machine(s, "copy")),
            timeout=CLEANING_TIMEOUT,
            concurrency=1,
            PREFIX=s.prefix,
            PRIMARY_REGION=s.primary_region,
            COPY_MACHINE=arns.machine(s, "copy"),
            **told,
        )
        yield self._function(
            "measure_protection",
            *self._ledger(WATCH_LEDGER),
            may.find_unfinished(s),
            may.describe_databases(),
            may.read_quotas(),
            timeout=MEASURING_TIMEOUT,
            concurrency=1,
            PREFIX=s.prefix,
            LEDGER=self.storage.ledger,
            PRIMARY_REGION=s.primary_region,
            RPO_SECONDS=_seconds(s.backup.recovery_point_objective),
        )

    def settle_operation(self, queue: AWSHelperFn) -> awslambda.Function:
        """The function that reads *queue* (ARN); apart, since the queue's time-out follows from its own."""
        return self._function(
            "settle_operation",
            *self._settling(),
            may.receive_messages(queue),
            timeout=SETTLE_TIMEOUT,
            PREFIX=self.settings.prefix,
            LEDGER=self.storage.ledger,
            BUS=self.bus,
        )

    def _export_role(self) -> iam.Role:
        """Role that RDS writes exports with."""
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Setup.html
        return role(
            self.t,
            self.settings,
            "ExportRole",
            "export.rds",
            may.export_to(arns.objects(self.settings, "staging", EXPORTS)),
            may.find_bucket(self.storage.staging_arn),
        )


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
