"""Templates and the functions' archive in the artifact buckets, under keys that follow from their contents."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from deployment.errors import NotReady

if TYPE_CHECKING:
    from deployment.target import Target

AT_ONCE = 8  # objects that are looked for or sent
ABSENT = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")


def ready(target: Target, regions: Iterable[str] | None = None) -> list[str]:
    """Regions whose artifact bucket is there, of *regions*; by default, of both.

    Raises:
        NotReady: a bucket of that name belongs to another account, or we may not look.
    """
    return [region for region in (regions or target.settings.regions) if _is_there(target, region)]


def upload(target: Target, archive: Path | None, regions: Iterable[str]) -> list[str]:
    """Put what the templates of *regions* need into their buckets; the answer names what was not there.

    Args:
        target: What goes where.
        archive: The functions' archive; nothing if no function is to be made or changed.
        regions: Those of the two whose bucket is there.
    """
    objects = {target.key(name): target.text(name).encode() for name in _templates(target)}
    if archive:
        objects[archive.name] = archive.read_bytes()
    # The archive's name follows from our sources alone: with other certificates in it, it replaces what is there.
    anew = {archive.name} if archive and target.certificates else set[str]()
    every = [(region, key) for region in regions for key in objects]
    with ThreadPoolExecutor(AT_ONCE, "upload") as pool:
        sent = pool.map(lambda one: _send(target, one[0], one[1], objects, anew=one[1] in anew), every)
        return [f"{target.bucket(region)}/{key}" for (region, key), new in zip(every, sent, strict=True) if new]


def _templates(target: Target) -> list[str]:
    return [name for name in target.names if (target.outputs / f"{name}.json").exists()]


def _is_there(target: Target, region: str) -> bool:
    bucket = target.bucket(region)
    try:
        # The owner is named in every call: names of buckets are public, and somebody else may have taken ours.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
        target.aws.client("s3", region).head_bucket(Bucket=bucket, ExpectedBucketOwner=target.aws.account)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ABSENT:
            return False
        if code in ("403", "AccessDenied"):
            raise NotReady(
                f"the bucket {bucket} belongs to another account, or we may not read it (s3:ListBucket); "
                "choose another project or stage name, or ask for the permission"
            ) from error
        raise
    return True


def _send(target: Target, region: str, key: str, objects: Mapping[str, bytes], *, anew: bool) -> bool:
    """Put one object if there is none under its key, or *anew*; whether it was put. S3 refuses what arrives damaged."""
    client = target.aws.client("s3", region)
    where = {"Bucket": target.bucket(region), "Key": key, "ExpectedBucketOwner": target.aws.account}
    try:
        client.head_object(**where)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ABSENT:
            raise
    else:
        if not anew:
            return False
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    digest = base64.b64encode(hashlib.sha256(objects[key]).digest()).decode()
    kind = "application/json" if key.endswith(".json") else "application/zip"
    client.put_object(**where, Body=objects[key], ChecksumSHA256=digest, ContentType=kind)
    return True
