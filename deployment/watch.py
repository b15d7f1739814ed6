"""What happens to the stacks of the sets while CloudFormation changes the sets themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from deployment import stacks
from deployment.bars import Bar
from deployment.errors import StackFailed
from deployment.survey import Found, survey

if TYPE_CHECKING:
    from blueprints.order import Stack
    from deployment.plan import Plan
    from deployment.progress import Progress
    from deployment.target import Target


class Watch:
    """Shows each stack while it changes, and afterwards knows in which of them a failure began.

    Args:
        target: What goes where.
        progress: Where it is shown.
        plan: What is to change.
    """

    def __init__(self, target: Target, progress: Progress, plan: Plan) -> None:
        self._target, self._progress = target, progress
        self._bars = {
            entry.stack: Bar(progress, entry.stack, "StackSets brings it up to date", len(entry.changes), fresh=False)
            for entry in plan.of("update")
            if entry.stack.name in target.sets
        }

    @property
    def seconds(self) -> Mapping[Stack, float]:
        """How long each change took that was seen."""
        return {stack: bar.seconds for stack, bar in self._bars.items() if bar.seconds is not None}

    def look(self) -> None:
        """Move every bar; one that can't be moved is no reason to fail."""
        with suppress(ClientError, BotoCoreError):
            for stack, found in survey(self._target, self._target.regions).items() if self._bars else ():
                bar = self._bars.get(stack)
                if bar and found.under_way:
                    bar.look(self._target.aws.client("cloudformation", stack.region), found.id)
                elif bar and bar.begun:
                    bar.end("set back" if "ROLLBACK" in found.status else "")

    def end(self, result: str = "", renewed: Collection[str] = ()) -> None:
        """Nothing changes any more; all stacks of the sets *renewed* have changed, also those that no look has met."""
        for stack, bar in self._bars.items():
            if bar.begun:
                bar.end(result)
            elif stack.name in renewed:
                bar.tell()

    def blame(self, before: Mapping[Stack, Found]) -> StackFailed | None:
        """The failure of a stack that has been set back, if it wasn't so *before*; nothing if no stack has."""
        for stack, found in sorted(survey(self._target, self._target.regions).items()):
            known = before.get(stack)
            if (
                stack in self._bars
                and "ROLLBACK" in found.status
                and (not known or known.changed_at != found.changed_at)
            ):
                client = self._target.aws.client("cloudformation", stack.region)
                return StackFailed(stack, found.status, stacks.cause(client, found.id))
        return None
