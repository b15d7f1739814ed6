"""A deployment after its plan was agreed to, but for StackSets: each step does only what is not done yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints import order
from blueprints.order import Stack
from deployment import protection, stacks, upload
from deployment.bars import Bar, resources
from deployment.survey import Found, survey
from deployment.target import BOOTSTRAP

if TYPE_CHECKING:
    from deployment.plan import Entry, Kind, Plan
    from deployment.progress import Progress
    from deployment.scheduling import Crew
    from deployment.target import Target

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
        region: The only region that is deployed to, directly; nothing if StackSets does it.
        made: Stacks that are new, so far.
        changed: Stacks that were changed, so far.
        seconds: How long they took.
        acted: Whether AWS was asked for any change.
        archive: The functions' archive on its way to the buckets, if it is needed.
    """

    target: Target
    progress: Progress
    hands: Crew
    plan: Plan
    found: dict[Stack, Found]
    region: str | None = None
    made: set[Stack] = field(default_factory=set)
    changed: set[Stack] = field(default_factory=set)
    seconds: dict[Stack, float] = field(default_factory=dict)
    acted: bool = False
    archive: Future[list[str]] | None = None

    def bootstrap_and_upload(self, archive: Callable[[], Path]) -> None:
        """Artifact buckets and roles, then the templates; beside all that, the archive, for whoever needs it later."""
        asked = (self.region,) if self.region else self.target.settings.regions
        regions = [region for region in asked if region in self.target.settings.regions] or [self.target.home]
        packed = self.hands.begin(archive) if self._needs_archive() else None
        differing = [each.stack for each in self._differing() if each.stack.name == BOOTSTRAP]
        # Its template goes with the call: the bucket that would hold it is in it.
        self.hands.each(differing, lambda stack: self._apply(stack, self.target.text(BOOTSTRAP)))
        upload.upload(self.target, None, regions)
        if packed:
            self.archive = self.hands.begin(lambda: upload.upload(self.target, packed.result(), regions))

    def deploy_stacks(self) -> None:
        """The stacks of the one region, each as soon as what it needs there is in place."""
        again = [each.stack for each in self.plan.of("remake")]
        self.hands.each(again, lambda stack: protection.lift_in(self.target, self.found[stack], self.progress))
        differing = [each.stack for each in self._differing() if each.stack.name != BOOTSTRAP]
        self._await_archive()
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

    def _apply(self, stack: Stack, source: str, look: Callable[[], None] = lambda: None) -> None:
        entry = self.plan.entries[stack]
        fresh = entry.kind != "update"
        doing = f"CloudFormation {'creates' if fresh else 'changes'} {resources(len(entry.changes))}"
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

    def _await_archive(self) -> None:
        """Wait until the functions' archive lies where the templates of functions name it.

        Raises:
            PackagingError: It can't be made.
        """
        if self.archive:
            self.archive.result()

    def _needs_archive(self) -> bool:
        names = {each.stack.name for each in self._differing()}
        return any(WITH_FUNCTIONS in self.target.text(name) for name in names)
