"""Whether the vault holds what the manifest lists (level 2). Pure.

======================  ===========================================================================================
``object-missing``      replication is overdue and the object is not there
``object-unreadable``   the recovery region's role can't read it, or can't decrypt it
``size-differs``        it has another size than the exported one
``checksum-differs``    its bytes are not the exported ones
``no-checksum``         S3 stores none by the exported one's algorithm, and it can't be computed here
``wrong-key``           it is encrypted under another key than this region's key for backups, or under none
``not-locked``          it can be deleted
``lock-too-short``      it can be deleted before its retention is over
``lock-too-weak``       it is locked under GOVERNANCE where the settings want COMPLIANCE
======================  ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handlers.core.manifests import FIRST, Entry
from handlers.core.proof import Problem, StoredObject, about, short

SLACK = timedelta(days=1)  # the lock counts from each object's own making, and an export takes hours
_LOCK_RULE = "check the vault's default retention and that replication has written it"


@dataclass(frozen=True)
class Expectation:
    """What every object of the vault must satisfy.

    Attributes:
        kms_key: ARN of the key of this region that encrypts backups.
        lock_mode: ``GOVERNANCE`` or ``COMPLIANCE``; the latter satisfies the former.
        locked_until: Nobody may be able to delete it before.
    """

    kms_key: str
    lock_mode: str
    locked_until: datetime


def expectation(kms_key: str, lock_mode: str, retention: timedelta, written_at: datetime) -> Expectation:
    """What is expected of the objects of a manifest written at *written_at*."""
    return Expectation(kms_key, lock_mode, written_at + retention - SLACK)


def is_overdue(written_at: datetime, now: datetime, timeout: timedelta) -> bool:
    """Whether replication has had its time since the manifest, the last object of an export, was written."""
    return now - written_at > timeout


def absent(objects: Iterable[Entry], there: dict[str, int]) -> list[str]:
    """Keys that are not *there* yet."""
    return [entry["key"] for entry in objects if entry["key"] not in there]


def pending(keys: list[str], total: int) -> str:
    """One line about the *keys* of *total* objects that replication still owes."""
    return f"{len(keys)} of {total} objects are not in the vault yet, the first is {keys[0]}"


class Check:
    """Compares object by object: add each with what the vault holds, then conclude."""

    def __init__(self, expected: Expectation) -> None:
        self.expected = expected
        self.objects = 0
        self.bytes = 0
        self.locked_until: datetime | None = None
        self.problems: list[Problem] = []

    def add(self, entry: Entry, held: StoredObject) -> None:
        """Take in one object of the manifest and what the vault holds under its key."""
        found = list(_differences(entry, held)) if not held.trouble else []
        found += _shortcomings(held, self.expected)
        self._lock(held)
        self.problems += found
        if not found:
            self.objects += 1
            self.bytes += held.size

    def add_manifest(self, held: StoredObject) -> None:
        """Take in the manifest itself, which lists the others and so can't list itself."""
        self.problems += _shortcomings(held, self.expected)
        self._lock(held)

    def add_missing(self, key: str) -> None:
        """Take in an object that replication did not bring in time."""
        self.problems.append(
            about(
                key,
                "object-missing",
                "is not in the vault and replication is overdue: look at its replication status in the staging bucket; "
                "if it is FAILED, allow the replication role the key of the recovery region and replicate it again",
            )
        )

    def conclude(self) -> dict[str, Any]:
        """What the copy machine carries on; objects and bytes are those without a problem."""
        return {
            "objects": self.objects,
            "bytes": self.bytes,
            "locked_until": self.locked_until.isoformat() if self.locked_until else None,
            "problems": self.problems[:FIRST],
            "problem_count": len(self.problems),
        }

    def _lock(self, held: StoredObject) -> None:
        """The vault is locked until the first of its objects is not."""
        if held.locked_until:
            self.locked_until = min(held.locked_until, self.locked_until or held.locked_until)


def _differences(entry: Entry, held: StoredObject) -> Iterable[Problem]:
    key, checksum = entry["key"], entry["checksum"]
    if held.size != entry["size"]:
        yield about(
            key, "size-differs", f"has {held.size} bytes in the vault and {entry['size']} in the export: copy it again"
        )
    stored = held.checksums.get(checksum["algorithm"])
    if stored is None:
        yield about(
            key,
            "no-checksum",
            f"has no {checksum['algorithm'] or 'known'} checksum in the vault: replicate it again with checksums",
        )
    elif stored != checksum["value"]:
        yield about(
            key,
            "checksum-differs",
            f"has the {checksum['algorithm']} {stored} in the vault and {checksum['value']} in the export: somebody "
            "wrote to the vault; look at the object's versions and take the next recovery point",
        )


def _shortcomings(held: StoredObject, expected: Expectation) -> Iterable[Problem]:
    if held.trouble:
        yield about(
            held.key,
            "object-unreadable",
            f"can't be read in the recovery region ({short(held.trouble)}): allow the role of compare_vault to "
            f"read it and to decrypt with {expected.kms_key}",
        )
        return
    if held.kms_key != expected.kms_key:
        yield about(
            held.key,
            "wrong-key",
            f"is encrypted under {held.kms_key or 'no KMS key'}, not {expected.kms_key}: correct ReplicaKmsKeyID",
        )
    if not held.lock_mode or not held.locked_until:
        yield about(held.key, "not-locked", f"is not locked: {_LOCK_RULE}")
        return
    if held.lock_mode not in (expected.lock_mode, "COMPLIANCE"):
        yield about(held.key, "lock-too-weak", f"is locked as {held.lock_mode}, not {expected.lock_mode}: {_LOCK_RULE}")
    if held.locked_until < expected.locked_until:
        yield about(
            held.key,
            "lock-too-short",
            f"is locked until {held.locked_until.isoformat()}, not {expected.locked_until.isoformat()}: {_LOCK_RULE}",
        )
