"""Who gets the next slot of an AWS quota."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class Waiter:
    """A run that waits for a slot; ordered by the time its database's RPO breaks, then by name."""

    urgency: str
    point: str
    attempt: int


@dataclass(frozen=True)
class Grants:
    """Who may be told now, and what the lease then holds: point to attempt."""

    told: tuple[Waiter, ...]
    holders: Mapping[str, int]


def grants(capacity: int, holders: Mapping[str, int], waiters: Iterable[Waiter]) -> Grants:
    """The most urgent *waiters* that fit beside *holders*.

    A waiter that is a holder already is told again: the one who granted it may have died before telling. A later
    attempt of a point takes over its slot.
    """
    held = dict(holders)
    told = []
    for waiter in sorted(waiters):
        if waiter.point in held or len(held) < capacity:
            held[waiter.point] = max(waiter.attempt, held.get(waiter.point, 0))
            told.append(waiter)
    return Grants(tuple(told), held)


def has_ended(operation: Mapping[str, Any] | None, attempt: int) -> bool:
    """Whether the *operation* that *attempt* took a slot for is over; one that it has not begun yet is not."""
    return operation is not None and operation["attempt"] >= attempt and operation["state"] != "open"
