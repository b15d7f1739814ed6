"""In which order stacks are deployed: what each needs of its own region, and of the others.

StackSets deploys set by set: all regions of one stack, then of the next. So a set needs every set of which one of its
stacks needs a stack, and its regions take turns, recovery first, where the primary's stack needs the recovery region's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from blueprints.regions import regions_of
from blueprints.settings import Settings

BOOTSTRAP, SETS = "bootstrap", "stacksets"  # deployed as they are; every other stack is deployed by a set
DEPLOYMENT_TAG, STACK_TAG = "holdfast:deployment", "holdfast:stack"  # by which a stack is found, whatever it is called
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
    recovery region's API decides about the record of the primary's. CloudFront reads from both regions' buckets.
    """
    primary, recovery = settings.regions
    found = {Stack(name, stack.region) for name in HERE.get(stack.name, ())}
    if stack.name == SETS:  # each set's template and the handlers' package are in both regions' buckets
        found |= {Stack(BOOTSTRAP, region) for region in settings.regions}
    elif stack.name != BOOTSTRAP:
        found |= {Stack(SETS, primary), Stack(BOOTSTRAP, stack.region if stack.region in settings.regions else primary)}
    if stack == Stack("storage", primary):
        found |= {Stack("keys", recovery), Stack("storage", recovery)}
    if stack.name in ("backup", "site"):
        found |= {Stack("storage", primary), Stack("storage", recovery)}
    if stack == Stack("backup", primary):
        found.add(Stack("backup", recovery))
    if stack == Stack("api", primary) and settings.domain:
        found.add(Stack("api", recovery))
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


def sets(names: Collection[str]) -> list[str]:
    """Those of the stacks *names* that StackSets deploys."""
    return [name for name in names if name not in (BOOTSTRAP, SETS)]


def set_needs(name: str, names: Collection[str], settings: Settings) -> list[str]:
    """Which of the sets among *names* must be in place, in all their regions, before the set *name*."""
    needed = {each.name for stack in everything([name], settings) for each in needs(stack, names, settings)}
    return [each for each in sets(names) if each in needed and each != name]


def in_turn(name: str, settings: Settings) -> bool:
    """Whether the regions of the set *name* come one after the other: the primary's stack needs the other."""
    return any(each.name == name for stack in everything([name], settings) for each in needs(stack, [name], settings))


def region_order(name: str, settings: Settings) -> list[str]:
    """Regions of the set *name* in the order in which StackSets takes them: the recovery region first."""
    return list(reversed(regions_of(name, settings)))


def set_waves(names: Collection[str], settings: Settings) -> list[list[str]]:
    """Every set of *names*, in the earliest of the steps in which it can be deployed; those of one step together."""
    waiting, done, found = sets(names), set[str](), list[list[str]]()
    while waiting:
        ready = [name for name in waiting if set(set_needs(name, names, settings)) <= done]
        if not ready:
            raise ValueError(f"{waiting} wait for each other")
        found.append(ready)
        done.update(ready)
        waiting = [name for name in waiting if name not in done]
    return found
