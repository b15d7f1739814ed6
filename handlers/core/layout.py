"""Where RDS puts what it exports, and what its own accounts of an export say. Pure.

``<prefix>/<db>/<db>.<table>/<batch>/part-<n>-<uuid>.gz.parquet`` with a ``_SUCCESS`` per batch; an older convention has
no batch. Part numbers have gaps wherever a range of the table's key held no row, so a gap says nothing. Backslash,
backtick, double quote and space become ``_`` in a path: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.FileNames.html
Beside the tables lie ``export_info_<task>.json`` and one or more ``export_tables_info_<task>_from_<n>_to_<m>.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

COMPLETE = "COMPLETE"
_TABLE_DEPTH = 3  # database, table, then at least a file
_RANGE = re.compile(r"_from_(\d+)_to_(\d+)\.json$")
_CONVERTED = str.maketrans(dict.fromkeys('\\`" ', "_"))


class Kind(Enum):
    """What an object below an export's prefix is."""

    TASK_INFO = "export_info"
    TABLES_INFO = "export_tables_info"
    ROWS = "rows"
    SUCCESS = "success"
    STRAY_ROWS = "stray rows"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Place:
    """Kind of an object, the folder of its table (``db.table`` after conversion) and its batch."""

    kind: Kind
    folder: str = ""
    batch: str = ""


def place(prefix: str, key: str) -> Place:
    """What the object *key* of the export under *prefix* is; below ``_temporary`` and the like nothing counts."""
    path = key.removeprefix(f"{prefix}/").split("/")
    name = path[-1]
    if len(path) == 1 and name.endswith(".json"):
        for kind in (Kind.TABLES_INFO, Kind.TASK_INFO):
            if name.startswith(f"{kind.value}_"):
                return Place(kind)
    rows = name.endswith(".parquet")
    in_table = len(path) >= _TABLE_DEPTH and path[1].startswith(f"{path[0]}.")
    if not in_table:
        return Place(Kind.STRAY_ROWS if rows else Kind.OTHER)
    if any(folder.startswith(("_", ".")) for folder in path[2:-1]):
        return Place(Kind.OTHER)
    kind = Kind.ROWS if rows else Kind.SUCCESS if name.upper() == "_SUCCESS" else Kind.OTHER
    return Place(kind, path[1], "/".join(path[2:-1]))


def folder(table: str) -> str:
    """Folder that *table* (``db.table``) is exported to."""
    return table.translate(_CONVERTED)


def gap(keys: Iterable[str]) -> int | None:
    """Number of the first table that no tables-info file among *keys* covers; nothing if there is no hole.

    The last file may be missing unseen: a table that only it named then lacks its status.
    """
    ranges = sorted((int(m[1]), int(m[2])) for m in map(_RANGE.search, keys) if m)
    expected = 1
    for begin, end in ranges:
        if begin > expected:
            return expected
        expected = max(expected, end + 1)
    return None


@dataclass(frozen=True, slots=True)
class TableStatus:
    """What RDS says of one table; partitions are the slices it read the table in."""

    table: str
    status: str
    warning: str | None = None
    partitions: int | None = None
    completed: int | None = None


def statuses(document: object) -> list[TableStatus]:
    """Tables of one tables-info file.

    Raises:
        ValueError: The file is not shaped as documented.
    """
    entries = document.get("perTableStatus") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("it has no list perTableStatus")  # noqa: TRY004  # the content is wrong, not a caller's type
    return [_status(entry) for entry in entries]


def _status(entry: Any) -> TableStatus:
    try:
        partitioning = (entry.get("tableStatistics") or {}).get("partitioningInfo") or {}
        return TableStatus(
            table=str(entry["target"]),
            status=str(entry["status"]).upper(),
            warning=str(entry["warningMessage"]) if entry.get("warningMessage") else None,
            partitions=_number(partitioning.get("numberOfPartitions")),
            completed=_number(partitioning.get("numberOfCompletedPartitions")),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"an entry of perTableStatus lacks target or status: {str(entry)[:100]}") from error


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
