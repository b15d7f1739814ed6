"""What an operator finds in the papers at night works as it stands there: restore a point, protect another database."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shell import Shell
from world import World, eventually

from sandbox import databases
from sandbox.databases import Login
from sandbox.report import PointReport
from tests.papers import DOCS, blocks

OPERATIONS, DATABASE = DOCS / "operations.md", DOCS / "add-a-database.md"


@pytest.fixture
def shell(world: World, tmp_path: Path) -> Iterator[Shell]:
    """What an operator types into, with what the pages define beforehand."""
    made = Shell(world.engine, tmp_path)
    for page in (DATABASE, OPERATIONS):
        made.know(block(page, "P=holdfast-production").replace("holdfast-production", world.settings.prefix))
    yield made
    made.close()


def block(page: Path, beginning: str, language: str = "sh") -> str:
    """The block that begins so; what is said of one command in a line of its own counts, too."""
    (found,) = {text for kind, text in blocks(page) if kind == language and beginning in text}
    return found


def login(world: World, name: str, region: str) -> Login:
    """The owner's way in: by the secret that RDS keeps."""
    (found,) = world.client("rds", region).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    secrets = world.client("secretsmanager", region)
    secret = json.loads(secrets.get_secret_value(SecretId=found["MasterUserSecret"]["SecretArn"])["SecretString"])
    where = found["Endpoint"]
    authority = world.engine.directory / "rds-ca.pem"
    return Login(name, where["Address"], where["Port"], secret["username"], secret["password"], authority)


def remove(world: World, name: str, region: str) -> None:
    rds = world.client("rds", region)
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_a_point_is_restored_in_the_recovery_region_compared_and_served(
    world: World, verified: PointReport, shell: Shell
) -> None:
    instance, proxy = f"{world.settings.prefix}-database", f"{world.settings.prefix}-proxy"
    shell.know(f"POINT={verified.recovery_point}")
    look = block(OPERATIONS, "POINT=holdfast-production").partition("\n")[2]
    compare, lead = block(OPERATIONS, "'.tables[]"), block(OPERATIONS, "modify-db-proxy-target-group")
    assert "available" in shell.run(look)
    try:
        shell.run(block(OPERATIONS, "restore-db-instance-from-db-snapshot"))
        shell.run(block(OPERATIONS, "--manage-master-user-password"))
        told = {name: int(rows) for rows, name in (line.split("\t") for line in shell.run(compare).splitlines())}
        assert told == world.counted == databases.counts(login(world, instance, world.recovery))
        led = shell.run(lead.rpartition("curl")[0])
        assert "AVAILABLE" in led
        health = f"{world.engine.endpoint}/_aws/execute-api/{_id(shell, world)}/api/health?deep=true"
        with urllib.request.urlopen(health) as answer:  # noqa: S310 (our own loopback)
            assert json.load(answer)["status"] == "ok"
    finally:
        rds = world.client("rds", world.recovery)
        rds.deregister_db_proxy_targets(DBProxyName=proxy, DBInstanceIdentifiers=[instance])
        remove(world, instance, world.recovery)


def _id(shell: Shell, world: World) -> str:
    return shell.run(f"value_of {world.recovery} api:ApiId")


def test_another_database_is_made_protected_and_verified(world: World, shell: Shell) -> None:
    shell.run(block(DATABASE, "aws rds create-db-instance"))
    try:
        owner = login(world, "orders", world.primary)
        assert shell.run(block(DATABASE, "get-secret-value")) == owner.password
        with owner.connect() as connection, connection.cursor() as cursor:
            for statement in block(DATABASE, "CREATE USER", "sql").split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
            cursor.execute("CREATE DATABASE shop")
            cursor.execute("CREATE TABLE shop.orders (id INT PRIMARY KEY)")
            cursor.execute("INSERT INTO shop.orders VALUES (1), (2)")
        assert "orders" in _newest(world, shell)
    finally:
        remove(world, "orders", world.primary)


def _newest(world: World, shell: Shell) -> str:
    """The line of the newest point once nothing goes on any more."""
    start, _, look = block(DATABASE, "aws stepfunctions start-execution").rpartition("aws dynamodb query")
    shell.run(start)
    states = world.client("stepfunctions")

    def ended() -> list[dict[str, Any]]:
        runs = [each for name in ("fleet", "backup") for each in _runs(states, world.machine(name))]
        return [] if any(run["status"] == "RUNNING" for run in runs) else runs

    line = eventually(lambda: ended() and shell.run(f"aws dynamodb query{look}"), 60, "a point of orders")
    assert re.fullmatch(r"orders-\d{8}t\d{4}z\tverified\t2", line), line
    return str(line)


def _runs(states: Any, machine: str) -> list[dict[str, Any]]:
    return list(states.list_executions(stateMachineArn=machine, maxResults=10)["executions"])
