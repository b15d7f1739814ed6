"""How failures are recorded, reported and cleaned up; what the sweep and the queue find."""

import json

import pytest
from backup_fakes import NOON, PREFIX, PRIMARY, RECOVERY, World, client_error
from test_claims import claim
from test_operations_followed import export, take, taken

from handlers import record_copy_failure, record_failure, settle_operation, sweep_operations
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
            "problems": 0,
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


# ---- the queue -------------------------------------------------------------------------------------------------------


def settle(world, *bodies, region=PRIMARY):
    records = [
        {"messageId": str(n), "body": body if isinstance(body, str) else json.dumps(body)}
        for n, body in enumerate(bodies)
    ]
    answer = settle_operation.settle_all(world.concluding(region), PREFIX, records)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def ended(execution, status="TIMED_OUT", **data):
    detail = {"executionArn": execution, "status": status, "input": json.dumps(data)}
    return {"detail-type": "Step Functions Execution Status Change", "source": "aws.states", "detail": detail}


def snapshot_event(name):
    return {"detail-type": "RDS DB Snapshot Event", "source": "aws.rds", "detail": {"SourceIdentifier": name}}


def test_an_event_that_lies_changes_nothing(world):
    point = claim(world)
    take(world, "t1", point)
    assert settle(world, snapshot_event(point["snapshot"])) == []
    assert world.states[PRIMARY].answers == {}


def test_events_of_others_are_passed_over(world):
    others = [
        snapshot_event("rds:orders-2026"),
        snapshot_event(f"{PREFIX}-stock-20261006t1200z"),
        {"detail-type": "x", "detail": {}},
    ]
    assert settle(world, *others) == []


def test_a_message_that_cant_be_read_comes_again_and_holds_up_no_other(world):
    point = claim(world)
    take(world, "t1", point)
    world.rds[PRIMARY].finish()
    assert settle(world, "no json", {"detail": {}}, snapshot_event(point["snapshot"])) == ["0", "1"]
    assert "t1" in world.states[PRIMARY].answers


def test_a_run_that_timed_out_without_a_word_is_recorded_as_failed(world):
    claim(world)
    world.states[PRIMARY].executions["run-1"] = {"status": "TIMED_OUT", "error": "States.Timeout", "cause": ""}
    assert settle(world, ended("run-1", database="orders", scheduled_at=NOON)) == []
    assert world.point()["error"] == "States.Timeout"
    assert len(failed(world)) == 1


def test_a_run_that_died_before_it_had_its_point_is_recorded_as_failed(world):
    world.states[PRIMARY].executions["run-1"] = {"status": "ABORTED"}
    assert settle(world, ended("run-1", "ABORTED", database="orders", scheduled_at=NOON)) == []
    assert world.point()["cause"] == "the run ended as ABORTED without recording why"
    assert len(failed(world)) == 1


def test_a_run_that_is_said_to_have_ended_and_goes_on_is_left_alone(world):
    claim(world)
    assert settle(world, ended("run-1", database="orders", scheduled_at=NOON)) == []
    assert world.point()["status"] == "running"


def test_a_copy_run_that_timed_out_is_recorded_and_the_waiting_run_fails(world):
    world.items[f"POINT#{POINT}", "CLAIM#copy"] = {
        "pk": f"POINT#{POINT}",
        "sk": "CLAIM#copy",
        "point": POINT,
        "attempt": 1,
        "execution": "copy-1",
        "open": RECOVERY,
        "begun_at": NOON,
    }
    world.states[RECOVERY].executions["copy-1"] = {"status": "TIMED_OUT"}
    request = {"point": {"id": POINT}}
    assert settle(world, ended("copy-1", request=request), region=RECOVERY) == []
    assert world.items[f"POINT#{POINT}", "OUTCOME#copy"]["state"] == "failed"
    assert "open" not in world.items[f"POINT#{POINT}", "CLAIM#copy"]


# ---- the sweep -------------------------------------------------------------------------------------------------------


def test_a_lost_event_is_reported_once_and_only_after_it_had_its_time(world):
    point = claim(world)
    take(world, "t1", point)
    world.rds[PRIMARY].finish()
    world.sweep()
    assert "t1" in world.states[PRIMARY].answers
    assert world.bus[PRIMARY].of("Lost Event Found") == []
    world.sweep()
    assert world.bus[PRIMARY].of("Lost Event Found") == []
    world.time += sweep_operations.EVENT_DELAY
    world.sweep()
    world.sweep()
    (lost,) = world.bus[PRIMARY].of("Lost Event Found")
    assert (lost["kind"], lost["resource"], lost["region"]) == ("snapshot", point["snapshot"], PRIMARY)


def test_an_event_that_comes_after_the_sweep_is_not_lost(world):
    point = claim(world)
    take(world, "t1", point)
    world.rds[PRIMARY].finish()
    world.sweep()
    settle(world, snapshot_event(point["snapshot"]))
    world.time += sweep_operations.EVENT_DELAY
    world.sweep()
    assert world.bus[PRIMARY].of("Lost Event Found") == []
    assert "open" not in world.operation("snapshot")


def test_the_slot_of_a_dead_run_is_freed_and_goes_to_who_waits(world):
    world.add_database("stock")
    dead, waiting = claim(world, "run-1"), claim(world, "run-2", database="stock")
    slots = world.following().slots
    world.states[PRIMARY].waiting |= {"s1", "s2"}
    slots.wait("exports", 1, dead, "s1")
    slots.wait("exports", 1, waiting, "s2")
    world.states[PRIMARY].executions["run-1"] = {"status": "ABORTED"}
    world.sweep()
    assert world.states[PRIMARY].answers["s2"] == {"slot": "exports"}
    assert slots.parties("exports") == [(waiting["id"], 1)]


def test_a_waiter_whose_queueing_died_half_way_is_told_by_the_sweep(world):
    point = claim(world)
    world.states[PRIMARY].waiting |= {"s1"}
    slots = world.following().slots
    slots._ensure("exports", 1)
    waiter = {"pk": f"LEASE#{PRIMARY}#exports", "sk": f"WAITER#x#{POINT}", "point": POINT, "attempt": 1, "urgency": "x"}
    world.ledger().put({**waiter, "token": "s1"}, seen=None)
    world.sweep()
    assert world.states[PRIMARY].answers["s1"] == {"slot": "exports"}
    assert slots.parties("exports") == [(point["id"], 1)]


def test_a_sweep_that_stumbles_over_one_row_goes_on_with_the_others(world):
    world.add_database("stock")
    take(world, "t1", claim(world))
    stock = claim(world, "run-2", database="stock")
    take(world, "t2", stock)
    world.rds[PRIMARY].finish()
    describe = world.rds[PRIMARY].describe_db_snapshots

    def moody(*, DBSnapshotIdentifier):  # noqa: N803
        if DBSnapshotIdentifier != stock["snapshot"]:
            raise client_error("InternalFailure", status=500)
        return describe(DBSnapshotIdentifier=DBSnapshotIdentifier)

    world.rds[PRIMARY].describe_db_snapshots = moody
    assert world.sweep()["failed"] == 1
    assert "t2" in world.states[PRIMARY].answers


def test_a_copy_request_that_got_lost_is_started_by_the_recovery_regions_sweep_with_the_same_input(world):
    point, snapshot = taken(world)
    row = world.following().arm(
        "recovery-copy", point, "r1", snapshot["arn"], {"request": {"point": point, "snapshot": snapshot}}
    )
    world.sweep(RECOVERY)
    assert world.states[RECOVERY].started == []
    world.time += sweep_operations.EVENT_DELAY
    world.sweep(RECOVERY)
    assert world.states[RECOVERY].started == [(POINT, row["expected"])]


def test_copy_runs_that_always_end_before_they_begin_fail_the_copy(world):
    point, snapshot = taken(world)
    request = {"request": {"point": point, "snapshot": snapshot}}
    world.following().arm("recovery-copy", point, "r1", snapshot["arn"], request)
    world.time += sweep_operations.EVENT_DELAY
    for _ in range(10):
        world.sweep(RECOVERY)
    assert world.items[f"POINT#{POINT}", "OUTCOME#copy"]["error"] == "CopyRefused"
