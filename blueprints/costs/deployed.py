"""What the templates put where: each resource once for each region that has it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blueprints.regions import PRIMARY, regions_of

if TYPE_CHECKING:
    from troposphere import Template

    from blueprints.settings import Settings


@dataclass(frozen=True)
class Resource:
    """One resource of one stack in one region.

    Attributes:
        region: Where.
        stack: Of which stack.
        name: Logical id.
        kind: CloudFormation's type.
        properties: Its properties, with :data:`PRIMARY` decided and everything else as in the template.
    """

    region: str
    stack: str
    name: str
    kind: str
    properties: Mapping[str, Any]


def resources(settings: Settings, templates: Mapping[str, Template]) -> Iterator[Resource]:
    """Every resource of *templates*, in each region of its stack that it is made in."""
    for stack, template in templates.items():
        found = json.loads(template.to_json(indent=None))["Resources"]  # without indents json is quick
        for region in regions_of(stack, settings):
            primary = region == settings.primary_region
            for name, resource in found.items():
                if _made(resource.get("Condition"), primary=primary):
                    properties = decided(resource.get("Properties", {}), primary=primary)
                    yield Resource(region, stack, name, resource["Type"], properties)


def _made(condition: str | None, *, primary: bool) -> bool:
    if condition not in (None, PRIMARY):
        raise ValueError(
            f"condition {condition}: the estimate knows {PRIMARY} only; teach blueprints/costs/deployed.py"
        )
    return condition is None or primary


def decided(value: Any, *, primary: bool) -> Any:
    """*value* of a template in a region of which it is known whether it is the primary one."""
    if isinstance(value, list):
        return [decided(each, primary=primary) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::If"} and value["Fn::If"][0] == PRIMARY:
        return decided(value["Fn::If"][1 if primary else 2], primary=primary)
    return {key: decided(each, primary=primary) for key, each in value.items()}


def target(value: Any) -> str:
    """Logical id of the resource that *value*, a reference, leads to; nothing if it leads to another stack."""
    if isinstance(value, dict):
        if "Ref" in value:
            return str(value["Ref"])
        if "Fn::GetAtt" in value:
            return str(value["Fn::GetAtt"][0])
    return ""
