"""The sample resource: things with a title, a note and a quantity."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymysql.cursors import Cursor

from handlers import database, once
from handlers.core.migrations import Migration
from handlers.database import BOUNDED
from handlers.rest import bodies, ids, paging
from handlers.rest.answers import check, empty, etag, expected, is_known, versioned
from handlers.rest.documented import (
    ETAG,
    IF_MATCH,
    IF_NONE_MATCH,
    KEY,
    KEY_REUSED,
    LOCATION,
    REPLAYED,
    STALE,
    TIME,
    VERSION,
    which,
)
from handlers.rest.lean import Response, Router
from handlers.rest.operation import Answer, operation
from handlers.rest.problems import not_found
from handlers.rest.requests import location
from handlers.runtime import now

Item = dict[str, Any]

MIGRATIONS = (
    Migration(
        2026_11_22_02,
        "items",
        (
            """
            CREATE TABLE IF NOT EXISTS items (
                id CHAR(26) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
                title VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
                note VARCHAR(2000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
                quantity INT NOT NULL,
                version INT NOT NULL,
                created_at DATETIME NOT NULL,
                updated_at DATETIME NOT NULL
            ) ENGINE = InnoDB
            """,
        ),
    ),
)

_FIELDS = {
    "title": {"type": "string", "minLength": 1, "maxLength": 200},
    "note": {"type": "string", "maxLength": 2000, "default": ""},
    "quantity": {"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 0},
}
_ALL = {"id": ids.SCHEMA, **_FIELDS, "version": VERSION, "created_at": TIME, "updated_at": TIME}
SCHEMAS = {
    "NewItem": {"type": "object", "required": ["title"], "additionalProperties": False, "properties": _FIELDS},
    "Item": {"type": "object", "required": list(_ALL), "additionalProperties": False, "properties": _ALL},
    "Items": paging.schema("items", "Item"),
}

_WHICH = which("item_id", "item")
_COLUMNS = "id, title, note, quantity, version, created_at, updated_at"

router = Router()


@router.get(
    "/items",
    **operation(
        "listItems",
        "Items, oldest first",
        scope="items:read",
        tag="items",
        answers={200: Answer("A page.", "Items")},
        parameters=paging.PARAMETERS,
        description="What existed when the first page was read is on exactly one page, whatever comes and goes.",
    ),
)
def list_items() -> Response[str]:
    """A page of items, by id."""
    asked = paging.asked(router.current_event.raw_event, "items")
    return paging.page("items", database.shared().read(lambda sql: _listed(sql, asked)), asked.limit)


@router.post(
    "/items",
    **operation(
        "createItem",
        "Create an item",
        scope="items:write",
        tag="items",
        answers={201: Answer("The new item.", "Item", {**LOCATION, **ETAG, **REPLAYED}), **KEY_REUSED},
        parameters=[KEY],
        body="NewItem",
    ),
)
def create_item() -> Response[str]:
    """A new item."""
    event = router.current_event.raw_event
    body = bodies.read(event, SCHEMAS["NewItem"])
    return once.write(event, lambda sql: _created(sql, body, event))


@router.get(
    "/items/<item_id>",
    **operation(
        "getItem",
        "One item",
        scope="items:read",
        tag="items",
        answers={200: Answer("The item.", "Item", ETAG), 304: Answer("You have it already.", headers=ETAG)},
        parameters=[_WHICH, IF_NONE_MATCH],
    ),
)
def get_item(item_id: str) -> Response[str]:
    """The item, unless the client has it."""
    _require_id(item_id)
    item = database.shared().read(lambda sql: _one(sql, item_id))
    if is_known(router.current_event.raw_event, item["version"]):
        return empty(304, ETag=etag(item["version"]))
    return versioned(item)


@router.put(
    "/items/<item_id>",
    **operation(
        "replaceItem",
        "Replace an item",
        scope="items:write",
        tag="items",
        answers={200: Answer("The item as it is now.", "Item", {**ETAG, **REPLAYED}), **KEY_REUSED, **STALE},
        parameters=[_WHICH, IF_MATCH, KEY],
        body="NewItem",
        description="Members that are left out get their defaults.",
    ),
)
def replace_item(item_id: str) -> Response[str]:
    """The item with other contents, if nobody has changed it since the client read it."""
    event = router.current_event.raw_event
    _require_id(item_id)
    tags = expected(event)
    body = bodies.read(event, SCHEMAS["NewItem"])
    return once.write(event, lambda sql: _replaced(sql, item_id, tags, body))


@router.delete(
    "/items/<item_id>",
    **operation(
        "deleteItem",
        "Delete an item",
        scope="items:write",
        tag="items",
        answers={204: Answer("It is gone.", headers=REPLAYED), **KEY_REUSED, **STALE},
        parameters=[_WHICH, IF_MATCH, KEY],
    ),
)
def delete_item(item_id: str) -> Response[str]:
    """Nothing, if nobody has changed the item since the client read it."""
    event = router.current_event.raw_event
    _require_id(item_id)
    tags = expected(event)
    return once.write(event, lambda sql: _deleted(sql, item_id, tags))


# ---- statements ------------------------------------------------------------------------------------------------------


def _listed(sql: Cursor, asked: paging.Asked) -> list[Item]:
    sql.execute(f"{BOUNDED} {_COLUMNS} FROM items WHERE id > %s ORDER BY id LIMIT %s", (asked.after, asked.limit + 1))
    return [_item(*row) for row in sql.fetchall()]


def _one(sql: Cursor, item_id: str, *, lock: str = "") -> Item:
    sql.execute(f"{BOUNDED} {_COLUMNS} FROM items WHERE id = %s {lock}", (item_id,))
    row = sql.fetchone()
    if row is None:
        raise not_found(f"item {item_id}")
    return _item(*row)


def _expected(sql: Cursor, item_id: str, tags: str) -> Item:
    """The item, if it is as the client has read it; whoever else wants to change it waits for this transaction."""
    item = _one(sql, item_id, lock="FOR UPDATE")
    check(tags, item["version"])
    return item


def _created(sql: Cursor, body: Item, event: dict[str, Any]) -> Response[str]:
    at = now().replace(microsecond=0, tzinfo=None)  # MySQL would round
    row = (ids.new(now()), body["title"], body["note"], body["quantity"], 1, at, at)
    sql.execute(
        "INSERT INTO items (id, title, note, quantity, version, created_at, updated_at) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        row,
    )
    return versioned(_item(*row), 201, Location=location(event, row[0]))


def _replaced(sql: Cursor, item_id: str, tags: str, body: Item) -> Response[str]:
    before = _expected(sql, item_id, tags)
    at = now().replace(microsecond=0, tzinfo=None)
    changed = (body["title"], body["note"], body["quantity"], before["version"] + 1, at)
    sql.execute(
        "UPDATE items SET title = %s, note = %s, quantity = %s, version = %s, updated_at = %s WHERE id = %s",
        (*changed, item_id),
    )
    return versioned({**before, **body, "version": changed[3], "updated_at": _shown(at)})


def _deleted(sql: Cursor, item_id: str, tags: str) -> Response[str]:
    _expected(sql, item_id, tags)
    sql.execute("DELETE FROM items WHERE id = %s", (item_id,))
    return empty(204)


def _item(  # noqa: PLR0913, PLR0917  # the columns of its row
    item_id: str, title: str, note: str, quantity: int, version: int, created_at: datetime, updated_at: datetime
) -> Item:
    return {
        "id": item_id,
        "title": title,
        "note": note,
        "quantity": quantity,
        "version": version,
        "created_at": _shown(created_at),
        "updated_at": _shown(updated_at),
    }


def _shown(at: datetime) -> str:
    return f"{at.isoformat()}Z"


def _require_id(item_id: str) -> None:
    if not ids.is_id(item_id):
        raise not_found(f"item {item_id[:40]}")
