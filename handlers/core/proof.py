"""Words that the checks of an export and of the vault share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict


class Problem(TypedDict):
    """One reason why a recovery point is partial: what it is about, a short code, and one sentence with the cure."""

    subject: str
    reason: str
    detail: str


QUOTED = 300  # characters of somebody else's words; problems travel through machines, whose payloads are small


def short(text: object) -> str:
    """*text* in one line, cut to what fits into a sentence."""
    line = " ".join(str(text).split())
    return line if len(line) <= QUOTED else f"{line[: QUOTED - 1]}…"


def problem(subject: str, reason: str, detail: str) -> Problem:
    """The problem, as manifests, the ledger and the machines carry it."""
    return {"subject": subject, "reason": reason, "detail": detail}


def about(subject: str, reason: str, predicate: str) -> Problem:
    """The problem of a table or an object, whose sentence begins with its name."""
    return problem(subject, reason, f"{subject} {predicate}.")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What S3 says of one object.

    Attributes:
        key: Name in the bucket.
        size: Bytes.
        version: Version id; nothing in a bucket without versions.
        checksums: Algorithm -> value in base64, as stored by S3 or computed over the bytes.
        kms_key: ARN of the KMS key it is encrypted under; nothing if it isn't under KMS.
        lock_mode: ``GOVERNANCE``, ``COMPLIANCE`` or nothing.
        locked_until: Nobody may delete it before, if it is locked.
        replication: ``PENDING``, ``COMPLETED``, ``FAILED``, ``REPLICA`` or nothing.
        modified: When it was made; a replica bears the time of its original.
        trouble: Why it could not be read, in AWS's words; nothing if it could.
    """

    key: str
    size: int
    version: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    kms_key: str | None = None
    lock_mode: str | None = None
    locked_until: datetime | None = None
    replication: str | None = None
    modified: datetime | None = None
    trouble: str | None = None
