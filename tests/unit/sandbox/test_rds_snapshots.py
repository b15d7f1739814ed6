"""Snapshots and their copies: what they hold, what they say, what is refused, what is announced."""

import datetime as dt

import pytest
from botocore.exceptions import ClientError
from databases import PASSWORD, Databases, unique
from making import RECOVERY
from ministack.core.responses import request_scope
from ministack.services import rds

from sandbox.engine.rds import copies
from sandbox.engine.rds.common import Refused


@pytest.fixture(scope="module")
def databases(engine):
    made = Databases(engine)
    made.query("CREATE DATABASE shop")
    made.query("CREATE TABLE shop.orders (id INT PRIMARY KEY, doubled INT AS (id * 2) VIRTUAL)")
    made.query("INSERT INTO shop.orders (id) VALUES (1), (2)")
    yield made
    made.delete()


@pytest.fixture
def recovery_key(databases):
    kms = databases.engine.client("kms", RECOVERY)
    alias = f"alias/{unique('dr')}"
    arn = databases.new_key(RECOVERY)
    kms.create_alias(AliasName=alias, TargetKeyId=arn)
    return f"arn:aws:kms:{RECOVERY}:{databases.engine.account}:{alias}", arn


@pytest.fixture(autouse=True)
def _quiet(databases, aws):
    aws.clear_faults()
    databases.drain()


def copy(databases, source, target=None, **changes):
    made = databases.recovery.copy_db_snapshot(
        SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=target or unique("copy"), **changes
    )["DBSnapshot"]
    assert (made["Status"], made["PercentProgress"]) == ("creating", 0)
    return databases.await_snapshot(made["DBSnapshotIdentifier"], databases.recovery)


def refused(call, **parameters) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def test_a_snapshot_is_created_and_becomes_available_with_its_key_tags_and_times(databases):
    name = unique("snap")
    begun = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    first = databases.rds.create_db_snapshot(
        DBInstanceIdentifier=databases.name, DBSnapshotIdentifier=name, Tags=[{"Key": "team", "Value": "a & b <c>"}]
    )["DBSnapshot"]
    assert (first["Status"], first["PercentProgress"]) == ("creating", 0)
    found = databases.await_snapshot(name)
    assert (found["Status"], found["PercentProgress"], found["SnapshotType"]) == ("available", 100, "manual")
    assert (found["Encrypted"], found["KmsKeyId"]) == (True, databases.key)
    assert found["TagList"] == [{"Key": "team", "Value": "a & b <c>"}]
    assert begun < found["SnapshotCreateTime"] == found["OriginalSnapshotCreateTime"]
    assert found["DbiResourceId"] == databases.instance["DbiResourceId"]


def test_a_snapshots_events_are_those_of_rds(databases):
    name = databases.snapshot()["DBSnapshotIdentifier"]
    begun, ended = databases.whole_events_until("RDS-EVENT-0042", about=name)
    assert begun["detail"]["EventID"] == "RDS-EVENT-0040"
    arn = f"arn:aws:rds:us-east-1:{databases.engine.account}:snapshot:{name}"
    assert (ended["source"], ended["detail-type"], ended["resources"]) == ("aws.rds", "RDS DB Snapshot Event", [arn])
    detail = ended["detail"]
    assert dt.datetime.fromisoformat(detail.pop("Date")).tzinfo
    assert detail == {
        "EventCategories": ["creation"],
        "SourceType": "SNAPSHOT",
        "SourceArn": arn,
        "Message": "Manual snapshot created",
        "SourceIdentifier": name,
        "EventID": "RDS-EVENT-0042",
    }


@pytest.mark.parametrize(("fault", "times"), [("drop", 0), ("double", 2)])
def test_events_can_be_lost_or_doubled(databases, aws, fault, times):
    aws.set_faults({"rds_events": {"RDS-EVENT-0042": fault}})
    faulty = databases.snapshot()["DBSnapshotIdentifier"]
    aws.clear_faults()
    last = databases.snapshot()["DBSnapshotIdentifier"]
    seen = []
    while ("RDS-EVENT-0042", last) not in seen:
        seen += [(event["EventID"], event["SourceIdentifier"]) for event in databases.events_until("RDS-EVENT-0042")]
    assert seen.count(("RDS-EVENT-0042", faulty)) == times
    assert seen.count(("RDS-EVENT-0040", faulty)) == 1


def test_a_late_event_comes_after_the_snapshot_is_available(databases, aws):
    aws.set_faults({"rds_events": {"RDS-EVENT-0042": "late"}})
    name = databases.snapshot()["DBSnapshotIdentifier"]  # available before its event
    assert databases.events_until("RDS-EVENT-0042", about=name)


def test_tags_are_added_listed_and_described(databases):
    arn = databases.snapshot()["DBSnapshotArn"]
    databases.rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "level", "Value": "1"}])
    assert databases.rds.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "level", "Value": "1"}]
    described = databases.rds.describe_db_snapshots(DBSnapshotIdentifier=arn)["DBSnapshots"][0]
    assert described["TagList"] == [{"Key": "level", "Value": "1"}]
    tags = [{"Key": "aws:mine", "Value": "x"}]
    assert refused(databases.rds.add_tags_to_resource, ResourceName=arn, Tags=tags)[0] == "InvalidParameterValue"
    assert refused(databases.rds.list_tags_for_resource, ResourceName=arn + "x")[0] == "DBSnapshotNotFound"


def test_snapshots_are_found_by_filter_and_paged(databases):
    made = {databases.snapshot()["DBSnapshotIdentifier"] for _ in range(2)}
    describe = databases.rds.describe_db_snapshots
    filters = [{"Name": "db-instance-id", "Values": [databases.name]}]
    assert made <= {found["DBSnapshotIdentifier"] for found in describe(Filters=filters)["DBSnapshots"]}
    assert describe(SnapshotType="automated")["DBSnapshots"] == []
    assert refused(describe, MaxRecords=5)[0] == "InvalidParameterValue"
    pages = databases.rds.get_paginator("describe_db_snapshots").paginate(PaginationConfig={"PageSize": 20})
    names = [found["DBSnapshotIdentifier"] for page in pages for found in page["DBSnapshots"]]
    assert len(names) == len(set(names))
    assert made <= set(names)


def test_what_cannot_be_taken_is_refused(databases):
    name = databases.snapshot()["DBSnapshotIdentifier"]
    take = databases.rds.create_db_snapshot
    assert refused(take, DBInstanceIdentifier=databases.name, DBSnapshotIdentifier=name)[0] == "DBSnapshotAlreadyExists"
    assert refused(take, DBInstanceIdentifier="nobody", DBSnapshotIdentifier="x")[0] == "DBInstanceNotFound"
    for bad in ("1a", "a--b", "a-", "a_b"):
        assert (
            refused(take, DBInstanceIdentifier=databases.name, DBSnapshotIdentifier=bad)[0] == "InvalidParameterValue"
        )


def test_a_snapshot_in_the_making_can_neither_be_deleted_nor_copied(databases):
    name = unique("snap")
    arn = databases.rds.create_db_snapshot(DBInstanceIdentifier=databases.name, DBSnapshotIdentifier=name)[
        "DBSnapshot"
    ]["DBSnapshotArn"]
    assert refused(databases.rds.delete_db_snapshot, DBSnapshotIdentifier=name)[0] == "InvalidDBSnapshotState"
    target = {"TargetDBSnapshotIdentifier": unique("copy")}
    assert (
        refused(databases.rds.copy_db_snapshot, SourceDBSnapshotIdentifier=arn, **target)[0] == "InvalidDBSnapshotState"
    )
    databases.await_snapshot(name)
    databases.rds.delete_db_snapshot(DBSnapshotIdentifier=name)
    assert refused(databases.rds.describe_db_snapshots, DBSnapshotIdentifier=name)[0] == "DBSnapshotNotFound"


def test_the_quota_of_manual_snapshots_is_told_and_kept(databases, recovery_key):
    quotas = databases.recovery.describe_account_attributes()["AccountQuotas"]
    quota = next(quota for quota in quotas if quota["AccountQuotaName"] == "ManualSnapshots")
    assert quota["Max"] == 100
    arn = databases.snapshot()["DBSnapshotArn"]
    made = []
    for number in range(quota["Max"] - quota["Used"]):  # copies share their files
        made.append(f"fill-{number}")
        databases.recovery.copy_db_snapshot(
            SourceDBSnapshotIdentifier=arn, TargetDBSnapshotIdentifier=made[-1], KmsKeyId=recovery_key[1]
        )
        if len(made) % 19 == 0:
            databases.await_snapshot(made[-1], databases.recovery)
    code, message = refused(
        databases.recovery.copy_db_snapshot,
        SourceDBSnapshotIdentifier=arn,
        TargetDBSnapshotIdentifier="one-too-many",
        KmsKeyId=recovery_key[1],
    )
    assert (code, message) == ("SnapshotQuotaExceeded", "Cannot create more than 100 manual snapshots")
    databases.await_snapshot(made[-1], databases.recovery)
    for name in made:
        databases.recovery.delete_db_snapshot(DBSnapshotIdentifier=name)


def test_a_twenty_first_copy_at_once_is_refused_in_other_words():
    running = {"Status": "creating", "SourceRegion": "us-east-1"}
    with request_scope("111111111111", RECOVERY):
        for number in range(20):
            copies._check_lane()
            rds._snapshots[f"copy-{number}"] = dict(running)
        with pytest.raises(Refused) as refusal:
            copies._check_lane()
        rds._snapshots["copy-0"]["Status"] = "available"
        copies._check_lane()
    assert (refusal.value.code, str(refusal.value)) == (
        "SnapshotQuotaExceeded",
        "Cannot copy more than 20 snapshots across regions",
    )


def test_a_copy_has_the_key_of_its_region_and_tells_its_origin(databases, recovery_key):
    alias, key = recovery_key
    source = databases.snapshot(Tags=[{"Key": "point", "Value": "p1"}])
    made = copy(databases, source["DBSnapshotArn"], KmsKeyId=alias, CopyTags=True, SourceRegion="us-east-1")
    assert (made["Status"], made["KmsKeyId"], made["Encrypted"]) == ("available", key, True)
    assert (made["SourceRegion"], made["SourceDBSnapshotIdentifier"]) == ("us-east-1", source["DBSnapshotArn"])
    assert made["TagList"] == [{"Key": "point", "Value": "p1"}]
    assert made["OriginalSnapshotCreateTime"] == source["SnapshotCreateTime"] < made["SnapshotCreateTime"]
    begun, ended = databases.events_until("RDS-EVENT-0060", RECOVERY, made["DBSnapshotIdentifier"])
    assert begun["EventID"] == "RDS-EVENT-0059"
    assert ended["SourceIdentifier"] == made["DBSnapshotIdentifier"]
    assert ended["Message"].startswith(
        f"Finished copy of snapshot {source['DBSnapshotIdentifier']} from region us-east-1"
    )


def test_a_copy_within_the_region_keeps_the_key_and_has_events_of_its_own(databases):
    source = databases.snapshot()
    name = unique("local")
    databases.rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier=source["DBSnapshotIdentifier"],
        TargetDBSnapshotIdentifier=name,
        Tags=[{"Key": "a", "Value": "b"}],
    )
    made = databases.await_snapshot(name)
    assert (made["KmsKeyId"], made["TagList"]) == (databases.key, [{"Key": "a", "Value": "b"}])
    assert "RDS-EVENT-0196" in {event["EventID"] for event in databases.events_until("RDS-EVENT-0197", about=name)}


def test_copies_without_a_usable_key_or_source_are_refused(databases, recovery_key):
    arn = databases.snapshot()["DBSnapshotArn"]
    call = databases.recovery.copy_db_snapshot
    target = {"TargetDBSnapshotIdentifier": unique("copy")}
    code, message = refused(call, SourceDBSnapshotIdentifier=arn, **target)
    assert (code, message) == (
        "InvalidParameterValue",
        "Must specify new KMS key for cross region encrypted snapshot copy.",
    )
    for key in (databases.key, "alias/none"):
        code, message = refused(call, SourceDBSnapshotIdentifier=arn, KmsKeyId=key, **target)
        assert code == "KMSKeyNotAccessibleFault"
        assert f"target KMS key [{key}]" in message
    wrong = {"SourceDBSnapshotIdentifier": arn + "x", "KmsKeyId": recovery_key[1]}
    assert refused(call, **wrong, **target)[0] == "DBSnapshotNotFound"


def test_a_copy_restores_to_the_same_rows_and_users_under_its_key(databases, recovery_key):
    databases.query("CREATE USER IF NOT EXISTS 'app'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'")
    databases.query("GRANT SELECT ON shop.* TO 'app'@'%'")
    source = databases.snapshot()
    databases.query("REPLACE INTO shop.orders (id) VALUES (3)")
    made = copy(databases, source["DBSnapshotArn"], KmsKeyId=recovery_key[0])
    name = unique("drill")
    databases.recovery.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=name,
        DBSnapshotIdentifier=made["DBSnapshotIdentifier"],
        BackupRetentionPeriod=0,
        Tags=[{"Key": "drill", "Value": "yes"}],
    )
    found = databases.await_instance(name, databases.recovery)
    try:
        assert (found["DBInstanceStatus"], found["BackupRetentionPeriod"]) == ("available", 0)
        assert (found["KmsKeyId"], found["StorageEncrypted"]) == (recovery_key[1], True)
        assert found["IAMDatabaseAuthenticationEnabled"] is True
        assert found["TagList"] == [{"Key": "drill", "Value": "yes"}]
        assert databases.query("SELECT id, doubled FROM shop.orders", found) == ((1, 2), (2, 4))
        assert databases.query("SELECT current_user()", found, password=PASSWORD) == (("admin@%",),)
        where = found["Endpoint"]
        token = databases.recovery.generate_db_auth_token(where["Address"], where["Port"], "app")
        assert databases.query("SELECT COUNT(*) FROM shop.orders", found, user="app", password=token) == ((2,),)
        event = databases.whole_events_until("RDS-EVENT-0043", RECOVERY)[-1]
        assert event["detail-type"] == "RDS DB Instance Event"
    finally:
        databases.recovery.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
