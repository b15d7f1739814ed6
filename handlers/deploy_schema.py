"""CloudFormation's custom resource ``Custom::Schema``: has the schema migrated, and says how that went. Not in the VPC.

It reads the master user's password, which RDS keeps in Secrets Manager, and hands it to ``migrate_database``, which can
reach the database and nothing else (docs/decisions/0007).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handlers.core.errors import TemporarilyUnavailable
from handlers.custom_resource import answer, patiently
from handlers.runtime import CONNECT_TIMEOUT, client, from_environment, region

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

PHYSICAL_ID = "schema"


class MigrationFailed(RuntimeError):
    """``migrate_database`` ended with an error, which this one quotes."""


@dataclass(frozen=True)
class Environment:
    """Variables that ``blueprints/database.py`` sets."""

    migrate_function: str


def handler(event: dict[str, Any], context: Any) -> None:
    """``CloudFormation's request`` -> an answer to its ``ResponseURL``."""
    answer(event, context, PHYSICAL_ID, lambda ends: _migrated(event["ResourceProperties"], ends))


def _migrated(properties: dict[str, Any], ends: float) -> dict[str, Any]:
    """What ``migrate_database`` answered.

    Raises:
        MigrationFailed: It failed.
        PermissionMissing: This function may not read the secret or invoke the other.
        TemporarilyUnavailable: AWS or the database can't be reached now.
    """
    function = from_environment(Environment).migrate_function
    # A new database doesn't answer yet, another deployment has not finished, or RDS has just rotated the password
    # between our reading and using it.
    return patiently(lambda: _asked(function, properties, ends - time.monotonic()), ends, (TemporarilyUnavailable,))


def _asked(function: str, properties: dict[str, Any], longest: float) -> dict[str, Any]:
    username, password = _master(properties["Secret"])
    payload = {"host": properties["Host"], "port": properties["Port"], "username": username, "password": password}
    answer = _lambda_client(longest).invoke(FunctionName=function, Payload=json.dumps(payload))
    found = json.loads(answer["Payload"].read())
    if "FunctionError" not in answer:
        return {"Version": found["version"], "Applied": ",".join(map(str, found["applied"])) or "none"}
    kind, text = found.get("errorType", "error"), str(found.get("errorMessage", "")).replace(password, "…")
    passing = kind in ("PermissionMissing", "TemporarilyUnavailable")
    raise (TemporarilyUnavailable if passing else MigrationFailed)(f"{function}: {kind}: {text}")


def _master(secret: str) -> tuple[str, str]:
    """User and password as RDS keeps them.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
    """
    found = json.loads(client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
    return found["username"], found["password"]


def _lambda_client(longest: float) -> LambdaClient:
    """A client that waits *longest* seconds for an answer and doesn't ask a second time by itself."""
    import boto3  # noqa: PLC0415  # as in runtime.client
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=longest, retries={"total_max_attempts": 1})
    found: LambdaClient = boto3.client("lambda", region_name=region(), config=config)
    return found
