"""What the API refuses: with the right status, a problem document that says what to do, and nothing written."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import forging
import pytest
from world import World

from sandbox.api import Api
from tests.calling import Answer, Caller

HOUR = 3600
SQL = (
    "'; DROP TABLE items; --",
    '" OR 1=1 --',
    "1) UNION SELECT user, authentication_string FROM mysql.user --",
    "%' OR SLEEP(5) #",
    "\\'; DELETE FROM items WHERE '1'='1",
    "`items`; SELECT 1",
    "${jndi:ldap://127.0.0.1/x}",
)
GARBAGE = (
    "{",
    '{"title": "x"',
    "null",
    "[]",
    '"title"',
    "42",
    "\x00",
    '{"title": "a", "title": "b"}',
    "{'title': 'x'}",
)
WRONG: dict[str, Any] = {
    "nothing in it": {},
    "no title": {"note": "x"},
    "an empty title": {"title": ""},
    "a title of 201 characters": {"title": "x" * 201},
    "a title that is a number": {"title": 1},
    "a title that is null": {"title": None},
    "a note of 2,001 characters": {"title": "x", "note": "n" * 2001},
    "a quantity below nothing": {"title": "x", "quantity": -1},
    "a quantity over a million": {"title": "x", "quantity": 1_000_001},
    "half a thing": {"title": "x", "quantity": 1.5},
    "a quantity that is true": {"title": "x", "quantity": True},
    "an id of one's own": {"title": "x", "id": "0" * 26},
    "a member that nobody knows": {"title": "x", "colour": "green"},
}


def rows(world: World) -> tuple[Any, ...]:
    """Everything that the application's database holds."""
    name = "holdfast"
    with world.login.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = %s ORDER BY 1", (name,))
        tables = [table for (table,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f"SELECT * FROM `{name}`.`{table}` ORDER BY 1")
            found.append((table, cursor.fetchall()))
        return tuple(found)


@pytest.fixture
def nothing_written(world: World) -> Iterator[None]:
    before = rows(world)
    yield
    assert rows(world) == before


def is_problem(answer: Answer, *statuses: int) -> bool:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    return answer.status in statuses and kind == "application/problem+json" and answer.body["status"] == answer.status


def tokens(world: World, call: Caller) -> dict[str, str | None]:
    good = call.token
    assert good is not None
    now = int(time.time())
    return {
        "none": None,
        "empty": "",
        "nonsense": "nonsense",
        "expired": forging.signed_again(world, good, iat=now - 2 * HOUR, exp=now - HOUR),
        "of another pool": Api(world.engine, world.settings, world.recovery).token(),
        "of a stranger": forging.of_a_stranger(good),
        "with claims of one's own": forging.changed(good, scope="holdfast/failover"),
        "unsigned": forging.unsigned(good),
    }


KINDS = (
    "none",
    "empty",
    "nonsense",
    "expired",
    "of another pool",
    "of a stranger",
    "with claims of one's own",
    "unsigned",
)


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_token_of_ours_nothing_is_done(world: World, call: Caller, kind: str) -> None:
    stranger = Caller(call.url, tokens(world, call)[kind])
    for method, path in (("GET", "/items"), ("POST", "/items"), ("GET", "/databases"), ("POST", "/recovery-points")):
        answer = stranger(method, path, {"title": "x"} if method == "POST" else None)
        assert is_problem(answer, 401), answer


def test_the_same_signature_opens_where_nothing_was_changed(world: World, call: Caller) -> None:
    """Else the tests above would say nothing."""
    assert call.token is not None
    now = int(time.time())
    again = forging.signed_again(world, call.token, iat=now, exp=now + HOUR)
    assert Caller(call.url, again)("GET", "/items").status == 200


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("scope", "method", "path", "body"),
    [
        ("items:read", "POST", "/items", {"title": "x"}),
        ("items:read", "PUT", "/items/01ARZ3NDEKTSV4RRFFQ69G5FAV", {"title": "x"}),
        ("items:read", "DELETE", "/items/01ARZ3NDEKTSV4RRFFQ69G5FAV", None),
        ("items:write", "GET", "/items", None),
        ("backups:read", "POST", "/recovery-points", {"database": "x"}),
        ("backups:write", "GET", "/databases", None),
        ("items:write", "GET", "/recovery-points", None),
    ],
)
def test_who_may_do_one_thing_may_not_do_another(  # noqa: PLR0913, PLR0917  # a row of the table above
    world: World, call: Caller, scope: str, method: str, path: str, body: Any
) -> None:
    other = Caller(call.url, Api(world.engine, world.settings, world.primary).token([scope]))
    answer = other(method, path, body, if_match='"1"')
    assert is_problem(answer, 401, 403), answer  # AWS documents 401, and some have seen 403


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
@pytest.mark.parametrize("path", ["/items", "/recovery-points"])
def test_a_body_that_is_no_object_in_json_is_refused(call: Caller, path: str, text: str) -> None:
    answer = call("POST", path, text=text)
    assert is_problem(answer, 400), answer


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("kind", WRONG)
def test_a_body_that_is_not_as_documented_is_refused(call: Caller, kind: str) -> None:
    answer = call("POST", "/items", WRONG[kind])
    assert is_problem(answer, 400), answer
    assert answer.body["detail"]


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    "size", [20_000, 300_000, 11 << 20], ids=["more-than-ours", "more-than-the-edges", "more-than-gateways"]
)
def test_an_oversized_body_is_refused(call: Caller, size: int) -> None:
    answer = call("POST", "/items", {"title": "x", "note": "n" * size})
    assert answer.status in (400, 413), answer


@pytest.mark.usefixtures("nothing_written")
def test_another_kind_of_body_is_refused(call: Caller) -> None:
    answer = call("POST", "/items", text="title=x", content_type="application/x-www-form-urlencoded")
    assert is_problem(answer, 400, 415), answer


def test_sql_in_a_field_is_text(world: World, call: Caller) -> None:
    tables = [table for table, _ in rows(world)]
    for text in SQL:
        made = call("POST", "/items", {"title": text, "note": text}, idempotency_key=uuid.uuid4().hex)
        if made.status == 403:
            continue  # the firewall has looked
        assert made.status == 201, made
        assert (made.body["title"], made.body["note"]) == (text, text)
    assert [table for table, _ in rows(world)] == tables


PLACES: dict[str, Callable[[Caller, str], Answer]] = {
    "id": lambda call, text: call("GET", f"/items/{quote(text, safe='')}"),
    "limit": lambda call, text: call("GET", f"/items?limit={quote(text, safe='')}"),
    "cursor": lambda call, text: call("GET", f"/items?cursor={quote(text, safe='')}"),
    "if-match": lambda call, text: call("DELETE", "/items/01ARZ3NDEKTSV4RRFFQ69G5FAV", if_match=text),
    "quantity": lambda call, text: call("POST", "/items", {"title": "x", "quantity": text}),
    "point": lambda call, text: call("GET", f"/recovery-points/{quote(text, safe='')}"),
    "database": lambda call, text: call("GET", f"/recovery-points?database={quote(text, safe='')}"),
    "database-to-back-up": lambda call, text: call("POST", "/recovery-points", {"database": text}),
    "cursor-of-points": lambda call, text: call("GET", f"/recovery-points?cursor={quote(text, safe='')}"),
}


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("place", PLACES)
def test_sql_where_no_text_belongs_is_refused(call: Caller, place: str) -> None:
    for text in SQL:
        answer = PLACES[place](call, text)
        assert answer.status in (400, 403, 404, 412, 422), answer
        assert "SQL" not in answer.text


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PATCH", "/items", 404),
        ("GET", "/items/none", 404),
        ("GET", "/items?limit=0", 400),
        ("GET", "/items?limit=101", 400),
        ("GET", "/items?limit=ten", 400),
        ("GET", "/items?cursor=x", 400),
        ("GET", "/recovery-points/none", 404),
        ("GET", "/recovery-points?database=none&cursor=x", 400),
    ],
)
def test_what_does_not_exist_is_said_so(call: Caller, method: str, path: str, status: int) -> None:
    answer = call(method, path)
    assert is_problem(answer, status), answer
