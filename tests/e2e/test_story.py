"""What happens on a good day: everything verified, everything counted, everything where it belongs."""

from __future__ import annotations

from pathlib import Path

from world import World, eventually

from sandbox import run
from sandbox.report import PointReport


def test_every_table_has_as_many_rows_as_sql_counts(world: World, verified: PointReport) -> None:
    assert (verified.status, verified.level, verified.problems) == ("verified", 2, [])
    assert {table.name: table.rows for table in verified.tables} == world.counted


def test_the_copy_lies_in_the_recovery_region_under_its_key_and_locked(world: World, verified: PointReport) -> None:
    s3 = world.client("s3", world.recovery)
    vault = world.bucket("vault", world.recovery)
    _, _, path = verified.locations["vault"].removeprefix("s3://").partition("/")
    objects = s3.list_objects_v2(Bucket=vault, Prefix=path)["Contents"]
    assert len(objects) >= len(verified.tables)
    for each in objects:
        head = s3.head_object(Bucket=vault, Key=each["Key"])
        assert f":{world.recovery}:" in head["SSEKMSKeyId"]
        assert head["ObjectLockMode"] == world.settings.backup.lock_mode
    name = verified.locations["snapshot copy"].rpartition(":")[2]
    (copy,) = world.client("rds", world.recovery).describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"]
    assert (copy["Status"], copy["KmsKeyId"]) == ("available", verified.keys["copy"])


def test_the_world_hears_of_it_once(world: World, verified: PointReport) -> None:
    def told() -> list[object]:
        return [
            event["detail"]
            for event in world.heard()
            if event["detail-type"] == "Recovery Point Verified"
            and event["detail"]["recovery_point"] == verified.recovery_point
        ]

    assert len(eventually(told, what="Recovery Point Verified")) == 1


def test_a_schedule_that_fires_twice_makes_one_recovery_point(world: World) -> None:
    at = world.next_time()
    world.story.send(at)
    follower = world.story.send(at)
    eventually(lambda: all(fleet.status != "RUNNING" for fleet in follower.runs("fleet")), what="the end of fleet")
    started = [each for each in world.client("stepfunctions").list_executions(stateMachineArn=world.machine("backup"))[
        "executions"
    ] if each["name"].endswith(f"{at:%Y%m%dt%H%Mz}")]  # fmt: skip
    assert len(started) == 1
    point = started[0]["name"]
    eventually(lambda: (world.ledger.point(point) or {}).get("status") == "verified", 60, "verified")
    snapshots = world.client("rds").describe_db_snapshots()["DBSnapshots"]
    assert sum(point in each["DBSnapshotIdentifier"] for each in snapshots) == 1


def test_doubled_events_change_nothing(world: World) -> None:
    snapshot, exported, copied = "RDS-EVENT-0042", "RDS-EVENT-0161", "RDS-EVENT-0060"
    report = world.back_up({"rds_events": dict.fromkeys((snapshot, exported, copied), "double")})
    assert (report.status, report.level) == ("verified", 2)
    told = [event for event in world.heard() if event["detail"].get("recovery_point") == report.recovery_point]
    assert sorted(event["detail-type"] for event in told).count("Recovery Point Verified") == 1


def test_a_run_leaves_nothing_behind(tmp_path: Path) -> None:
    with run.directory(tmp_path) as own:
        assert own.is_dir()
    assert not list((tmp_path / "runs").iterdir())
