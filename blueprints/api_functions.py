"""The functions behind the API: what each may do and what it is told. Each is released by versions."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from troposphere import AWSHelperFn, Template, awslambda

from blueprints import arns, mysql
from blueprints import permissions as may
from blueprints.functions import function
from blueprints.outputs import DatabaseOutputs, KeysOutputs, NetworkOutputs, StorageOutputs
from blueprints.releases import release
from blueprints.settings import Settings

# API Gateway waits 29 seconds; whoever ends before it can still say what went wrong.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
TIMEOUT = timedelta(seconds=28)
MEMORY = 1024  # MiB; a share of the CPU comes with it, and clients wait


class Serving(NamedTuple):
    """What the functions share; each method declares one of them and releases it."""

    t: Template
    settings: Settings
    keys: KeysOutputs
    network: NetworkOutputs
    storage: StorageOutputs
    database: DatabaseOutputs | None

    def aliases(self) -> dict[str, awslambda.Alias]:
        """The alias of each module that serves."""
        functions = {"serve_catalogue": self._catalogue(), "report_health": self._health()}
        if self.database:
            functions["serve_resources"] = self._resources(self.database)
        return {module: release(self.t, self.settings, made) for module, made in functions.items()}

    def _resources(self, database: DatabaseOutputs) -> awslambda.Function:
        return function(
            self.t,
            self.settings,
            self.keys,
            "serve_resources",
            may.connect_to_databases(mysql.APPLICATION_USER),
            timeout=TIMEOUT,
            memory=MEMORY,
            concurrency=self.settings.api.concurrency,
            vpc=self.network,
            published=True,
            PREFIX=self.settings.prefix,
            **self._connection(database),
        )

    def _catalogue(self) -> awslambda.Function:
        s = self.settings
        return function(
            self.t,
            s,
            self.keys,
            "serve_catalogue",
            may.read_ledger(s),
            may.note_requests(s),
            may.use_key("UseDataKey", self.keys.data_key, "dynamodb", "states"),
            may.start_executions(arns.machine(s, "backup")),
            may.describe_executions(arns.executions(s, "backup")),
            timeout=TIMEOUT,
            memory=MEMORY,
            concurrency=s.api.concurrency,
            published=True,
            PREFIX=s.prefix,
            LEDGER=self.storage.ledger,
            BACKUP_MACHINE=arns.machine(s, "backup"),
            RPO_SECONDS=int(s.backup.recovery_point_objective.total_seconds()),
            SCHEDULE_START=s.backup.start,
            SCHEDULE_INTERVAL_SECONDS=int(s.backup.interval.total_seconds()),
            SCHEDULE_TIME_ZONE=s.backup.time_zone,
            PRIMARY_REGION=s.primary_region,
        )

    def _health(self) -> awslambda.Function:
        connect = [may.connect_to_databases(mysql.APPLICATION_USER)] if self.database else []
        return function(
            self.t,
            self.settings,
            self.keys,
            "report_health",
            *connect,
            timeout=TIMEOUT,
            memory=MEMORY,
            concurrency=self.settings.api.concurrency,
            vpc=self.network if self.database else None,
            published=True,
            PREFIX=self.settings.prefix,
            **self._connection(self.database),
        )

    def _connection(self, database: DatabaseOutputs | None) -> dict[str, AWSHelperFn | str | int]:
        """Where the database is, as whom to log in, and who vouches for it."""
        proxy = self.settings.database is not None and self.settings.database.proxy
        return {
            "DATABASE_HOST": database.host if database else mysql.NO_DATABASE,
            "DATABASE_PORT": database.port if database else mysql.PROXY_PORT,
            "DATABASE_NAME": mysql.DATABASE,
            "DATABASE_USER": mysql.APPLICATION_USER,
            "CA_BUNDLE": mysql.PROXY_ROOTS if proxy else mysql.INSTANCE_ROOTS,
        }
