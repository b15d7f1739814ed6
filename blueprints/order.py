"""In which order stacks are deployed: what each needs of its own region, and of the others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from blueprints.regions import regions_of
from blueprints.settings import Settings

HERE = {  # what a stack needs of its own region; a test compares it with what the templates import
    "network": ("keys",),
    "storage": ("keys",),
    "database": ("keys", "network"),
    "backup": ("keys", "network", "storage", "database"),
    "api": ("keys", "network", "storage", "database"),
    "observability": ("keys", "network", "storage", "database", "backup", "api"),
}


@dataclass(frozen=True, order=True)
class Stack:
    """One stack in one region."""

    name: str
    region: str


def everything(names: Collection[str], settings: Settings) -> set[Stack]:
    """Every one of the stacks *names* in each region that it is deployed to."""
    return {Stack(name, region) for name in names for region in regions_of(name, settings)}


def needs(stack: Stack, names: Collection[str], settings: Settings) -> set[Stack]:
    """Which of the stacks *names* must be there before *stack*, and where.

    A bucket that replicates needs its destination; the ledger's replica in the recovery region is made by the
    primary's stack, and the primary's backup stack sends events to the recovery region's bus. An alarm of the
    recovery region decides about the records of the primary's API. CloudFront reads from both regions' buckets.
    """
    primary, recovery = settings.regions
    found = {Stack(name, stack.region) for name in HERE.get(stack.name, ())}
    if stack == Stack("storage", primary):
        found |= {Stack("keys", recovery), Stack("storage", recovery)}
    if stack.name in ("backup", "site"):
        found |= {Stack("storage", primary), Stack("storage", recovery)}
    if stack == Stack("backup", primary):
        found.add(Stack("backup", recovery))
    if stack == Stack("api", primary) and settings.domain:
        found.add(Stack("observability", recovery))
    return {needed for needed in found if needed.name in names}


def waves(names: Collection[str], settings: Settings) -> list[list[Stack]]:
    """Every stack, in the earliest of the steps in which it can be deployed; those of one step at the same time."""
    waiting, done, found = everything(names, settings), set[Stack](), list[list[Stack]]()
    while waiting:
        ready = sorted(stack for stack in waiting if needs(stack, names, settings) <= done)
        if not ready:
            raise ValueError(f"{sorted(waiting)} wait for each other")
        found.append(ready)
        done.update(ready)
        waiting.difference_update(ready)
    return found
