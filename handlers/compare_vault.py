"""Compare the vault of the recovery region with the manifest, object by object."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handlers import objects
from handlers.core import vault
from handlers.core.errors import ReplicationPending
from handlers.core.manifests import Entry
from handlers.core.proof import StoredObject
from handlers.runtime import code, from_environment, log, now, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Environment:
    """Variables that ``blueprints/backup.py`` sets."""

    vault: str
    backups_key: str
    retention_days: int
    lock_mode: str
    replication_timeout_seconds: int


@translated()
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """``{point, manifest: key}`` -> ``{objects, bytes, locked_until, problems, problem_count}``."""
    return compare(objects.client(), from_environment(Environment), event, now())


def compare(s3: S3Client, environment: Environment, event: dict[str, Any], at: datetime) -> dict[str, Any]:
    """What the vault lacks of the manifest at the time *at*.

    Raises:
        ReplicationPending: Objects are still on their way, and their time is not over.
    """
    bucket, manifest_key = environment.vault, event["manifest"]
    head = objects.look(s3, bucket, manifest_key)
    if head.modified is None:
        raise ReplicationPending(f"the manifest {manifest_key} is not in the vault yet ({head.trouble})")
    manifest = _manifest(s3, bucket, manifest_key)
    entries: list[Entry] = manifest["objects"]
    missing = set(vault.absent(entries, objects.sizes(s3, bucket, f"{manifest['prefix']}/")))
    timeout = timedelta(seconds=environment.replication_timeout_seconds)
    if missing and not vault.is_overdue(head.modified, at, timeout):
        raise ReplicationPending(vault.pending(sorted(missing), len(entries)))

    retention = timedelta(days=environment.retention_days)
    check = vault.Check(
        vault.expectation(environment.backups_key, environment.lock_mode, retention, written_at=head.modified)
    )
    check.add_manifest(head)
    late = []
    there = (entry for entry in entries if entry["key"] not in missing)
    for entry, held in objects.each(lambda entry: (entry, _held(s3, bucket, entry)), there):
        if held.replication == "PENDING" and not vault.is_overdue(head.modified, at, timeout):
            late.append(entry["key"])
        check.add(entry, held)
    if late:
        raise ReplicationPending(vault.pending(late, len(entries)))
    for key in sorted(missing):
        check.add_missing(key)
    answer = check.conclude()
    log("vault compared", recovery_point=event["point"]["id"], **{**answer, "problems": answer["problem_count"]})
    return answer


def _held(s3: S3Client, bucket: str, entry: Entry) -> StoredObject:
    """One object: a HEAD for its checksum, key and lock, and a GET of one byte to prove that it can be read."""
    found = objects.readable(s3, bucket, objects.look(s3, bucket, entry["key"]))
    return objects.with_checksum(s3, bucket, found, entry["checksum"]["algorithm"])


def _manifest(s3: S3Client, bucket: str, key: str) -> dict[str, Any]:
    try:
        found = objects.get_json(s3, bucket, key)
    except ClientError as error:
        if code(error) == "NoSuchKey":
            raise ReplicationPending(f"the manifest {key} is not in the vault yet") from error
        raise
    if not isinstance(found, dict):
        raise TypeError(f"{key} is no manifest")
    return found
