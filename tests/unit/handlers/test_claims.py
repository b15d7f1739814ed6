"""Who may work on a recovery point, or on its copy."""

import pytest
from backup_fakes import DATA_KEY, NOON, PREFIX, PRIMARY, RECOVERY
from backup_world import World

from handlers import claim_copy, claim_recovery_point
from handlers.core.errors import (
    AlreadyClaimed,
    DatabaseNotFound,
    DatabaseUnsuitable,
    InvalidRequest,
    TemporarilyUnavailable,
)

ENVIRONMENT = claim_recovery_point.Environment(PREFIX, "", DATA_KEY, 43200)


def claim(world, execution="run-1", **changes):
    world.states[PRIMARY].executions.setdefault(execution, {"status": "RUNNING"})
    request = {"database": "orders", "scheduled_at": NOON, "execution": execution, **changes}
    here = world.following()
    return claim_recovery_point.claim(here.clients, here.ledger, ENVIRONMENT, request, world.clock())


def test_a_claim_answers_with_all_that_the_run_needs():
    assert claim(World()) == {
        "id": "orders-20261006t1200z",
        "database": "orders",
        "scheduled_at": NOON,
        "attempt": 1,
        "snapshot": f"{PREFIX}-orders-20261006t1200z",
        "export_task": f"{PREFIX}-orders-20261006t1200z",
        "address": "orders.example",
        "port": 3307,
        "resource_id": "db-ORDERS",
        "urgency": "2026-10-07T00:00:00Z",
    }


def test_a_run_that_asks_twice_gets_the_same_claim():
    world = World()
    assert claim(world) == claim(world)


def test_a_second_run_is_refused_while_the_first_goes_on():
    world = World()
    claim(world)
    with pytest.raises(AlreadyClaimed, match="is running by run-1"):
        claim(world, "run-2")


@pytest.mark.parametrize("ending", [{"status": "ABORTED"}, {"status": "TIMED_OUT"}, None])
def test_a_dead_runs_point_is_taken_over(ending):
    world = World()
    claim(world)
    world.states[PRIMARY].executions["run-1"] = ending
    if ending is None:
        del world.states[PRIMARY].executions["run-1"]
    assert claim(world, "run-2")["attempt"] == 2


def test_a_finished_point_is_refused():
    world = World()
    world.backup()
    with pytest.raises(AlreadyClaimed, match="is verified"):
        claim(world, "run-2")


def test_a_partial_point_is_finished_too():
    world = World()
    world.whole = False
    assert world.backup()["status"] == "partial"
    assert world.backup() is None


@pytest.mark.parametrize(
    ("changes", "field"), [({"database": "Or--ders"}, "database"), ({"scheduled_at": "noon"}, "scheduled_at")]
)
def test_a_request_that_cant_be_is_refused_by_field(changes, field):
    with pytest.raises(InvalidRequest) as refused:
        claim(World(), **changes)
    assert refused.value.field == field


def test_a_database_that_rds_does_not_know_is_named():
    with pytest.raises(DatabaseNotFound, match="stock"):
        claim(World(), database="stock")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"KmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/aws-rds"}, DatabaseUnsuitable),
        ({"StorageEncrypted": False}, DatabaseUnsuitable),
        ({"DBInstanceStatus": "backing-up"}, TemporarilyUnavailable),
    ],
)
def test_a_database_that_cant_be_backed_up_now_is_not_claimed(changes, error):
    world = World()
    world.add_database("orders", **changes)
    with pytest.raises(error):
        claim(world)
    assert world.items == {}


def test_the_key_may_be_given_by_its_alias():
    world = World()
    here = world.following()
    alias = f"arn:aws:kms:{PRIMARY}:123456789012:alias/{PREFIX}-data"

    class Kms:
        def describe_key(self, *, KeyId):  # noqa: N803
            assert KeyId == alias
            return {"KeyMetadata": {"Arn": DATA_KEY}}

    here.clients.kms = Kms()
    environment = claim_recovery_point.Environment(PREFIX, "", alias, 43200)
    request = {"database": "orders", "scheduled_at": NOON, "execution": "run-1"}
    assert claim_recovery_point.claim(here.clients, here.ledger, environment, request, world.clock())["attempt"] == 1


def test_a_run_that_takes_over_adopts_an_export_that_may_yet_succeed_and_renames_one_that_did_not():
    world = World()
    first = claim(world)
    row = {
        "pk": "POINT#orders-20261006t1200z",
        "sk": "OPERATION#export",
        "state": "open",
        "attempt": 1,
        "region": PRIMARY,
    }
    world.items[row["pk"], row["sk"]] = row
    world.states[PRIMARY].executions["run-1"] = {"status": "ABORTED"}
    assert claim(world, "run-2")["export_task"] == first["export_task"]
    row["state"] = "failed"
    world.states[PRIMARY].executions["run-2"] = {"status": "ABORTED"}
    assert claim(world, "run-3")["export_task"] == f"{first['export_task']}-3"


# ---- copies ----------------------------------------------------------------------------------------------------------


def copy(world, execution, attempt=1):
    world.states[RECOVERY].executions.setdefault(execution, {"status": "RUNNING"})
    here = world.following(RECOVERY)
    claim_copy.claim(here.clients, here.ledger, {"id": "p", "attempt": attempt}, execution, world.clock())


def test_a_copy_request_that_comes_twice_is_copied_once():
    world = World()
    copy(world, "copy-1")
    copy(world, "copy-1")
    with pytest.raises(AlreadyClaimed, match="copy-1 copies p"):
        copy(world, "copy-2")


def test_a_dead_copy_run_is_taken_over():
    world = World()
    copy(world, "copy-1")
    world.states[RECOVERY].executions["copy-1"] = {"status": "FAILED"}
    copy(world, "copy-2")
    assert world.items["POINT#p", "CLAIM#copy"]["execution"] == "copy-2"


def test_a_late_request_of_an_earlier_run_is_refused():
    world = World()
    copy(world, "copy-2", attempt=2)
    world.states[RECOVERY].executions["copy-2"] = {"status": "SUCCEEDED"}
    with pytest.raises(AlreadyClaimed):
        copy(world, "copy-1", attempt=1)


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_copy_that_has_an_outcome_is_not_made_again(attempt):
    world = World()
    world.items["POINT#p", "OUTCOME#copy"] = {"attempt": 2, "state": "succeeded"}
    with pytest.raises(AlreadyClaimed, match="has succeeded"):
        copy(world, "copy-1", attempt)
    copy(world, "copy-3", attempt=3)
    assert world.items["POINT#p", "CLAIM#copy"]["attempt"] == 3
