"""What the emitted templates make in one region: conditions decided, names filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from blueprints.regions import regions_of
from blueprints.settings import Settings

Templates = Mapping[str, Mapping[str, Any]]  # by stack


class Resource:
    """One resource where it will be; what it says is decided when it is asked for."""

    def __init__(self, stack: str, title: str, found: Mapping[str, Any], region: Region) -> None:
        self.stack, self.title, self.kind = stack, title, found["Type"]
        self._said, self._region = found.get("Properties", {}), region

    def __getitem__(self, name: str) -> Any:
        return self._region.decided(self._said.get(name))


class Region:
    """Everything that *templates* make in the region *name*."""

    def __init__(self, templates: Templates, settings: Settings, name: str) -> None:
        self.name = name
        self.primary = name == settings.primary_region
        self.prefix = settings.prefix
        self.resources = [
            Resource(stack, title, found, self)
            for stack, template in templates.items()
            if name in regions_of(stack, settings)
            for title, found in template["Resources"].items()
            if "Condition" not in found or self.primary  # the only condition; see blueprints.regions
        ]

    def all(self, kind: str, *stacks: str) -> list[Resource]:
        """Resources of the *kind* ``S3::Bucket`` in *stacks*, or in any."""
        wanted = f"AWS::{kind}"
        return [each for each in self.resources if each.kind == wanted and (not stacks or each.stack in stacks)]

    def first(self, kind: str, *stacks: str) -> Resource | None:
        """The first of them, if there is one."""
        return next(iter(self.all(kind, *stacks)), None)

    def bucket(self, purpose: str) -> Resource | None:
        """The bucket whose name says *purpose*."""
        start = f"{self.prefix}-{purpose}-"
        return next((b for b in self.all("S3::Bucket") if str(b["BucketName"]).startswith(start)), None)

    def short(self, name: str) -> str:
        """*name* without the deployment's, as words."""
        return name.removeprefix(f"{self.prefix}-").replace("-", " ")

    def decided(self, node: Any) -> Any:
        """*node* as it is in this region."""
        if isinstance(node, dict):
            if len(node) == 1:
                ((key, value),) = node.items()
                if key == "Fn::If":
                    return self.decided(value[1 if self.primary else 2])
                if key == "Fn::Sub" and isinstance(value, str):
                    return value.replace("${AWS::Region}", self.name)
            return {key: self.decided(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self.decided(value) for value in node]
        return node


def mentions(node: Any, word: str) -> bool:
    """Whether *word* stands anywhere in *node*."""
    return word in json.dumps(node)


def references(node: Any) -> Iterator[str]:
    """Logical ids that *node* refers to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield value[0]
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


class Part(NamedTuple):
    """One card.

    Attributes:
        colour: What kind of thing it is.
        title: What it is.
        lines: What there is to know of it.
        off: It is not there yet, only the room for it.
    """

    colour: str
    title: str
    lines: list[str]
    off: bool = False


Found = Part | None


def count(number: int, what: str) -> str:
    """``1 queue``, ``2 queues``."""
    return f"{number} {what}{'' if number == 1 else 's'}"
