"""One StackSet: its instances, and the operations that make, update, adopt or remove them.

A set's instances are its stacks, one in each region. The set itself is a resource of the stack ``stacksets``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from blueprints import order
from blueprints.order import Stack
from deployment import stacks
from deployment.bars import Bar, count, resources
from deployment.errors import StackFailed
from deployment.set_instances import CANCELLED, FAILED, INOPERABLE, RUNNING, SUCCEEDED, Instance, instances, under_way
from deployment.waiting import pauses

if TYPE_CHECKING:
    from deployment.progress import Progress
    from deployment.target import Target

__all__ = ["Instance", "adopt", "create", "delete_instances", "instances", "under_way", "update_instances", "wait"]

ENDED = (SUCCEEDED, FAILED, CANCELLED, INOPERABLE)  # of an instance
# A role that was made a moment ago is not known everywhere yet. Words by which StackSets says so, and how long to wait
# before each further try, in seconds.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html (changes are not always immediately visible)
LAG = (2, 4, 8, 16, 30, 30)
LAGGING = (
    "role with trust relationship",
    "is not authorized",
    "role has insufficient",
    "AccessDenied",
    "Access denied",
)


def create(target: Target, name: str, regions: Sequence[str], progress: Progress) -> dict[Stack, float]:
    """Make the stacks of the set *name* in *regions*; the answer is how many seconds each took.

    The roles of a new deployment may not be known everywhere yet: then it is tried again.

    Raises:
        StackFailed: One could not be made; those that the operation had not begun are not there.
    """
    text, seconds = target.text(name), dict[Stack, float]()
    for pause in (*LAG, None):
        totals = {Stack(name, region): count(text, region) for region in regions}
        bars = {each: Bar(progress, each, f"CloudFormation creates {resources(n)}", n) for each, n in totals.items()}
        failed = _operate(target, name, "create_stack_instances", regions, progress=progress, bars=bars)
        seconds |= {stack: bar.seconds or 0 for stack, bar in bars.items() if stack not in failed}
        if not failed:
            return seconds
        if pause is None or not _lagging(failed.values()):
            raise _failure(target, failed)
        progress.say(f"the {name} stack: the roles of StackSets are not known everywhere yet; again in {pause} s")
        progress.pause(pause)
        regions = [stack.region for stack in failed]
        known = [stack.region for stack in instances(target, name) if stack in failed]
        with suppress(StackFailed):  # for the same reason; the next try says so
            if known:
                delete_instances(target, name, known, progress, retain=True)
    raise AssertionError  # the last pause is none


def update_instances(
    target: Target, name: str, regions: Sequence[str], progress: Progress, totals: Mapping[Stack, int] | None = None
) -> dict[Stack, float]:
    """Bring the stacks of the set *name* in *regions* to its template; the answer is how many seconds each took.

    Args:
        target: What goes where.
        name: Which set.
        regions: Where it has instances already.
        progress: Who is told.
        totals: How many resources change in each stack, as far as that is known.

    Raises:
        StackFailed: One could not be updated; CloudFormation has set it back.
    """
    every = [Stack(name, region) for region in regions]
    doing = "CloudFormation brings it up to date"
    bars = {each: Bar(progress, each, doing, (totals or {}).get(each, 0), fresh=False) for each in every}
    failed = _operate(target, name, "update_stack_instances", regions, progress=progress, bars=bars)
    if failed:
        raise _failure(target, failed)
    return {stack: bar.seconds or 0 for stack, bar in bars.items()}


def delete_instances(
    target: Target, name: str, regions: Sequence[str], progress: Progress, *, retain: bool = False
) -> None:
    """Remove the instances of the set *name* in *regions*, and their stacks unless they shall *retain* those.

    Raises:
        StackFailed: A stack could not be removed.
    """
    every = [Stack(name, region) for region in regions]
    bars = {} if retain else {each: Bar(progress, each, "CloudFormation removes it", 0, fresh=False) for each in every}
    failed = _operate(
        target, name, "delete_stack_instances", regions, progress=progress, bars=bars, RetainStacks=retain
    )
    if failed:
        raise _failure(target, failed)


def adopt(target: Target, name: str, found: Mapping[Stack, str], progress: Progress) -> None:
    """Make stacks that were deployed directly, by their ARNs, instances of the set *name*; they stay as they are.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-import.html

    Raises:
        StackFailed: StackSets does not take one.
    """
    unit = target.settings.stack_sets.organizational_unit
    more: dict[str, Any] = {"StackIds": list(found.values()), **({"OrganizationalUnitIds": [unit]} if unit else {})}
    operation = _start(target, name, "import_stacks_to_stack_set", progress, more)
    wait(target, name, operation, progress)
    now = instances(target, name)
    failed = {each: now.get(each, Instance(each, "", FAILED)) for each in found}
    failed = {each: instance for each, instance in failed.items() if instance.failed}
    if failed:
        raise _failure(target, failed)


def wait(target: Target, name: str, operation: str, progress: Progress, bars: Mapping[Stack, Bar] | None = None) -> str:
    """Wait until an operation of the set *name* has ended; the answer is its status then.

    Raises:
        Stopped: Whoever waits was told to stop.
    """
    client = target.aws.client("cloudformation", target.home)
    which = {"StackSetName": target.settings.name(name), "OperationId": operation, **target.call_as}
    for pause in pauses():
        status = str(client.describe_stack_set_operation(**which)["StackSetOperation"]["Status"])
        if status not in RUNNING:
            return status
        if bars:
            _move(target, name, operation, bars)
        progress.pause(pause)
    raise AssertionError  # pauses never end


def _operate(  # noqa: PLR0913
    target: Target,
    name: str,
    call: str,
    regions: Sequence[str],
    *,
    progress: Progress,
    bars: Mapping[Stack, Bar],
    **more: Any,
) -> dict[Stack, Instance]:
    """Have StackSets do something with instances and wait until it has; the answer holds those that failed.

    That an operation succeeded does not mean that each instance did, so each is looked at.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html (failure tolerance)
    """
    where = [region for region in order.region_order(name, target.settings) if region in regions]
    where += [region for region in regions if region not in where]
    preferences = {
        "RegionOrder": where,
        "RegionConcurrencyType": "SEQUENTIAL" if order.in_turn(name, target.settings) else "PARALLEL",
        "FailureToleranceCount": 0,
        "MaxConcurrentCount": 1,
    }
    arguments = {**_accounts(target), "Regions": where, "OperationPreferences": preferences, **more}
    operation = _start(target, name, call, progress, arguments)
    status = wait(target, name, operation, progress, bars)
    now = instances(target, name)
    every = {stack: now.get(stack) for stack in (Stack(name, region) for region in where)}
    if call == "delete_stack_instances":
        failed = {stack: found for stack, found in every.items() if found}
    else:
        missing = {stack: found or Instance(stack, "", FAILED) for stack, found in every.items()}
        wrong = {stack: found for stack, found in missing.items() if stack not in now or found.failed}
        failed = wrong or ({} if status == SUCCEEDED else missing)
    for stack, bar in bars.items():
        bar.end(_result(failed.get(stack), call))
    return _with_reasons(target, name, operation, failed) if failed else {}


def _start(target: Target, name: str, call: str, progress: Progress, arguments: Mapping[str, Any]) -> str:
    """Start an operation as soon as StackSets takes it; the answer is its id.

    The id is ours, so that a request whose answer was lost, and which botocore repeats, starts one operation only.
    """
    client = target.aws.client("cloudformation", target.home)
    operation = str(uuid.uuid4())
    which = {"StackSetName": target.settings.name(name), "OperationId": operation, **target.call_as}
    for pause in pauses():
        try:
            getattr(client, call)(**which, **arguments)
        except client.exceptions.OperationIdAlreadyExistsException:
            return operation
        except (client.exceptions.OperationInProgressException, client.exceptions.StaleRequestException):
            progress.pause(pause)  # somebody else's is under way
        else:
            return operation
    raise AssertionError  # pauses never end


def _accounts(target: Target) -> dict[str, Any]:
    """The account that is deployed to: our own, as such or as a member of an organizational unit.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeploymentTargets.html
    """
    unit = target.settings.stack_sets.organizational_unit
    if not unit:
        return {"Accounts": [target.aws.account]}
    only = {"OrganizationalUnitIds": [unit], "Accounts": [target.aws.account], "AccountFilterType": "INTERSECTION"}
    return {"DeploymentTargets": only}


def _move(target: Target, name: str, operation: str, bars: Mapping[Stack, Bar]) -> None:
    """Show how far each instance is."""
    for stack, instance in instances(target, name).items():
        bar = bars.get(stack)
        if bar is None or instance.operation != operation:
            continue
        if instance.detail in ENDED:
            if instance.detail == SUCCEEDED:
                bar.end()
        elif instance.stack_id:
            bar.look(target.aws.client("cloudformation", stack.region), instance.stack_id)
        elif instance.detail == "RUNNING":
            bar.begin()


def _result(failed: Instance | None, call: str) -> str:
    if failed is None:
        return "removed" if call == "delete_stack_instances" else ""
    return "not begun" if failed.detail == CANCELLED else "failed"


def _with_reasons(target: Target, name: str, operation: str, failed: Mapping[Stack, Instance]) -> dict[Stack, Instance]:
    """The instances that failed, each with what StackSets says of it in this operation."""
    client = target.aws.client("cloudformation", target.home)
    which = {"StackSetName": target.settings.name(name), "OperationId": operation, **target.call_as}
    pages = client.get_paginator("list_stack_set_operation_results").paginate(**which)
    told = {each["Region"]: each for page in pages for each in page["Summaries"]}
    whole = client.describe_stack_set_operation(**which)["StackSetOperation"].get("StatusReason", "")
    found = {}
    for stack, instance in failed.items():
        result = told.get(stack.region, {})
        found[stack] = Instance(
            stack,
            instance.status,
            result.get("Status", instance.detail),
            result.get("StatusReason") or instance.reason or whole,
            instance.stack_id,
            operation,
        )
    return found


def _failure(target: Target, failed: Mapping[Stack, Instance]) -> StackFailed:
    """The failure that the others follow from: of the first stack that was begun, and in it of the first resource."""
    first = next((each for each in failed.values() if each.detail != CANCELLED), next(iter(failed.values())))
    cause, status = first.reason or "StackSets gave no reason", first.detail or first.status
    if first.stack_id:
        client = target.aws.client("cloudformation", first.stack.region)
        with suppress(ClientError):  # the stack is gone, with its events
            status = stacks.status_of(client, first.stack_id)
            told = stacks.cause(client, first.stack_id)
            cause = cause if told == stacks.UNKNOWN else told
    return StackFailed(first.stack, status, " ".join(cause.split()))


def _lagging(failed: Iterable[Instance]) -> bool:
    """Whether StackSets could not even begin, since it may not do yet what the new roles allow."""
    tried = [each for each in failed if each.detail != CANCELLED]
    return bool(tried) and all(not each.stack_id and any(words in each.reason for words in LAGGING) for each in tried)
