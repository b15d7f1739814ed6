"""The list of tables that a database had just before and just after its snapshot. No AWS, no database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

VERSION = 1
# https://dev.mysql.com/doc/refman/8.4/en/system-schema.html; the server's own, which every server has
SYSTEM_SCHEMAS = frozenset({"mysql", "sys", "information_schema", "performance_schema"})


@dataclass(frozen=True, slots=True)
class Inventories:
    """Both lists, or why one of them is missing.

    Attributes:
        before: Names ``db.table`` before the snapshot; nothing if they were not taken.
        after: The same after the snapshot.
        missing: Phase -> reason, for each list that was not taken.
    """

    before: frozenset[str] | None
    after: frozenset[str] | None
    missing: Mapping[str, str]

    @property
    def certain(self) -> frozenset[str]:
        """Tables that existed before and after, so the snapshot must hold them; none unless both lists were taken."""
        return self.before & self.after if self.before is not None and self.after is not None else frozenset()

    @property
    def possible(self) -> frozenset[str] | None:
        """Tables that the snapshot may hold; nothing unless both lists were taken."""
        return self.before | self.after if self.before is not None and self.after is not None else None


def is_system(table: str) -> bool:
    """Whether *table* belongs to the server and not to the user."""
    return table.partition(".")[0] in SYSTEM_SCHEMAS


def document(tables: Iterable[tuple[str, str]], taken_at: datetime) -> dict[str, Any]:
    """The list as it is stored: sorted ``db.table``, the server's own tables left out."""
    names = sorted(name for name in (f"{schema}.{table}" for schema, table in tables) if not is_system(name))
    return {"version": VERSION, "taken_at": taken_at.isoformat(), "tables": names}


def names(stored: object) -> frozenset[str]:
    """Tables of a stored list.

    Raises:
        ValueError: It is no such list, or of another version.
    """
    if isinstance(stored, dict) and stored.get("version") == VERSION:
        tables = stored.get("tables")
        if isinstance(tables, list) and all(isinstance(name, str) for name in tables):
            return frozenset(tables)
    raise ValueError(f"it is no list of tables of version {VERSION}")


def failure(result: Mapping[str, Any]) -> str | None:
    """Why an inventory state failed, from what its Catch left in the machine's data; nothing if it did not fail.

    A Lambda's cause is a JSON document: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    if "Error" not in result:
        return None
    cause = str(result.get("Cause", ""))
    with suppress(ValueError, KeyError, TypeError):  # the cause of a time-out, or of a service, is plain text
        cause = json.loads(cause)["errorMessage"]
    return f"{result['Error']}: {' '.join(str(cause).split())}".removesuffix(": ")
