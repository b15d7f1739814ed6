"""Asking for a recovery point: twice in a minute is once, and so is twice with one ``Idempotency-Key``."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import NamedTuple

from handlers import machines, protection
from handlers.catalogue.room import Room
from handlers.core import names
from handlers.core.errors import TemporarilyUnavailable
from handlers.ledger import Item
from handlers.rest import problems
from handlers.runtime import code, log

KEPT = timedelta(days=1)  # that a key is remembered; DynamoDB deletes it later still
UNSTARTED = timedelta(minutes=2)  # after which whoever remembered a key, and started nothing, is dead
_TRIES = 3  # of a write that the same client races for
_BUSY = 30  # seconds; Step Functions takes no more executions at present


class Asked(NamedTuple):
    """What was asked for.

    Attributes:
        point: Id of the recovery point.
        replayed: It was asked for with this key before.
    """

    point: str
    replayed: bool


def ask(here: Room, database: str, who: str, key: str | None) -> Asked:
    """The recovery point of *database* of this minute, started; or the one that *who* asked for with *key* before.

    Raises:
        Problem: 404, 409, 422 or 503.
        TemporarilyUnavailable: AWS throttled us, or the same client asks again and again at this very moment.
    """
    if not here.is_primary:
        primary = here.environment.primary_region
        detail = f"Recovery points are made in {primary}, not in {here.ledger.region}: ask the API of {primary}"
        raise problems.conflict(detail, primary_region=primary)
    asked = _once(here, database, who, key) if key else Asked(_new(here, database), replayed=False)
    _start(here, asked.point)
    log("recovery point asked for", point=asked.point, who=who, replayed=asked.replayed)
    return asked


def _new(here: Room, database: str) -> str:
    row = protection.database(here.ledger, database)
    if row is None:
        tag = f"{names.PROTECT_TAG}={here.environment.prefix}"
        raise problems.not_found(f"database {database} here: give it the tag {tag}, and wait for the next measurement")
    if "gone_at" in row:
        detail = f"{database} is gone, or asks for protection no more, since {row['gone_at']}: put it back, or its tag"
        raise problems.conflict(detail, gone_at=row["gone_at"])
    return names.point_id(database, here.clock())


def _once(here: Room, database: str, who: str, key: str) -> Asked:
    """What *key* stands for: remembered **before** the run is started, so that a repetition finds it either way."""
    pk, sk = f"REQUEST#{who}#{key}", "REQUEST"
    fingerprint = hashlib.sha256(json.dumps({"database": database}).encode()).hexdigest()
    for _ in range(_TRIES):
        before = here.ledger.read(pk, sk)
        if before and not _is_over(here, before):
            if before["fingerprint"] != fingerprint:
                detail = "This Idempotency-Key was used for another request: take a new one"
                raise problems.unprocessable(detail, slug="idempotency-key-reused")
            return Asked(before["point"], replayed=True)
        point = _new(here, database)
        expires_at = int((here.clock() + KEPT).timestamp())
        row = {"pk": pk, "sk": sk, "fingerprint": fingerprint, "point": point, "expires_at": expires_at}
        seen = before and {"point": before["point"], "expires_at": before["expires_at"]}
        if here.ledger.put(row, seen=seen):
            return Asked(point, replayed=False)
    raise TemporarilyUnavailable("the same key is used at this very moment")


def _is_over(here: Room, row: Item) -> bool:
    """Whether a key is free again: its time is over, or what was asked for with it was never started.

    A client that got no answer, or 503, may ask again much later, and a point under the minute of its first try would
    lie.
    """
    now = here.clock()
    if row["expires_at"] <= now.timestamp():
        return True
    _, minute = names.parsed_point(row["point"]) or ("", now)
    return now - minute >= UNSTARTED and not machines.given(here.clients.states, here.execution(row["point"]))


def _start(here: Room, point: str) -> None:
    """Have *point* made; that its run exists already, scheduled or asked for, is success."""
    from botocore.exceptions import ClientError  # noqa: PLC0415  # loaded with the client

    database, minute = names.parsed_point(point) or ("", here.clock())
    data = {"database": database, "scheduled_at": names.iso(minute)}
    try:
        machines.start(here.clients.states, here.environment.backup_machine, [names.execution_name(point)], data)
    except ClientError as error:
        # https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
        if code(error) == "ExecutionLimitExceeded":
            raise problems.unavailable(_BUSY, "As many runs as the account allows go on already") from error
        raise
