"""What happens on a bad day: each fault ends in a point that is not verified, and that says why."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from world import World, eventually

from handlers.core import names
from sandbox.follow import Follower, Run

RUNNING = "RUNNING"


def subjects(problems: Any) -> dict[str, str]:
    return {problem["subject"]: problem["reason"] for problem in problems}


def test_a_partial_export_names_every_table_that_is_not_whole(world: World) -> None:
    """One table failed, one was skipped, and of one somebody deletes a part before it is looked at."""
    with world.login.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE zoo.skipped (`blank in name` INT)")  # RDS skips such a table
        cursor.execute("INSERT INTO zoo.skipped VALUES (1)")
    busy = {"service": "s3", "operation": "ListBucketVersions", "principal": "*check-export*", "error": "SlowDown"}
    world.engine.set_faults({"export": {"fail_tables": ["zoo.numbers"]}, "calls": [{**busy, "times": 1000}]})
    try:
        follower = world.story.send(world.next_time())
        backup = eventually(lambda: follower.runs("backup"), what="a backup run")[0]
        part = eventually(lambda: _part(world, backup.name, "zoo.texts"), 30, "the export")
        eventually(lambda: follower.state_of(backup) == "CheckExport", 30, "the check")
        world.client("s3").delete_object(Bucket=world.bucket("staging", world.primary), Key=part)
        world.engine.clear_faults()
        report = world.finish(follower)
    finally:
        with world.login.connect() as connection, connection.cursor() as cursor:
            cursor.execute("DROP TABLE zoo.skipped")
    assert (report.status, report.level) == ("partial", 0)
    about = " ".join(subjects(report.problems))
    assert all(name in about for name in ("zoo.numbers", "zoo.skipped", "zoo.texts"))
    assert world.ledger.point(report.recovery_point)["status"] == "partial"


def _part(world: World, point: str, table: str) -> str | None:
    """A Parquet object of that table and point in staging."""
    staging, s3 = world.bucket("staging", world.primary), world.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=staging, Prefix="exports/")
    keys = [str(each["Key"]) for page in pages for each in page.get("Contents", [])]
    found = (key for key in keys if f"{point}/" in key and f"/{table}/" in key and key.endswith(".parquet"))
    return next(found, None)


def test_a_lost_event_is_found_by_the_sweep(world: World) -> None:
    """No event says that the snapshot is there, none that the export is complete."""
    world.engine.set_faults({"rds_events": {"RDS-EVENT-0042": "drop", "RDS-EVENT-0161": "drop"}})
    follower = world.story.send(world.next_time())
    backup = eventually(lambda: follower.runs("backup"), what="a backup run")[0]

    def is_past(state: str) -> bool:
        world.sweep()
        time.sleep(0.3)
        return follower.state_of(backup) not in {None, "ClaimRecoveryPoint", "TakeInventory", state}

    eventually(lambda: is_past("TakeSnapshot"), 60, what="what the event would have done")

    # The event had two minutes to come; let them be over.
    row = eventually(lambda: _unnoticed(world, backup.name), what="the sweep's note")
    before = (datetime.now(UTC) - timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert world.ledger.change(row, {"unnoticed_since": before}, seen={"arms": row["arms"]})
    world.sweep()

    def told() -> bool:
        return any(
            event["detail-type"] == "Lost Event Found" and event["detail"]["recovery_point"] == backup.name
            for event in world.heard()
        )

    eventually(told, what="Lost Event Found")
    past_export = {"CheckExport", "RequestCopy", "ConcludeRecoveryPoint", "RecoveryPointVerified"}
    eventually(lambda: is_past("TakeSnapshot") and follower.state_of(backup) in past_export, 60, what="the rest")
    report = world.finish(follower)
    assert (report.status, report.level) == ("verified", 2)


def _unnoticed(world: World, point: str) -> dict[str, Any] | None:
    row = world.ledger.operation(point, "snapshot")
    return row if row and "unnoticed_since" in row else None


def test_the_vault_is_looked_at_object_by_object(world: World) -> None:
    """Somebody wrote to the vault: one object has another byte, one lies under another key."""
    world.engine.set_faults({"replication": {"skip": ["manifests/*"]}})  # the comparison waits for the manifest
    follower = world.story.send(world.next_time())
    (backup,) = eventually(lambda: follower.runs("backup"), what="a backup run")
    copy = eventually(lambda: follower.copies_of(backup.name), 60, "a copy run")[0]
    eventually(lambda: follower.state_of(copy) == "CompareVault", 60, "the comparison")

    s3, vault = _plain_s3(world), world.bucket("vault", world.recovery)
    staging = world.bucket("staging", world.primary)
    manifest_key = names.manifest_key(backup.name)
    text = world.client("s3").get_object(Bucket=staging, Key=manifest_key)["Body"].read()
    prefix = json.loads(text)["prefix"]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=vault, Prefix=prefix)["Contents"]]
    changed, rekeyed = [key for key in keys if key.endswith(".parquet")][:2]
    body = bytearray(s3.get_object(Bucket=vault, Key=changed)["Body"].read())
    body[len(body) // 2] ^= 1
    s3.put_object(Bucket=vault, Key=changed, Body=bytes(body))
    other = world.client("kms", world.recovery).create_key()["KeyMetadata"]["Arn"]
    world.foreign_keys.append(other)
    same = s3.get_object(Bucket=vault, Key=rekeyed)["Body"].read()
    s3.put_object(Bucket=vault, Key=rekeyed, Body=same, ServerSideEncryption="aws:kms", SSEKMSKeyId=other)
    s3.put_object(Bucket=vault, Key=manifest_key, Body=text)

    report = world.finish(follower)
    assert (report.status, report.level) == ("partial", 1)
    assert subjects(report.problems)[changed] == "checksum-differs"
    assert subjects(report.problems)[rekeyed] in {"wrong-key", "object-unreadable"}


def _plain_s3(world: World) -> Any:
    """A client that lets S3 choose the checksum, as RDS and replication do."""
    return boto3.client(
        "s3",
        region_name=world.recovery,
        endpoint_url=world.engine.endpoint,
        aws_access_key_id=world.engine.account,
        aws_secret_access_key="test",
        config=Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"}),
    )


def test_what_cannot_be_delivered_lies_among_the_dead_letters(world: World) -> None:
    """The machine that a rule starts is gone."""
    events, bus = world.client("events", world.recovery), world.settings.prefix
    rule = world.settings.name("copy-requested")
    queue = world.physical_id("backup", "UndeliveredEvents", world.recovery)
    (target,) = events.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{**target, "Arn": f"{target['Arn']}-gone"}])
    try:
        detail = json.dumps({"request": {"point": {"id": "nobody-20260101t0000z"}}})
        entry = {"Source": "holdfast.backup", "DetailType": "Copy Requested", "Detail": detail, "EventBusName": bus}
        world.client("events").put_events(Entries=[entry])
        letters = eventually(lambda: world.messages(queue, world.recovery), what="a dead letter")
    finally:
        events.put_targets(Rule=rule, EventBusName=bus, Targets=[target])
    assert any("nobody-20260101t0000z" in letter for letter in letters)


@pytest.mark.parametrize(
    ("operation", "who"), [("CreateDBSnapshot", "*take-snapshot*"), ("CopyDBSnapshot", "*copy-snapshot*")]
)
def test_what_aws_refuses_is_recorded_with_its_reason(world: World, operation: str, who: str) -> None:
    refused = {"service": "rds", "operation": operation, "principal": who, "error": "InvalidParameterCombination"}
    world.engine.set_faults({"calls": [{**refused, "times": 100}]})
    report = world.finish(world.story.send(world.next_time()))
    assert report.status != "verified"
    assert report.problems, "nobody would know why"


def test_an_aborted_run_is_recorded_as_failed_and_frees_its_slot(world: World) -> None:
    world.engine.set_faults({"rds_events": {"RDS-EVENT-0161": "drop"}})  # the export's end goes unnoticed
    follower = world.story.send(world.next_time())
    (backup,) = eventually(lambda: follower.runs("backup"), what="a backup run")
    eventually(lambda: _is_exporting(world, follower, backup), 60, "the export")
    world.client("stepfunctions").stop_execution(executionArn=backup.arn, error="Aborted", cause="somebody did it")
    world.engine.clear_faults()

    point = eventually(lambda: _failed(world, backup.name), 30, "the record of the failure")
    assert point["status"] == "failed"
    assert point["error"] == "Aborted"
    lease = world.ledger.read(f"LEASE#{world.primary}#exports", "LEASE")
    assert lease is not None
    assert backup.name not in lease["holders"]
    told = eventually(
        lambda: [event for event in world.heard() if event["detail-type"] == "Recovery Point Failed"], what="the news"
    )
    assert told[-1]["detail"]["recovery_point"] == backup.name


def _is_exporting(world: World, follower: Follower, backup: Run) -> bool:
    lease = world.ledger.read(f"LEASE#{world.primary}#exports", "LEASE")
    return follower.state_of(backup) == "ExportSnapshot" and backup.name in (lease or {}).get("holders", {})


def _failed(world: World, point: str) -> dict[str, Any] | None:
    row = world.ledger.point(point)
    return row if row and row["status"] != "running" else None
