"""Writes that are repeated: with one key, by one client or by two at once, and under a database that dies."""

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from gateway import body, header, request

from handlers import once
from handlers.runtime import now

# pymysql and the gate leave a socket to the garbage collector when the server dies while they log in.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


def count(tables, table):
    return tables.execute(f"SELECT count(*) FROM {table}")[0][0]


def test_a_repeated_write_is_answered_as_the_first_and_not_done_again(serve, tables):
    event = request("POST", "/items", {"title": 'é😀\\"'}, key="k")
    first, second = serve(event), serve(event)
    assert second["statusCode"] == 201
    assert header(second, "Idempotency-Replayed") == "true"
    assert header(first, "Idempotency-Replayed") is None
    assert second["body"] == first["body"]
    for name in ("ETag", "Location", "Content-Type"):
        assert header(second, name) == header(first, name)
    assert count(tables, "items") == 1

    path = header(first, "Location").removeprefix("/api")
    change = request("PUT", path, {"title": "y"}, If_Match='"1"', key="k2")
    assert body(serve(change)) == body(serve(change))  # by itself the second would be 412
    gone = request("DELETE", path, If_Match='"2"', key="k3")
    assert [serve(gone)["statusCode"], serve(gone)["statusCode"]] == [204, 204]


def test_without_a_key_each_write_is_done(serve, tables):
    event = request("POST", "/items", {"title": "x"})
    assert body(serve(event))["id"] != body(serve(event))["id"]
    assert count(tables, "idempotency_keys") == 0


@pytest.mark.parametrize(
    "other",
    [
        lambda _path: request("POST", "/items", {"title": "y"}, key="k"),
        lambda path: request("PUT", path, {"title": "x"}, key="k", If_Match='"1"'),
        lambda path: request("DELETE", path, key="k", If_Match='"1"'),
    ],
)
def test_a_key_of_another_request_is_refused(serve, tables, other):
    path = header(serve(request("POST", "/items", {"title": "x"}, key="k")), "Location").removeprefix("/api")
    answer = serve(other(path))
    assert (answer["statusCode"], body(answer)["type"]) == (422, "/problems/idempotency-key-reused")
    assert tables.execute("SELECT title, version FROM items") == (("x", 1),)


def test_keys_belong_to_who_sends_them(serve):
    answers = [serve(request("POST", "/items", {"title": "x"}, key="k", who=who)) for who in ("a", "b", "a")]
    ids = [body(answer)["id"] for answer in answers]
    assert ids[0] == ids[2] != ids[1]


def test_what_failed_is_tried_afresh_with_the_same_key(serve, tables):
    item = body(serve(request("POST", "/items", {"title": "x"})))
    event = request("PUT", f"/items/{item['id']}", {"title": "y"}, If_Match='"2"', key="k")
    assert serve(event)["statusCode"] == 412
    assert count(tables, "idempotency_keys") == 0
    serve(request("PUT", f"/items/{item['id']}", {"title": "z"}, If_Match='"1"'))
    assert serve(event)["statusCode"] == 200


@pytest.mark.parametrize("key", ["x" * 65, "a b", "é", "a\n", "\x7f"])
def test_a_key_that_is_none_is_refused(serve, tables, key):
    answer = serve(request("POST", "/items", {"title": "x"}, key=key))
    assert (answer["statusCode"], body(answer)["field"]) == (400, "Idempotency-Key")
    assert count(tables, "items") == 0


def test_old_keys_go_a_batch_at_a_time_and_young_ones_stay(serve, tables, monkeypatch):
    monkeypatch.setattr(once, "_writes", itertools.count())
    for number, age in itertools.chain(((n, once.KEPT.total_seconds() + 60) for n in range(100)), [(100, 3600)]):
        tables.execute(
            "INSERT INTO idempotency_keys VALUES ('p', %s, '', '', DATE_SUB(%s, INTERVAL %s SECOND))",
            (f"k{number}", f"{now():%Y-%m-%d %H:%M:%S}", int(age)),
        )
    serve(request("POST", "/items", {"title": "x"}, key="a"))
    assert count(tables, "idempotency_keys") == 101 - once.SWEEP_AT_MOST + 1
    for number in range(once.SWEEP_EVERY):
        serve(request("POST", "/items", {"title": "x"}, key=f"b{number}"))
    left = {row[0] for row in tables.execute("SELECT name FROM idempotency_keys WHERE principal = 'p'")}
    assert left == {"k100"}


# ---- two environments ------------------------------------------------------------------------------------------------


def waiting(tables, statements):
    """Wait until as many statements of the application wait for a lock."""
    deadline = time.monotonic() + 10
    query = "SELECT count(*) FROM information_schema.processlist WHERE user = 'holdfast_app' AND info IS NOT NULL"
    while tables.server.execute(query)[0][0] < statements:
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.01)


def test_two_requests_with_one_key_at_the_same_time_are_one(environments, tables):
    first, second = environments(), environments()
    for environment in (first, second):
        assert environment.ask(request("GET", "/items"))["statusCode"] == 200  # both have their connection
    event = request("POST", "/items", {"title": "x"}, key="k")
    with tables.server.connect(database="holdfast") as rival, rival.cursor() as cursor:
        cursor.execute("LOCK TABLES items WRITE")
        first.send(event)
        second.send(event)
        waiting(tables, 2)
    answers = [first.receive(), second.receive()]
    assert [answer["statusCode"] for answer in answers] == [201, 201]
    assert sorted([header(answer, "Idempotency-Replayed") for answer in answers], key=str) == [None, "true"]
    assert answers[0]["body"] == answers[1]["body"]
    assert count(tables, "items") == 1


def test_of_two_who_change_the_same_version_one_wins(environments, tables, serve):
    item = body(serve(request("POST", "/items", {"title": "x"})))
    both = environments(), environments()
    for environment in both:
        environment.ask(request("GET", "/items"))
    with tables.server.connect(database="holdfast", autocommit=False) as rival, rival.cursor() as cursor:
        cursor.execute("SELECT * FROM items FOR UPDATE")
        for number, environment in enumerate(both):
            environment.send(request("PUT", f"/items/{item['id']}", {"title": f"by {number}"}, If_Match='"1"'))
        waiting(tables, 2)
    answers = [environment.receive() for environment in both]
    assert sorted(answer["statusCode"] for answer in answers) == [200, 412]
    winner = next(answer for answer in answers if answer["statusCode"] == 200)
    assert body(serve(request("GET", f"/items/{item['id']}"))) == body(winner)
    assert body(winner)["version"] == 2


def test_a_server_killed_under_load_loses_no_acknowledged_write_and_doubles_none(environments, tables):
    """Clients repeat with their key until they hear 201; the environments are the same from beginning to end."""
    served = [environments() for _ in range(3)]
    stop = threading.Event()
    refused = []

    def client(environment, who):
        acknowledged = {}
        for number in itertools.count():
            event = request("POST", "/items", {"title": f"{who}-{number}"}, key=f"{who}-{number}", who=who)
            while (answer := environment.ask(event))["statusCode"] != 201:
                refused.append(answer["statusCode"])
                assert answer["statusCode"] == 503, answer
                time.sleep(0.02)
            acknowledged[f"{who}-{number}"] = body(answer)["id"]
            if stop.is_set():
                break
        return acknowledged

    with ThreadPoolExecutor() as pool:
        clients = [pool.submit(client, environment, f"c{n}") for n, environment in enumerate(served)]
        try:
            for _ in range(3):
                before = count(tables, "items")
                while count(tables, "items") < before + 30:
                    time.sleep(0.01)
                tables.kill()
                time.sleep(0.2)  # some requests find nobody
                tables.revive()
        finally:
            stop.set()
        acknowledged = {title: item_id for one in clients for title, item_id in one.result().items()}

    assert refused, "nobody was refused: the server was not killed under load"
    assert dict(tables.execute("SELECT title, id FROM items")) == acknowledged
    assert count(tables, "items") == len(acknowledged)
    assert all(environment.process.poll() is None for environment in served)


def test_the_log_holds_no_body_no_token_and_no_value_of_a_parameter(serve, tables, capsys, monkeypatch):
    secret = "S3CRET-WORD"
    item = body(
        serve(
            request("POST", "/items", {"title": secret, "note": secret}, key=secret, Authorization=f"Bearer {secret}")
        )
    )
    events = [
        request("GET", "/items", query={"limit": secret, "cursor": secret}),
        request("GET", f"/items/{secret}"),
        request("GET", f"/{secret}") | {"resource": "/{proxy+}"},
        request("PUT", f"/items/{item['id']}", {"title": secret, secret: secret}, If_Match=secret),
        request("PUT", f"/items/{item['id']}", {"title": secret}, If_Match='"1"', key=secret),
        request("POST", "/items", f"not json {secret}", Content_Type=f"text/{secret}"),
        request("POST", "/items", f'{{"title": "{secret}"'),
    ]
    statuses = [serve(event)["statusCode"] for event in events]
    monkeypatch.setattr(once, "_fingerprint", lambda event: 1 / 0 if event else secret)
    statuses.append(serve(request("POST", "/items", {"title": secret}, key="k"))["statusCode"])
    tables.execute("ALTER TABLE items ADD CONSTRAINT short CHECK (title <> 'S3CRET-WORD-2')")
    try:
        statuses.append(serve(request("POST", "/items", {"title": f"{secret}-2"}))["statusCode"])
    finally:
        tables.execute("ALTER TABLE items DROP CONSTRAINT short")
    assert statuses == [400, 404, 404, 400, 422, 415, 400, 500, 500]
    out = capsys.readouterr().out
    assert secret not in out
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == 10
    assert [line.get("problem") for line in lines[-2:]] == ["internal", "internal"]
    assert lines[-1]["error"][0]["code"] == 4025  # MariaDB: a constraint failed
