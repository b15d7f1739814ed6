"""The steps of one deployment after its plan was agreed to; each does only what is not done yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from blueprints import order
from blueprints.order import Stack
from deployment import set_template, stack_sets, stacks, upload
from deployment.bars import Bar
from deployment.errors import StackFailed
from deployment.set_instances import INOPERABLE, Instance
from deployment.survey import Found, survey
from deployment.target import BOOTSTRAP, STACKSETS
from deployment.watch import Watch

if TYPE_CHECKING:
    from deployment.plan import Entry, Kind, Plan
    from deployment.progress import Progress
    from deployment.scheduling import Crew
    from deployment.target import Target

Records = Mapping[str, Mapping[Stack, Instance]]  # by set
Step = Literal["create", "adopt", "update"]
DIFFERS: tuple[Kind, ...] = ("create", "remake", "update")
WITH_FUNCTIONS = '"AWS::Lambda::Function"'


@dataclass(frozen=True)
class Done:
    """What a deployment did.

    Attributes:
        nothing: Everything was as it should be; AWS was asked for no change at all.
        made: Stacks that are new.
        changed: Stacks that were changed.
        seconds: How long each took, as far as it was watched.
        found: Every stack, as it is now.
    """

    nothing: bool
    made: tuple[Stack, ...]
    changed: tuple[Stack, ...]
    seconds: Mapping[Stack, float]
    found: Mapping[Stack, Found]


@dataclass
class Rollout:
    """One deployment.

    Attributes:
        target: What goes where.
        progress: Who is told how far it is.
        hands: Who does it.
        plan: What was agreed to.
        found: The stacks as they are; what is removed leaves it.
        records: What the sets know of them.
        region: The only region that is deployed to, directly; nothing if StackSets does it.
    """

    target: Target
    progress: Progress
    hands: Crew
    plan: Plan
    found: dict[Stack, Found]
    records: Records
    region: str | None = None
    made: set[Stack] = field(default_factory=set)
    changed: set[Stack] = field(default_factory=set)
    seconds: dict[Stack, float] = field(default_factory=dict)
    acted: bool = False

    def bootstrap_and_upload(self, archive: Callable[[], Path]) -> None:
        """Artifact buckets and roles, and beside that, the archive; then everything that templates name is uploaded."""
        asked = (self.region,) if self.region else self.target.settings.regions
        regions = [region for region in asked if region in self.target.settings.regions] or [self.target.home]
        packed = self.hands.begin(archive) if self._needs_archive() else None
        differing = [each.stack for each in self._differing() if each.stack.name == BOOTSTRAP]
        # Its template goes with the call: the bucket that would hold it is in it.
        self.hands.each(differing, lambda stack: self._apply(stack, self.target.text(BOOTSTRAP)))
        upload.upload(self.target, packed.result() if packed else None, regions)

    def clear_failed(self) -> None:
        """Remove stacks that failed when they were first made, and what the sets still know of stacks that are gone.

        This comes before the sets change: CloudFormation would have such a stack updated, which can't be.
        """
        removing: dict[tuple[str, bool], list[str]] = {}  # by set, and whether the stack, if any, is retained
        for name, every in self.records.items():
            for stack, record in every.items():
                lost = record.status == INOPERABLE or stack not in self.found
                if lost or self._kind(stack) == "remake":
                    removing.setdefault((name, lost), []).append(stack.region)
        ordered = {key: [(key[0], True)] if not key[1] else [] for key in removing}  # one operation of a set at a time
        self.hands.in_order(ordered, lambda key: self._delete(key[0], removing[key], retain=key[1]))
        known = {Stack(name, region) for (name, _), regions in removing.items() for region in regions}
        self.records = {
            name: {stack: record for stack, record in every.items() if stack not in known}
            for name, every in self.records.items()
        }
        left = [each.stack for each in self.plan.of("remake") if each.stack.name in self.target.sets]
        self.hands.each(
            [stack for stack in left if stack in self.found],
            lambda stack: stacks.remove(self.target, self.found[stack], self.progress),
        )
        for stack in left:
            self.found.pop(stack, None)

    def deploy_sets(self) -> None:
        """The stack ``stacksets`` and its sets' stacks; in several steps if a set that is new is needed by others."""
        stack = Stack(STACKSETS, self.target.home)
        differs, final = self._kind(stack) in DIFFERS, self.target.text(STACKSETS)
        deployed = self._deployed(stack) if self._kind(stack) == "update" else None
        if deployed:
            final = set_template.wanted(self.target, deployed)
        waiting = list(self.target.sets)
        while waiting:
            missing = {name for name in waiting if any(step != "update" for _, step in self._steps(name, set()))}
            text, later = set_template.staged(self.target, final, deployed if differs else final, missing)
            renewed = self._change_sets(stack, deployed, text) if differs else set()
            now = {name: order.set_needs(name, waiting, self.target.settings) for name in waiting if name not in later}
            self.hands.in_order(now, lambda name: self._deploy_set(name, renewed))  # noqa: B023 (it is over by then)
            waiting, deployed = [name for name in waiting if name in later], text

    def deploy_stacks(self) -> None:
        """The stacks of the one region, each as soon as what it needs there is in place."""
        differing = [each.stack for each in self._differing() if each.stack.name != BOOTSTRAP]
        needs = {stack: order.needs(stack, self.target.names, self.target.settings) for stack in differing}
        self.hands.in_order(needs, lambda stack: self._apply(stack, self.target.url(stack.name, stack.region)))

    def finish(self) -> Done:
        """Protect every stack from deletion, and say what was done."""
        if self.acted:
            self.found = survey(self.target, [self.region] if self.region else None)
        asked = [stack for stack, entry in self.plan.entries.items() if entry.kind != "superfluous"]
        bare = [stack for stack, each in self.found.items() if stack in asked and each.complete and not each.protected]
        self.hands.each(bare, lambda stack: stacks.protect(self.target, self.found[stack]))
        self.found |= {stack: replace(self.found[stack], protected=True) for stack in bare}
        return Done(
            nothing=not (self.acted or bare),
            made=tuple(sorted(self.made)),
            changed=tuple(sorted(self.changed)),
            seconds=self.seconds,
            found=self.found,
        )

    # ---- the stack `stacksets`

    def _change_sets(self, stack: Stack, deployed: str | None, text: str) -> set[str]:
        """Bring the sets to *text*; the answer names those whose stacks CloudFormation has brought along.

        Raises:
            StackFailed: Of the stack in which it began; CloudFormation has set everything back.
        """
        watch = Watch(self.target, self.progress, self.plan)
        try:
            self._apply(stack, text, watch.look)
        except StackFailed as error:
            watch.end("set back")
            raise watch.blame(self.found) or error from error
        watch.end()
        self.seconds |= watch.seconds
        renewed = set_template.changed(self.target, deployed, text)
        self.changed |= {each.stack for each in self.plan.of("update") if each.stack.name in renewed}
        return renewed

    def _deployed(self, stack: Stack) -> str:
        client = self.target.aws.client("cloudformation", stack.region)
        body = client.get_template(StackName=self.found[stack].name, TemplateStage="Original")["TemplateBody"]
        return body if isinstance(body, str) else json.dumps(body)

    # ---- the stacks of a set

    def _deploy_set(self, name: str, renewed: set[str]) -> None:
        """Make what is missing of a set, and bring up to date what the change of the set left behind."""
        if renewed and self.records.get(name):
            self.records = {**self.records, name: stack_sets.instances(self.target, name)}
        for step, stacks_of_step in groupby(self._steps(name, renewed), lambda each: each[1]):
            self.acted = True
            of_step = [stack for stack, _ in stacks_of_step]
            regions = [stack.region for stack in of_step]
            if step == "create":
                self.seconds |= stack_sets.create(self.target, name, regions, self.progress)
                self.made.update(of_step)
                continue
            if step == "adopt":
                ids = {stack: self.found[stack].id for stack in of_step}
                stack_sets.adopt(self.target, name, ids, self.progress)
            totals = {stack: len(self.plan.entries[stack].changes) for stack in of_step}
            self.seconds |= stack_sets.update_instances(self.target, name, regions, self.progress, totals)
            self.changed.update(of_step)

    def _steps(self, name: str, renewed: set[str]) -> Iterator[tuple[Stack, Step]]:
        """What must be done with the stacks of a set, in the order of its regions."""
        records = self.records.get(name, {})
        for region in order.region_order(name, self.target.settings):
            stack = Stack(name, region)
            if stack not in records:
                yield stack, "adopt" if stack in self.found else "create"
            elif records[stack].status != "CURRENT" or (self._kind(stack) == "update" and name not in renewed):
                yield stack, "update"

    def _delete(self, name: str, regions: list[str], *, retain: bool) -> None:
        self.acted = True
        stack_sets.delete_instances(self.target, name, regions, self.progress, retain=retain)
        if not retain:
            for region in regions:
                self.found.pop(Stack(name, region), None)

    # ---- every stack

    def _apply(self, stack: Stack, source: str, look: Callable[[], None] = lambda: None) -> None:
        entry = self.plan.entries[stack]
        fresh = entry.kind != "update"
        doing = f"CloudFormation {'creates' if fresh else 'changes'} {_resources(len(entry.changes))}"
        bar = Bar(self.progress, stack, doing, len(entry.changes), fresh=fresh)
        self.acted = True
        outcome = stacks.apply(self.target, self.found.get(stack), source, bar, look)
        if outcome != "unchanged":
            (self.made if outcome == "made" else self.changed).add(stack)
            self.seconds[stack] = bar.seconds or 0

    def _differing(self) -> Iterable[Entry]:
        return self.plan.of(*DIFFERS)

    def _kind(self, stack: Stack) -> Kind | None:
        entry = self.plan.entries.get(stack)
        return entry.kind if entry else None

    def _needs_archive(self) -> bool:
        names = {each.stack.name for each in self._differing()}
        return any(WITH_FUNCTIONS in self.target.text(name) for name in names)


def _resources(number: int) -> str:
    return "1 resource" if number == 1 else f"{number} resources"
