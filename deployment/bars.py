"""One stack in one region as a person watches it: so many of its resources are done."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deployment import changes

if TYPE_CHECKING:
    from blueprints.order import Stack
    from deployment.progress import Progress

DONE = ("_COMPLETE", "_SKIPPED")


class Bar:
    """Follows one stack; CloudFormation is asked for its resources only if somebody sees the bar move.

    Args:
        progress: Where it is shown.
        stack: What is followed.
        doing: What CloudFormation does, in a person's words.
        total: How many resources it does that with; 0 if nobody knows.
        fresh: Whether the stack is made; otherwise, what was complete before the first look does not count.
    """

    def __init__(self, progress: Progress, stack: Stack, doing: str, total: int, *, fresh: bool = True) -> None:
        self.stack, self.progress = stack, progress
        self.key = f"{stack.name} stack in {stack.region}"
        self._doing, self._total = doing, total
        self._before: Mapping[str, Any] | None = {} if fresh else None
        self._begun = 0.0
        self.seconds: float | None = None  # how long it took, once that is known

    @property
    def begun(self) -> bool:
        """Whether it is or was shown."""
        return bool(self._begun)

    def begin(self) -> None:
        """Show that it goes on; again is once."""
        if not self._begun:
            self._begun = time.monotonic()
            self.progress.begin(self.key, self.key, self._doing)
            if self._total:
                self.progress.advance(self.key, 0, self._total)

    def look(self, client: Any, name: str) -> None:
        """Move the bar to where the stack *name* is; a stack that is gone moves nothing."""
        self.begin()
        if not (self.progress.live and self._total):
            return
        try:
            found = _resources(client, name)
        except ClientError:  # a picture is no reason to fail
            return
        if self._before is None:
            self._before = found
        done = sum(1 for name, each in found.items() if each[0].endswith(DONE) and self._before.get(name) != each)
        self.progress.advance(self.key, done, self._total)

    def tell(self) -> None:
        """Say that CloudFormation has done so many resources, of a stack that nobody saw change."""
        self.progress.say(f"{self.key}: {resources(self._total) if self._total else 'done'}")

    def end(self, result: str = "") -> None:
        """Say what became of it: by default, that CloudFormation has done so many resources; again is once."""
        if self.seconds is None:
            self.begin()
            self.progress.end(self.key, result or (resources(self._total) if self._total else ""))
            self.seconds = time.monotonic() - self._begun


def resources(number: int) -> str:
    """So many resources, in words."""
    return "1 resource" if number == 1 else f"{number} resources"


def _resources(client: Any, name: str) -> dict[str, tuple[str, Any]]:
    """Status and time of the last change of each resource."""
    pages: Iterable[Mapping[str, Any]] = client.get_paginator("list_stack_resources").paginate(StackName=name)
    return {
        each["LogicalResourceId"]: (each["ResourceStatus"], each.get("LastUpdatedTimestamp"))
        for page in pages
        for each in page["StackResourceSummaries"]
    }


def count(text: str, region: str) -> int:
    """How many resources of the template *text* are made in *region*; our only condition asks which region it is."""
    return len(changes.resources(json.loads(text), region))
