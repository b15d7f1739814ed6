"""A whole deployment: what is under way is waited for, what differs is planned, agreed to, and made so, in order.

Nothing is remembered between two runs. A run that is interrupted leaves AWS at work; the next one waits for that first,
and then goes on from what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints import order
from deployment import plan as planning
from deployment import set_instances, stack_sets, stacks, upload
from deployment.bars import Bar
from deployment.errors import NotReady, Refused
from deployment.plan import Plan
from deployment.rollout import Done, Rollout
from deployment.scheduling import Crew, crew
from deployment.set_rollout import Records, SetRollout
from deployment.survey import Found, survey
from deployment.target import BOOTSTRAP, STACKSETS

if TYPE_CHECKING:
    from blueprints.order import Stack
    from deployment.progress import Progress
    from deployment.target import Target

__all__ = ["Done", "deploy", "directly", "look", "settled"]

Archive = Callable[[], Path]
Consent = Callable[[Plan], bool]


def look(target: Target, progress: Progress, region: str | None = None) -> tuple[dict[Stack, Found], Plan]:
    """What is there, and what a deployment would change; of one region only, if it would go there directly.

    What is under way is waited for. Templates are uploaded where there is a bucket: change sets are made of them.
    """
    with crew(progress) as hands:
        found = settled(target, progress, hands, region)
        return found, _plan(target, found, region)


def deploy(
    target: Target, archive: Archive, progress: Progress, consent: Consent, accepted: Collection[str] = ()
) -> Done:
    """Make AWS what the emitted templates say, by StackSets, and wait until it is.

    Args:
        target: What goes where.
        archive: Makes the functions' archive; called once, if any stack with functions is made or changed.
        progress: Who is told how far it is.
        consent: Shown what would change, if anything; nothing is changed unless it agrees.
        accepted: What may be lost, each as ``stack/LogicalId``.

    Raises:
        NotReady: The deployment has stacks in a region that the settings no longer name.
        Refused: Nobody agreed, or it would lose data that was not named; nothing was changed.
        StackFailed: A stack is not as it should be; what else was under way has been finished.
    """
    with crew(progress) as hands:
        found = _unstuck(target, progress, hands, settled(target, progress, hands))
        records = _records(target, hands, found)
        plan = _plan(target, found)
        rollout = SetRollout(target, progress, hands, plan, found, records=records)
        if not plan.nothing:
            _agree(plan, consent, accepted)
            rollout.bootstrap_and_upload(archive)
        rollout.clear_failed()
        rollout.deploy_sets()
        return rollout.finish()


def directly(  # noqa: PLR0913, PLR0917
    target: Target,
    region: str,
    archive: Archive,
    progress: Progress,
    consent: Consent,
    accepted: Collection[str] = (),
) -> Done:
    """Make the stacks of one *region* what the emitted templates say, without StackSets: no other region is asked.

    Raises:
        Refused: Nobody agreed, or it would lose data that was not named; nothing was changed.
        StackFailed: A stack is not as it should be; what else was under way has been finished.
    """
    with crew(progress) as hands:
        found = _unstuck(target, progress, hands, settled(target, progress, hands, region))
        plan = _plan(target, found, region)
        rollout = Rollout(target, progress, hands, plan, found, region)
        if not plan.nothing:
            _agree(plan, consent, accepted)
            rollout.bootstrap_and_upload(archive)
            rollout.deploy_stacks()
        return rollout.finish()


def settled(target: Target, progress: Progress, hands: Crew, region: str | None = None) -> dict[Stack, Found]:
    """Every stack, as soon as neither CloudFormation nor StackSets is at work on any, for whomever.

    Raises:
        Stopped: Somebody does not want to wait.
    """
    while True:
        found = survey(target, [region] if region else None)
        going = [each for each in found.values() if each.under_way]
        sets = _sets_of(target, found) if region is None else []
        under_way = hands.each(sets, lambda name: set_instances.under_way(target, name))
        operations = [(name, each) for name, every in under_way.items() for each in every]
        if not (going or operations):
            return found
        hands.each([each.stack for each in going], partial(_see_through, target, progress, found))
        hands.each(operations, partial(_see_operation_through, target, progress))


def _see_through(target: Target, progress: Progress, found: Mapping[Stack, Found], stack: Stack) -> None:
    bar = Bar(progress, stack, "CloudFormation is still at work on it", 0, fresh=False)
    bar.begin()
    bar.end(stacks.wait(target, stack, found[stack].id, progress))


def _see_operation_through(target: Target, progress: Progress, operation: tuple[str, str]) -> None:
    name, which = operation
    with progress.step(f"StackSet {target.settings.name(name)}", "StackSets is still at work on it"):
        stack_sets.wait(target, name, which, progress)


def _unstuck(target: Target, progress: Progress, hands: Crew, found: dict[Stack, Found]) -> dict[Stack, Found]:
    """Every stack, after one more try of each rollback that had failed; what fails again, the plan says."""
    stuck = [stack for stack, each in found.items() if each.status == stacks.ROLLBACK_STUCK]
    if not stuck:
        return found
    now = hands.each(stuck, lambda stack: stacks.resume_rollback(target, found[stack], progress))
    return found | {stack: replace(found[stack], status=status) for stack, status in now.items()}


def _sets_of(target: Target, found: Mapping[Stack, Found]) -> list[str]:
    """The sets that may be there."""
    administration = next((each for stack, each in found.items() if stack.name == STACKSETS), None)
    return list(target.sets) if administration and not administration.never_complete else []


def _records(target: Target, hands: Crew, found: Mapping[Stack, Found]) -> Records:
    """What each set knows of its instances.

    Raises:
        NotReady: One lies in a region that the settings no longer name.
    """
    records = hands.each(_sets_of(target, found), lambda name: stack_sets.instances(target, name))
    for name, every in records.items():
        astray = sorted({stack.region for stack in every} - set(target.regions_of(name)))
        if astray:
            raise NotReady(
                f"the {name} stack of {target.settings.prefix} lies in {astray[0]}, which its settings no longer name; "
                "docs/add-a-region.md says how a deployment moves"
            )
    return records


def _plan(target: Target, found: Mapping[Stack, Found], region: str | None = None) -> Plan:
    ready = [each for each in target.settings.regions if _has_bucket(found, each) and region in (None, each)]
    if ready:
        upload.upload(target, None, ready)
    if region is None:
        return planning.make(target, found)
    only = [stack for stack in planning.wanted(target) if stack.region == region and stack.name != STACKSETS]
    return planning.make(target, found, only)


def _has_bucket(found: Mapping[Stack, Found], region: str) -> bool:
    return any(each.complete for stack, each in found.items() if stack == order.Stack(BOOTSTRAP, region))


def _agree(plan: Plan, consent: Consent, accepted: Collection[str]) -> None:
    agreed = consent(plan)
    planning.refuse_loss(plan, accepted)
    if not agreed:
        raise Refused("nothing was changed: nobody agreed")
