import datetime as dt

import boto3
import pytest
from moto import mock_aws

from handlers import compare_vault, objects
from handlers.core.errors import ReplicationPending

PREFIX = "exports/orders/t"
MANIFEST = "manifests/orders-20261006t1200z.json"
EVENT = {"point": {"id": "orders-20261006t1200z"}, "manifest": MANIFEST}
TIMEOUT = 3600  # seconds


def now(**later):
    return dt.datetime.now(dt.UTC) + dt.timedelta(**later)


class Vault:
    """A vault that holds everything a manifest lists, unless a test takes something away."""

    def __init__(self, s3, key):
        self.s3, self.key = s3, key
        s3.create_bucket(Bucket="vault", ObjectLockEnabledForBucket=True)
        s3.put_object_lock_configuration(
            Bucket="vault",
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 35}},
            },
        )
        self.entries = [self.put(f"{PREFIX}/part-{n}.parquet", b"rows" * n) for n in range(5)]

    def put(self, key, body, **more):
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.key, **more}
        self.s3.put_object(Bucket="vault", Key=key, Body=body, ChecksumAlgorithm="SHA256", **encryption)
        found = objects.look(self.s3, "vault", key)
        return {
            "key": key,
            "size": found.size,
            "checksum": {"algorithm": "SHA256", "value": found.checksums["SHA256"]},
            "version_id": found.version,
        }

    def compare(self, at=None, **settings):
        self.put(MANIFEST, objects.canonical({"prefix": PREFIX, "objects": self.entries}))
        values = {
            "vault": "vault",
            "backups_key": self.key,
            "retention_days": 35,
            "lock_mode": "GOVERNANCE",
            "replication_timeout_seconds": TIMEOUT,
            **settings,
        }
        return compare_vault.compare(self.s3, compare_vault.Environment(**values), EVENT, at or now())


@pytest.fixture
def vault():
    with mock_aws():
        key = boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["Arn"]
        yield Vault(boto3.client("s3", region_name="us-east-1"), key)


def reasons(answer):
    return sorted(found["reason"] for found in answer["problems"])


def test_a_vault_that_holds_everything_has_no_problem(vault):
    answer = vault.compare()

    assert answer["problems"] == [], answer
    assert (answer["objects"], answer["bytes"], answer["problem_count"]) == (5, 40, 0)
    assert answer["locked_until"] > now(days=34).isoformat()


def test_without_the_manifest_replication_is_pending(vault):
    with pytest.raises(ReplicationPending, match=MANIFEST):
        compare_vault.compare(
            vault.s3, compare_vault.Environment("vault", vault.key, 35, "GOVERNANCE", TIMEOUT), EVENT, now()
        )


def test_a_missing_object_is_waited_for_without_looking_at_the_others(vault):
    vault.entries.append({**vault.entries[0], "key": f"{PREFIX}/late"})
    seen = []
    vault.s3.meta.events.register("before-call.s3", lambda model, **_: seen.append(model.name))
    with pytest.raises(
        ReplicationPending, match=f"1 of 6 objects are not in the vault yet, the first is {PREFIX}/late"
    ):
        vault.compare()

    assert seen[-4:] == [
        "HeadObject",
        "HeadObject",
        "GetObject",
        "ListObjectsV2",
    ]  # put's own, manifest, manifest, list


def test_a_missing_object_is_a_problem_once_replication_is_overdue(vault):
    vault.entries.append({**vault.entries[0], "key": f"{PREFIX}/late"})
    answer = vault.compare(now(seconds=TIMEOUT + 60))

    assert reasons(answer) == ["object-missing"]
    assert answer["objects"] == 5


def test_an_object_that_says_it_is_pending_is_waited_for(vault, monkeypatch):
    look = objects.look
    monkeypatch.setattr(objects, "look", lambda *a: compare_replaced(look(*a), replication="PENDING"))
    with pytest.raises(ReplicationPending, match="5 of 5"):
        vault.compare()
    assert vault.compare(now(seconds=TIMEOUT + 60))["problems"] == []


def compare_replaced(found, **changes):
    from dataclasses import replace  # noqa: PLC0415

    return replace(found, **changes)


def test_changed_bytes_of_equal_length_are_noticed(vault):
    vault.put(f"{PREFIX}/part-1.parquet", b"ROWS")

    assert reasons(vault.compare()) == ["checksum-differs"]


def test_another_size_is_noticed(vault):
    vault.put(f"{PREFIX}/part-1.parquet", b"rows and more")

    assert reasons(vault.compare()) == ["checksum-differs", "size-differs"]


def test_another_key_is_noticed(vault):
    other = boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["Arn"]
    vault.put(f"{PREFIX}/part-1.parquet", b"rows", SSEKMSKeyId=other)

    assert reasons(vault.compare()) == ["wrong-key"]


def test_a_lock_that_ends_too_early_is_noticed_on_every_object_and_the_manifest(vault):
    answer = vault.compare(retention_days=60)

    assert answer["problem_count"] == 6
    assert set(reasons(answer)) == {"lock-too-short"}


def test_an_object_without_stored_checksum_is_hashed(vault, monkeypatch):
    look = objects.look
    monkeypatch.setattr(objects, "look", lambda *a: compare_replaced(look(*a), checksums={}))
    with monkeypatch.context():
        vault.entries = vault.entries[:3]
        body = objects.canonical({"prefix": PREFIX, "objects": vault.entries})
        vault.s3.put_object(
            Bucket="vault", Key=MANIFEST, Body=body, ServerSideEncryption="aws:kms", SSEKMSKeyId=vault.key
        )
        environment = compare_vault.Environment("vault", vault.key, 35, "GOVERNANCE", TIMEOUT)

        assert compare_vault.compare(vault.s3, environment, EVENT, now())["problems"] == []


def test_one_head_and_one_get_are_sent_per_object(vault):
    vault.compare()
    seen = []
    vault.s3.meta.events.register("before-call.s3", lambda model, **_: seen.append(model.name))
    environment = compare_vault.Environment("vault", vault.key, 35, "GOVERNANCE", TIMEOUT)
    compare_vault.compare(vault.s3, environment, EVENT, now())

    assert seen.count("HeadObject") == 5 + 1
    assert seen.count("GetObject") == 5 + 1
    assert seen.count("ListObjectsV2") == 1
