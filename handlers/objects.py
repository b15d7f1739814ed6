"""S3 as the proof needs it: list, look at one object, read the end of a Parquet file, many at a time."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from handlers import runtime
from handlers.core.parquet import Footer, FooterTooLong, ParquetError, read_footer
from handlers.core.proof import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

THREADS = 32  # requests under way, and connections kept
AHEAD = 8  # objects per thread that are fetched before they are asked for; bounds memory whatever the number of objects
ATTEMPTS = 6  # per call; a run of 200,000 calls meets a few 503 SlowDown
TAIL = 64 * 1024  # bytes; the footer of nearly every file fits
CHUNK = 1024 * 1024  # bytes read at once while hashing

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html; the first stored is kept
ALGORITHMS = ("CRC64NVME", "SHA256", "SHA1", "CRC32C", "CRC32", "SHA512", "XXHASH128", "XXHASH3", "XXHASH64", "MD5")
# Answers about one object that trying again can't change; they make a problem of that object and fail nothing else.
_ABOUT_THE_OBJECT = {
    "403", "AccessDenied", "AccessDeniedException", "404", "NoSuchKey", "NotFound", "NoSuchVersion", "405",
    "MethodNotAllowed", "InvalidObjectState", "KMS.DisabledException", "KMS.NotFoundException",
    "KMS.KMSInvalidStateException", "InvalidRange", "416",
}  # fmt: skip

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Listed:
    """One key of a versioned bucket: its latest version, or the marker that deleted it."""

    key: str
    size: int
    version: str
    modified: datetime
    deleted: bool = False
    replaced: bool = False  # an older version exists beneath


@cache
def client() -> S3Client:
    """A client for many threads; boto3's clients are thread-safe, sessions are not."""
    import boto3  # noqa: PLC0415  # tests bring clients of their own
    from botocore.config import Config  # noqa: PLC0415

    many = Config(max_pool_connections=THREADS, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    made: S3Client = boto3.client(
        "s3", region_name=runtime.region(), config=runtime.client("s3").meta.config.merge(many)
    )
    return made


def listed(s3: S3Client, bucket: str, prefix: str) -> Iterator[Listed]:
    """The latest version, or the delete marker, of every key under *prefix*; one request per 1,000 versions."""
    last: Listed | None = None
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        entries = [
            (e["Key"], not e["IsLatest"], Listed(e["Key"], e["Size"], e["VersionId"], e["LastModified"]))
            for e in page.get("Versions", [])
        ] + [
            (e["Key"], not e["IsLatest"], Listed(e["Key"], 0, e["VersionId"], e["LastModified"], deleted=True))
            for e in page.get("DeleteMarkers", [])
        ]
        for key, older, entry in sorted(entries, key=lambda e: (e[0], e[1])):
            if last and last.key == key:
                last = replace(last, replaced=True) if older and not entry.deleted else last
            else:
                if last:
                    yield last
                last = entry
    if last:
        yield last


def sizes(s3: S3Client, bucket: str, prefix: str) -> dict[str, int]:
    """Key -> bytes of what is there now under *prefix*; one request per 1,000 objects."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}


def look(s3: S3Client, bucket: str, key: str, version: str | None = None) -> StoredObject:
    """What S3 says of the object, in one request and without its bytes; the stored checksum comes along.

    With checksums asked for, S3 also wants ``kms:Decrypt``: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    try:
        head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED", **_version(version))
    except ClientError as error:
        return StoredObject(key, 0, version, trouble=_trouble(error))
    return _stored(key, head)


def with_footer(s3: S3Client, bucket: str, found: StoredObject) -> tuple[StoredObject, Footer | None]:
    """The Parquet footer of *found*, in one request, in two if it is longer than 64 KiB; ``trouble`` says why not."""
    wanted = TAIL
    try:
        for _ in range(2):
            tail = _tail(s3, bucket, found, wanted)
            try:
                return found, read_footer(tail, found.size)
            except FooterTooLong as longer:
                wanted = longer.needed
    except ClientError as error:
        return replace(found, trouble=_trouble(error)), None
    except ParquetError as error:
        return replace(found, trouble=f"{type(error).__name__}: {error}"), None
    return replace(found, trouble="the footer could not be read twice alike"), None


def with_checksum(s3: S3Client, bucket: str, found: StoredObject, algorithm: str | None = None) -> StoredObject:
    """*found* with a checksum by *algorithm*: the stored one, else computed over all bytes (SHA-256 and CRC-32 only).

    Without *algorithm* any stored one will do, else SHA-256.
    """
    if found.trouble or (algorithm in found.checksums if algorithm else found.checksums):
        return found
    algorithm = algorithm or "SHA256"
    if algorithm not in ("SHA256", "CRC32"):
        return found
    try:
        body = s3.get_object(Bucket=bucket, Key=found.key, **_version(found.version))["Body"]
        value = _digest(algorithm, body.iter_chunks(CHUNK))
    except ClientError as error:
        return replace(found, trouble=_trouble(error))
    return replace(found, checksums={**found.checksums, algorithm: value})


def readable(s3: S3Client, bucket: str, found: StoredObject) -> StoredObject:
    """*found*, with ``trouble`` if its first byte can't be read."""
    if found.trouble:
        return found
    first: dict[str, Any] = (
        {"Range": "bytes=0-0"} if found.size else {}
    )  # an empty object has no first byte: S3 answers 416
    try:
        s3.get_object(Bucket=bucket, Key=found.key, **_version(found.version), **first)["Body"].read()
    except ClientError as error:
        return replace(found, trouble=_trouble(error))
    return found


def each(work: Callable[[Item], Result], items: Iterable[Item], threads: int = THREADS) -> Iterator[Result]:
    """``work(item)`` of every item, in order, by *threads* at once; keeps a bounded number of results in memory."""
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) >= threads * AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def canonical(document: object) -> bytes:
    """*document* as JSON: keys sorted, no spaces, UTF-8; equal documents give equal bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def put_json(s3: S3Client, bucket: str, key: str, document: object) -> None:
    """Store *document* under *key*, canonical, with a SHA-256 checksum, encrypted as the bucket's default says."""
    s3.put_object(
        Bucket=bucket, Key=key, Body=canonical(document), ContentType="application/json", ChecksumAlgorithm="SHA256"
    )


def get_json(s3: S3Client, bucket: str, key: str) -> Any:
    """The document under *key*.

    Raises:
        ClientError: S3 refuses, or there is none (``NoSuchKey``).
        ValueError: It isn't JSON.
    """
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def is_about_the_object(error: ClientError) -> bool:
    """Whether *error* concerns one object only; without ``s3:ListBucket`` S3 says 403 of one that isn't there."""
    return runtime.code(error) in _ABOUT_THE_OBJECT and not runtime.is_transient(error)


def _tail(s3: S3Client, bucket: str, found: StoredObject, length: int) -> bytes:
    if not found.size:
        return b""
    answer = s3.get_object(Bucket=bucket, Key=found.key, Range=f"bytes=-{length}", **_version(found.version))
    return answer["Body"].read()


def _stored(key: str, head: HeadObjectOutputTypeDef) -> StoredObject:
    fields: Mapping[str, Any] = head
    return StoredObject(
        key=key,
        size=head["ContentLength"],
        version=head.get("VersionId"),
        checksums={name: fields[f"Checksum{name}"] for name in ALGORITHMS if f"Checksum{name}" in fields},
        kms_key=head.get("SSEKMSKeyId"),
        lock_mode=head.get("ObjectLockMode"),
        locked_until=head.get("ObjectLockRetainUntilDate"),
        replication=head.get("ReplicationStatus"),
        modified=head["LastModified"],
    )


def _version(version: str | None) -> dict[str, Any]:
    return {"VersionId": version} if version else {}


def _trouble(error: ClientError) -> str:
    """AWS's words, if *error* is about this one object; else it is raised on."""
    if is_about_the_object(error):
        return f"{error.operation_name}: {runtime.code(error)} {runtime.message(error)}".strip()
    raise error


def _digest(algorithm: str, chunks: Iterable[bytes]) -> str:
    if algorithm == "CRC32":
        crc = 0
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
        return base64.b64encode(crc.to_bytes(4, "big")).decode()
    sha = hashlib.sha256()
    for chunk in chunks:
        sha.update(chunk)
    return base64.b64encode(sha.digest()).decode()
