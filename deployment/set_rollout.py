"""A deployment by StackSets, after its plan was agreed to; each step does only what is not done yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from blueprints import order
from blueprints.order import Stack
from deployment import protection, set_template, stack_sets, stacks
from deployment.errors import StackFailed
from deployment.rollout import DIFFERS, WITH_FUNCTIONS, Rollout
from deployment.set_instances import INOPERABLE, Instance
from deployment.target import STACKSETS
from deployment.watch import Watch

Records = Mapping[str, Mapping[Stack, Instance]]  # by set
Step = Literal["create", "adopt", "update"]


@dataclass
class SetRollout(Rollout):
    """One deployment by StackSets.

    Attributes:
        records: What the sets know of their stacks.
    """

    records: Records = field(default_factory=dict)

    def clear_failed(self) -> None:
        """Remove stacks that failed when they were first made, and what the sets still know of stacks that are gone.

        This comes before the sets change: CloudFormation would have such a stack updated, which can't be.
        """
        again = [each.stack for each in self.plan.of("remake") if each.stack.name in self.target.sets]
        self.hands.each(again, lambda stack: protection.lift_in(self.target, self.found[stack], self.progress))
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
        self.hands.each(
            [stack for stack in again if stack in self.found],
            lambda stack: stacks.remove(self.target, self.found[stack], self.progress),
        )
        for stack in again:
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

    # ---- the stack `stacksets`

    def _change_sets(self, stack: Stack, deployed: str | None, text: str) -> set[str]:
        """Bring the sets to *text*; the answer names those whose stacks CloudFormation has brought along.

        Raises:
            StackFailed: Of the stack in which it began; CloudFormation has set everything back.
        """
        if deployed:
            self._await_archive()
        watch = Watch(self.target, self.progress, self.plan)
        try:
            self._apply(stack, text, watch.look)
        except StackFailed as error:
            watch.end("set back")
            raise watch.blame(self.found) or error from error
        renewed = set_template.changed(self.target, deployed, text)
        watch.end(renewed=renewed)
        self.seconds |= watch.seconds
        self.changed |= {each.stack for each in self.plan.of("update") if each.stack.name in renewed}
        return renewed

    def _deployed(self, stack: Stack) -> str:
        client = self.target.aws.client("cloudformation", stack.region)
        body = client.get_template(StackName=self.found[stack].name, TemplateStage="Original")["TemplateBody"]
        return body if isinstance(body, str) else json.dumps(body)

    # ---- the stacks of a set

    def _deploy_set(self, name: str, renewed: set[str]) -> None:
        """Make what is missing of a set, and bring up to date what the change of the set left behind."""
        if WITH_FUNCTIONS in self.target.text(name):
            self._await_archive()
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
                of_step = [stack for stack in of_step if self._kind(stack) == "update"]
                regions = [stack.region for stack in of_step]
            if not regions:
                continue
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
