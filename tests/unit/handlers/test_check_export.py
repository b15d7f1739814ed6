import datetime as dt
import io
import json

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from handlers import check_export
from handlers.core import inventory

POINT = {"id": "orders-20261006t1200z", "database": "orders", "attempt": 1}
TASK = "holdfast-sandbox-orders-20261006t1200z"
PREFIX = f"exports/orders/{TASK}"
MANIFEST = "manifests/orders-20261006t1200z.json"


class FakeLedger:
    """Remembers what was recorded."""

    def __init__(self):
        self.levels, self.problems = [], []

    def record_level(self, point, level, facts):
        self.levels.append((point["id"], level, facts))

    def record_problems(self, point, problems, count):
        self.problems.append((point["id"], problems, count))


class Staging:
    """A staging bucket with a whole export of two tables."""

    def __init__(self, s3, key):
        self.s3, self.key, self.ledger = s3, key, FakeLedger()
        self.ended_at = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
        s3.create_bucket(Bucket="staging")
        s3.put_bucket_versioning(Bucket="staging", VersioningConfiguration={"Status": "Enabled"})
        self.rows("shop/shop.orders/1/part-00000-a.gz.parquet", 7)
        self.rows("shop/shop.orders/1/part-00003-b.gz.parquet", 5)
        self.put("shop/shop.orders/1/_SUCCESS")
        self.put("shop/shop.empty/1/_SUCCESS")
        self.put(f"export_info_{TASK}.json", json.dumps({"status": "COMPLETE"}).encode())
        statuses = [{"target": name, "status": "COMPLETE"} for name in ("shop.orders", "shop.empty")]
        self.put(f"export_tables_info_{TASK}_from_1_to_2.json", json.dumps({"perTableStatus": statuses}).encode())
        for phase in ("before", "after"):
            self.inventory(phase, ("shop", "orders"), ("shop", "empty"))

    def put(self, name, body=b"", **more):
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.key, **more}
        self.s3.put_object(Bucket="staging", Key=f"{PREFIX}/{name}", Body=body, **encryption)

    def rows(self, name, count):
        sink = io.BytesIO()
        pq.write_table(pa.table({"id": list(range(count))}), sink, compression="gzip")
        self.put(name, sink.getvalue())

    def inventory(self, phase, *tables):
        body = json.dumps(inventory.document(tables, self.ended_at)).encode()
        self.s3.put_object(Bucket="staging", Key=f"inventories/{POINT['id']}/{phase}.json", Body=body)

    def check(self, **event):
        environment = check_export.Environment(ledger="ledger", staging="staging", backups_key=self.key)
        export = {
            "task": TASK,
            "bucket": "staging",
            "prefix": PREFIX,
            "key": self.key,
            "warning": None,
            "bytes_reported": 0,
            "ended_at": self.ended_at.isoformat(),
            "snapshot_time": "2026-10-06T12:00:01Z",
        }
        event = {"point": POINT, "export": export, "before": {"tables": 2}, "after": {"tables": 2}, **event}
        return check_export.check(self.s3, self.ledger, environment, event)

    def manifest(self):
        return self.s3.get_object(Bucket="staging", Key=MANIFEST)["Body"].read()


@pytest.fixture
def staging():
    with mock_aws():
        key = boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["Arn"]
        yield Staging(boto3.client("s3", region_name="us-east-1"), key)


def test_a_whole_export_reaches_level_1_with_its_exact_rows(staging):
    answer = staging.check()

    assert answer["whole"], answer
    assert (answer["tables"], answer["rows"], answer["objects"], answer["problems"]) == (2, 12, 6, 0)
    [(point, level, facts)] = staging.ledger.levels
    assert (point, level, facts["rows"], facts["manifest"]) == (POINT["id"], 1, 12, MANIFEST)
    assert facts["at"]
    assert staging.ledger.problems == []


def test_the_manifest_lists_every_object_with_size_checksum_and_version(staging):
    staging.check()
    found = json.loads(staging.manifest())

    assert found["key"] == staging.key
    assert len(found["objects"]) == 6
    for entry in found["objects"]:
        head = staging.s3.head_object(Bucket="staging", Key=entry["key"], ChecksumMode="ENABLED")
        assert entry["size"] == head["ContentLength"]
        assert entry["version_id"] == head["VersionId"]
        assert entry["checksum"]["value"]


def test_checked_twice_the_manifest_is_the_same_to_the_byte(staging):
    staging.check()
    first = staging.manifest()
    staging.check()

    assert staging.manifest() == first


def test_an_export_that_is_not_whole_is_recorded_with_its_problems(staging):
    staging.s3.delete_object(Bucket="staging", Key=f"{PREFIX}/shop/shop.orders/1/_SUCCESS")
    staging.rows("shop/shop.orders/1/part-00004-c.gz.parquet", 1)
    staging.put("shop/shop.orders/1/part-00005-d.gz.parquet", b"damaged")
    answer = staging.check()

    assert not answer["whole"]
    assert answer["rows"] == 13
    assert [p["reason"] for p in answer["first_problems"]] == ["success-missing", "object-unreadable"]
    assert staging.ledger.levels == []
    assert staging.ledger.problems == [(POINT["id"], answer["first_problems"], 2)]


def test_a_part_that_was_deleted_after_the_export_had_ended_is_noticed(staging):
    staging.ended_at -= dt.timedelta(minutes=2)
    staging.s3.delete_object(Bucket="staging", Key=f"{PREFIX}/shop/shop.orders/1/part-00003-b.gz.parquet")

    assert [p["reason"] for p in staging.check()["first_problems"]] == ["object-deleted"]


def test_a_part_under_another_key_is_noticed(staging):
    other = boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["Arn"]
    staging.put("shop/shop.empty/1/_SUCCESS", SSEKMSKeyId=other)

    assert [p["reason"] for p in staging.check()["first_problems"]] == ["wrong-key"]


def test_the_reason_of_a_missing_inventory_reaches_the_manifest(staging):
    cause = json.dumps({"errorMessage": "orders refuses the user", "errorType": "PermissionMissing"})
    answer = staging.check(before={"Error": "PermissionMissing", "Cause": cause})

    assert [p["reason"] for p in answer["first_problems"]] == ["inventory-missing"]
    assert "orders refuses the user" in answer["first_problems"][0]["detail"]


def test_an_inventory_that_is_not_in_the_bucket_is_missing(staging):
    staging.s3.delete_object(Bucket="staging", Key=f"inventories/{POINT['id']}/after.json")

    assert [p["reason"] for p in staging.check()["first_problems"]] == ["inventory-missing"]


def test_exactly_one_head_per_object_and_one_get_per_parquet_file_are_sent(staging):
    seen = []
    staging.s3.meta.events.register("before-call.s3", lambda model, **_: seen.append(model.name))
    staging.check()

    assert seen.count("HeadObject") == 6
    assert seen.count("GetObject") == 2 + 2 + 2  # parts, info files, inventories
    assert seen.count("ListObjectVersions") == 1
    assert seen.count("PutObject") == 1


def test_info_files_that_are_not_json_are_a_problem(staging):
    staging.put(f"export_info_{TASK}.json", b"<html>")

    assert [p["reason"] for p in staging.check()["first_problems"]] == ["info-unreadable"]


def test_the_ledger_gets_a_bounded_number_of_problems(staging):
    for number in range(30):
        staging.put(f"stray-{number}.parquet", b"")
    answer = staging.check()

    assert answer["problems"] == 30
    assert len(answer["first_problems"]) == 5
    assert len(staging.ledger.problems[0][1]) == check_export.RECORDED
    assert staging.ledger.problems[0][2] == 30
