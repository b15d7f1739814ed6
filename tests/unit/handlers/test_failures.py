"""How failures are recorded, reported and cleaned up."""

import pytest
from backup_fakes import NOON, PRIMARY, RECOVERY, client_error
from backup_world import World
from test_claims import claim
from test_operations_followed import export, take, taken

from handlers import record_copy_failure, record_failure
from handlers.core.errors import AlreadyClaimed
from handlers.runtime import translated

POINT = "orders-20261006t1200z"


@pytest.fixture
def world():
    world = World()
    world.lossy = True
    return world


def record(world, error="ExportFailed", cause="the key is disabled", execution="run-1", **changes):
    event = {"database": "orders", "scheduled_at": NOON, "execution": execution, **changes}
    with translated():
        return record_failure.record(world.concluding(), {**event, "error": {"Error": error, "Cause": cause}})


def failed(world):
    return world.bus[PRIMARY].of("Recovery Point Failed")


def test_a_failure_is_written_and_told(world):
    claim(world)
    assert record(world) == {"error": "ExportFailed", "cause": "the key is disabled"}
    assert world.point()["status"] == "failed"
    assert failed(world) == [
        {
            "recovery_point": POINT,
            "database": "orders",
            "status": "failed",
            "level": None,
            "error": "ExportFailed",
            "cause": "the key is disabled",
        }
    ]


def test_a_run_that_failed_before_it_had_its_point_is_told_all_the_same(world):
    record(world, "DatabaseUnsuitable", "orders is not encrypted")
    assert world.point()["status"] == "failed"
    assert failed(world)[0]["error"] == "DatabaseUnsuitable"


def test_a_request_that_names_no_point_is_told_without_one(world):
    record(world, "InvalidRequest", "database is 'Or--ders'", database="Or--ders")
    assert failed(world)[0]["recovery_point"] is None
    assert world.items == {}


def test_a_failing_run_leaves_the_point_of_another_alone(world):
    claim(world)
    record(world, execution="run-2")
    assert world.point()["status"] == "running"
    assert failed(world) == []


def test_a_failure_after_the_verdict_does_not_undo_it(world):
    world.backup()
    execution = world.point()["execution"]
    assert record(world, "States.Timeout", "", execution=execution)["error"] == "States.Timeout"
    assert world.point()["status"] == "verified"
    assert failed(world) == []


def test_a_failure_after_a_partial_verdict_takes_nothing_away(world):
    world.lossy, world.whole = False, False
    assert world.backup()["status"] == "partial"
    record(world, "States.Timeout", "", execution=world.point()["execution"])
    world.rest()
    assert world.point()["status"] == "partial"
    world.assert_at_rest()


def test_a_failed_run_gives_its_slot_and_its_place_in_the_queue_back_at_once(world):
    point = claim(world)
    slots = world.following().slots
    slots.wait("exports", 1, point, "s1")
    slots.wait("exports", 1, {**point, "urgency": "2026-10-08T00:00:00Z"}, "s2")
    assert slots.parties("exports") != []
    record(world)
    assert slots.parties("exports") == []


def test_a_time_out_names_what_still_runs_and_cancels_it(world):
    point, snapshot = taken(world)
    export(world, "e1", point, snapshot)
    world.rds[PRIMARY].tasks[point["export_task"]].update(Status="IN_PROGRESS", PercentProgress=45)
    failure = record(world, "States.Timeout", "")
    assert failure["cause"] == f"no answer in time; still running: export {point['export_task']} (IN_PROGRESS, 45 %)"
    assert world.rds[PRIMARY].tasks[point["export_task"]]["Status"] == "CANCELING"


def test_a_snapshot_at_level_0_is_kept_and_one_without_is_deleted(world):
    point, snapshot = taken(world)
    world.ledger().record_level(point, 0, {"at": NOON, **snapshot})
    record(world)
    assert point["snapshot"] in world.rds[PRIMARY].snapshots
    other = World(lossy=True)
    point, _ = taken(other)
    record(other)
    assert other.rds[PRIMARY].snapshots == {}


def test_a_snapshot_that_is_still_being_taken_is_deleted_when_it_has_been(world):
    take(world, "t1")
    record(world)
    assert len(world.rds[PRIMARY].snapshots) == 1
    world.rest()
    assert world.rds[PRIMARY].snapshots == {}
    world.assert_at_rest()


def test_a_snapshot_call_of_a_dead_function_that_arrives_late_is_found_and_its_snapshot_deleted(world):
    point = claim(world)
    calls = []
    create = world.rds[PRIMARY].create_db_snapshot
    world.rds[PRIMARY].create_db_snapshot = lambda **arguments: calls.append(arguments)
    take(world, "t1", point)
    record(world)
    create(**calls[0])
    world.rest()
    assert world.rds[PRIMARY].snapshots == {}
    world.assert_at_rest()


def test_an_export_that_failed_is_begun_again_under_a_name_of_its_own(world):
    point, snapshot = taken(world)
    world.ledger().record_level(point, 0, {"at": NOON, **snapshot})
    export(world, "e1", point, snapshot)
    world.rds[PRIMARY].tasks[point["export_task"]]["Status"] = "FAILED"
    world.following().settle(world.operation("export"))
    record(world)
    world.rest()
    assert world.backup()["status"] == "verified"
    assert world.point()["export_task"] == f"{point['export_task']}-2"
    world.rest()
    world.assert_at_rest()


def test_a_later_run_adopts_snapshot_and_export_that_levels_vouch_for(world):
    world.lossy = False
    denied = client_error("AccessDenied", "CopyDBSnapshot", "no kms:CreateGrant")
    world.rds[RECOVERY].fail_next["copy"] = denied
    failure = world.backup()
    assert failure["error"] == "PermissionMissing"
    assert world.point()["level"] == 1
    world.rest()
    world.assert_at_rest()
    snapshot, tasks = dict(world.rds[PRIMARY].snapshots), list(world.rds[PRIMARY].tasks)
    assert world.backup()["status"] == "verified"
    assert dict(world.rds[PRIMARY].snapshots) == snapshot
    assert list(world.rds[PRIMARY].tasks) == tasks
    world.rest()
    world.assert_at_rest()


def test_cleaning_that_is_not_permitted_delays_no_report_and_is_tried_again(world):
    _, _ = taken(world)
    delete = world.rds[PRIMARY].delete_db_snapshot

    def denied(**_):
        raise client_error("AccessDenied", "DeleteDBSnapshot")

    world.rds[PRIMARY].delete_db_snapshot = denied
    record(world)
    assert len(failed(world)) == 1
    world.rest()
    assert len(world.rds[PRIMARY].snapshots) == 1
    world.rds[PRIMARY].delete_db_snapshot = delete
    world.rest()
    world.assert_at_rest()


def test_two_runs_at_once_end_in_one_verified_point(world):
    world.lossy = False
    claim(world, "run-1")
    assert world.backup() is None
    record(world)
    assert world.backup()["status"] == "verified"


# ---- copies ----------------------------------------------------------------------------------------------------------


def test_a_failed_copy_run_leaves_the_claim_of_another_alone(world):
    world.items["POINT#p", "CLAIM#copy"] = {"pk": "POINT#p", "sk": "CLAIM#copy", "attempt": 1, "execution": "copy-1"}
    error = {"Error": "TemporarilyUnavailable", "Cause": "throttled"}
    record_copy_failure.record(world.concluding(RECOVERY), {"id": "p", "attempt": 1}, "copy-2", error)
    assert ("POINT#p", "OUTCOME#copy") not in world.items


def test_the_first_outcome_of_a_copy_stands(world):
    concluding = world.concluding(RECOVERY)
    concluding.conclude_copy("p", 1, {"state": "succeeded", "facts": {}})
    assert concluding.conclude_copy("p", 1, {"state": "failed", "error": "e", "cause": "c"})["state"] == "succeeded"
    assert concluding.conclude_copy("p", 2, {"state": "failed", "error": "e", "cause": "c"})["state"] == "failed"
    with pytest.raises(AlreadyClaimed):
        concluding.conclude_copy("p", 1, {"state": "succeeded", "facts": {}})
