"""Database users that log in with a token of IAM, on a server that has no ``AWSAuthenticationPlugin``.

People type ``CREATE USER x IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'``
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html). The gate makes this
an ordinary user whose password only the gate can derive; that it is exactly this password is what marks the user,
so the mark lives in the data directory and survives snapshot, copy and restore.
"""

import hashlib
import hmac
import re

from sandbox.engine.rds.wire import native_hash
from sandbox.mysql import Server

_MARK = b"holdfast sandbox: a user of AWSAuthenticationPlugin"
_ABOUT_USERS = re.compile(r"\s*(?:/\*.*?\*/\s*)*(?:CREATE|ALTER)\s+USER\b", re.IGNORECASE | re.DOTALL)
_PLUGIN = re.compile(r"IDENTIFIED\s+WITH\s+['\"`]?AWSAuthenticationPlugin['\"`]?\s+AS\s+(['\"])RDS\1", re.IGNORECASE)
_MYSQL_PLUGIN = re.compile(
    r"IDENTIFIED\s+WITH\s+['\"`]?(?:caching_sha2|mysql_native)_password['\"`]?\s+BY\b", re.IGNORECASE
)
_REQUIRE_SSL = re.compile(r"\s+REQUIRE\s+SSL\b", re.IGNORECASE)
_NAME = re.compile(r"USER\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:'([^']+)'|\"([^\"]+)\"|`([^`]+)`|([\w$]+))", re.IGNORECASE)


def password_of(user: str) -> str:
    """The password by which the gate, and nobody else, logs this IAM user in."""
    return hmac.new(_MARK, user.encode(), hashlib.sha256).hexdigest()


def is_iam_user(server: Server, user: str) -> bool:
    """Whether that user logs in with a token."""
    rows = server.execute("SELECT authentication_string FROM mysql.user WHERE user = %s", (user,))
    return any(row[0] == native_hash(password_of(user)) for row in rows)


def create_iam_user(server: Server, name: str, privileges: str) -> None:
    """Make ``name`` a user of IAM with those privileges, such as ``SELECT ON app.*``; a second time changes nothing."""
    statement = f"CREATE USER IF NOT EXISTS '{name}'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'"
    server.execute(translate(statement))
    server.execute(f"GRANT {privileges} TO '{name}'@'%'")


def translate(sql: str) -> str:
    """A statement as the server takes it; any other than those about users comes back unchanged.

    ``REQUIRE SSL`` goes: the gate keeps that promise, the server sees only the gate's local socket.
    """
    if not _ABOUT_USERS.match(sql):
        return sql
    name = _NAME.search(sql)
    if name:
        stored = native_hash(password_of(next(group for group in name.groups() if group)))
        sql = _PLUGIN.sub(f"IDENTIFIED WITH mysql_native_password AS '{stored}'", sql)
    return _REQUIRE_SSL.sub("", _MYSQL_PLUGIN.sub("IDENTIFIED BY", sql))
