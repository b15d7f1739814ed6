"""The connection to the database: kept, lost, made again; and what becomes of the statements meanwhile."""

import json
import threading
import time

import pymysql
import pytest
from gateway import body, header, request

from handlers import database
from handlers.core.errors import DatabaseUnsuitable, TemporarilyUnavailable
from handlers.rest.problems import Problem

# pymysql and the gate leave a socket to the garbage collector when the server dies while they log in.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

INSERT = "INSERT INTO items VALUES (%s, 'x', '', 0, 1, '2026-01-01', '2026-01-01')"


@pytest.fixture
def ours(tables):
    """The database as an environment has it."""
    made = database.Database(tables.environment())
    yield made
    made.close()


def insert(item_id):
    return lambda sql: sql.execute(INSERT, (item_id,))


def one(sql):
    sql.execute("SELECT 1")
    return sql.fetchone()[0]


def ids(tables):
    return sorted(row[0] for row in tables.execute("SELECT id FROM items"))


def connection_id(ours):
    return ours.read(lambda sql: (sql.execute("SELECT connection_id()"), sql.fetchone()[0])[1])


def test_a_thousand_warm_requests_use_one_connection(serve, tables):
    """Goal G4c, exact."""
    before = tables.logins()
    item = body(serve(request("POST", "/items", {"title": "x"})))
    for number in range(1000):
        if number % 10:
            assert serve(request("GET", f"/items/{item['id']}"))["statusCode"] == 200
        else:
            assert serve(request("PUT", f"/items/{item['id']}", {"title": "y"}, If_Match="*"))["statusCode"] == 200
    assert tables.logins() - before == 1


def test_the_connection_is_verified_tls_with_a_token_and_no_more_than_the_grants(ours):
    assert connection_id(ours)
    assert ours._connection._sock.version() in ("TLSv1.2", "TLSv1.3")
    assert ours.read(lambda sql: (sql.execute("SELECT current_user()"), sql.fetchone())[1]) == ("holdfast_app@%",)
    for forbidden in ("DROP TABLE items", "CREATE TABLE t (a INT)", "SELECT * FROM mysql.user", "CREATE USER x"):
        with pytest.raises(pymysql.err.Error) as refused:
            ours.read(lambda sql, statement=forbidden: sql.execute(statement))
        assert refused.value.args[0] in (1142, 1044, 1227, 1410), forbidden


def test_nothing_is_set_on_the_session_that_would_pin_it(ours, tables):
    """Only what RDS Proxy tracks: SET NAMES."""
    tables.server.execute("SET GLOBAL general_log = 1, GLOBAL log_output = 'TABLE'")
    try:
        tables.server.execute("TRUNCATE mysql.general_log")
        ours.read(one)
        ours.write(insert("a"))
        said = tables.server.execute("SELECT argument FROM mysql.general_log WHERE user_host LIKE '%%holdfast_app%%'")
    finally:
        tables.server.execute("SET GLOBAL general_log = 0")
    texts = [row[0].decode() if isinstance(row[0], bytes) else row[0] for row in said]
    assert [text for text in texts if text.upper().startswith(("SET", "BEGIN", "COMMIT"))] == [
        "SET NAMES utf8mb4", "BEGIN", "COMMIT",
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["killed", "cut"])
def test_a_connection_lost_between_requests_is_made_again_unnoticed(ours, tables, how):
    first = connection_id(ours)
    if how == "killed":
        tables.server.execute(f"KILL {first}")
    else:
        tables.line.cut()
    assert ours.read(one) == 1
    tables.server.execute(f"KILL {connection_id(ours)}")
    ours.write(insert("a"))
    assert ids(tables) == ["a"]


@pytest.mark.parametrize("how", ["killed", "cut", "power cut"])
def test_a_transaction_lost_between_its_statements_is_done_once_more_and_counts_once(ours, tables, how):
    tried = []

    def work(sql):
        sql.execute(INSERT, ("a",))
        if not tried:
            tried.append(1)
            if how == "power cut":
                tables.kill()
                tables.revive()
            elif how == "killed":
                tables.server.execute(f"KILL {ours._connection.thread_id()}")
            else:
                tables.line.cut()
        sql.execute(INSERT, ("b",))
        return "done"

    assert ours.write(work) == "done"
    assert ids(tables) == ["a", "b"]


def test_a_transaction_lost_twice_is_given_up_and_leaves_nothing(ours, tables):
    def work(sql):
        sql.execute(INSERT, ("a",))
        tables.line.cut()
        sql.execute(INSERT, ("b",))

    with pytest.raises(TemporarilyUnavailable):
        ours.write(work)
    assert ids(tables) == []
    ours.write(insert("c"))
    assert ids(tables) == ["c"]


def test_a_database_that_is_down_is_answered_with_503_and_found_again_when_it_is_back(serve, tables, capsys):
    assert serve(request("POST", "/items", {"title": "before"}))["statusCode"] == 201
    tables.kill()
    for event in (request("GET", "/items"), request("POST", "/items", {"title": "meanwhile"})):
        answer = serve(event)
        assert (answer["statusCode"], header(answer, "Retry-After")) == (503, "2")
        assert "127.0.0.1" not in answer["body"]
    tables.revive()
    assert serve(request("POST", "/items", {"title": "after"}))["statusCode"] == 201
    assert [item["title"] for item in body(serve(request("GET", "/items")))["items"]] == ["before", "after"]
    assert '"kind": "handlers.core.errors.TemporarilyUnavailable"' in capsys.readouterr().out


@pytest.mark.parametrize("arrives", [True, False])
def test_a_commit_without_an_answer_is_settled_by_repeating_with_the_same_key(serve, tables, monkeypatch, arrives):
    commit = database.Database._commit

    def cut_at_commit(self):
        tables.line.cut_after_next, tables.line.cut_before_next = arrives, not arrives
        commit(self)

    event = request("POST", "/items", {"title": "x"}, key="k")
    assert serve(request("GET", "/items"))["statusCode"] == 200
    with monkeypatch.context() as patch:
        patch.setattr(database.Database, "_commit", cut_at_commit)
        unknown = serve(event)
    assert (unknown["statusCode"], header(unknown, "Retry-After")) == (503, "2")
    assert body(unknown)["type"] == "/problems/outcome-unknown"

    again = serve(event)
    assert again["statusCode"] == 201
    assert header(again, "Idempotency-Replayed") == ("true" if arrives else None)
    assert ids(tables) == [body(again)["id"]]


def test_a_deadlock_is_tried_once_more(ours, tables):
    for item_id in ("a", "b"):
        ours.write(insert(item_id))
    rival = tables.server.connect(database="holdfast", autocommit=False)
    tries = []

    def second_step():
        with rival.cursor() as cursor:
            cursor.execute("UPDATE items SET quantity = 5 WHERE id = 'a'")
        rival.commit()

    def work(sql):
        tries.append(1)
        sql.execute("UPDATE items SET quantity = 1 WHERE id = 'a'")
        if len(tries) == 1:
            other.start()
            wait_until(lambda: tables.server.execute("SELECT 1 FROM information_schema.innodb_lock_waits"))
        sql.execute("UPDATE items SET quantity = 1 WHERE id = 'b'")

    with rival.cursor() as cursor:  # the one that has written less is the victim: us
        cursor.executemany(INSERT, [(f"bulk{number}",) for number in range(50)])
        cursor.execute("UPDATE items SET quantity = 5 WHERE id = 'b'")
    other = threading.Thread(target=second_step)
    ours.write(work)
    other.join()
    rival.close()
    assert len(tries) == 2
    assert tables.execute("SELECT quantity FROM items WHERE id IN ('a', 'b')") == ((1,), (1,))


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.01)


def test_after_a_failover_the_old_server_is_left(serve, tables):
    """A primary that has become a replica refuses writes with error 1290."""
    serve(request("GET", "/items"))
    before = tables.logins()
    tables.server.execute("SET GLOBAL read_only = 1")
    try:
        assert serve(request("POST", "/items", {"title": "x"}))["statusCode"] == 503
        assert tables.logins() == before + 1
    finally:
        tables.server.execute("SET GLOBAL read_only = 0")
    assert serve(request("POST", "/items", {"title": "x"}))["statusCode"] == 201
    assert tables.logins() == before + 2


def test_a_statement_that_takes_too_long_is_left_behind(serve, tables, monkeypatch):
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT", 1.5)  # a login on a busy machine takes 0.4
    item = body(serve(request("POST", "/items", {"title": "x"})))
    with tables.server.connect(database="holdfast", autocommit=False) as rival, rival.cursor() as cursor:
        cursor.execute("SELECT * FROM items FOR UPDATE")
        answer = serve(request("DELETE", f"/items/{item['id']}", If_Match="*"))
        assert answer["statusCode"] == 503
    assert serve(request("GET", f"/items/{item['id']}"))["statusCode"] == 200


def test_a_problem_rolls_back_and_keeps_the_connection(ours, tables):
    def work(sql):
        sql.execute(INSERT, ("a",))
        raise Problem(409, "No", slug="no")

    first = connection_id(ours)
    with pytest.raises(Problem):
        ours.write(work)
    assert ids(tables) == []
    assert connection_id(ours) == first


def test_an_error_of_ours_is_not_tried_again(ours, tables):
    tries = []

    def work(sql):
        tries.append(1)
        sql.execute(INSERT, ("a",))
        sql.execute("SELECT nonsense")

    for run in (ours.read, ours.write):
        with pytest.raises(pymysql.err.OperationalError, match="nonsense"):
            run(work)
        tables.empty()
    assert len(tries) == 2


def test_a_server_that_another_authority_vouches_for_gets_no_token(tables):
    environment = {**vars(tables.environment()), "ca_bundle": "handlers/certificates/rds.pem"}
    with pytest.raises(DatabaseUnsuitable, match=r"rds\.pem does not vouch for"):
        database.Database(database.Environment(**environment)).read(one)


def test_a_refused_user_is_explained_without_the_token(serve, tables, monkeypatch, capsys):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    answer = serve(request("GET", "/items"))
    assert answer["statusCode"] == 500
    assert tables.refused
    out = capsys.readouterr().out
    assert "refuses holdfast_app: has Custom::Schema run" in out
    assert "X-Amz-Signature" not in out + answer["body"]
    tables.refused.clear()


def test_a_region_without_a_database_answers_503(serve, monkeypatch):
    monkeypatch.setenv("DATABASE_HOST", "unavailable.invalid")
    assert serve(request("GET", "/items"))["statusCode"] == 503


def test_the_port_in_the_host_wins(tables):
    fields = vars(tables.environment())
    assert database.Database(database.Environment(**{**fields, "database_host": "h:1", "database_port": 2})).port == 1
    assert database.Database(database.Environment(**{**fields, "database_host": "h", "database_port": 2})).port == 2


def test_starting_up_makes_no_connection(tables):
    """A snapshot of SnapStart must hold none."""
    before = tables.logins()
    database.prepare()
    assert database.tls(str(tables.ca)) is database.tls(str(tables.ca))
    assert tables.logins() == before


def test_without_credentials_the_log_says_what_is_missing(serve, monkeypatch, capsys):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert serve(request("GET", "/items"))["statusCode"] == 500
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["error"][0]["text"].startswith("AWS_ACCESS_KEY_ID is not set")
