"""What every handler needs from its process: settings, clients, log lines, and errors with our names."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from handlers.core.errors import PermissionMissing, TemporarilyUnavailable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from botocore.exceptions import ClientError
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

T = TypeVar("T", bound="DataclassInstance")

CONNECT_TIMEOUT = 3  # seconds
READ_TIMEOUT = 10  # seconds; the slowest call is StartExportTask
MAX_ATTEMPTS = 3  # per call; the machines do the long waiting

# https://docs.aws.amazon.com/boto3/latest/guide/retries.html and the services' common errors
_TRANSIENT = {
    "InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException",
    "LimitExceeded", "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "SlowDown",
    "RequestThrottled", "RequestThrottledException", "TooManyRequestsException", "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException", "TransactionInProgressException", "RequestTimeout",
    "RequestTimeoutException", "KmsThrottlingException", "KMSInternalException", "DependencyTimeoutException",
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "EC2ThrottledException",
}  # fmt: skip
_DENIED = {
    "AccessDenied", "AccessDeniedException", "AccessDeniedFault", "AuthorizationError", "UnauthorizedOperation",
    "KMSKeyNotAccessibleFault", "KmsAccessDeniedException", "KmsDisabledException", "KmsInvalidStateException",
    "KmsNotFoundException", "KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.NotFoundException",
    "DisabledException", "KMSInvalidStateException", "IamRoleMissingPermissions", "IamRoleNotFound",
    "NotAuthorized", "KMSAccessDeniedException", "KMSDisabledException", "KMSNotFoundException",
}  # fmt: skip


class ConfigurationError(RuntimeError):
    """The function was deployed without a variable that it needs, or with one that is not a number."""


def from_environment(cls: type[T], environment: Mapping[str, str] | None = None) -> T:
    """*cls* filled from upper-case variables named after its fields.

    Raises:
        ConfigurationError: Variables are missing or no whole numbers; all are named at once.
    """
    found = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    wrong = []
    for field in fields(cls):
        text = found.get(field.name.upper(), "")
        if not text or (field.type in ("int", int) and not text.isdecimal()):
            wrong.append(field.name.upper())
        else:
            values[field.name] = int(text) if field.type in ("int", int) else text
    if wrong:
        raise ConfigurationError(f"{cls.__module__}: set {', '.join(wrong)}")
    return cls(**values)


def region() -> str:
    """The region that this function runs in."""
    return os.environ["AWS_REGION"]


def now() -> datetime:
    """The time, in UTC; handlers read the clock here and nowhere else."""
    return datetime.now(UTC)


@cache
def client(service: str) -> Any:
    """A client of *service* in this region, kept for the life of the process; honours ``AWS_ENDPOINT_URL``."""
    import boto3  # noqa: PLC0415  # costs 200 ms, and tests bring clients of their own
    from botocore.config import Config  # noqa: PLC0415

    local = "AWS_ENDPOINT_URL" in os.environ
    return boto3.client(
        service,
        region_name=region(),
        config=Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
            # a bucket is no host name on a custom endpoint
            s3={"addressing_style": "path"} if local else None,
        ),
    )


class Clients:
    """The AWS clients of this process, each made when first asked for. Tests set their own."""

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """The ledger."""
        return client("dynamodb")  # type: ignore[no-any-return]

    @cached_property
    def rds(self) -> RDSClient:
        """Snapshots, exports and copies."""
        return client("rds")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> S3Client:
        """Staging and vault."""
        return client("s3")  # type: ignore[no-any-return]

    @cached_property
    def kms(self) -> KMSClient:
        """Which key an alias means."""
        return client("kms")  # type: ignore[no-any-return]

    @cached_property
    def states(self) -> SFNClient:
        """Executions and task tokens."""
        return client("stepfunctions")  # type: ignore[no-any-return]

    @cached_property
    def events(self) -> EventBridgeClient:
        """The bus."""
        return client("events")  # type: ignore[no-any-return]

    def key_arn(self, key: str) -> str:
        """ARN of *key*: an alias ARN is looked up, a key's own ARN is itself."""
        if ":alias/" not in key and not key.startswith("alias/"):
            return key
        with translated(key=key):
            return self.kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]


def log(message: str, *, level: str = "INFO", **facts: object) -> None:
    """Write one line of JSON. Never a task token, a password or a row of a customer."""
    line = {"timestamp": now().isoformat(), "level": level, "message": message, "function": function_name(), **facts}
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


@contextmanager
def translated(*, key: str = "", role: str = "") -> Iterator[None]:
    """Within it, errors of botocore bear our names where a machine must tell them apart; the others stay.

    Decorates a handler too. The inner one of two wins: it knows better which *key* and *role* are meant.

    Args:
        key: ARN of the key that the calls inside use, if one.
        role: ARN of the role that acts; by default this function's own.

    Raises:
        TemporarilyUnavailable: Throttled, a server-side error, or no connection.
        PermissionMissing: The role may not do this, or may not use the key.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # paid by the first client anyway

    try:
        yield
    except ClientError as error:
        if is_transient(error):
            raise TemporarilyUnavailable(str(error)) from error
        if code(error) in _DENIED or code(error).startswith("KMS."):
            who = role or f"the role of {function_name()}"
            with_key = f" with the key {key}" if key else ""
            raise PermissionMissing(f"{who} may not {error.operation_name}{with_key}: {message(error)}") from error
        raise
    except BotoCoreError as error:
        if _is_connection_trouble(error):
            raise TemporarilyUnavailable(str(error)) from error
        raise


def code(error: ClientError) -> str:
    """Error code of AWS's answer. ``StartExportTask`` has codes that its model lacks, so never ``except`` by class."""
    return error.response.get("Error", {}).get("Code", "")


def message(error: ClientError) -> str:
    """Error text of AWS's answer, in one line."""
    return " ".join(error.response.get("Error", {}).get("Message", "").split())


def is_transient(error: ClientError) -> bool:
    """Whether trying the same call again later can help."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code(error) in _TRANSIENT or status >= 500 or status == 429  # noqa: PLR2004  # HTTP's own numbers


def _is_connection_trouble(error: Exception) -> bool:
    from botocore import exceptions  # noqa: PLC0415

    return isinstance(
        error,
        exceptions.HTTPClientError
        | exceptions.ConnectionError
        | exceptions.CredentialRetrievalError
        | exceptions.NoCredentialsError
        | exceptions.IncompleteReadError,
    )


def function_name() -> str:
    """Physical name of this function."""
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")
