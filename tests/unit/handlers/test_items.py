"""The sample resource on a real server, through the function that serves it."""

import json
import re

import pytest
from gateway import body, header, request

from handlers.rest import cursors, ids


@pytest.fixture
def item(serve):
    return body(serve(request("POST", "/items", {"title": "lamp", "note": "of brass", "quantity": 3})))


def path(item):
    return f"/items/{item['id']}"


def test_an_item_lives_from_post_to_delete(serve):
    created = serve(request("POST", "/items", {"title": "lamp"}))
    item = body(created)
    assert created["statusCode"] == 201
    assert header(created, "Location") == f"/api/items/{item['id']}"
    assert header(created, "ETag") == '"1"'
    assert item == {
        "id": item["id"], "title": "lamp", "note": "", "quantity": 0, "version": 1,
        "created_at": item["created_at"], "updated_at": item["created_at"],
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", item["created_at"])

    assert body(serve(request("GET", path(item)))) == item
    replaced = serve(request("PUT", path(item), {"title": "lamps", "quantity": 2}, If_Match='"1"'))
    assert (replaced["statusCode"], header(replaced, "ETag")) == (200, '"2"')
    assert body(replaced) == {
        **item,
        "title": "lamps",
        "quantity": 2,
        "version": 2,
        "updated_at": body(replaced)["updated_at"],
    }
    assert body(serve(request("GET", path(item)))) == body(replaced)

    gone = serve(request("DELETE", path(item), If_Match='"2"'))
    assert (gone["statusCode"], gone["body"]) == (204, "")
    assert serve(request("GET", path(item)))["statusCode"] == 404
    assert serve(request("DELETE", path(item), If_Match='"2"'))["statusCode"] == 404
    assert serve(request("PUT", path(item), {"title": "x"}, If_Match='"2"'))["statusCode"] == 404


def test_who_has_the_version_gets_no_body(serve, item):
    for tags, status in (('"1"', 304), ('W/"1"', 304), ("*", 304), ('"0", "1"', 304), ('"2"', 200), ("", 200)):
        answer = serve(request("GET", path(item), If_None_Match=tags))
        assert (answer["statusCode"], header(answer, "ETag")) == (status, '"1"'), tags
        assert bool(answer["body"]) == (status == 200)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_change_must_say_which_version_it_is_of(serve, item, method):
    content = {"title": "x"} if method == "PUT" else None
    for tags, status in ((None, 428), ('"2"', 412), ('W/"1"', 412), ("1", 400), ("", 400), ('"0", "7"', 412)):
        assert serve(request(method, path(item), content, If_Match=tags))["statusCode"] == status, tags
    assert body(serve(request("GET", path(item)))) == item
    assert serve(request(method, path(item), content, If_Match='"7", "1"'))["statusCode"] in (200, 204)


def test_a_star_changes_whatever_version_there_is(serve, item):
    assert body(serve(request("PUT", path(item), {"title": "x"}, If_Match="*")))["version"] == 2


@pytest.mark.parametrize(
    "item_id", ["1", "0" * 25, "0" * 27, "l" * 26, "' OR 1=1 -- aaaaaaaaaaaaaa", "%27", "0" * 26 + "\n"]
)
def test_what_is_no_id_is_not_found(serve, item_id):
    for method in ("GET", "PUT", "DELETE"):
        event = request(method, f"/items/{item_id}", {"title": "x"}, If_Match='"1"')
        answer = serve(event)
        assert answer["statusCode"] == 404, item_id
        assert header(answer, "Content-Type") == "application/problem+json"


# ---- pages -----------------------------------------------------------------------------------------------------------


def pages(serve, limit, between=lambda: None):
    cursor, found = None, []
    while True:
        query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        page = body(serve(request("GET", "/items", query=query)))
        found.append([item["id"] for item in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        between()


def test_pages_hold_everything_once_in_order(serve):
    made = [body(serve(request("POST", "/items", {"title": str(n)})))["id"] for n in range(7)]
    assert pages(serve, 3) == [sorted(made)[:3], sorted(made)[3:6], sorted(made)[6:]]
    assert pages(serve, 7) == [sorted(made)]
    assert body(serve(request("GET", "/items")))["next_cursor"] is None


def test_an_empty_list_is_one_empty_page(serve):
    assert pages(serve, 5) == [[]]


def test_pages_neither_lose_nor_repeat_an_item_while_others_come_and_go(serve):
    made = [body(serve(request("POST", "/items", {"title": str(n)})))["id"] for n in range(12)]
    doomed = iter(sorted(made)[:2])

    def between():
        serve(request("POST", "/items", {"title": "late"}))
        serve(request("DELETE", f"/items/{next(doomed, made[0])}", If_Match="*"))  # of a page that was read already

    found = [item for page in pages(serve, 4, between) for item in page]
    assert len(found) == len(set(found))
    assert set(made) <= set(found)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "", "many", "1e2", "٣", "9" * 30])
def test_a_limit_is_a_number_from_1_to_100(serve, limit):
    answer = serve(request("GET", "/items", query={"limit": limit}))
    assert (answer["statusCode"], body(answer)["field"]) == (400, "limit")


def test_a_cursor_that_was_tampered_with_is_refused(serve):
    good = cursors.encode("items", [ids.ALPHABET[:26]])
    assert serve(request("GET", "/items", query={"cursor": good}))["statusCode"] == 200
    other_list = cursors.encode("databases", [ids.ALPHABET[:26]])
    forged = [
        cursors.encode("items", position) for position in ([], [5], ["x' OR '1'='1"], [ids.ALPHABET[:26], 1], [None])
    ]
    for cursor in ("", "x", "é", good[:-1], good + "A", good.swapcase(), "A" * 2000, other_list, *forged):
        answer = serve(request("GET", "/items", query={"cursor": cursor}))
        assert (answer["statusCode"], body(answer)["field"]) == (400, "cursor"), cursor


# ---- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("", "body"),
        ("nothing", "body"),
        ("[]", "body"),
        ("null", "body"),
        ("{}", "title"),
        ('{"title": ""}', "title"),
        ('{"title": null}', "title"),
        ('{"title": 1}', "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "x", "note": "x" * 2001}, "note"),
        ({"title": "x", "quantity": -1}, "quantity"),
        ({"title": "x", "quantity": 1_000_001}, "quantity"),
        ({"title": "x", "quantity": 1.5}, "quantity"),
        ({"title": "x", "quantity": True}, "quantity"),
        ({"title": "x", "quantity": "1"}, "quantity"),
        ('{"title": "x", "quantity": 1e999}', "quantity"),
        ('{"title": "x", "quantity": NaN}', "body"),
        ('{"title": "x", "title": "y"}', "body"),
        ('{"title": "\\ud800"}', "title"),
        ('{"title": ' + "1" * 5000 + "}", "body"),
        ({"title": "x", "id": "mine"}, "id"),
        ({"title": "x", "version": 7}, "version"),
        ('{"title": ' + "[" * 20 + "]" * 20 + "}", "body"),
        ("[" * 8000, "body"),
    ],
)
def test_a_body_that_is_not_as_documented_is_refused_and_nothing_written(serve, tables, content, field):
    answer = serve(request("POST", "/items", content, key="k"))
    assert (answer["statusCode"], body(answer)["field"]) == (400, field)
    assert tables.execute("SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM idempotency_keys)") == ((0, 0),)


def test_a_body_too_long_is_refused_before_it_is_read(serve):
    assert serve(request("POST", "/items", "x" * 16_385))["statusCode"] == 413
    event = request("POST", "/items", "YWJj" * 6_000) | {"isBase64Encoded": True}
    assert serve(event)["statusCode"] == 413


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/xml", "application/json; charset=latin-1", "multipart/form-data"]
)
def test_a_body_that_is_not_json_is_refused(serve, kind):
    assert serve(request("POST", "/items", {"title": "x"}, Content_Type=kind))["statusCode"] == 415


def test_json_is_taken_with_any_spelling_of_its_type_and_in_base64(serve):
    assert (
        serve(request("POST", "/items", {"title": "x"}, Content_Type="Application/JSON;charset=UTF-8"))["statusCode"]
        == 201
    )
    assert serve(request("POST", "/items", '{"title": "x", "quantity": 2.0}'))["statusCode"] == 201
    event = request("POST", "/items", "eyJ0aXRsZSI6ICJ4In0=") | {"isBase64Encoded": True}
    assert serve(event)["statusCode"] == 201


HOSTILE = [
    "'; DROP TABLE items; -- ", '" OR ""="', "\\'; DELETE FROM items; #", "%s %d %(title)s {0} ${x}",
    "x\x00y\x1a\r\n\b\t", "😀 é 中文 \u202e", "0x27204f52", "/*!50000 DROP TABLE items */", "\\",
    "'", "''", "`", "NULL", "¿' OR 1=1",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_sql_in_every_field_is_stored_as_text(serve, tables, text):
    created = serve(request("POST", "/items", {"title": text, "note": text * 3}, key="k-" + str(HOSTILE.index(text))))
    assert created["statusCode"] == 201
    item = body(serve(request("GET", path(body(created)))))
    assert (item["title"], item["note"]) == (text, text * 3)
    assert tables.execute("SELECT title, note FROM items") == ((text, text * 3),)
    changed = serve(request("PUT", path(item), {"title": "x" + text}, If_Match='"1"', key=f"'{HOSTILE.index(text)}'--"))
    assert body(changed)["title"] == "x" + text
    assert tables.execute("SELECT count(*) FROM idempotency_keys") == ((2,),)


def test_sql_where_no_text_belongs_is_refused(serve, tables, item):
    for text in HOSTILE:
        serve(request("GET", "/items", query={"limit": text, "cursor": text}))
        serve(request("DELETE", path(item), If_Match=text))
        serve(request("DELETE", f"/items/{text}", If_Match="*"))
        serve(request("POST", "/items", {"title": "x", "quantity": text}))
        serve(request("POST", "/items", {"title": "x", text: 1}))
        serve(request("POST", "/items", {"title": "x"}, key=text if not text.isascii() else text + "\x7f"))
    assert tables.execute("SELECT count(*) FROM items") == ((1,),)


def test_the_longest_item_goes_in_and_out(serve):
    for letter in ("😀", "\x01", "\\", '"'):
        content = {"title": letter * 200, "note": letter * 2000, "quantity": 1_000_000}
        sent = json.dumps(content, ensure_ascii=False)
        created = serve(request("POST", "/items", sent, key=f"k{ord(letter)}"))
        assert created["statusCode"] == 201, body(created)
        assert body(serve(request("GET", path(body(created)))))["note"] == letter * 2000
