"""CloudFormation's custom resource ``Custom::Schema``: has the schema migrated, and says how that went. Not in the VPC.

It reads the master user's password, which RDS keeps in Secrets Manager, and hands it to ``migrate_database``, which can
reach the database and nothing else (docs/decisions/0007). CloudFormation waits for an answer for up to an hour, so
every way out answers: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from handlers.core.errors import TemporarilyUnavailable
from handlers.runtime import CONNECT_TIMEOUT, ConfigurationError, client, from_environment, log, region, translated

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

PHYSICAL_ID = "schema"  # the same for ever, so that an update never replaces it
MARGIN = 30  # seconds of this function's time that are kept for answering
REASON = 1_000  # characters; the whole answer may have 4,096 bytes
ATTEMPTS = 7
PAUSE = 10  # seconds between them
ANSWERS = 3  # attempts at answering
ANSWER_TIMEOUT = 10  # seconds


class MigrationFailed(RuntimeError):
    """``migrate_database`` ended with an error, which this one quotes."""


@dataclass(frozen=True)
class Environment:
    """Variables that ``blueprints/database.py`` sets."""

    migrate_function: str


def handler(event: dict[str, Any], context: Any) -> None:
    """``CloudFormation's request`` -> an answer to its ``ResponseURL``."""
    status, reason, data = "SUCCESS", "", {}
    try:
        if event["RequestType"] != "Delete":  # the data outlives the stack, and so does its schema
            data = _migrated(event["ResourceProperties"], context)
    except Exception as error:  # noqa: BLE001  # whatever it is, CloudFormation must hear of it
        status, reason = "FAILED", _told(error)
        log("schema was not deployed", level="ERROR", reason=reason, request=event.get("RequestType"))
    answer = {
        "Status": status,
        "Reason": reason or "as asked",
        "PhysicalResourceId": event.get("PhysicalResourceId", PHYSICAL_ID),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data,
    }
    _send(event["ResponseURL"], json.dumps(answer).encode())


def _migrated(properties: dict[str, Any], context: Any) -> dict[str, Any]:
    """What ``migrate_database`` answered.

    Raises:
        MigrationFailed: It failed.
        PermissionMissing: This function may not read the secret or invoke the other.
        TemporarilyUnavailable: AWS or the database can't be reached now.
    """
    function = from_environment(Environment).migrate_function
    ends = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with translated():
                return _asked(function, properties, ends - time.monotonic())
        except TemporarilyUnavailable:
            # A new database doesn't answer yet, another deployment has not finished, or RDS has just rotated the
            # password between our reading and using it.
            if attempt == ATTEMPTS or time.monotonic() + PAUSE >= ends:
                raise
        time.sleep(PAUSE)
    raise AssertionError  # the loop has ended in one of its ways


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


def _told(error: Exception) -> str:
    """*error* for CloudFormation's console; of one that is not ours the kind only: its text may quote anything."""
    response = getattr(error, "response", None)  # of botocore's ClientError
    if type(error).__module__.startswith("handlers."):
        text = f"{type(error).__name__}: {error}"
    elif isinstance(response, dict):
        text = f"{response['Error']['Code']}: {response['Error']['Message']}"
    else:
        text = f"{type(error).__name__}; the log of deploy-schema knows where"
    return text if len(text) <= REASON else f"{text[: REASON - 1]}…"


def _send(address: str, answer: bytes) -> None:
    """Put *answer* where CloudFormation looks for it. The address is a secret: who has it can answer in our place.

    Raises:
        OSError: It could not be reached; Lambda then starts the whole anew, which does no harm.
    """
    if not _is_secure(address):
        raise ConfigurationError("ResponseURL is not https: CloudFormation did not send this request")
    request = Request(address, data=answer, method="PUT", headers={"Content-Type": ""})  # noqa: S310  # as checked
    for attempt in range(1, ANSWERS + 1):
        try:
            with urlopen(request, timeout=ANSWER_TIMEOUT):  # noqa: S310  # as checked  # nosec B310
                return
        except OSError as error:
            log("CloudFormation was not reached", level="ERROR", kind=type(error).__name__, attempt=attempt)
            if attempt == ANSWERS:
                raise
            time.sleep(attempt)


def _is_secure(address: str) -> bool:
    """Whether *address* is one of AWS's, or of the embedded AWS, which has no TLS."""
    return urlsplit(address).scheme == ("http" if "AWS_ENDPOINT_URL" in os.environ else "https")
