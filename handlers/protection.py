"""Which databases ask for protection and what they have: the partition ``DATABASES`` of the ledger.

Two rows for each database, since two functions write: what is there (``measure_protection``, which asks RDS) and what
its ended points come to (whoever concludes a point). So everything about all databases is one query.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from handlers.core import catalogue
from handlers.core.catalogue import Database
from handlers.core.errors import TemporarilyUnavailable
from handlers.core.names import iso
from handlers.ledger import Item, Ledger

DATABASES = "DATABASES"
SEEN_INTERVAL = timedelta(hours=1)  # between two notes that a database is still there; each is a write, here and there
_TRIES = 5  # of a write that others race for


def databases(ledger: Ledger) -> list[Database]:
    """Every database that ever asked for protection, by id."""
    rows = {row["sk"]: row for row in ledger.partition(DATABASES)}
    return [
        Database(row, rows.get(f"PROTECTION#{row['id']}", {})) for sk, row in rows.items() if sk.startswith("DATABASE#")
    ]


def database(ledger: Ledger, name: str) -> Item | None:
    """The row of one database in the registry."""
    return ledger.read(DATABASES, f"DATABASE#{name}")


def note(ledger: Ledger, *ended: Item) -> None:
    """Let a database's row say what it has, now that some of its points (rows) have *ended*, in whatever order.

    Doing it again changes nothing.

    Raises:
        TemporarilyUnavailable: Other points of the database end at this very moment.
    """
    name = ended[0]["database"]
    for _ in range(_TRIES):
        before = ledger.read(DATABASES, f"PROTECTION#{name}")
        after = catalogue.summary(before, *ended)
        if after is None:
            return
        version = before["version"] if before else 0
        row = {"pk": DATABASES, "sk": f"PROTECTION#{name}", "database": name, "version": version + 1, **after}
        if ledger.put(row, seen=before and {"version": version}):
            return
    raise TemporarilyUnavailable(f"what {name} has is written by others, too")


def register(ledger: Ledger, present: Iterable[str], at: datetime) -> None:
    """Note which databases are there at the time *at*: the *present* ones, and of those known before, no others.

    What somebody else has written meanwhile stays; the next call sees to it.
    """
    known = {each.row["id"]: each.row for each in databases(ledger)}
    there = sorted(set(present))
    for name in there:
        row = known.get(name)
        if row is None:
            row = {"pk": DATABASES, "sk": f"DATABASE#{name}", "id": name, "first_seen_at": iso(at), "seen_at": iso(at)}
            ledger.put(row, seen=None)
        elif "gone_at" in row or at - datetime.fromisoformat(row["seen_at"]) >= SEEN_INTERVAL:
            back = {key: value for key, value in row.items() if key != "gone_at"}
            ledger.put({**back, "seen_at": iso(at)}, seen=_seen(row))
    for name in sorted(known.keys() - set(there)):
        if "gone_at" not in known[name]:
            ledger.put({**known[name], "gone_at": iso(at)}, seen=_seen(known[name]))


def _seen(row: Mapping[str, Any]) -> Item:
    return {"seen_at": row["seen_at"], "gone_at": row.get("gone_at")}
