"""Which changed properties replace a resource: for every type as its schema says, not as a list by hand.

The schemas are AWS's own, as cfn-lint brings them
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schemas.html); MiniStack knows some types,
and called everything of the others conditional.
"""

import functools
import importlib.util
import json
from pathlib import Path
from typing import Any

from ministack.services.cloudformation import provisioners, stacks

from sandbox.engine.patching import replace

Properties = dict[str, Any]

HOME = "us-east-1"  # whose list of types is the longest
PREFIX = "/properties/"

their_recreation = provisioners._property_recreation
their_refusal = provisioners._custom_named_replacement_error


def install() -> None:
    """Replace the two questions, for change sets and for updates."""
    for module in (provisioners, stacks):
        replace(module, "_property_recreation", recreation, "84cc21b81beb")
        replace(module, "_custom_named_replacement_error", refused, "34376a5e5fad")


def recreation(resource_type: str, name: str) -> str:
    """Whether a change of a property recreates the resource: ``Always``, ``Conditionally`` or ``Never``."""
    known = schema(resource_type)
    if resource_type in provisioners._REPLACING_PROPERTIES or not known:
        return str(their_recreation(resource_type, name))
    create_only = properties(known, "createOnlyProperties")
    if name in create_only:
        return "Always"
    parts = {path.partition("/")[0] for path in create_only}  # Budget/BudgetName: it depends on what of it changes
    if name in parts | properties(known, "conditionalCreateOnlyProperties"):
        return "Conditionally"
    return "Never"


def refused(resource_type: str, old: Properties, new: Properties, physical_id: str | None = None) -> str | None:
    """Why a resource cannot be replaced: its template gives it a name, which the one that it replaces still has.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
    """
    name = name_property(resource_type)
    if resource_type in provisioners._CUSTOM_NAME_REPLACEMENT or name is None:
        found: str | None = their_refusal(resource_type, old, new, physical_id)
        return found
    if not old.get(name) or old.get(name) != new.get(name):
        return None
    if not provisioners._replacing_change(resource_type, old, new):
        return None
    return (
        "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
        f"Rename {physical_id or old[name]} and update the stack again."
    )


def name_property(resource_type: str) -> str | None:
    """The property by which a template names a resource of that type, None when it cannot."""
    known = schema(resource_type)
    identifier = properties(known, "primaryIdentifier")
    mine = identifier & properties(known, "createOnlyProperties") - properties(known, "readOnlyProperties")
    return next(iter(mine)) if len(identifier) == len(mine) == 1 else None


def properties(known: Properties, which: str) -> set[str]:
    """Those of a schema's properties, nested ones with slashes."""
    return {path.removeprefix(PREFIX) for path in known.get(which) or []}


@functools.cache
def schema(resource_type: str) -> Properties:
    """The schema of a type, empty when AWS has none, as for ``Custom::…``."""
    name = index().get(resource_type)
    found: Properties = json.loads((directory() / "resources" / f"{name}.json").read_text()) if name else {}
    return found


@functools.cache
def index() -> dict[str, str]:
    """The file of each type."""
    found: dict[str, str] = json.loads((directory() / "providers" / f"{HOME}.json").read_text())
    return found


def directory() -> Path:
    """Where cfn-lint keeps the schemas; it is not imported, which would take seconds.

    Raises:
        FileNotFoundError: It is not installed.
    """
    found = importlib.util.find_spec("cfnlint")
    if found is None or found.origin is None:
        raise FileNotFoundError("cfn-lint, whose schemas of resource types are needed; install requirements/dev.txt")
    return Path(found.origin).parent / "data" / "schemas"
