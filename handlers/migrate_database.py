"""Bring a database up to the code: its users, and what is new of every resource's migrations. Runs in the VPC.

The master user's password comes in the payload and goes to the database, over verified TLS; it is in no log line and in
no error. Everything here may be done twice, and by two deployments at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from handlers import once, resources
from handlers.core.errors import InvalidRequest, PermissionMissing, TemporarilyUnavailable
from handlers.core.migrations import Migration, pending
from handlers.runtime import ConfigurationError, from_environment, log, now
from handlers.trust import tls

CONNECT_TIMEOUT = 10  # seconds
STATEMENT_TIMEOUT = 660  # seconds; changing a large table takes long, and the function has 13 minutes
LOCK = "holdfast schema"
LOCK_TIMEOUT = 60  # seconds that another deployment may take
ACCESS_DENIED = 1045

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,31}")
_APPLIED = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version BIGINT NOT NULL PRIMARY KEY,
        name VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
        applied_at DATETIME NOT NULL
    ) ENGINE = InnoDB
"""


@dataclass(frozen=True)
class Environment:
    """Variables that ``blueprints/database.py`` sets."""

    ca_bundle: str
    database_name: str
    application_user: str
    inventory_user: str


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """``{host, port, username, password}`` -> ``{"applied": [version], "version": newest}``."""
    environment = from_environment(Environment)
    for name in (environment.database_name, environment.application_user, environment.inventory_user):
        if not _IDENTIFIER.fullmatch(name):  # names can't be bound as parameters
            raise ConfigurationError(f"{name!r} is no name for a database or a user: use a-z, 0-9 and _")
    with closing(_connect(event, environment)) as connection, connection.cursor() as cursor:
        _keep_others_out(cursor)
        applied = migrate(cursor, environment, every())
    log("schema is up to date", applied=applied, host=event["host"])
    return {"applied": applied, "version": max((it.version for it in every()), default=0)}


def every() -> list[Migration]:
    """The migrations of the platform and of all resources."""
    found = list(once.MIGRATIONS)
    for resource in resources.modules():
        found += resource.MIGRATIONS
    return found


def migrate(cursor: Cursor, environment: Environment, migrations: Iterable[Migration]) -> list[int]:
    """Versions that were applied now.

    Raises:
        MigrationsBroken: The migrations contradict each other or the past.
    """
    name = environment.database_name
    cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    cursor.execute(f"USE `{name}`")
    cursor.execute(_APPLIED)
    cursor.execute("SELECT version, sha256 FROM schema_migrations")
    todo = pending(migrations, dict(cursor.fetchall()))
    for migration in todo:
        for statement in migration.statements:
            cursor.execute(statement)
        cursor.execute(
            "INSERT INTO schema_migrations (version, name, sha256, applied_at) VALUES (%s, %s, %s, %s)",
            (migration.version, migration.name, migration.sha256, now().replace(microsecond=0, tzinfo=None)),
        )
        log("migration applied", version=migration.version, name=migration.name)
    # After the tables: whoever logs in finds them.
    _user(cursor, environment.application_user, f"SELECT, INSERT, UPDATE, DELETE ON `{name}`.*")
    _user(cursor, environment.inventory_user, "SHOW VIEW ON *.*")  # docs/add-a-database.md says why
    return [migration.version for migration in todo]


def _user(cursor: Cursor, name: str, grants: str) -> None:
    """A user who logs in with a token of IAM, over TLS, and may do just that.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html
    """
    cursor.execute(
        f"CREATE USER IF NOT EXISTS '{name}'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL", None
    )
    cursor.execute(f"GRANT {grants} TO '{name}'@'%'", None)


def _keep_others_out(cursor: Cursor) -> None:
    """Let no other deployment change the schema until this connection ends.

    Raises:
        TemporarilyUnavailable: Another one doesn't finish.
    """
    cursor.execute("SELECT GET_LOCK(%s, %s)", (LOCK, LOCK_TIMEOUT))
    if cursor.fetchone() != (1,):
        raise TemporarilyUnavailable(f"another deployment has been changing the schema for {LOCK_TIMEOUT} s")


def _connect(event: dict[str, Any], environment: Environment) -> Any:
    """A connection as the master user.

    Raises:
        PermissionMissing: The password is not the right one, perhaps not any more.
        TemporarilyUnavailable: Nobody answers.
    """
    host, _, port = str(event["host"]).partition(":")  # as in handlers/database.py
    try:
        return pymysql.connect(
            host=host,
            port=_port(port or event["port"]),
            user=event["username"],
            password=event["password"],
            charset="utf8mb4",
            ssl=tls(environment.ca_bundle),
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=STATEMENT_TIMEOUT,
            write_timeout=STATEMENT_TIMEOUT,
        )
    except pymysql.err.Error as error:
        if error.args and error.args[0] == ACCESS_DENIED:
            raise PermissionMissing(f"{host} refuses the master user: was its password just rotated?") from error
        raise TemporarilyUnavailable(f"{host} can't be reached: {error}") from error


def _port(port: object) -> int:
    if not str(port).isdecimal():
        raise InvalidRequest("port", port, "give a number")
    return int(str(port))
