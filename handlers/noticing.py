"""What event and sweep have in common: given a row, look at what it is about and do what is left to do."""

from __future__ import annotations

from collections.abc import Mapping

from handlers import record_failure
from handlers.cleaning import clean
from handlers.concluding import Concluding
from handlers.core.operations import Kind
from handlers.ledger import Item


def notice(concluding: Concluding, point: str, kinds: frozenset[Kind]) -> None:
    """Look at every operation of *point* that is open in this region: an event speaks of one of *kinds*.

    One of another kind is settled on the way if it has ended, and its own event is still waited for.
    """
    for row in concluding.following.ledger.operations(point):
        if row["region"] != concluding.following.ledger.region or "open" not in row:
            continue
        spoken_of = row["kind"] in kinds
        if spoken_of or not row["answered"] or row.get("abandoned"):
            look(concluding, row, unnoticed=not spoken_of)


def look(concluding: Concluding, row: Item, *, unnoticed: bool = False) -> None:
    """Settle the operation *row*, or clean up after it if its run is over."""
    if row.get("abandoned"):
        clean(concluding.following, row)
    else:
        concluding.following.settle(row, unnoticed=unnoticed)


def run_ended(concluding: Concluding, run: Mapping[str, str], ending: Mapping[str, str]) -> None:
    """The *run* (``database``, ``scheduled_at``, ``execution``) is over: if it left its point open, that failed."""
    row = record_failure.row_of(concluding, run)
    if row and row["execution"] == run["execution"] and "open" in row:
        concluding.fail(row, ending)


def copy_ended(concluding: Concluding, claim: Item, ending: Mapping[str, str]) -> None:
    """The run that has the copy *claim* is over: if it left no outcome, the copy failed."""
    if "open" in claim:
        concluding.fail_copy(claim["point"], claim["attempt"], ending)
