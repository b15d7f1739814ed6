"""What a check is asked about, and what it answers with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blueprints.order import Stack
from deployment import changes
from deployment.target import BOOTSTRAP

if TYPE_CHECKING:
    from deployment.survey import Found
    from deployment.target import Target


class Note(str):
    """Something to know; nothing is in the way."""

    __slots__ = ()


class Fault(str):
    """Something in the way, and what to do about it."""

    __slots__ = ()


@dataclass(frozen=True)
class Asked:
    """What checks ask about.

    Attributes:
        target: What goes where.
        regions: Where; both regions, and CloudFront's, unless one is deployed to directly.
        found: What is there.
    """

    target: Target
    regions: tuple[str, ...]
    found: dict[Stack, Found]

    def client(self, service: str, region: str | None = None) -> Any:
        """A client of *service* in *region*; by default, in the first of :attr:`regions`."""
        return self.target.aws.client(service, region or self.regions[0])

    def pair(self) -> list[str]:
        """Primary and recovery region, as far as they are deployed to."""
        return [region for region in self.target.settings.regions if region in self.regions]

    def resources(self, region: str, kind: str) -> Iterator[tuple[Stack, dict[str, Any]]]:
        """Properties of every resource of type *kind* that the templates have in *region*, and its stack."""
        for stack, template in self._templates():
            if stack.region == region:
                for each in changes.resources(template, region).values():
                    if each["Type"] == kind:
                        yield stack, each.get("Properties", {})

    def types(self) -> Iterator[tuple[Stack, str]]:
        """Every type of AWS's that a template names, whether its condition holds or not, and the stack."""
        for stack, template in self._templates():
            kinds = {each["Type"] for each in template["Resources"].values()}
            yield from ((stack, kind) for kind in sorted(kinds) if kind.startswith("AWS::"))

    def _templates(self) -> Iterator[tuple[Stack, dict[str, Any]]]:
        """The template of each stack in each region that is asked about."""
        for name in (BOOTSTRAP, *self.target.sets):
            template = json.loads(self.target.text(name))
            for region in self.target.regions_of(name):
                if region in self.regions:
                    yield Stack(name, region), template


Check = Callable[[Asked], Iterator[Note | Fault]]
