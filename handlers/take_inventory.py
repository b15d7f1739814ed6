"""List the tables of the database, before and after its snapshot. Runs in the VPC; reads names, never a row."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pymysql

from handlers import objects, rds_token
from handlers.core import inventory, names
from handlers.core.errors import DatabaseUnsuitable, InvalidRequest, PermissionMissing, TemporarilyUnavailable
from handlers.runtime import from_environment, now, region, translated
from handlers.trust import tls

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PHASES = ("before", "after")
CONNECT_TIMEOUT = 5  # seconds, TLS and login included
READ_TIMEOUT = 30  # seconds; information_schema of 100,000 tables takes a few
ACCESS_DENIED = 1045  # https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
QUERY = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"


@dataclass(frozen=True)
class Environment:
    """Variables that ``blueprints/backup.py`` sets."""

    staging: str
    inventory_user: str
    ca_bundle: str


@translated()
def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """``{point, phase: "before" | "after"}`` -> ``{"tables": number}``."""
    environment = from_environment(Environment)
    return take(objects.client(), lambda point: list_tables(point, environment), environment, event)


def take(
    s3: S3Client,
    tables_of: Callable[[dict[str, Any]], list[tuple[str, str]]],
    environment: Environment,
    event: dict[str, Any],
) -> dict[str, int]:
    """Store what *tables_of* finds as the inventory of the event's point and phase.

    Raises:
        InvalidRequest: The phase is neither ``before`` nor ``after``.
    """
    point, phase = event["point"], event["phase"]
    if phase not in PHASES:
        raise InvalidRequest("phase", phase, "use before or after")
    taken_at = now()
    found = inventory.document(tables_of(point), taken_at)
    objects.put_json(s3, environment.staging, names.inventory_key(point["id"], phase), found)
    return {"tables": len(found["tables"])}


def list_tables(point: dict[str, Any], environment: Environment) -> list[tuple[str, str]]:
    """(schema, table) of every base table that the inventory user can see.

    The token travels as a clear-text password. Given a TLS context, pymysql refuses a server that offers no TLS.

    Raises:
        DatabaseUnsuitable: Its certificate is not one that the bundle vouches for.
        PermissionMissing: The database refuses the user.
        TemporarilyUnavailable: No connection, or it broke.
    """
    host, port, user = point["address"], int(point["port"]), environment.inventory_user
    password = rds_token.token(host, port, user, region=region(), holder=rds_token.credentials(), at=now())
    try:
        with (
            pymysql.connect(
                host=host,
                port=port,
                user=user,
                password=password,
                ssl=tls(environment.ca_bundle),
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
                write_timeout=CONNECT_TIMEOUT,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(QUERY)
            return list(cursor.fetchall())
    except (pymysql.err.OperationalError, pymysql.err.InternalError) as error:
        if error.args and error.args[0] == ACCESS_DENIED:
            raise PermissionMissing(
                f"{point['database']} refuses the user {user}: create it with CREATE USER … IDENTIFIED WITH "
                f"AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL, turn on IAM database authentication, and allow this "
                f"role rds-db:connect on dbuser:{point['resource_id']}/{user}"
            ) from error
        if isinstance(getattr(error, "original_exception", None), ssl.SSLCertVerificationError):
            raise DatabaseUnsuitable(
                f"{point['database']} at {host} shows a certificate that {environment.ca_bundle} does not vouch for: "
                f"refresh the bundle, or look at who answers there ({error.args[-1]})"
            ) from error
        raise TemporarilyUnavailable(f"{point['database']} at {host}:{port} does not answer: {error}") from error
