"""Find what no event told: runs every few minutes in each region and repeats whatever was left half done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from handlers import machines, metrics, noticing
from handlers.concluding import Concluding
from handlers.core import leases, names, points
from handlers.core.errors import HoldfastError
from handlers.events import publish
from handlers.ledger import Item
from handlers.runtime import from_environment, log, translated

EVENT_DELAY = timedelta(seconds=120)  # an event that has not come by then counts as lost
_STARTS = 9  # names to try for one copy run


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: First part of every physical name; names the metrics' deployment.
        ledger: Name of the table.
        bus: Name of this region's event bus.
        primary_region: Region that asks for copies.
        copy_machine: ARN of this region's ``copy`` machine.
    """

    prefix: str
    ledger: str
    bus: str
    primary_region: str
    copy_machine: str


def handler(event: Item, context: object) -> Item:
    """``{} -> {looked_at, failed}``; what fails is tried again by the next sweep."""
    environment = from_environment(Environment)
    concluding = Concluding.here(environment.ledger, environment.bus)
    with translated():
        return sweep(concluding, environment)


def sweep(concluding: Concluding, environment: Environment) -> Item:
    """Finish what is open in this region, oldest first; one that fails holds up no other."""
    ledger = concluding.following.ledger
    looks: list[tuple[str, Callable[[], None]]] = [
        (f"{pk} {sk}", lambda pk=pk, sk=sk: _look(concluding, ledger.read(pk, sk)))  # type: ignore[misc]
        for pk, sk in ledger.unfinished(ledger.region)
    ]
    if ledger.region != environment.primary_region:
        looks += [
            (f"{pk} {sk}", lambda pk=pk, sk=sk: _start_copy(concluding, environment, ledger.read(pk, sk)))  # type: ignore[misc]
            for pk, sk in ledger.unfinished(environment.primary_region)
            if sk == "OPERATION#recovery-copy"
        ]
    looks += [(quota, lambda quota=quota: _tidy(concluding, quota)) for quota in ("exports", "copies")]  # type: ignore[misc]
    return {"looked_at": len(looks), "failed": sum(not _done(name, look) for name, look in looks)}


def _done(name: str, look: Callable[[], None]) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # loaded with the client

    try:
        with translated():
            look()
    except (HoldfastError, ClientError, BotoCoreError) as error:
        log("not swept", level="ERROR", what=name, error=f"{type(error).__name__}: {error}")
        return False
    return True


# ---- rows ------------------------------------------------------------------------------------------------------------


def _look(concluding: Concluding, row: Item | None) -> None:
    """Do what is left to do about *row*; the index may be a moment behind."""
    if row is None or "open" not in row:
        return
    states = concluding.following.clients.states
    if row["sk"] == "POINT":
        if row["status"] != points.RUNNING:
            concluding.announce(row)
        elif ending := machines.ending(states, row["execution"]):
            noticing.run_ended(concluding, row, ending)
    elif row["sk"] == "CLAIM#copy":
        if ending := machines.ending(states, row["execution"]):
            noticing.copy_ended(concluding, row, ending)
    elif row["answered"] and not row.get("abandoned"):
        _report_lost_event(concluding, row)
    else:
        noticing.look(concluding, row, unnoticed=True)


def _report_lost_event(concluding: Concluding, row: Item) -> None:
    """Say that no event told of the end of *row*, once the event has had its time."""
    since = row.get("unnoticed_since")
    if since and concluding.following.clock() - datetime.fromisoformat(since) < EVENT_DELAY:
        return
    if since:
        _publish_lost(concluding, row, since)
    seen = {"arms": row["arms"]}
    concluding.following.ledger.change(row, {}, seen=seen, remove=("open", "unnoticed_since"))


# ---- copies that were asked for and not begun ------------------------------------------------------------------------


def _start_copy(concluding: Concluding, environment: Environment, row: Item | None) -> None:
    """Start a copy run for the request *row* of the primary region, unless one has it or had it."""
    ledger = concluding.following.ledger
    if row is None or row["state"] != "open" or row.get("abandoned"):
        return
    if concluding.following.clock() - datetime.fromisoformat(row["armed_at"]) < EVENT_DELAY:
        return
    for kind in ("OUTCOME#copy", "CLAIM#copy"):
        known = ledger.read(row["pk"], kind)
        if known and known["attempt"] >= row["attempt"]:
            return
    tries = [names.execution_name(row["point"], number) for number in range(1, _STARTS + 1)]
    data = {"request": row["expected"]["request"]}
    if not machines.start(concluding.following.clients.states, environment.copy_machine, tries, data):
        error = {"Error": "CopyRefused", "Cause": f"{_STARTS} copy runs of {row['point']} ended before they began"}
        concluding.fail_copy(row["point"], row["attempt"], error)
    _publish_lost(concluding, row, row["armed_at"])


def _publish_lost(concluding: Concluding, row: Item, since: str) -> None:
    late = concluding.following.clock() - datetime.fromisoformat(since)
    detail = {"recovery_point": row["point"], "operation": row["kind"], "seconds": int(late.total_seconds())}
    publish(concluding.following.clients.events, concluding.bus, "Lost Event Found", detail)
    metrics.record({"LostEventsFound": (1, metrics.COUNT)})
    log("lost event found", level="WARNING", resource=row["resource"], **detail)


# ---- leases ----------------------------------------------------------------------------------------------------------


def _tidy(concluding: Concluding, quota: str) -> None:
    """Free slots and places in the queue whose run is over, then hand out what is free."""
    slots = concluding.following.slots
    for point, attempt in slots.parties(quota):
        if _is_over(concluding, quota, point, attempt):
            slots.leave(quota, point, attempt)
    slots.grant(quota)


def _is_over(concluding: Concluding, quota: str, point: str, attempt: int) -> bool:
    """Whether *attempt* at *point* needs its slot no more: the run, or the operation in the slot, has ended."""
    ledger = concluding.following.ledger
    pk = f"POINT#{point}"
    if quota == "exports":
        row, operation = ledger.point(point), ledger.operation(point, "export")
        over = row is None or row["attempt"] > attempt or row["status"] != points.RUNNING
    else:
        row, operation = ledger.read(pk, "OUTCOME#copy"), ledger.operation(point, "copy")
        over = row is not None and row["attempt"] >= attempt
    return over or leases.has_ended(operation, attempt)
