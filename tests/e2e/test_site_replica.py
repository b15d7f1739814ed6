"""The console's files are in both regions, each under its own key, so that the edge can turn to the other."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from world import World, eventually

PAGE = "page-of-a-test.html"


def read(world: World, region: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = world.client("s3", region).get_object(Bucket=world.bucket("site", region), Key=PAGE)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    return found


def key(world: World, region: str) -> str:
    found = world.client("kms", region).describe_key(KeyId=world.settings.alias("data"))
    return str(found["KeyMetadata"]["Arn"])


def test_a_page_comes_to_the_recovery_region_under_its_key_and_goes_with_the_primarys(world: World) -> None:
    s3, bucket = world.client("s3"), world.bucket("site", world.primary)
    s3.put_object(Bucket=bucket, Key=PAGE, Body=b"<!doctype html>", ContentType="text/html")
    replica = eventually(lambda: read(world, world.recovery), what="the replica")

    assert (replica["Body"].read(), replica["ContentType"]) == (b"<!doctype html>", "text/html")
    assert replica["ReplicationStatus"] == "REPLICA"
    assert replica["SSEKMSKeyId"] == key(world, world.recovery) != key(world, world.primary)

    s3.delete_object(Bucket=bucket, Key=PAGE)
    eventually(lambda: read(world, world.recovery) is None, what="the deletion")
