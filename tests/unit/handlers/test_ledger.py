"""The ledger's cells: the same on DynamoDB (by moto) as in the fake that the other tests use."""

import boto3
import pytest
from backup_fakes import PRIMARY, RECOVERY, MemoryLedger
from backup_faults import Fuse
from moto import mock_aws

from handlers.core.errors import AlreadyClaimed
from handlers.ledger import OPEN_INDEX, Ledger

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
        client.create_table(
            TableName="ledger",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "open", "begun_at")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": OPEN_INDEX,
                    "KeySchema": [
                        {"AttributeName": "open", "KeyType": "HASH"},
                        {"AttributeName": "begun_at", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )
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
