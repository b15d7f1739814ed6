"""Beginning, following and answering one operation; what RDS refuses, and what an earlier run left."""

import pytest
from backup_fakes import BACKUPS_KEY, DATA_KEY, NOON, PREFIX, PRIMARY, RECOVERY, STAGING, MachineError, client_error
from backup_world import World
from test_claims import claim

from handlers import copy_snapshot, export_snapshot, request_copy, take_snapshot
from handlers.core.errors import (
    AlreadyClaimed,
    CopyRefused,
    DatabaseNotFound,
    ExportRefused,
    PermissionMissing,
    QuotaReached,
    SnapshotRefused,
    TemporarilyUnavailable,
)
from handlers.runtime import translated

ROLE = "arn:aws:iam::123456789012:role/export"
TAKE = take_snapshot.Environment(PREFIX, "", DATA_KEY)
EXPORT = export_snapshot.Environment("", STAGING, BACKUPS_KEY[PRIMARY], ROLE)
COPY = copy_snapshot.Environment(PREFIX, "", BACKUPS_KEY[RECOVERY], PRIMARY)


@pytest.fixture
def world():
    world = World()
    world.lossy = True
    return world


def take(world, token, point=None):
    world.states[PRIMARY].waiting.add(token)
    take_snapshot.take(world.following(), TAKE, point or claim(world), token)


def taken(world):
    """A point whose snapshot is available, and its facts."""
    point = claim(world)
    take(world, "taken", point)
    world.rds[PRIMARY].finish()
    world.following().settle(world.operation("snapshot"))
    return point, world.states[PRIMARY].answers["taken"]


def export(world, token, point, snapshot):
    world.states[PRIMARY].waiting.add(token)
    with translated():
        export_snapshot.export(world.following(), EXPORT, point, snapshot, token)


def copy(world, token, point, snapshot):
    world.states[RECOVERY].waiting.add(token)
    with translated():
        copy_snapshot.copy(world.following(RECOVERY), COPY, point, snapshot, token)


def test_the_token_is_stored_before_rds_is_asked(world):
    seen = []
    world.rds[PRIMARY].create_db_snapshot = lambda **_: seen.append(world.operation("snapshot")["token"])
    take(world, "t1")
    assert seen == ["t1"]


def test_a_snapshot_of_ours_that_exists_is_adopted_and_answered_at_once(world):
    point = claim(world)
    take(world, "t1", point)
    world.rds[PRIMARY].finish()
    take(world, "t2", point)
    assert world.states[PRIMARY].answers["t2"]["id"] == point["snapshot"]
    assert "t1" not in world.states[PRIMARY].answers


def test_a_snapshot_of_somebody_elses_is_refused_and_never_deleted(world):
    point = claim(world)
    world.rds[PRIMARY]._snapshot(point["snapshot"], "available", [], DBInstanceIdentifier="orders", KmsKeyId=DATA_KEY)
    take(world, "t1", point)
    assert world.states[PRIMARY].answers["t1"].caught["Error"] == "SnapshotRefused"
    world.concluding().fail(world.point(), {"Error": "SnapshotRefused", "Cause": "not ours"})
    world.rest()
    assert point["snapshot"] in world.rds[PRIMARY].snapshots
    assert [row for row in world.items.values() if "open" in row] == []


def test_a_late_look_with_an_old_token_answers_nobody(world):
    point = claim(world)
    take(world, "t1", point)
    old = world.operation("snapshot")
    old = {**old}
    take(world, "t2", point)
    world.rds[PRIMARY].finish()
    world.states[PRIMARY].waiting.discard("t1")
    world.following().settle(old)
    assert world.states[PRIMARY].answers == {}
    world.following().settle(world.operation("snapshot"))
    assert list(world.states[PRIMARY].answers) == ["t2"]


def test_a_run_that_was_taken_over_can_begin_nothing(world):
    first = claim(world)
    world.states[PRIMARY].executions["run-1"] = {"status": "ABORTED"}
    second = claim(world, "run-2")
    take(world, "t2", second)
    with pytest.raises(AlreadyClaimed, match="belongs to a later run"):
        take(world, "t1", first)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("DBInstanceNotFound", DatabaseNotFound),
        ("InvalidDBInstanceState", SnapshotRefused),
        ("SnapshotQuotaExceeded", SnapshotRefused),
        ("ThrottlingException", TemporarilyUnavailable),
        ("KMSKeyNotAccessibleFault", PermissionMissing),
    ],
)
def test_what_rds_says_to_a_snapshot_has_a_name_of_ours(world, code, error):
    world.rds[PRIMARY].fail_next["create"] = client_error(code, "CreateDBSnapshot")
    with pytest.raises(error), translated():
        take(world, "t1")


def test_a_database_that_began_its_own_backup_meanwhile_is_looked_at_again(world):
    point = claim(world)
    world.rds[PRIMARY].instances["orders"]["DBInstanceStatus"] = "backing-up"
    world.rds[PRIMARY].fail_next["create"] = client_error("InvalidDBInstanceState")
    with pytest.raises(TemporarilyUnavailable, match="orders is backing-up"):
        take(world, "t1", point)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ExportTaskLimitReachedFault", QuotaReached),
        ("ExportTaskLimitReached", QuotaReached),
        ("InvalidExportSourceState", ExportRefused),
        ("InvalidS3BucketFault", ExportRefused),
        ("DBSnapshotNotFound", ExportRefused),
        ("IamRoleMissingPermissions", PermissionMissing),
        ("KMSKeyNotAccessibleFault", PermissionMissing),
        ("InternalFailure", TemporarilyUnavailable),
    ],
)
def test_what_rds_says_to_an_export_has_a_name_of_ours(world, code, error):
    point, snapshot = taken(world)
    world.rds[PRIMARY].fail_next["export"] = client_error(code, "StartExportTask")
    with pytest.raises(error) as raised:
        export(world, "e1", point, snapshot)
    if error is PermissionMissing:
        assert ROLE in str(raised.value)
        assert BACKUPS_KEY[PRIMARY] in str(raised.value)


def test_an_export_that_exists_is_adopted_and_answered_at_once(world):
    point, snapshot = taken(world)
    export(world, "e1", point, snapshot)
    world.rds[PRIMARY].finish()
    export(world, "e2", point, snapshot)
    assert world.states[PRIMARY].answers["e2"]["task"] == point["export_task"]
    assert "e1" not in world.states[PRIMARY].answers


def test_a_copy_that_the_recovery_region_has_concluded_is_answered_at_once(world):
    point, snapshot = taken(world)
    world.concluding(RECOVERY).conclude_copy(point["id"], 1, {"state": "succeeded", "facts": {"objects": 1}})
    world.states[PRIMARY].waiting.add("r1")
    event = {"point": point, "snapshot": snapshot, "check": {"manifest": "m"}, "token": "r1"}
    request_copy.request(world.following(), request_copy.Environment("", PREFIX), event)
    assert world.states[PRIMARY].answers["r1"] == {"objects": 1}


def test_an_export_of_the_same_snapshot_under_another_name_is_waited_for(world):
    point, snapshot = taken(world)
    export(world, "e1", {**point, "export_task": "other"}, snapshot)
    del world.items["POINT#orders-20261006t1200z", "OPERATION#export"]
    with pytest.raises(QuotaReached, match="another task"):
        export(world, "e2", point, snapshot)


def test_an_export_that_a_failed_run_left_running_is_waited_for(world):
    point, snapshot = taken(world)
    export(world, "e1", point, snapshot)
    world.following().abandon(world.operation("export"))
    with pytest.raises(QuotaReached, match="has not ended yet"):
        export(world, "e2", {**point, "attempt": 2, "export_task": "next"}, snapshot)


def test_what_is_just_being_deleted_is_not_adopted(world):
    point = claim(world)
    take(world, "t1", point)
    world.items["POINT#orders-20261006t1200z", "OPERATION#snapshot"]["cleaning"] = True
    with pytest.raises(TemporarilyUnavailable, match="being deleted"):
        take(world, "t2", point)


def test_an_export_under_a_lease_gives_its_slot_back_when_it_ends(world):
    point, snapshot = taken(world)
    world.states[PRIMARY].waiting |= {"s1", "s2"}
    slots = world.following().slots
    slots.wait("exports", 1, point, "s1")
    slots.wait("exports", 1, {**point, "id": "stock-20261006t1200z"}, "s2")
    export(world, "e1", point, snapshot)
    assert world.states[PRIMARY].answers["s1"] == {"slot": "exports"}
    assert "s2" not in world.states[PRIMARY].answers
    world.rds[PRIMARY].finish()
    world.following().settle(world.operation("export"))
    assert world.states[PRIMARY].answers["s2"] == {"slot": "exports"}
    assert slots.parties("exports") == [("stock-20261006t1200z", 1)]


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [
        ("SnapshotQuotaExceeded", "Cannot create more than 100 manual snapshots", CopyRefused),
        ("SnapshotQuotaExceeded", "You have reached the maximum of 20 copies in progress", QuotaReached),
        ("SnapshotQuotaExceeded", "Limit of in-progress snapshot copies exceeded", QuotaReached),
        ("DBSnapshotNotFound", "", CopyRefused),
        ("InvalidDBSnapshotState", "", CopyRefused),
        ("KMSKeyNotAccessibleFault", "", PermissionMissing),
        ("RequestLimitExceeded", "", TemporarilyUnavailable),
    ],
)
def test_what_rds_says_to_a_copy_has_a_name_of_ours(world, code, text, error):
    point, snapshot = taken(world)
    world.rds[RECOVERY].fail_next["copy"] = client_error(code, "CopyDBSnapshot", text)
    with pytest.raises(error):
        copy(world, "c1", point, snapshot)


def test_a_copy_that_exists_is_adopted_and_answered_at_once(world):
    point, snapshot = taken(world)
    copy(world, "c1", point, snapshot)
    world.rds[RECOVERY].finish()
    copy(world, "c2", point, snapshot)
    assert world.states[RECOVERY].answers["c2"]["snapshot"] == point["snapshot"]
    assert world.states[RECOVERY].answers["c2"]["key"] == BACKUPS_KEY[RECOVERY]


def test_a_copy_of_another_snapshot_is_refused_by_an_answer(world):
    point, snapshot = taken(world)
    copy(world, "c1", point, {**snapshot, "arn": "another"})
    world.rds[RECOVERY].finish()
    copy(world, "c2", point, snapshot)
    answer = world.states[RECOVERY].answers["c2"]
    assert isinstance(answer, MachineError)
    assert answer.caught["Error"] == "CopyRefused"


def test_the_urgency_of_a_point_orders_the_queue(world):
    world.add_database("stock")
    slots = world.following().slots
    holder, late, soon = (claim(world, f"run-{n}", database=d, scheduled_at=at) for n, d, at in (
        (1, "orders", NOON), (2, "orders", "2026-10-06T18:00:00Z"), (3, "stock", "2026-10-06T15:00:00Z"),
    ))  # fmt: skip
    world.states[PRIMARY].waiting |= {"holder", "late", "soon"}
    slots.wait("exports", 1, holder, "holder")
    slots.wait("exports", 1, late, "late")
    slots.wait("exports", 1, soon, "soon")
    slots.release("exports", holder["id"], 1)
    assert list(world.states[PRIMARY].answers) == ["holder", "soon"]


def test_a_late_release_of_an_earlier_run_takes_no_slot_from_a_later_one(world):
    point = claim(world)
    world.states[PRIMARY].waiting |= {"s2"}
    slots = world.following().slots
    slots.wait("exports", 1, {**point, "attempt": 2}, "s2")
    slots.release("exports", point["id"], 1)
    assert slots.parties("exports") == [(point["id"], 2)]


def test_fewer_slots_than_before_are_respected_as_they_come_free(world):
    point = claim(world)
    slots = world.following().slots
    world.states[PRIMARY].waiting |= {"a", "b", "c"}
    for name, capacity in (("a", 2), ("b", 2), ("c", 1)):
        slots.wait("exports", capacity, {**point, "id": name}, name)
    slots.release("exports", "a", 1)
    assert "c" not in world.states[PRIMARY].answers
    slots.release("exports", "b", 1)
    assert "c" in world.states[PRIMARY].answers
