"""The ledger's cells: the same on DynamoDB (by moto) as in the fake that the other tests use."""

import boto3
import ledger_table
import pytest
from backup_fakes import PRIMARY, RECOVERY, MemoryLedger
from backup_faults import Fuse
from moto import mock_aws

from handlers.core.errors import AlreadyClaimed, TemporarilyUnavailable
from handlers.ledger import BATCH, Ledger

ROW = {"pk": "POINT#a", "sk": "POINT", "attempt": 1, "status": "running", "levels": {}}


@pytest.fixture(params=["DynamoDB", "fake"])
def ledger(request, monkeypatch):
    if request.param == "fake":
        yield MemoryLedger(PRIMARY, {}, Fuse())
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("dynamodb", region_name=PRIMARY)
        ledger_table.create(client, "ledger")
        yield Ledger(client, "ledger", PRIMARY)


def test_an_item_comes_back_as_it_went_in(ledger):
    item = {**ROW, "a": None, "b": True, "c": -7, "d": 1.5, "e": [1, "x", {"f": []}], "open": PRIMARY, "begun_at": "1"}
    assert ledger.put(item, seen=None)
    assert ledger.read("POINT#a", "POINT") == item
    assert ledger.read("POINT#a", "OTHER") is None


def test_an_item_can_be_made_only_once(ledger):
    assert ledger.put(ROW, seen=None)
    assert not ledger.put({**ROW, "attempt": 2}, seen=None)
    assert ledger.read("POINT#a", "POINT")["attempt"] == 1


def test_an_item_is_replaced_only_if_it_is_as_seen(ledger):
    ledger.put(ROW, seen=None)
    assert not ledger.put({**ROW, "attempt": 3}, seen={"attempt": 2})
    assert not ledger.put({**ROW, "attempt": 3}, seen={"attempt": 1, "status": None})
    assert ledger.put({**ROW, "attempt": 2}, seen={"attempt": 1, "cleaning": None})
    assert ledger.read("POINT#a", "POINT")["attempt"] == 2


def test_a_change_sets_and_removes_only_if_the_item_is_as_seen(ledger):
    ledger.put(ROW, seen=None)
    assert not ledger.change(ROW, {"status": "failed"}, seen={"attempt": 9})
    assert ledger.change(ROW, {"status": "failed"}, seen={"attempt": 1}, remove=("levels",))
    assert ledger.change(ROW, {}, seen={"status": "failed"}, remove=("attempt",))
    assert ledger.read("POINT#a", "POINT") == {"pk": "POINT#a", "sk": "POINT", "status": "failed"}


def test_a_change_makes_no_item(ledger):
    assert not ledger.change(ROW, {"status": "failed"}, seen={})
    assert not ledger.change(ROW, {"status": "failed"}, seen={"attempt": None})
    assert ledger.read("POINT#a", "POINT") is None


def test_an_item_is_deleted_only_if_it_is_as_seen_and_only_once(ledger):
    ledger.put(ROW, seen=None)
    assert not ledger.delete(ROW, seen={"attempt": 2})
    assert ledger.delete(ROW, seen={"attempt": 1})
    assert not ledger.delete(ROW, seen={"attempt": 1})


def test_a_partition_lists_its_items_in_order_of_their_sort_keys(ledger):
    for sk in ("WAITER#2", "LEASE", "WAITER#1"):
        ledger.put({"pk": "LEASE#x", "sk": sk}, seen=None)
    assert [row["sk"] for row in ledger.partition("LEASE#x", "WAITER#")] == ["WAITER#1", "WAITER#2"]
    assert len(ledger.partition("LEASE#x")) == 3


def test_unfinished_items_are_listed_oldest_first_and_by_region(ledger):
    ledger.put({**ROW, "open": PRIMARY, "begun_at": "2026-10-06T12:00:00Z"}, seen=None)
    ledger.put({**ROW, "sk": "OPERATION#export", "open": PRIMARY, "begun_at": "2026-10-06T11:00:00Z"}, seen=None)
    ledger.put({**ROW, "sk": "CLAIM#copy", "open": RECOVERY, "begun_at": "2026-10-06T10:00:00Z"}, seen=None)
    ledger.put({**ROW, "sk": "OPERATION#snapshot", "begun_at": "2026-10-06T09:00:00Z"}, seen=None)
    assert ledger.unfinished(PRIMARY) == [("POINT#a", "OPERATION#export"), ("POINT#a", "POINT")]
    assert ledger.unfinished(RECOVERY) == [("POINT#a", "CLAIM#copy")]


def test_a_level_is_noted_for_the_run_that_has_the_point_and_for_no_other(ledger):
    ledger.put(ROW, seen=None)
    ledger.record_level({"id": "a", "attempt": 1}, 0, {"at": "1", "taken_at": "1"})
    ledger.record_level({"id": "a", "attempt": 1}, 1, {"at": "2"})
    assert ledger.point("a")["level"] == 1
    ledger.change(ROW, {"attempt": 2}, seen={})
    with pytest.raises(AlreadyClaimed, match="no longer this run's"):
        ledger.record_level({"id": "a", "attempt": 1}, 2, {"at": "3"})


def test_problems_are_noted_with_their_count(ledger):
    ledger.put(ROW, seen=None)
    problem = {"subject": "app.users", "reason": "missing", "detail": "app.users is missing"}
    ledger.record_problems({"id": "a", "attempt": 1}, [problem], 7)
    assert ledger.point("a")["problems"] == [problem]
    assert ledger.point("a")["problem_count"] == 7


def test_what_the_ledger_cant_hold_is_refused(ledger):
    with pytest.raises(TypeError, match="can't hold a set"):
        ledger.put({**ROW, "x": {1}}, seen=None)


# ---- points by their time --------------------------------------------------------------------------------------------


def add_points(ledger, *points):
    for name, at in points:
        database = name.rsplit("-", 1)[0]
        row = {"pk": f"POINT#{name}", "sk": "POINT", "id": name, "database": database, "scheduled_at": at}
        assert ledger.put({**row, "status": "failed" if "t00" in name else "verified"}, seen=None)


ORDERS = [(f"orders-20261006t{hour:02}00z", f"2026-10-06T{hour:02}:00:00Z") for hour in range(6)]
STOCK = [(f"stock-20261006t{hour:02}00z", f"2026-10-06T{hour:02}:00:00Z") for hour in range(6)]


def test_the_points_of_a_database_are_listed_newest_first(ledger):
    add_points(ledger, *ORDERS, *STOCK)
    assert ledger.newest(3, database="orders") == ORDERS[:2:-1]
    assert ledger.newest(100, database="orders") == ORDERS[::-1]
    assert ledger.newest(100, database="nobody") == []


def test_the_points_of_all_databases_are_listed_newest_first_each_once_in_pages(ledger):
    add_points(ledger, *ORDERS, *STOCK)
    found, before = [], None
    while page := ledger.newest(5, before=before):
        found += page
        before = page[-1]
    assert sorted(found) == sorted(ORDERS + STOCK)
    assert [at for _, at in found] == sorted((at for _, at in found), reverse=True)


def test_a_page_goes_on_where_the_one_before_ended_though_newer_points_have_come(ledger):
    add_points(ledger, *ORDERS[:4])
    first = ledger.newest(2, database="orders")
    add_points(ledger, *ORDERS[4:])
    assert ledger.newest(2, database="orders", before=first[-1]) == ORDERS[1::-1]


def test_only_points_are_in_the_list_of_points(ledger):
    add_points(ledger, ORDERS[0])
    ledger.put({**ROW, "sk": "OPERATION#export", "begun_at": "2026-10-06T11:00:00Z", "open": PRIMARY}, seen=None)
    ledger.put({"pk": "DATABASES", "sk": "PROTECTION#orders", "database": "orders", "version": 1}, seen=None)
    assert ledger.newest(10) == [ORDERS[0]]
    assert ledger.newest(10, database="orders") == [ORDERS[0]]


def test_what_is_unfinished_for_longest_is_found(ledger):
    assert ledger.oldest_unfinished(PRIMARY) is None
    for hour in (3, 1, 2):
        row = {**ROW, "pk": f"POINT#{hour}", "open": PRIMARY, "begun_at": f"2026-10-06T0{hour}:00:00Z"}
        ledger.put(row, seen=None)
    found = ledger.oldest_unfinished(PRIMARY)
    assert (found["pk"], found["sk"], found["begun_at"]) == ("POINT#1", "POINT", "2026-10-06T01:00:00Z")
    assert ledger.oldest_unfinished(RECOVERY) is None


class Owing:
    """DynamoDB that gives so many items of a page, and owes the others."""

    def __init__(self, pages):
        self.pages = iter(pages)
        self.asked = []

    def batch_get_item(self, *, RequestItems):  # noqa: N803
        keys = RequestItems["ledger"]["Keys"]
        self.asked.append(len(keys))
        given = next(self.pages)
        owed = {"ledger": {"Keys": keys[given:]}} if keys[given:] else {}
        return {"Responses": {"ledger": keys[:given]}, "UnprocessedKeys": owed}


def test_what_dynamodb_owes_is_asked_for_again_and_in_the_end_missed(monkeypatch):
    monkeypatch.setattr("handlers.ledger._BATCH_DELAY", 0)
    keys = [(f"POINT#{n}", "POINT") for n in range(10)]
    dynamodb = Owing([4, 0, 6])
    assert set(Ledger(dynamodb, "ledger", PRIMARY).many(keys)) == set(keys)
    assert dynamodb.asked == [10, 6, 6]
    with pytest.raises(TemporarilyUnavailable, match="still owes 10 items"):
        Ledger(Owing([0] * 9), "ledger", PRIMARY).many(keys)


def test_many_items_are_read_at_once_and_those_that_are_not_there_are_left_out(ledger):
    keys = [(f"POINT#{n}", "POINT") for n in range(2 * BATCH + 5)]
    for pk, sk in keys:
        ledger.put({"pk": pk, "sk": sk}, seen=None)
    found = ledger.many([*keys, keys[0], ("POINT#x", "POINT")])
    assert set(found) == set(keys)
    assert ledger.many([]) == {}
