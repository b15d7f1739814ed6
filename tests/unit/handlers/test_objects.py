import base64
import hashlib
import io
import threading
import time
import zlib

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from handlers import objects
from handlers.core.proof import StoredObject


@pytest.fixture
def s3():
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="bucket")
        client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        yield client


def put(s3, key, body=b"", **more):
    return s3.put_object(Bucket="bucket", Key=key, Body=body, **more)["VersionId"]


def parquet(rows=3, columns=2):
    sink = io.BytesIO()
    pq.write_table(pa.table({f"column_{n}": list(range(rows)) for n in range(columns)}), sink)
    return sink.getvalue()


def calls(s3):
    """Names of the operations as they are sent."""
    seen = []
    s3.meta.events.register("before-call.s3", lambda model, params, **_: seen.append((model.name, params["headers"])))
    return seen


def test_the_list_gives_the_latest_version_of_each_key_across_pages(s3):
    for key in ("p/a", "p/b", "p/c", "q/x"):
        put(s3, key, b"1")
    latest = put(s3, "p/b", b"22")
    s3.delete_object(Bucket="bucket", Key="p/c")
    paged = s3.get_paginator

    s3.get_paginator = lambda name: Small(paged(name))
    found = list(objects.listed(s3, "bucket", "p/"))

    assert [(f.key, f.size, f.deleted, f.replaced) for f in found] == [
        ("p/a", 1, False, False),
        ("p/b", 2, False, True),
        ("p/c", 0, True, True),
    ]
    assert found[1].version == latest


class Small:
    """A paginator of tiny pages."""

    def __init__(self, inner):
        self.inner = inner

    def paginate(self, **arguments):
        return self.inner.paginate(**arguments, PaginationConfig={"PageSize": 1})


def test_the_sizes_are_of_what_is_there_now(s3):
    put(s3, "p/a", b"123")
    put(s3, "p/gone")
    s3.delete_object(Bucket="bucket", Key="p/gone")

    assert objects.sizes(s3, "bucket", "p/") == {"p/a": 3}


def test_a_look_brings_size_version_key_and_stored_checksum_in_one_request(s3):
    key = boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["Arn"]
    body = b"rows"
    version = put(s3, "k", body, ServerSideEncryption="aws:kms", SSEKMSKeyId=key, ChecksumAlgorithm="SHA256")
    seen = calls(s3)

    found = objects.look(s3, "bucket", "k", version)

    assert [name for name, _ in seen] == ["HeadObject"]
    assert seen[0][1]["x-amz-checksum-mode"] == "ENABLED"
    assert (found.size, found.version, found.kms_key, found.trouble) == (4, version, key, None)
    assert found.checksums["SHA256"] == base64.b64encode(hashlib.sha256(body).digest()).decode()


def test_an_object_that_is_gone_is_trouble_and_no_error(s3):
    found = objects.look(s3, "bucket", "nowhere")

    assert found.trouble
    assert "404" in found.trouble


def test_an_answer_about_more_than_the_object_is_an_error():
    class Throttled:
        def head_object(self, **_):
            raise ClientError(
                {"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "HeadObject"
            )

    with pytest.raises(ClientError, match="SlowDown"):
        objects.look(Throttled(), "bucket", "k")


def test_a_footer_takes_one_ranged_request(s3):
    body = parquet(rows=1000)
    put(s3, "k", body)
    found = objects.look(s3, "bucket", "k")
    seen = calls(s3)

    _, footer = objects.with_footer(s3, "bucket", found)

    assert footer.rows == 1000
    assert [(name, headers["Range"]) for name, headers in seen] == [("GetObject", "bytes=-65536")]


def test_a_footer_longer_than_64_kib_takes_a_second_request_of_just_its_length(s3):
    body = parquet(columns=1500)
    put(s3, "k", body)
    found = objects.look(s3, "bucket", "k")
    seen = calls(s3)

    _, footer = objects.with_footer(s3, "bucket", found)

    needed = int.from_bytes(body[-8:-4], "little") + 8
    assert len(footer.columns) == 1500
    assert [headers["Range"] for _, headers in seen] == ["bytes=-65536", f"bytes=-{needed}"]


def test_the_footer_is_read_of_the_version_that_was_looked_at(s3):
    first = put(s3, "k", parquet(rows=1))
    put(s3, "k", parquet(rows=2))

    _, footer = objects.with_footer(s3, "bucket", objects.look(s3, "bucket", "k", first))

    assert footer.rows == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "NotParquet"),
        (b"id,name", "NotParquet"),
        (parquet()[:-9], "TruncatedFile"),
        (parquet()[:-4] + b"PARE", "EncryptedFooter"),
    ],
)
def test_what_is_no_parquet_is_trouble_with_its_kind(s3, body, reason):
    put(s3, "k", body)
    found, footer = objects.with_footer(s3, "bucket", objects.look(s3, "bucket", "k"))

    assert footer is None
    assert found.trouble.startswith(reason)


def test_a_stored_checksum_costs_no_byte(s3):
    found = StoredObject("nowhere", 1, checksums={"CRC64NVME": "abc="})

    assert objects.with_checksum(s3, "bucket", found) is found
    assert objects.with_checksum(s3, "bucket", found, "CRC64NVME") is found


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        (None, base64.b64encode(hashlib.sha256(b"rows").digest()).decode()),
        ("SHA256", base64.b64encode(hashlib.sha256(b"rows").digest()).decode()),
        ("CRC32", base64.b64encode(zlib.crc32(b"rows").to_bytes(4, "big")).decode()),
    ],
)
def test_without_a_stored_checksum_the_bytes_are_hashed(s3, algorithm, value):
    put(s3, "k", b"rows")
    found = objects.with_checksum(s3, "bucket", StoredObject("k", 4), algorithm)

    assert found.checksums == {algorithm or "SHA256": value}


def test_a_checksum_that_cannot_be_computed_stays_missing(s3):
    assert objects.with_checksum(s3, "bucket", StoredObject("k", 4), "CRC64NVME").checksums == {}


@pytest.mark.parametrize("body", [b"", b"rows"])
def test_reading_one_byte_proves_that_it_can_be_read(s3, body):
    put(s3, "k", body)
    found = objects.look(s3, "bucket", "k")

    assert objects.readable(s3, "bucket", found) is found


def test_what_cannot_be_read_is_trouble_with_amazons_words():
    class Denied:
        def get_object(self, **_):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no kms:Decrypt"}}, "GetObject")

    assert (
        objects.readable(Denied(), "bucket", StoredObject("k", 4)).trouble == "GetObject: AccessDenied no kms:Decrypt"
    )


def test_json_is_stored_canonical_with_a_checksum(s3):
    objects.put_json(s3, "bucket", "k", {"b": "ü", "a": [1, None]})

    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == '{"a":[1,null],"b":"ü"}'.encode()
    assert "SHA256" in objects.look(s3, "bucket", "k").checksums
    assert objects.get_json(s3, "bucket", "k") == {"a": [1, None], "b": "ü"}


def test_results_come_in_order_from_many_threads_and_few_wait_in_memory():
    begun, taken, most, guard = 0, 0, 0, threading.Lock()

    def work(number):
        nonlocal begun, most
        with guard:
            begun += 1
            most = max(most, begun - taken)
        time.sleep(0.001 * (number % 3))
        return number

    for number in objects.each(work, iter(range(500)), threads=4):
        assert number == taken
        taken += 1

    assert taken == 500
    assert most <= 4 * objects.AHEAD + 1


def test_an_error_in_one_thread_ends_the_work():
    def work(number):
        if number == 3:
            raise KeyError(number)
        return number

    with pytest.raises(KeyError):
        list(objects.each(work, range(10_000), threads=2))


def test_the_client_keeps_a_connection_for_every_thread(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    objects.client.cache_clear()

    assert objects.client().meta.config.max_pool_connections == objects.THREADS
    objects.client.cache_clear()
