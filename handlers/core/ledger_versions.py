"""Which versions the ledger has had, and what a deployment does with a ledger of another version than its own.

A version is what the rows promise. To make one: add it to :data:`VERSIONS`, its step to ``handlers/migrate_ledger.py``,
its number to ``blueprints/ledger_version.py`` and a line to CHANGELOG.md; tests ask for each. A step must bear being
begun again wherever it was cut short, and **only adds**: functions of the version before run while it does, in the
recovery region and in the API functions of the new one run before it is done, and after a roll-back the old ones go on
with the new ledger. What only old code needs may go in a version of its own, a release later; that one raises
``readable_since``, and from then on old code is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PK, SK = "LEDGER", "VERSION"


class LedgerRefused(Exception):
    """This code can't work with the ledger as it is; the message names both versions and the cure."""


@dataclass(frozen=True)
class Version:
    """A version of the ledger.

    Attributes:
        number: Which.
        readable_since: The oldest version whose code can still work with a ledger of this one.
        adds: What the rows promise from this version on.
    """

    number: int
    readable_since: int
    adds: str


VERSIONS = (
    Version(1, 1, "points, their operations, claims and outcomes, leases (release 0.1.0; it wrote no version)"),
    Version(2, 1, "PROTECTION#<db> for each database with a point that has ended (release 0.2.0; it wrote no version)"),
)
CURRENT = VERSIONS[-1].number
OLDEST = VERSIONS[0].number


def found(row: Mapping[str, Any] | None) -> int:
    """Version of the ledger, whose version item is *row*; without one it may be of the first release."""
    return int(row["version"]) if row else OLDEST


def require_readable(row: Mapping[str, Any] | None, asked: int) -> None:
    """Nothing, if code of version *asked* can work with the ledger.

    Raises:
        LedgerRefused: The ledger is too new for it.
    """
    if row and row["readable_since"] > asked:
        raise LedgerRefused(
            f"the ledger is of version {row['version']}, which code of version {row['readable_since']} or newer can "
            f"work with, and this deployment is of version {asked}: deploy a newer checkout (CHANGELOG.md says which)"
        )


def steps(row: Mapping[str, Any] | None, asked: int, before: int) -> list[int]:
    """Versions to bring the ledger up to, one after the other, for a deployment of version *asked*.

    Each version above the one that the deployment had *before* is among them, even if the ledger has it: code from
    before a roll-back has written since, and knew nothing of it.

    A roll-back asks for an older version than the ledger's. Then there is nothing to do, and nothing to refuse, since
    versions only add. Nor is there if it goes back to a *newer* version than this code's, which is about to be
    replaced itself (AWS does not say in which order): the resource behind all functions then asks the newer code.

    Raises:
        LedgerRefused: The ledger is too new, or this code too old to bring it up.
    """
    require_readable(row, asked)
    if asked > CURRENT and asked > found(row):
        raise LedgerRefused(
            f"the template asks for version {asked} of the ledger, and the functions' archive knows {CURRENT} at most: "
            "build templates and archive from one checkout, and deploy again"
        )
    return list(range(min(found(row), before) + 1, min(asked, CURRENT) + 1))


def item(row: Mapping[str, Any] | None, number: int, at: str) -> dict[str, Any]:
    """The version item once the step to *number* is done, *at* a time; a newer ledger stays what it is."""
    if found(row) > number or (row and found(row) == number):
        return {name: value for name, value in (row or {}).items() if name != "progress"}
    version = next(each for each in VERSIONS if each.number == number)
    return {"pk": PK, "sk": SK, "version": number, "readable_since": version.readable_since, "migrated_at": at}


def resumed(row: Mapping[str, Any] | None, number: int) -> tuple[str, str] | None:
    """Where the step to *number* was cut short: the last point it has seen to; nothing if it is to be begun."""
    progress = (row or {}).get("progress")
    return (progress["id"], progress["scheduled_at"]) if progress and progress["to"] == number else None


def cut_short(row: Mapping[str, Any] | None, number: int, point: tuple[str, str], at: str) -> dict[str, Any]:
    """The version item while the step to *number* goes on and has seen to everything down to *point*."""
    base = row or {"pk": PK, "sk": SK, "version": OLDEST, "readable_since": VERSIONS[0].readable_since}
    return {"migrated_at": at, **base, "progress": {"to": number, "id": point[0], "scheduled_at": point[1]}}
