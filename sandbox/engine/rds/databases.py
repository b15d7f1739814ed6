"""The server behind each instance: started, put behind its gate, stopped, forgotten."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ministack.core.responses import get_account_id, get_region
from ministack.services import rds

from sandbox.engine.rds import certificates, tokens
from sandbox.engine.rds.common import Record, directory, fresh_directory, operation_seconds
from sandbox.engine.rds.gate import Gate, Rules
from sandbox.mysql import Server


@dataclass
class Database:
    """An instance's server and its public address; no server while it is stopped."""

    server: Server | None
    gate: Gate
    data: Path | None = None  # of a stopped server


_databases: dict[str, Database] = {}  # by the instance's ARN


def server_of(instance: Record) -> Server | None:
    """The running server of an instance."""
    database = _databases.get(instance["DBInstanceArn"])
    return database.server if database else None


def boot(instance: Record, source: Path | None) -> None:
    """Start an instance's server, empty or from a snapshot's data, and open its gate; the record gets the address."""
    started = time.monotonic()
    server = Server.start(fresh_directory("instances"), source=source)
    _prepare(server, instance, restored=source is not None)
    database = Database(server, Gate(_rules(instance), certificates.context_of(directory().parent)))
    time.sleep(max(0.0, operation_seconds() - (time.monotonic() - started)))
    if rds._instances.get(instance["DBInstanceIdentifier"]) is not instance:  # deleted meanwhile
        database.gate.close()
        server.delete()
        return
    _databases[instance["DBInstanceArn"]] = database
    instance["Endpoint"] = {"Address": "127.0.0.1", "Port": database.gate.port, "HostedZoneId": "Z2R2ITUGPM61AM"}
    instance["_HasEndpoint"] = True


def _prepare(server: Server, instance: Record, *, restored: bool) -> None:
    """Give a new server its master user and first database; a restored one has them in its data.

    RDS's master user is no superuser, but may do everything an application needs:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
    """
    if restored:
        return
    user, password = instance["MasterUsername"], instance["_MasterUserPassword"]
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (user, password))
        cursor.execute("GRANT ALL PRIVILEGES ON *.* TO %s@'%%' WITH GRANT OPTION", (user,))
        if instance.get("DBName"):
            cursor.execute(f"CREATE DATABASE `{instance['DBName'].replace('`', '``')}`")


def set_master_password(instance: Record, password: str) -> None:
    """Change the master user's password on the running server."""
    server = server_of(instance)
    if server:
        server.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", (instance["MasterUsername"], password))


def stop(instance: Record) -> None:
    """Stop an instance's server; its data and its address stay."""
    database = _databases.get(instance["DBInstanceArn"])
    if database and database.server:
        database.server.stop()
        database.data, database.server = database.server.directory, None


def start(instance: Record) -> None:
    """Start the server of a stopped instance again."""
    database = _databases.get(instance["DBInstanceArn"])
    if database and database.data:
        database.server, database.data = Server.start(database.data), None


def forget(instance: Record) -> None:
    """End an instance's server and remove its data."""
    database = _databases.pop(instance["DBInstanceArn"], None)
    if database:
        _end(database)


def forget_all() -> None:
    """End every server; for the engine's reset."""
    for database in list(_databases.values()):
        _end(database)
    _databases.clear()


def _end(database: Database) -> None:
    database.gate.close()
    if database.server:
        database.server.delete()
    if database.data:
        shutil.rmtree(database.data, ignore_errors=True)


def _rules(instance: Record) -> Rules:
    """What the gate of an instance asks."""
    account, region = get_account_id(), get_region()

    def refusal(user: str, token: str, port: int) -> str | None:
        if not instance.get("IAMDatabaseAuthenticationEnabled"):
            return "IAM database authentication is not enabled for this instance"
        return tokens.refusal(tokens.Target(account, region, instance["DbiResourceId"]), user, token, port)

    return Rules(
        server=lambda: server_of(instance),
        secure_only=lambda: secure_only(instance, account, region),
        refusal=refusal,
    )


def secure_only(instance: Record, account: str, region: str) -> bool:
    """Whether the instance refuses plaintext: its parameter group's ``require_secure_transport``, on by default.

    On by default on RDS for MySQL 8.4: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-ssl-connections.html
    """
    for membership in instance.get("DBParameterGroups", []):
        group = rds._param_groups.get_scoped(account, region, membership["DBParameterGroupName"]) or {}
        given = (group.get("Parameters") or {}).get("require_secure_transport")
        if given is not None:
            setting = given.get("ParameterValue") if isinstance(given, dict) else given
            return str(setting).lower() in ("1", "on", "true")
    return True
