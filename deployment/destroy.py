"""The end of a deployment: what goes, what stays, what stands against it; then every stack, in reverse order.

A run may be interrupted and followed by another: each looks at what is still there.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blueprints import order
from blueprints.order import Stack
from deployment import guards, protection, remains, stack_sets, stacks
from deployment.deploy import settled
from deployment.errors import Refused
from deployment.guards import DESPITE, Obstacle
from deployment.remains import SNAPSHOT, Resource
from deployment.scheduling import crew
from deployment.set_instances import INOPERABLE
from deployment.target import BOOTSTRAP, STACKSETS

if TYPE_CHECKING:
    from deployment.progress import Progress
    from deployment.set_instances import Instance
    from deployment.survey import Found
    from deployment.target import Target

__all__ = ["DESPITE", "Farewell", "Left", "destroy", "run"]

WIDTH = 80


@dataclass(frozen=True)
class Farewell:
    """What would be removed.

    Attributes:
        deployment: Its prefix; whoever agrees types it.
        account: Number of the account.
        stacks: Every stack that would go, in the order of deployment.
        resources: Theirs, each with what would become of it.
        obstacles: What stood against it, and was named.
    """

    deployment: str
    account: str
    stacks: tuple[Stack, ...]
    resources: tuple[Resource, ...]
    obstacles: tuple[Obstacle, ...]

    def text(self) -> str:
        """For people; ends with a newline."""
        lines = ["", f"  {self.deployment} in account {self.account}", "", "  goes"]
        for name in dict.fromkeys(stack.name for stack in self.stacks):
            where = [stack for stack in self.stacks if stack.name == name]
            lines.append(f"    {name:14}  " + ", ".join(f"{self._going(each)} in {each.region}" for each in where))
        if staying := [each for each in self.resources if each.stays]:
            lines += ["", "  stays", *remains.listed(staying)]
        if self.obstacles:
            lines += ["", "  although"]
            lines += [line for each in self.obstacles for line in _wrapped(each.what)]
        return "\n".join([*lines, ""])

    def _going(self, stack: Stack) -> str:
        number = sum(1 for each in self.resources if each.stack == stack and each.policy == "Delete")
        number += sum(1 for each in self.resources if each.stack == stack and each.policy == SNAPSHOT)
        return f"{number} resource{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Left:
    """What is there of a deployment that was removed."""

    deployment: str
    resources: tuple[Resource, ...]

    def text(self) -> str:
        """For people; ends with a newline."""
        if not self.resources:
            return f"\n  {self.deployment} is removed, and nothing of it is left.\n"
        lines = ["", f"  {self.deployment} is removed. What it was told to keep is still there, and costs:", ""]
        lines += remains.listed(self.resources)
        lines += ["", "  Their names are taken: deploy under another stage, or delete them first.", ""]
        return "\n".join(lines)


def run(target: Target, progress: Progress, *, confirmed: str | None, despite: Collection[str]) -> int:
    """Remove the deployment if the person who asked for it agrees; the answer is the exit code.

    Args:
        target: The deployment.
        progress: Who is told what goes on.
        confirmed: The deployment's name, if it was given beforehand.
        despite: Which obstacles are none (:data:`DESPITE`).

    Raises:
        Refused: Something stands against it, or nobody agreed; nothing was changed.
        StackFailed: A stack could not be removed.
    """

    def consent(farewell: Farewell) -> bool:
        _print(farewell.text())
        return _is_meant(farewell.deployment, confirmed)

    _print(destroy(target, progress, consent, despite).text())
    return 0


def destroy(
    target: Target, progress: Progress, consent: Callable[[Farewell], bool], despite: Collection[str] = ()
) -> Left:
    """Remove every stack of the deployment, and say what is left.

    Args:
        target: The deployment.
        progress: Who is told what goes on.
        consent: Asked once, if there is anything to remove.
        despite: Which obstacles are none (:data:`DESPITE`).

    Raises:
        Refused: Something stands against it, or nobody agreed; nothing was changed.
        StackFailed: A stack could not be removed.
    """
    found, instances = _everything(target, progress)
    every = _in_order(target, {*found, *instances})
    if every:
        resources = [*remains.resources(target, found.values()), *remains.recovery_points(target)]
        obstacles = guards.obstacles(target, resources)
        guards.refuse(target, obstacles, despite)
        farewell = Farewell(
            target.settings.prefix, target.aws.account, tuple(every), tuple(resources), tuple(obstacles)
        )
        if not consent(farewell):
            raise Refused("nobody agreed; nothing was changed")
        _unprotect(target, resources, progress)
        _remove(target, found, instances, progress)
    return Left(target.settings.prefix, tuple(remains.left(target)))


def _everything(target: Target, progress: Progress) -> tuple[dict[Stack, Found], dict[Stack, Instance]]:
    """Every stack that is there, and every instance that a set knows of, which need not have a stack.

    What an interrupted run, or somebody else, has under way is waited for.
    """
    with crew(progress) as hands:
        found = settled(target, progress, hands)
        names = sorted({*target.sets, *(stack.name for stack in found)} - {BOOTSTRAP, STACKSETS})
        known = hands.each(names, lambda name: stack_sets.instances(target, name))
        return found, {stack: instance for of_set in known.values() for stack, instance in of_set.items()}


def _in_order(target: Target, every: Collection[Stack]) -> list[Stack]:
    """Stacks in the order of deployment; those of no such order come last."""
    places = {name: number for number, name in enumerate(target.names)}
    regions = {region: number for number, region in enumerate(target.regions)}
    return sorted(every, key=lambda stack: (places.get(stack.name, len(places)), regions.get(stack.region, 0), stack))


def _unprotect(target: Target, resources: Iterable[Resource], progress: Progress) -> None:
    """Lift the deletion protection of databases that go; a final snapshot of each stays."""
    for each in resources:
        if each.type != "AWS::RDS::DBInstance" or each.policy not in (SNAPSHOT, "Delete"):
            continue
        protection.lift(target, each.stack.region, each.id, progress)


def _remove(
    target: Target, found: Mapping[Stack, Found], instances: Mapping[Stack, Instance], progress: Progress
) -> None:
    """Remove each stack as soon as nothing that needs it is left; after a failure nothing new is begun.

    Raises:
        StackFailed: One could not be removed.
    """
    every = {*found, *instances}
    names = {stack.name for stack in every}
    needs = {stack: order.needs(stack, names, target.settings) for stack in every}
    groups = list(_groups(target, every))
    in_the_way = {
        group: [other for other in groups if other != group and any(needs[stack] & set(group) for stack in other)]
        for group in groups
    }
    with crew(progress) as hands:
        hands.in_order(in_the_way, lambda group: _remove_group(target, group, found, instances, progress))


def _groups(target: Target, every: Collection[Stack]) -> Iterator[tuple[Stack, ...]]:
    """Stacks that can be removed together: those of one set, unless one of them needs the other."""
    for name in sorted({stack.name for stack in every}):
        of_name = tuple(sorted(stack for stack in every if stack.name == name))
        if order.in_turn(name, target.settings):
            yield from ((stack,) for stack in of_name)
        else:
            yield of_name


def _remove_group(
    target: Target,
    group: Collection[Stack],
    found: Mapping[Stack, Found],
    instances: Mapping[Stack, Instance],
    progress: Progress,
) -> None:
    """Remove some stacks of one name: by their set what a set has, the others one by one."""
    for stack in group:
        if stack in found and found[stack].protected:
            stacks.protect(target, found[stack], protected=False)
    known = [stack for stack in group if stack in instances]
    # What StackSets has failed to delete once, it can only let go.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstance.html (INOPERABLE)
    lost = [stack for stack in known if instances[stack].status == INOPERABLE]
    for some, retain in ((lost, True), ([stack for stack in known if stack not in lost], False)):
        if some:
            regions = [stack.region for stack in some]
            stack_sets.delete_instances(target, some[0].name, regions, progress, retain=retain)
    for stack in group:
        if stack in found and (stack not in known or stack in lost):
            stacks.remove(target, found[stack], progress)


def _is_meant(name: str, confirmed: str | None) -> bool:
    """Whether the deployment's name was given, or is typed now.

    Raises:
        Refused: Another name was given, or there is nobody to ask.
    """
    if confirmed is not None:
        if confirmed != name:
            raise Refused(f"--yes {confirmed}: this deployment is called {name}")
        return True
    try:
        return input(f'  Type "{name}" to remove it: ').strip() == name
    except EOFError:
        raise Refused(f"nobody is there to agree; add --yes {name}") from None


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
