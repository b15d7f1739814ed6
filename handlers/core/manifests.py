"""The manifest of a recovery point: what was exported and what kept it from being whole. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from handlers.core.proof import Problem

VERSION = 1
FIRST = 5  # problems that travel through a machine; the manifest holds all


class Checksum(TypedDict):
    """A checksum as S3 stores it, in base64; one of many parts ends in ``-<parts>``."""

    algorithm: str
    value: str


class Entry(TypedDict):
    """One object of the export."""

    key: str
    size: int
    checksum: Checksum
    version_id: str | None


class Table(TypedDict):
    """One table of the export; ``objects`` are the Parquet files that hold its rows."""

    name: str
    rows: int
    objects: int
    bytes: int
    status: str


class Manifest(TypedDict):
    """What the recovery region compares with, and drills count against."""

    version: int
    recovery_point: str
    database: str
    export_task: str
    prefix: str
    snapshot_time: str | None
    key: str
    whole: bool
    tables: Sequence[Table]
    objects: Sequence[Entry]
    problems: Sequence[Problem]


def manifest(  # noqa: PLR0913  # the parts of the document
    point: Mapping[str, Any],
    export: Mapping[str, Any],
    *,
    kms_key: str,
    tables: Sequence[Table],
    objects: Sequence[Entry],
    problems: Sequence[Problem],
) -> Manifest:
    """The manifest of *point*; equal findings give an equal document, whenever it is written."""
    return {
        "version": VERSION,
        "recovery_point": point["id"],
        "database": point["database"],
        "export_task": export["task"],
        "prefix": export["prefix"],
        "snapshot_time": export.get("snapshot_time"),
        "key": kms_key,
        "whole": not problems,
        "tables": tables,
        "objects": objects,
        "problems": problems,
    }


def summary(document: Manifest, key: str) -> dict[str, Any]:
    """What the backup machine carries on of the manifest under *key*."""
    return {
        "whole": document["whole"],
        "manifest": key,
        "tables": len(document["tables"]),
        "rows": sum(table["rows"] for table in document["tables"]),
        "objects": len(document["objects"]),
        "bytes": sum(entry["size"] for entry in document["objects"]),
        "problems": len(document["problems"]),
        "first_problems": list(document["problems"][:FIRST]),
    }
