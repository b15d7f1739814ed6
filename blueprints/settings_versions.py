"""Versions of the settings file, and how a file of an older one becomes one of today while it is read.

``version = 2`` at the top says which; a file without it is of version 1. To make a version: write its function, which
turns a table of the version before into one of its own, and put it at the end of :data:`MIGRATIONS`; a line in
CHANGELOG.md goes with it, which a test asks for. A version is needed only when a setting is renamed, moved or given
another meaning; a new one with a default needs none. What every setting means is in docs/settings.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from blueprints.validation import SettingsError, require

Table = Mapping[str, Any]
Told = list[tuple[str, str]]  # old field, what to write instead


# ---- one function for each version, of the table of the version before -----------------------------------------------


def _two(table: Table) -> tuple[Table, Told]:
    """The time that objects stay locked is told from the time that recovery points live."""
    return _renamed(table, "backup", "retention", "lock_retention", version=2)


MIGRATIONS: tuple[Callable[[Table], tuple[Table, Told]], ...] = (_two,)  # to 2, to 3, …
CURRENT = 1 + len(MIGRATIONS)
# What a file of today still calls by an old name, by table: what it is called now.
FORMER = {"backup.": {"retention": "lock_retention"}}


# ---- reading ---------------------------------------------------------------------------------------------------------


def current(table: Table) -> tuple[Table, Told]:
    """*table* as one of the current version, and each field of it that has another name there.

    Raises:
        SettingsError: The version is none, or newer than this code; or the table has fields of two versions.
    """
    version = table.get("version", 1)
    require(
        type(version) is int and version >= 1,
        "version",
        version,
        f"use a whole number without quotes; the current one is {CURRENT}",
    )
    require(
        version <= CURRENT,
        "version",
        version,
        f"this checkout knows settings up to version {CURRENT}; upgrade it (git pull) to use the file",
    )
    told: Told = []
    for migrate in MIGRATIONS[version - 1 :]:
        table, more = migrate(table)
        told += more
    return {**table, "version": CURRENT}, told


def advice(told: Told) -> str:
    """What to change in a file with old fields; one line."""
    fields = "; ".join(f"{new} instead of {old}" for old, new in told)
    return f"settings of an older version are read as ever; write version = {CURRENT} at the top, and {fields}"


# ---- helpers of the functions above ----------------------------------------------------------------------------------


def _renamed(table: Table, group: str, old: str, new: str, *, version: int) -> tuple[Table, Told]:
    """*table* with *new* in place of *old* in its table *group*.

    Raises:
        SettingsError: *new* is there already, though only *version* has it.
    """
    inner = table.get(group)
    if not isinstance(inner, dict):  # absent, or nonsense that whoever reads the fields refuses
        return table, []
    if new in inner:
        raise SettingsError(
            f'{group}.{new} = "{inner[new]}": is a setting of version {version}, and the file is of an older one; '
            f"write version = {CURRENT} at its top"
        )
    if old not in inner:
        return table, []
    changed = {new if name == old else name: value for name, value in inner.items()}
    return {**table, group: changed}, [(f"{group}.{old}", f"{group}.{new}")]
