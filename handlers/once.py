"""Writes that a client can safely repeat: with an ``Idempotency-Key`` each is carried out once.

The key's row is written in the transaction of the write itself, so there is never one without the other: a client that
doesn't know what became of its request sends it again, and gets the answer of the first, or is the first. Keys belong
to who sends them and are kept for at least a day. What failed leaves no row, and is tried afresh.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from handlers import database
from handlers.core.errors import TemporarilyUnavailable
from handlers.core.migrations import Migration
from handlers.rest.answers import JSON
from handlers.rest.lean import Response
from handlers.rest.problems import unprocessable
from handlers.rest.requests import caller, header, idempotency_key
from handlers.runtime import now

KEPT = timedelta(hours=24)
SWEEP_EVERY = 16  # writes with a key, by this environment
SWEEP_AT_MOST = 64  # rows; four times as many as come, so that old ones can't pile up
DUPLICATE = 1062

MIGRATIONS = (
    Migration(
        2026_11_22_01,
        "keys of writes that may be repeated",
        (
            """
            CREATE TABLE IF NOT EXISTS idempotency_keys (
                principal VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                fingerprint CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
                answer MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
                created_at DATETIME NOT NULL,
                PRIMARY KEY (principal, name),
                KEY created_at (created_at)
            ) ENGINE = InnoDB
            """,
        ),
    ),
)

_writes = count()


def write(event: Mapping[str, Any], work: Callable[[Cursor], Response[str]]) -> Response[str]:
    """The answer of *work*, done in a transaction; if its key was used before, the answer of then.

    Args:
        event: Of the gateway.
        work: Its statements and its answer; it may be called a second time after a deadlock or a lost connection.

    Raises:
        Problem: Whatever *work* raises, and nothing is written; 400 and 422 for a bad key or one of another request.
    """
    key = idempotency_key(event)
    if key is None:
        return database.shared().write(work)
    if next(_writes) % SWEEP_EVERY == 0:
        database.shared().write(_sweep)
    claim = (caller(event), key, _fingerprint(event))
    return database.shared().write(lambda cursor: _once(cursor, claim, work))


def _once(cursor: Cursor, claim: tuple[str, str, str], work: Callable[[Cursor], Response[str]]) -> Response[str]:
    try:
        # A second request with the same key waits here until the first has committed or rolled back.
        cursor.execute(
            "INSERT INTO idempotency_keys (principal, name, fingerprint, created_at) VALUES (%s, %s, %s, %s)",
            (*claim, _seconds()),
        )
    except pymysql.err.IntegrityError as error:
        if error.args[0] != DUPLICATE:
            raise
        return _replayed(cursor, claim)
    answer = work(cursor)
    kept = json.dumps([answer.status_code, answer.headers, answer.body], ensure_ascii=False)
    cursor.execute(
        "UPDATE idempotency_keys SET answer = %s WHERE principal = %s AND name = %s", (kept, claim[0], claim[1])
    )
    return answer


def _replayed(cursor: Cursor, claim: tuple[str, str, str]) -> Response[str]:
    cursor.execute(
        "SELECT fingerprint, answer FROM idempotency_keys WHERE principal = %s AND name = %s FOR UPDATE", claim[:2]
    )
    row = cursor.fetchone()
    if row is None:
        raise TemporarilyUnavailable("the row of an idempotency key was swept away this moment")
    if row[0] != claim[2]:
        raise unprocessable(
            f"Idempotency-Key {claim[1]} was used with another request: take a new key for a new request",
            slug="idempotency-key-reused",
        )
    status, headers, body = json.loads(row[1])
    content_type = JSON if body else None
    return Response(status, content_type, body, {**headers, "Idempotency-Replayed": "true"})


def _sweep(cursor: Cursor) -> None:
    try:
        cursor.execute(
            "DELETE FROM idempotency_keys WHERE created_at < %s ORDER BY created_at LIMIT %s",
            (_seconds(KEPT), SWEEP_AT_MOST),
        )
    except pymysql.err.OperationalError as error:
        if error.args[0] not in (1205, 1213):
            raise
        # Another environment sweeps the same rows; the next sweep of any of them finds what is left.


def _seconds(ago: timedelta = timedelta()) -> str:
    return f"{now() - ago:%Y-%m-%d %H:%M:%S}"


def _fingerprint(event: Mapping[str, Any]) -> str:
    """Whether two requests ask for the same: method, path, expected version and body."""
    parts = (event["httpMethod"], event["path"], header(event, "if-match") or "", event.get("body") or "")
    content = "\0".join(hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest() for part in parts)
    return hashlib.sha256(content.encode()).hexdigest()
