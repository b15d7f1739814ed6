"""The protected databases of the local run: the platform's own, further ones like it, their contents and their users.

Everything goes the way that a person would go: RDS's API, the master user's secret, TLS to the public address.
"""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.connections import Connection

from handlers.core.names import PROTECT_TAG
from sandbox import dump, seed
from sandbox.errors import LAST_LOG, DeploymentFailed

if TYPE_CHECKING:
    from blueprints.settings import Settings
    from sandbox.server import Engine

POLL = 0.05  # seconds between two looks at an instance
AVAILABLE_TIMEOUT = 90  # seconds until an instance must be available
SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")
INVENTORY_USER = "holdfast_inventory"
# What an operator types once per database; the user sees every table's name and can read no row. (The platform's own
# database has got it from its schema's migrations.)
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
CREATE_INVENTORY_USER = (
    f"CREATE USER IF NOT EXISTS {INVENTORY_USER} IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL",
    f"GRANT SHOW VIEW ON *.* TO {INVENTORY_USER}",
)
CSV_DIRECTORY = Path(__file__).resolve().parent.parent / ".sandbox" / "data"


@dataclass(frozen=True)
class Login:
    """How the master user gets into a database."""

    name: str
    host: str
    port: int
    user: str
    password: str
    authority: Path

    def connect(self, *, local_infile: bool = False) -> Connection[pymysql.cursors.Cursor]:
        """A session of the master user, over TLS."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            ssl=ssl.create_default_context(cafile=self.authority),
            charset="utf8mb4",
            autocommit=True,
            local_infile=local_infile,
        )

    def command(self) -> str:
        """What a person types to get in."""
        where = f"--host={self.host} --port={self.port} --user={self.user}"
        return f"mariadb {where} --password='{self.password}' --ssl-ca={self.authority}"


@dataclass(frozen=True)
class Databases:
    """The protected databases in the primary region."""

    engine: Engine
    settings: Settings

    def create(self, count: int) -> list[str]:
        """Have *count* protected databases and return their names; the stack's own is the first, if there is one."""
        names = self._protected()
        pattern = self._describe(names[0]) if names else None
        for number in range(len(names) + 1, count + 1):
            name = self.settings.name(f"database{number}")
            self._rds().create_db_instance(DBInstanceIdentifier=name, **self._like(pattern))
            names.append(name)
        return names

    def _protected(self) -> list[str]:
        """Names of the instances whose tag says that this deployment protects them."""
        pages = self._rds().get_paginator("describe_db_instances").paginate()
        tag = {"Key": PROTECT_TAG, "Value": self.settings.prefix}
        return [
            str(instance["DBInstanceIdentifier"])
            for page in pages
            for instance in page["DBInstances"]
            if tag in instance.get("TagList", [])
        ]

    def _like(self, pattern: dict[str, Any] | None) -> dict[str, Any]:
        """Arguments for one more database, in the network and with the parameters of the first."""
        alias = f"arn:aws:kms:{self.settings.primary_region}:{self.engine.account}:{self.settings.alias('data')}"
        arguments: dict[str, Any] = {
            "DBInstanceClass": "db.t4g.micro",
            "Engine": "mysql",
            "EngineVersion": self.settings.database.engine_version if self.settings.database else "8.4",
            "AllocatedStorage": 20,
            "StorageEncrypted": True,
            "KmsKeyId": alias,
            "MasterUsername": "keeper",
            "ManageMasterUserPassword": True,
            "MasterUserSecretKmsKeyId": alias,
            "EnableIAMDatabaseAuthentication": True,
            "Tags": [{"Key": PROTECT_TAG, "Value": self.settings.prefix}],
        }
        if pattern:
            arguments["MasterUsername"] = pattern["MasterUsername"]
            if pattern.get("DBSubnetGroup"):
                arguments["DBSubnetGroupName"] = pattern["DBSubnetGroup"]["DBSubnetGroupName"]
            if pattern.get("DBParameterGroups"):
                arguments["DBParameterGroupName"] = pattern["DBParameterGroups"][0]["DBParameterGroupName"]
            groups = [group["VpcSecurityGroupId"] for group in pattern.get("VpcSecurityGroups", [])]
            if groups:
                arguments["VpcSecurityGroupIds"] = groups
        return arguments

    def login(self, name: str) -> Login:
        """How to get into the database, once it is available.

        Raises:
            DeploymentFailed: It did not become available.
        """
        deadline = time.monotonic() + AVAILABLE_TIMEOUT
        while (instance := self._describe(name))["DBInstanceStatus"] != "available":
            if instance["DBInstanceStatus"] == "failed" or time.monotonic() > deadline:
                status = instance["DBInstanceStatus"]
                raise DeploymentFailed(f"database {name} is {status}; the engine's log says why: {LAST_LOG}")
            time.sleep(POLL)
        secrets = self.engine.client("secretsmanager", self.settings.primary_region)
        secret = json.loads(
            secrets.get_secret_value(SecretId=instance["MasterUserSecret"]["SecretArn"])["SecretString"]
        )
        return Login(
            name=name,
            host=instance["Endpoint"]["Address"],
            port=instance["Endpoint"]["Port"],
            user=secret["username"],
            password=secret["password"],
            authority=self.engine.directory / "rds-ca.pem",
        )

    def _rds(self) -> Any:
        return self.engine.client("rds", self.settings.primary_region)

    def _describe(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self._rds().describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return found


def fill(login: Login, sql: Path | None) -> None:
    """Load the user's dump, or else the sample data, and create the user that lists tables.

    Raises:
        InputRefused: The dump or the sample data can't be loaded.
    """
    with login.connect(local_infile=sql is None) as connection:
        if sql:
            dump.load(connection, sql)
        else:
            seed.load(connection, CSV_DIRECTORY)
    with login.connect() as connection, connection.cursor() as cursor:
        for statement in CREATE_INVENTORY_USER:
            cursor.execute(statement)


def counts(login: Login) -> dict[str, int]:
    """Rows per table (``database.table``), counted by SQL."""
    with login.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN %s",
            (SYSTEM,),
        )
        found = {}
        for schema, table in cursor.fetchall():
            quoted = ".".join("`" + name.replace("`", "``") + "`" for name in (schema, table))
            cursor.execute(f"SELECT COUNT(*) FROM {quoted}")  # noqa: S608  # nosec B608  # quoted names of the server
            ((rows,),) = cursor.fetchall()
            found[f"{schema}.{table}"] = int(rows)
        return found
