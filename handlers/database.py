"""The application's own database: one warm connection per environment, made again when it is lost.

A connection costs TLS and a login, so it outlives the request, and nothing asks it beforehand whether it still stands
(1.26 x the time of a request): the statement that fails tells. What may be done then depends on how far it had come:

=========================== ==========================================================================================
lost before COMMIT was sent nothing has happened: once more, on a new connection
lost after                  nobody knows: 503; the client repeats with its Idempotency-Key, or its If-Match
deadlock, lock timeout      rolled back: once more
read-only, shutting down    the old server after a failover: as lost
no connection               503
=========================== ==========================================================================================

Nothing is SET, since a session with state of its own is pinned to one connection of RDS Proxy
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html). pymysql's ``SET NAMES`` at connecting
is of a variable that the proxy tracks, and AUTOCOMMIT, tracked too, is sent only if the server has it off. So
statements are bounded by the socket's timeouts, and reads by the hint ``MAX_EXECUTION_TIME``.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import pymysql
from pymysql.cursors import Cursor

from handlers import rds_token
from handlers.core.errors import DatabaseUnsuitable, PermissionMissing, TemporarilyUnavailable
from handlers.rest.problems import Problem
from handlers.runtime import from_environment, now, region
from handlers.trust import tls

T = TypeVar("T")

CONNECT_TIMEOUT = 3  # seconds for each address of the host
STATEMENT_TIMEOUT = 5  # seconds without an answer; twice both, and a second try, stay below API Gateway's 29
RETRY_AFTER = 2  # seconds; RDS fails over in 35 with a proxy, in 60 to 120 without
BOUNDED = "SELECT /*+ MAX_EXECUTION_TIME(4000) */"  # milliseconds; begins a read, MariaDB ignores it

ACCESS_DENIED = 1045
# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html, …/client-error-reference.html,
# https://mariadb.com/kb/en/mariadb-error-code-reference/
_GONE = frozenset({
    0,     # pymysql: this connection is closed
    1053,  # server shutdown in progress
    1152,  # aborted connection
    1158, 1159, 1160, 1161,  # error or timeout reading or writing packets
    1290,  # running with --read-only: a primary that has become a replica
    1792,  # read-only transaction, as a proxy opens on a replica
    1836,  # running in read-only mode
    1927,  # MariaDB: connection was killed
    2006,  # server has gone away
    2013,  # lost connection during query
    2055,  # lost connection, with the system's error
    3169,  # session was killed
    4031,  # disconnected by the server because of inactivity
})  # fmt: skip
_AGAIN = frozenset({1205, 1213})  # lock wait timeout, deadlock
_LATER = frozenset({1040, 1203, 1226, 3024, 1969})  # too many connections; statement took too long (MySQL, MariaDB)


@dataclass(frozen=True)
class Environment:
    """Variables that ``blueprints/api.py`` sets for the functions that use the database."""

    prefix: str
    database_host: str
    database_port: int
    database_name: str
    database_user: str
    ca_bundle: str


@cache
def shared() -> Database:
    """The database of this environment.

    Raises:
        ConfigurationError: Variables are missing.
    """
    return Database(from_environment(Environment))


def prepare() -> None:
    """Do at start-up what needs no network, so that SnapStart's snapshot holds it; no connection may be in there."""
    if os.environ.get("CA_BUNDLE"):
        tls(os.environ["CA_BUNDLE"])


class Database:
    """Runs statements; single-threaded, as an environment of Lambda is."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        # The embedded AWS has each proxy on a port of its own and says so in its address; RDS's hosts have no colon.
        host, _, port = environment.database_host.partition(":")
        self.host, self.port = host, int(port or environment.database_port)
        self._connection: Any = None

    def read(self, work: Callable[[Cursor], T]) -> T:
        """What *work* finds with its SELECTs, each by itself; it may be called a second time.

        Raises:
            TemporarilyUnavailable: The database doesn't answer.
        """
        try:
            return self._read(work)
        except pymysql.err.Error as error:
            self._settle(error)
        try:
            return self._read(work)
        except pymysql.err.Error as error:
            self._settle(error, final=True)
            raise

    def write(self, work: Callable[[Cursor], T]) -> T:
        """What *work* answers, with all that it has written committed; it may be called a second time.

        Raises:
            TemporarilyUnavailable: The database doesn't answer; nothing was written.
            Problem: 503; COMMIT was sent, and no answer came.
        """
        try:
            found = self._write(work)
        except pymysql.err.Error as error:
            self._settle(error)
            try:
                found = self._write(work)
            except pymysql.err.Error as second:
                self._settle(second, final=True)
                raise
        self._commit()
        return found

    def close(self) -> None:
        """Drop the connection; the next statement makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it is gone in any case, and a farewell could wait for ever
                connection._force_close()  # noqa: SLF001  # close() would first talk to the server

    def _read(self, work: Callable[[Cursor], T]) -> T:
        with self._connected().cursor() as cursor:
            return work(cursor)

    def _write(self, work: Callable[[Cursor], T]) -> T:
        """*work* done, and COMMIT not yet sent."""
        connection = self._connected()
        try:
            connection.begin()
            with connection.cursor() as cursor:
                return work(cursor)
        except pymysql.err.Error:
            raise
        except BaseException:
            self._roll_back()
            raise

    def _commit(self) -> None:
        try:
            self._connection.commit()
        except pymysql.err.Error as error:
            self.close()
            raise Problem(
                503,
                "Outcome unknown",
                "The database went away before it confirmed the change: it may have been made. Repeat the request with "
                "the same Idempotency-Key, or read again",
                slug="outcome-unknown",
                headers={"Retry-After": str(RETRY_AFTER)},
            ) from error
        except BaseException:
            self.close()
            raise

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except Exception:  # noqa: BLE001  # the server rolls back what is cut off, and the cause is on its way up
            self.close()

    def _settle(self, error: Exception, *, final: bool = False) -> None:
        """Make ready for another try after *error*, if one may help and this was not the *final* one.

        Raises:
            TemporarilyUnavailable: A later request may succeed.
            pymysql.err.Error: *error* itself, since another try can't help.
        """
        code = error.args[0] if error.args else 0
        gone = code in _GONE or self._connection is None or not self._connection.open
        if gone:
            self.close()
        else:
            self._roll_back()
        if code in _LATER or (final and (gone or code in _AGAIN)):
            raise TemporarilyUnavailable(f"{self.host}:{self.port} doesn't answer: error {code}") from error
        if not gone and code not in _AGAIN:
            raise error

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Any:
        """A new connection, over verified TLS and with a token that was signed here.

        Raises:
            DatabaseUnsuitable: Whoever answers can't prove that it is the database.
            PermissionMissing: The database refuses the user.
            TemporarilyUnavailable: Nobody answers.
        """
        user, bundle = self._environment.database_user, self._environment.ca_bundle
        try:
            return pymysql.connect(
                host=self.host,
                port=self.port,
                user=user,
                password=rds_token.token(
                    self.host, self.port, user, region=region(), holder=rds_token.credentials(), at=now()
                ),
                database=self._environment.database_name,
                charset="utf8mb4",
                ssl=tls(bundle),
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=STATEMENT_TIMEOUT,
                write_timeout=STATEMENT_TIMEOUT,
            )
        except pymysql.err.Error as error:
            code = error.args[0] if error.args else 0
            if code == ACCESS_DENIED:
                raise PermissionMissing(
                    f"{self.host}:{self.port} refuses {user}: has Custom::Schema run, and may this function's role "
                    "rds-db:connect as that user?"
                ) from error
            if isinstance(getattr(error, "original_exception", None), ssl.SSLCertVerificationError):
                raise DatabaseUnsuitable(
                    f"{self.host}:{self.port} shows a certificate that {bundle} does not vouch for: refresh the "
                    "bundle, or look at who answers there"
                ) from error
            raise TemporarilyUnavailable(f"{self.host}:{self.port} can't be reached: error {code}") from error
