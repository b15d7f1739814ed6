"""``/recovery-points``: what can be restored, to when, and how we know; and asking for one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from handlers import machines
from handlers.catalogue import asking, room
from handlers.catalogue.room import Room
from handlers.catalogue.schemas import DATABASE_ID, POINT_ID, POINT_SCHEMAS
from handlers.core import catalogue, names
from handlers.core.errors import InvalidRequest
from handlers.ledger import Item
from handlers.rest import bodies, cursors, problems
from handlers.rest.answers import answer
from handlers.rest.lean import Response, Router
from handlers.rest.operation import Answer, in_header, in_path, in_query, operation, problem
from handlers.rest.requests import IDEMPOTENCY_KEY, caller, idempotency_key, location, query, whole_number
from handlers.runtime import translated

router = Router()
SCHEMAS: dict[str, Any] = POINT_SCHEMAS

MOST, USUAL = 100, 20  # points of a page
RECENT = timedelta(days=1)  # in which a point may be asked for and not yet begun
# What the stages of a point are told from
_ROWS = (
    "POINT", "OPERATION#snapshot", "OPERATION#export", "OPERATION#recovery-copy", "OPERATION#copy", "OUTCOME#copy",
)  # fmt: skip


@router.get(
    "/recovery-points",
    **operation(
        "listRecoveryPoints",
        "Recovery points, newest first",
        scope="backups:read",
        tag="recovery-points",
        parameters=[
            in_query("database", "Only those of this database.", DATABASE_ID),
            in_query("limit", "Most of a page.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}),
            in_query("cursor", "`next_cursor` of the page before.", {"type": "string", "maxLength": cursors.LONGEST}),
        ],
        answers={200: Answer("One page.", "RecoveryPoints")},
    ),
)
@translated()
def list_recovery_points() -> Item:
    """``{recovery_points: [RecoveryPoint], next_cursor}``."""
    event = router.current_event.raw_event
    database = query(event, "database")
    if database is not None:
        names.database_id(database)
    limit = whole_number(event, "limit", 1, MOST, USUAL)
    return page(room.here(), database, limit, query(event, "cursor"))


@router.get(
    "/recovery-points/<point_id>",
    **operation(
        "getRecoveryPoint",
        "One recovery point: stages, timings, levels",
        scope="backups:read",
        tag="recovery-points",
        parameters=[in_path("point_id", "Id of the recovery point.", POINT_ID)],
        answers={200: Answer("What there is, or what becomes of it.", "RecoveryPointDetails")},
    ),
)
@translated()
def get_recovery_point(point_id: str) -> Item:
    """``RecoveryPointDetails``."""
    found = one(room.here(), point_id)
    if found is None:
        raise problems.not_found(f"recovery point {problems.shown(point_id)}")
    return found


@router.post(
    "/recovery-points",
    **operation(
        "requestRecoveryPoint",
        "Have a recovery point made now",
        scope="backups:write",
        tag="recovery-points",
        description="Answers at once; follow the point at `Location`. Within a minute there is one point of a "
        "database: whoever asks second, or asks while the schedule does, gets the same.",
        parameters=[
            in_header("Idempotency-Key", "Name of this request, so that it can safely be repeated.", IDEMPOTENCY_KEY)
        ],
        body="RecoveryPointRequest",
        answers={
            202: Answer(
                "It is made, or was already.",
                "RecoveryPointDetails",
                {"Location": "Where to follow it.", "Idempotency-Replayed": "`true` if this was asked before."},
            ),
            404: problem("No such database asks for protection."),
            409: problem("The database is gone; or this region makes no recovery points, and the detail names it."),
            422: problem("The Idempotency-Key was used for another request."),
        },
    ),
)
@translated()
def request_recovery_point() -> Response[str]:
    """``{database} -> 202 RecoveryPointDetails``."""
    event = router.current_event.raw_event
    database = names.database_id(bodies.read(event, SCHEMAS["RecoveryPointRequest"])["database"])
    here = room.here()
    asked = asking.ask(here, database, caller(event), idempotency_key(event))
    replayed = {"Idempotency-Replayed": "true"} if asked.replayed else {}
    headers = {"Location": location(event, asked.point), **replayed}
    return answer(one(here, asked.point, known=True), 202, headers)


# ---- what they show --------------------------------------------------------------------------------------------------


def page(here: Room, database: str | None, limit: int, cursor: str | None) -> Item:
    """One page of a list; points that come in the meantime move none that are still to be shown."""
    listing = f"recovery-points {database or ''}"
    before = _position(cursors.decode(listing, cursor), database, cursor) if cursor is not None else None
    found = here.ledger.newest(limit + 1, database=database, before=before)
    shown = found[:limit]
    rows = here.ledger.many((f"POINT#{name}", sk) for name, _ in shown for sk in _ROWS)
    now = here.clock()
    points = [
        catalogue.point([rows[key] for sk in _ROWS if (key := (f"POINT#{name}", sk)) in rows], now) for name, _ in shown
    ]
    more = cursors.encode(listing, list(shown[-1])) if len(found) > limit else None
    return {"recovery_points": [point for point in points if point], "next_cursor": more}


def one(here: Room, point_id: str, *, known: bool = False) -> Item | None:
    """A point with all that is known of it; nothing if there is none.

    Args:
        here: Where.
        point_id: Whatever the client says.
        known: It was asked for just now.
    """
    parsed = names.parsed_point(point_id)
    if parsed is None:
        return None
    rows = here.ledger.partition(f"POINT#{point_id}")
    if found := catalogue.point(rows, here.clock()):
        row = next(row for row in rows if row["sk"] == "POINT")
        return {**found, **catalogue.details(row)}
    database, at = parsed
    if known:
        return catalogue.requested(point_id, database, at)
    if not timedelta(0) <= here.clock() - at <= RECENT:
        return None
    execution = here.execution(names.execution_name(point_id))
    ending = machines.ending(here.clients.states, execution)
    if ending and not machines.given(here.clients.states, execution):  # there never was such a run
        return None
    return catalogue.requested(point_id, database, at, ending)


def _position(position: Sequence[Any], database: str | None, cursor: str) -> tuple[str, str]:
    """Id and time of the last point of the page before; a forged cursor comes no further than here."""
    try:
        name, at = position
        found = names.parsed_point(name)
        whole = found and names.iso(names.moment(at)) == at and names.point_id(found[0], names.moment(at)) == name
        if whole and database in (None, found and found[0]):
            return name, at
    except (TypeError, ValueError, InvalidRequest):
        pass
    raise problems.bad_request("cursor", cursor, "take next_cursor from the page before, or leave it out")
