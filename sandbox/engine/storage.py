"""S3: replication as AWS performs it, stored checksums, and key ids shown as the ARN of the key.

Also the faults ``replication.delay_seconds`` and ``replication.skip``.
"""

import copy
import time
from fnmatch import fnmatchcase
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, request_scope
from ministack.services import kms, s3

from sandbox.engine import crc64, faults, metrics
from sandbox.engine.keys import conditions
from sandbox.engine.patching import replace
from sandbox.engine.permissions import NotAllowed, require_role

SSE = "x-amz-server-side-encryption"
SSE_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
SERVICE = "s3.amazonaws.com"
HTTP_OK = 200
HOME = "us-east-1"  # where a bucket lies that names no region

_original: dict[str, Any] = {}


def install() -> None:
    """Replace replication, and wrap the choice of checksums and of the encryption key."""
    replace(s3, "_maybe_replicate", replicate, "cb2dd6521e3d")
    replace(s3, "_crc64nvme", crc64.checksum, "1762a2c1bd4e")
    _original["checksums"] = replace(s3, "_resolve_object_checksums", resolve_checksums, "af7c762a6604")
    _original["put"] = replace(s3, "_put_object", put_object, "cf5861e4d999")
    _original["encryption"] = replace(s3, "_resolve_sse_write_headers", resolve_encryption, "2affef5a7d37")


def resolve_checksums(body: bytes, headers: dict[str, str]) -> tuple[dict[str, str], Any]:
    """The checksums to store with an object: CRC-64/NVME when the caller sends none.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html; MiniStack stored
    none.
    """
    checksums, error = _original["checksums"](body, headers)
    if error is None and not checksums:
        checksums = {"CRC64NVME": s3._compute_s3_checksum("CRC64NVME", body)}
    return checksums, error


def put_object(bucket: str, key: str, body: bytes, headers: dict[str, str]) -> Any:
    """Store an object and answer its checksum, which MiniStack told only when asked by HEAD.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html#API_PutObject_ResponseElements
    """
    status, answer, content = _original["put"](bucket, key, body, headers)
    if status == HTTP_OK:
        for algorithm, value in s3._buckets[bucket]["objects"][key]["checksums"].items():
            answer[f"x-amz-checksum-{algorithm.lower()}"] = value
    return status, answer, content


def resolve_encryption(headers: dict[str, str], bucket: str) -> tuple[dict[str, str] | None, Any]:
    """The encryption of a new object, its key shown by ARN whatever named it; an unknown key is refused.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html; MiniStack kept any string.
    """
    if headers.get(SSE) == "aws:kms" and not headers.get(SSE_KEY):
        default = s3._bucket_default_sse_headers(bucket).get(SSE_KEY)
        headers = {**headers, SSE_KEY: default} if default else headers
    stored, error = _original["encryption"](headers, bucket)
    if error is not None or not stored.get(SSE_KEY):
        return stored, error
    arn = key_arn(stored[SSE_KEY], region_of(bucket))
    if arn is None:
        return None, s3._error("KMS.NotFoundException", f"Key '{stored[SSE_KEY]}' does not exist", 400)
    return {**stored, SSE_KEY: arn}, None


def key_arn(key: str, region: str) -> str | None:
    """The ARN of the usable key of that region behind an id, ARN or alias; None when there is none."""
    with request_scope(get_account_id(), region):
        record = kms._resolve_key(key)
        return record["Arn"] if record and kms._check_key_state(record) is None else None


def region_of(bucket: str) -> str:
    """Where a bucket lies."""
    return str((s3._buckets.get(bucket) or {}).get("region") or HOME)


def s3_conditions(key_arn: str, bucket: str, key: str) -> dict[str, Any]:
    """The condition keys of the use of a KMS key for an object; with a bucket key the context is the bucket's.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
    """
    settings = s3._bucket_encryption.get(bucket) or ""
    resource = f"arn:aws:s3:::{bucket}" + ("" if "<BucketKeyEnabled>true" in str(settings) else f"/{key}")
    return conditions(key_arn, "s3", resource, region_of(bucket))


def replicate(bucket: str, key: str, source: dict[str, Any], data: object, tags: dict[str, str] | None = None) -> None:
    """Start to copy a new object if a rule asks for it; the object is PENDING until that is done.

    AWS copies later, keeps the version id, encrypts under the rule's key, applies the destination's default
    retention, and reports a wrong key or a missing permission only as FAILED
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-status.html); MiniStack copied at once, under
    the source's key and a new version id, with neither lock nor check.
    """
    rule, role = s3._replication_rule_for(bucket, key, tags)
    if rule is None or source.get("replication_status") == "REPLICA":
        return
    encrypted = source["preserved_headers"].get(SSE) == "aws:kms"
    wanted = (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects", {}).get("Status") == "Enabled"
    if encrypted and not wanted:
        return  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html: opt in
    source["replication_status"] = "PENDING"
    job = (bucket, key, source, data, dict(tags or {}), rule, role)
    spawn_background(copy_object, *job, thread_name="holdfast-replication")


def copy_object(  # noqa: PLR0913, PLR0917  # one job of the queue
    bucket: str, key: str, source: dict[str, Any], data: object, tags: dict[str, str], rule: dict[str, Any], role: str
) -> None:
    """Wait until the source has its version, then write the replica and the outcome."""
    fault = faults.get("replication")
    time.sleep(fault.get("delay_seconds", 0) if fault else 0)
    deadline = time.monotonic() + 5
    while not source.get("version_id") and time.monotonic() < deadline:
        time.sleep(0.002)
    if fault and any(fnmatchcase(key, pattern) for pattern in fault.get("skip", [])):
        return  # stays PENDING, as a replication that is late does
    target = s3._replication_destination(bucket, key, rule, role)
    status = "FAILED"
    if target is not None:
        try:
            write_replica(bucket, key, source, data, tags, rule, role)
            status = "COMPLETED"
        except (NotAllowed, LookupError) as reason:
            s3.logger.warning("replication of %s/%s failed: %s", bucket, key, reason)
            with request_scope(get_account_id(), region_of(bucket)):
                name = rule["Destination"]["Bucket"].rpartition(":")[2]
                about = {"SourceBucket": bucket, "DestinationBucket": name, "RuleId": rule.get("ID", "")}
                metrics.record("AWS/S3", "OperationsFailedReplication", 1, "Count", **about)
    source["replication_status"] = status
    for version in s3._object_versions.get((bucket, key), []):
        if version["version_id"] == source.get("version_id"):
            version["replication_status"] = status


def write_replica(  # noqa: PLR0913, PLR0917  # see copy_object
    bucket: str, key: str, source: dict[str, Any], data: object, tags: dict[str, str], rule: dict[str, Any], role: str
) -> None:
    """Put the replica into the destination bucket.

    Raises:
        LookupError: The replica's key does not exist in the destination's region.
        NotAllowed: The replication role lacks a permission.
    """
    destination = rule["Destination"]
    name = destination["Bucket"].rpartition(":")[2]
    require_role(role, SERVICE, "s3:GetObjectVersionForReplication", f"arn:aws:s3:::{bucket}/{key}")
    require_role(role, SERVICE, "s3:ReplicateObject", f"arn:aws:s3:::{name}/{key}")
    replica = copy.deepcopy({part: value for part, value in source.items() if part != "version_id"})
    replica["replication_status"] = "REPLICA"
    replica["storage_class"] = destination.get("StorageClass") or replica.get("storage_class")
    if replica["preserved_headers"].get(SSE) == "aws:kms":
        own = replica["preserved_headers"][SSE_KEY]
        require_role(role, SERVICE, "kms:Decrypt", own, keys=s3_conditions(own, bucket, key))
        wanted = destination["EncryptionConfiguration"]["ReplicaKmsKeyID"]
        arn = key_arn(wanted, region_of(name))
        if arn is None:
            raise LookupError(f"the replica's key {wanted} does not exist in {region_of(name)}")
        require_role(role, SERVICE, "kms:Encrypt", arn, keys=s3_conditions(arn, name, key))
        replica["preserved_headers"][SSE_KEY] = arn
    with request_scope(get_account_id(), region_of(name)):
        objects = s3._buckets[name]["objects"]
        s3._record_object_version(name, key, objects.get(key), replica, data)
        objects[key] = replica
        replica["version_id"] = source["version_id"]
        s3._object_versions[name, key][-1]["version_id"] = source["version_id"]
        s3._apply_object_lock_from_headers(name, key, {}, source["version_id"])
        lock_like_source(bucket, name, key, source["version_id"])
        if tags:
            s3._object_tags[name, key, source["version_id"]] = dict(tags)
        s3._fire_s3_event_async(
            name,
            key,
            "s3:ObjectCreated:Put",
            size=replica["size"],
            etag=replica["etag"],
            version_id=source["version_id"],
        )


def lock_like_source(bucket: str, destination: str, key: str, version_id: str) -> None:
    """Give a replica the retention of its source, which goes before the destination's default."""
    for store in (s3._object_retention, s3._object_legal_hold):
        if (bucket, key, version_id) in store:
            store[destination, key, version_id] = copy.deepcopy(store[bucket, key, version_id])
