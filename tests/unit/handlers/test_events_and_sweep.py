"""What events bring, and what the sweep finds when they do not come."""

import json

import pytest
from backup_fakes import NOON, PREFIX, PRIMARY, RECOVERY, client_error
from backup_world import World
from test_claims import claim
from test_operations_followed import take, taken

from handlers import settle_operation, sweep_operations

POINT = "orders-20261006t1200z"
RUN = json.dumps({"database": "orders", "scheduled_at": NOON})


@pytest.fixture
def world():
    world = World()
    world.lossy = True
    return world


def failed(world):
    return world.bus[PRIMARY].of("Recovery Point Failed")


# ---- the queue -------------------------------------------------------------------------------------------------------


def settle(world, *bodies, region=PRIMARY):
    records = [
        {"messageId": str(n), "body": body if isinstance(body, str) else json.dumps(body)}
        for n, body in enumerate(bodies)
    ]
    answer = settle_operation.settle_all(world.concluding(region), PREFIX, records)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def ended(execution, status="TIMED_OUT"):
    """As AWS sends it for a machine under a customer-managed key: without input, output, error and cause."""
    detail = {"executionArn": execution, "status": status, "input": None, "inputDetails": {"included": False}}
    return {"detail-type": "Step Functions Execution Status Change", "source": "aws.states", "detail": detail}


def snapshot_event(name, event_id="RDS-EVENT-0042"):
    detail = {"SourceIdentifier": name, "EventID": event_id}
    return {"detail-type": "RDS DB Snapshot Event", "source": "aws.rds", "detail": detail}


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
    world.states[PRIMARY].executions["run-1"] = {
        "status": "TIMED_OUT",
        "error": "States.Timeout",
        "cause": "",
        "input": RUN,
    }
    assert settle(world, ended("run-1")) == []
    assert world.point()["error"] == "States.Timeout"
    assert len(failed(world)) == 1


def test_a_run_that_died_before_it_had_its_point_is_recorded_as_failed(world):
    world.states[PRIMARY].executions["run-1"] = {"status": "ABORTED", "input": RUN}
    assert settle(world, ended("run-1", "ABORTED")) == []
    assert world.point()["cause"] == "the run ended as ABORTED without recording why"
    assert len(failed(world)) == 1


def test_a_run_that_is_said_to_have_ended_and_goes_on_is_left_alone(world):
    claim(world)
    assert settle(world, ended("run-1")) == []
    assert world.point()["status"] == "running"


def test_a_run_that_nobody_knows_any_more_is_passed_over(world):
    assert settle(world, ended("run-0")) == []
    assert failed(world) == []


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
    request = json.dumps({"request": {"point": {"id": POINT}}})
    world.states[RECOVERY].executions["copy-1"] = {"status": "TIMED_OUT", "input": request}
    assert settle(world, ended("copy-1"), region=RECOVERY) == []
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
    assert lost == {"recovery_point": POINT, "operation": "snapshot", "seconds": 120}


def test_the_event_of_another_operation_does_not_stand_in_for_a_lost_one(world):
    point = claim(world)
    take(world, "t1", point)
    world.rds[PRIMARY].finish()
    settle(world, snapshot_event(point["snapshot"], "RDS-EVENT-0161"))
    assert "t1" in world.states[PRIMARY].answers
    world.time += sweep_operations.EVENT_DELAY
    world.sweep()
    assert [lost["operation"] for lost in world.bus[PRIMARY].of("Lost Event Found")] == ["snapshot"]


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
