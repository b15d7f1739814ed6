"""Exports: the bucket's contents and the task's words are RDS's, from the snapshot's frozen state."""

import io
import json
import re

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from databases import Databases


@pytest.fixture(scope="module")
def databases(engine):
    made = Databases(engine)
    with made.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE shop")
        cursor.execute("CREATE TABLE shop.orders (id INT PRIMARY KEY, note VARCHAR(20))")
        cursor.execute("INSERT INTO shop.orders VALUES (1, 'one'), (2, NULL), (3, 'drei')")
        cursor.execute("CREATE TABLE shop.empty (id INT PRIMARY KEY)")
        cursor.execute("CREATE VIEW shop.seen AS SELECT * FROM shop.orders")
        cursor.execute("CREATE TABLE shop.skipped (`a b` INT)")
        cursor.execute("CREATE DATABASE other")
        cursor.execute("CREATE TABLE other.things (id INT PRIMARY KEY)")
        cursor.execute("INSERT INTO other.things VALUES (7)")
    yield made
    made.delete()


@pytest.fixture(scope="module")
def snapshot(databases):
    made = databases.snapshot()
    with databases.connect() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO shop.orders VALUES (4, 'after the snapshot')")
    return made


@pytest.fixture
def export(databases, snapshot):
    def start(**changes):
        return databases.export(snapshot["DBSnapshotArn"], **changes)

    return start


def refused(call, *arguments, **parameters) -> str:
    with pytest.raises(ClientError) as error:
        call(*arguments, **parameters)
    return error.value.response["Error"]["Code"]


def test_an_export_has_the_rows_of_the_snapshot_and_rdss_layout(export, databases):
    task = export(S3Prefix="nightly/")
    assert (task["Status"], task["PercentProgress"]) == ("COMPLETE", 100)
    objects = databases.objects(f"nightly/{task['ExportTaskIdentifier']}/")
    (part,) = [name for name in objects if name.startswith("shop/shop.orders/1/part-")]
    assert re.fullmatch(r"shop/shop\.orders/1/part-00000-[0-9a-f-]{36}\.gz\.parquet", part)
    assert pq.read_table(io.BytesIO(objects[part]["Body"])).to_pylist() == [
        {"id": 1, "note": "one"},
        {"id": 2, "note": None},
        {"id": 3, "note": "drei"},
    ]
    assert objects["shop/shop.orders/1/_SUCCESS"]["Body"] == b""
    assert [name for name in objects if name.startswith("shop/shop.empty/")] == ["shop/shop.empty/1/_SUCCESS"]
    assert not any("seen" in name for name in objects)


def test_every_object_is_encrypted_under_the_tasks_key(export, databases):
    task = export()
    found = databases.objects(f"{task['ExportTaskIdentifier']}/").values()
    assert {(made["ServerSideEncryption"], made["SSEKMSKeyId"]) for made in found} == {("aws:kms", databases.key)}


def test_the_export_describes_itself_as_rds_does(export, databases, snapshot):
    task = export()
    name = task["ExportTaskIdentifier"]
    objects = databases.objects(f"{name}/")
    information = json.loads(objects[f"export_info_{name}.json"]["Body"])
    assert information.pop("totalExportedDataInGB") > 0
    assert information.pop("taskStartTime") <= information.pop("taskEndTime")
    assert information.pop("snapshotTime")[:19] == snapshot["SnapshotCreateTime"].strftime("%Y-%m-%dT%H:%M:%S")
    assert information == {
        "exportTaskIdentifier": name,
        "sourceArn": snapshot["DBSnapshotArn"],
        "exportOnly": [],
        "s3Bucket": databases.bucket,
        "s3Prefix": "",
        "exportedFilesPath": name,
        "iamRoleArn": databases.role,
        "kmsKeyId": databases.key,
        "status": "COMPLETE",
        "percentProgress": 100,
    }
    tables = json.loads(objects[f"export_tables_info_{name}_from_1_to_4.json"]["Body"])["perTableStatus"]
    orders = next(table for table in tables if table["target"] == "shop.orders")
    assert orders["status"] == "COMPLETE"
    assert {"columnName": "id", "originalType": "int", "expectedExportedType": "int32"}.items() <= orders[
        "schemaMetadata"
    ]["originalTypeMappings"][0].items()


def test_a_skipped_table_is_named_in_warning_status_and_event(export, databases):
    task = export()
    assert json.loads(task["WarningMessage"])["skippedTables"] == [
        {"target": "shop.skipped", "reason": "COLUMN_NAME_CONTAINS_UNSUPPORTED_CHARACTERS"}
    ]
    assert task["Status"] == "COMPLETE"
    ended = databases.events_until("RDS-EVENT-0161")
    assert [event["EventCategories"] for event in ended if event["EventID"] == "RDS-EVENT-0484"] == [["failure"]]


def test_a_partial_export_has_only_what_was_asked_for(export, databases):
    task = export(ExportOnly=["other", "shop.empty"])
    assert task["ExportOnly"] == ["other", "shop.empty"]
    folders = {name.rsplit("/", 2)[0] for name in databases.objects(f"{task['ExportTaskIdentifier']}/") if "/" in name}
    assert folders == {"other/other.things", "shop/shop.empty"}
    assert "WarningMessage" not in task


def test_a_snapshot_may_be_deleted_while_it_is_exported(databases):
    snapshot = databases.snapshot()
    task = databases.start_export(snapshot["DBSnapshotArn"])
    databases.rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"])
    assert databases.await_export(task["ExportTaskIdentifier"])["Status"] == "COMPLETE"


def test_what_cannot_be_exported_is_refused_with_rdss_codes(databases, snapshot, export, make):
    start, arn = databases.start_export, snapshot["DBSnapshotArn"]
    done = export()["ExportTaskIdentifier"]
    assert refused(start, arn, ExportTaskIdentifier=done) == "ExportTaskAlreadyExists"
    assert refused(start, arn, ExportTaskIdentifier="a--b") == "InvalidParameterValue"
    assert refused(start, arn + "x") == "DBSnapshotNotFound"
    assert refused(start, arn, S3BucketName="nowhere-at-all") == "InvalidS3BucketFault"
    assert refused(start, arn, KmsKeyId="alias/nowhere") == "KMSKeyNotAccessibleFault"
    assert refused(start, arn, IamRoleArn="arn:aws:iam::000000000000:role/nobody") == "IamRoleNotFound"
    assert refused(start, arn, IamRoleArn=make.role("lambda")) == "IamRoleMissingPermissions"
    assert refused(start, arn, IamRoleArn=make.role("export.rds")) == "IamRoleMissingPermissions"
    assert refused(start, arn, ExportOnly=["no blanks"]) == "InvalidExportOnly"
    assert refused(databases.rds.describe_export_tasks, ExportTaskIdentifier="nothing") == "ExportTaskNotFound"
    assert refused(databases.rds.cancel_export_task, ExportTaskIdentifier=done) == "InvalidExportTaskStateFault"


def test_a_sixth_task_and_a_second_of_one_snapshot_are_refused(databases):
    arns = [databases.snapshot()["DBSnapshotArn"] for _ in range(6)]
    started = [databases.start_export(arn)["ExportTaskIdentifier"] for arn in arns[:5]]
    assert refused(databases.start_export, arns[0]) == "ExportTaskAlreadyExists"
    assert refused(databases.start_export, arns[5]) == "ExportTaskLimitReachedFault"
    assert {databases.await_export(name)["Status"] for name in started} == {"COMPLETE"}
    assert databases.export(arns[5])["Status"] == "COMPLETE"


def test_a_cancelled_task_ends_as_such(databases, snapshot):
    name = databases.start_export(snapshot["DBSnapshotArn"])["ExportTaskIdentifier"]
    assert databases.rds.cancel_export_task(ExportTaskIdentifier=name)["Status"] == "CANCELING"
    assert databases.await_export(name)["Status"] == "CANCELED"
    assert "RDS-EVENT-0160" in {event["EventID"] for event in databases.events_until("RDS-EVENT-0160")}


def test_tasks_are_described_by_filter_and_source(databases, export, snapshot):
    name = export()["ExportTaskIdentifier"]
    describe = databases.rds.describe_export_tasks
    names = {task["ExportTaskIdentifier"] for task in describe(SourceArn=snapshot["DBSnapshotArn"])["ExportTasks"]}
    assert name in names
    assert (
        describe(Filters=[{"Name": "status", "Values": ["FAILED"]}], SourceArn=snapshot["DBSnapshotArn"])["ExportTasks"]
        == []
    )


def test_faults_make_an_export_wrong_in_each_way_it_can_be(export, databases, aws):
    aws.set_faults({"export": {"fail_tables": ["shop.orders"]}})
    task = export(ExportOnly=["shop.orders"])
    assert (task["Status"], json.loads(task["WarningMessage"])["skippedTables"][0]["target"]) == (
        "COMPLETE",
        "shop.orders",
    )
    aws.set_faults({"export": {"drop_parts": ["shop.orders"]}})
    task = export(ExportOnly=["shop.orders"])
    assert "WarningMessage" not in task
    assert not any(".parquet" in name for name in databases.objects(f"{task['ExportTaskIdentifier']}/"))
    aws.set_faults({"export": {"warning": True}})
    warning = json.loads(export(ExportOnly=["other"])["WarningMessage"])
    assert warning["general"] == [{"reason": "FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"}]
    aws.set_faults({"export": {"fail": "An unknown internal error occurred."}})
    task = export(ExportOnly=["other"])
    assert (task["Status"], task["FailureCause"]) == ("FAILED", "An unknown internal error occurred.")
    other = databases.new_key()
    aws.set_faults({"export": {"wrong_key": other}})
    task = export(ExportOnly=["other"])
    assert task["KmsKeyId"] == databases.key
    keys = {made["SSEKMSKeyId"] for made in databases.objects(f"{task['ExportTaskIdentifier']}/").values()}
    assert keys == {other}
