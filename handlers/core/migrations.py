"""Changes of the database's schema: which there are, which are still to be run, and whether the past was rewritten.

Forward only. A migration is run at most once per database, but its statements may be: MySQL commits each DDL statement
at once, so one that broke in the middle is begun again, and every statement must bear that (``IF NOT EXISTS``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise


class MigrationsBroken(Exception):
    """The migrations contradict each other or the database; the message says which, and the cure."""


@dataclass(frozen=True)
class Migration:
    """One step of the schema.

    Args:
        version: Order among the migrations of all resources; the day of its making and a number, ``2026_11_22_01``.
        name: What it does, in a few words.
        statements: Each safe to run twice.
    """

    version: int
    name: str
    statements: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Checksum of the statements, blanks aside, so that a formatter changes nothing."""
        texts = (" ".join(statement.split()) for statement in self.statements)
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def pending(migrations: Iterable[Migration], applied: Mapping[int, str]) -> list[Migration]:
    """Those of *migrations* that are not yet *applied* (version to checksum), in order.

    Versions that only the database knows are of newer code than this, and stay.

    Raises:
        MigrationsBroken: Two have one version, or one was changed after it had been applied.
    """
    ordered = sorted(migrations, key=lambda migration: migration.version)
    for first, second in pairwise(ordered):
        if first.version == second.version:
            raise MigrationsBroken(
                f"migrations {first.name!r} and {second.name!r} both have version {first.version}: give one another"
            )
    for migration in ordered:
        if applied.get(migration.version, migration.sha256) != migration.sha256:
            raise MigrationsBroken(
                f"migration {migration.version} {migration.name!r} was applied with other statements: restore them, "
                "and add a migration that makes the change"
            )
    return [migration for migration in ordered if migration.version not in applied]
