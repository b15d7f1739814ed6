"""What a deployment would change, stack by stack, and what data it would lose."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from blueprints.order import Stack
from deployment import changes, preview, set_template
from deployment.changes import Change, Template
from deployment.errors import Refused
from deployment.survey import REVIEWED
from deployment.target import BOOTSTRAP, STACKSETS

if TYPE_CHECKING:
    from deployment.survey import Found
    from deployment.target import Target

__all__ = ["Change", "Entry", "Plan", "make", "refuse_loss", "superfluous", "wanted"]

Kind = Literal["create", "remake", "update", "unchanged", "under-way", "stuck", "superfluous"]
AT_ONCE = 8  # stacks that are looked at
# In these a stack takes no update; the commands that lead out of them.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
STUCK = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback",
    "UPDATE_FAILED": "aws cloudformation rollback-stack",
    "IMPORT_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback",
}


@dataclass(frozen=True)
class Entry:
    """What becomes of one stack.

    Attributes:
        stack: Which one, where.
        kind: create, remake (it failed when it was first made), update, unchanged, under-way (CloudFormation is at
            work on it), stuck (it takes no update), superfluous (the settings no longer ask for it; it is left alone).
        changes: What becomes of its resources; all of them, if it is made.
        found: The stack, if it is there.
        note: Why, or what to do about it, where that is not plain; a command stands on a line of its own.
    """

    stack: Stack
    kind: Kind
    changes: tuple[Change, ...] = ()
    found: Found | None = None
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """What becomes of each stack, in the order of deployment."""

    entries: Mapping[Stack, Entry]

    @property
    def nothing(self) -> bool:
        """Whether everything is as it should be; what is superfluous may stay."""
        return all(entry.kind in ("unchanged", "superfluous") for entry in self.entries.values())

    def of(self, *kinds: Kind) -> list[Entry]:
        """Every stack that one of *kinds* becomes of."""
        return [entry for entry in self.entries.values() if entry.kind in kinds]

    def lossy(self) -> list[tuple[Stack, Change]]:
        """Every change after which the deployment would be without data that it has now."""
        return [
            (stack, change)
            for stack, entry in self.entries.items()
            if entry.kind in ("update", "remake")
            for change in entry.changes
            if change.loses
        ]


def wanted(target: Target) -> list[Stack]:
    """Every stack that the settings ask for, in the order of deployment: also the two that StackSets doesn't deploy."""
    bootstrap = [Stack(BOOTSTRAP, region) for region in target.settings.regions]
    instances = [Stack(name, region) for name in target.sets for region in target.regions_of(name)]
    return [*bootstrap, *instances, Stack(STACKSETS, target.home)]


def make(target: Target, found: Mapping[Stack, Found], only: Collection[Stack] | None = None) -> Plan:
    """What the emitted templates would change.

    Args:
        target: What goes where.
        found: What is there (``survey``).
        only: Look at no other stacks.

    Raises:
        ClientError: AWS refuses a call; change sets that were made are deleted all the same.
    """
    every = wanted(target)
    asked = [stack for stack in every if only is None or stack in only]
    regions = {stack.region for stack in asked}
    extra = sorted(stack for stack in found if stack not in every and (only is None or stack.region in regions))
    stop = threading.Event()
    pool = ThreadPoolExecutor(AT_ONCE, "plan")
    try:
        looks = {stack: pool.submit(_entry, target, stack, found.get(stack), stop) for stack in asked}
        entries = {stack: look.result() for stack, look in looks.items()}
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
    return Plan(entries | {stack: _superfluous(target, found[stack]) for stack in extra})


def superfluous(target: Target, found: Mapping[Stack, Found]) -> list[Entry]:
    """Stacks that the settings no longer ask for; their notes say how to remove them."""
    return [_superfluous(target, found[stack]) for stack in sorted(set(found) - set(wanted(target)))]


def refuse_loss(plan: Plan, accepted: Collection[str]) -> None:
    """Go on only if every loss of data was named, and every stack can be changed.

    A name of *accepted* that loses nothing is refused as well, unless its stack is as it should be: then an earlier
    run has done it already.

    Args:
        plan: What would change.
        accepted: What may be lost, each as ``stack/LogicalId``.

    Raises:
        Refused: a loss that was not named, a name that is none, or a stack that takes no update.
    """
    stuck = plan.of("stuck")
    if stuck:
        told = "; ".join(f"{entry.stack.name} in {entry.stack.region}: {entry.note}" for entry in stuck)
        raise Refused(f"CloudFormation takes no update of {told}")
    losses: dict[str, list[str]] = {}
    for stack, change in plan.lossy():
        losses.setdefault(f"{stack.name}/{change.logical_id}", []).append(stack.region)
    busy = {entry.stack.name for entry in plan.entries.values() if entry.kind != "unchanged"}
    known = {stack.name for stack in plan.entries}
    for name in accepted:
        stack_name = name.partition("/")[0]
        if name not in losses and (stack_name in busy or stack_name not in known):
            raise Refused(
                f"--accept-loss {name}: this deployment loses no such thing; "
                + (f"it loses {', '.join(sorted(losses))}" if losses else "leave it out")
            )
    missing = sorted(set(losses) - set(accepted))
    if missing:
        what = "; ".join(f"{name} in {' and '.join(losses[name])}" for name in missing)
        flags = " ".join(f"--accept-loss {name}" for name in missing)
        raise Refused(f"nothing was changed: it would lose the data of {what}; if that is what you want, add {flags}")


def _entry(target: Target, stack: Stack, found: Found | None, stop: threading.Event) -> Entry:
    """What becomes of one stack."""
    new = tuple(changes.created(json.loads(target.text(stack.name)), stack.region))
    if found is None or found.status == REVIEWED:  # a run was interrupted before it executed its change set
        return Entry(stack, "create", new)
    if found.under_way:
        return Entry(stack, "under-way", found=found, note=found.status)
    if found.never_complete:
        return Entry(stack, "remake", new, found, f"its first creation failed ({found.status}); it held nothing")
    if found.status == "DELETE_FAILED":
        return Entry(stack, "remake", (*_left(target, found), *new), found, "its deletion was not finished")
    if found.status in STUCK:
        return Entry(stack, "stuck", found=found, note=_way_out(found))
    return _difference(target, found, stop)


def _difference(target: Target, found: Found, stop: threading.Event) -> Entry:
    """What the emitted template would change in a stack that is whole."""
    stack = found.stack
    deployed = _deployed(target, found)
    text = _text(target, stack, deployed)
    emitted = json.loads(text)
    if deployed == emitted:
        return Entry(stack, "unchanged", found=found)
    try:
        changed, note = preview.preview(target, found, text, deployed, stop), ""
        if changed is None:
            return Entry(stack, "unchanged", found=found, note="only texts that change no resource differ")
    except preview.NoPreview as error:
        changed = changes.compared(deployed, emitted, stack.region)
        note = f"CloudFormation can't tell before it is done ({error}); read from the templates"
    return Entry(stack, "update", tuple(changed), found, note)


def _text(target: Target, stack: Stack, deployed: Template) -> str:
    """The template that the stack will get."""
    if stack.name != STACKSETS:
        return target.text(stack.name)
    return set_template.wanted(target, json.dumps(deployed))


def _deployed(target: Target, found: Found) -> Template:
    """The template that a stack was last given."""
    client = target.aws.client("cloudformation", found.stack.region)
    # boto3 parses a template in JSON by itself.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html (TemplateStage)
    body = client.get_template(StackName=found.name, TemplateStage="Original")["TemplateBody"]
    parsed: Template = json.loads(body) if isinstance(body, str) else body
    return parsed


def _left(target: Target, found: Found) -> list[Change]:
    """What becomes of the resources that a deletion which failed has left, when it is finished."""
    client = target.aws.client("cloudformation", found.stack.region)
    pages = client.get_paginator("list_stack_resources").paginate(StackName=found.name)
    present = {
        each["LogicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceStatus"] != "DELETE_COMPLETE"
    }
    return changes.removed(_deployed(target, found), present)


def _way_out(found: Found) -> str:
    reason = f" ({found.reason})" if found.reason else ""
    command = f"{STUCK[found.status]} --region {found.stack.region} --stack-name {found.name}"
    return f"it is {found.status}{reason}; run\n{command}"


def _superfluous(target: Target, found: Found) -> Entry:
    """A stack of ours that the settings no longer ask for, and how to remove it."""
    name, region = found.stack.name, found.stack.region
    if found.name == target.direct_name(found.stack):
        cure = f"aws cloudformation delete-stack --region {region} --stack-name {found.name}"
    else:
        unit = target.settings.stack_sets.organizational_unit
        accounts = f"Accounts={target.aws.account}"
        whose = (
            f"--deployment-targets OrganizationalUnitIds={unit},{accounts},AccountFilterType=INTERSECTION"
            " --call-as DELEGATED_ADMIN"
            if unit
            else f"--accounts {target.aws.account}"
        )
        cure = (
            f"aws cloudformation delete-stack-instances --region {target.home} --no-retain-stacks"
            f" --stack-set-name {target.settings.name(name)} --regions {region} {whose}"
        )
    commands = [cure]
    if found.protected:
        lift = "aws cloudformation update-termination-protection --no-enable-termination-protection"
        commands.insert(0, f"{lift} --region {region} --stack-name {found.name}")
    note = "\n".join(["the settings no longer ask for it; to remove it:", *commands])
    return Entry(found.stack, "superfluous", found=found, note=note)
