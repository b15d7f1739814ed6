"""The template of the stack ``stacksets``: which sets it holds, and in which steps they change."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from blueprints import order
from deployment.set_instances import instances
from deployment.target import STACKSETS

if TYPE_CHECKING:
    from deployment.target import Target

TYPE = "AWS::CloudFormation::StackSet"


def wanted(target: Target, deployed: str | None) -> str:
    """Template that the stack ``stacksets`` shall have: the emitted one, and whatever sets can't be deleted yet.

    CloudFormation deletes no set that has instances; it would forget the set, and nobody could update it any more.

    Args:
        target: What goes where.
        deployed: The template that the stack has now, if it is there.
    """
    emitted = target.text(STACKSETS)
    template = json.loads(emitted)
    own = {_name_of(each) for each in template["Resources"].values()}
    prefix = target.settings.name("")
    left = {
        logical_id: each
        for logical_id, each in _sets(deployed).items()
        if _name_of(each) not in own and instances(target, _name_of(each).removeprefix(prefix))
    }
    if not left:
        return emitted
    every = template["Resources"] | left
    template["Resources"] = {logical_id: _with_known_needs(each, every) for logical_id, each in every.items()}
    return json.dumps(template, indent=1)


def staged(target: Target, final: str, deployed: str | None, missing: Collection[str]) -> tuple[str, set[str]]:
    """*final*, but with those sets as they are deployed that need a set some of whose stacks are not there yet.

    A template that imports what a new set exports can be used only after that set's stacks were made, and these can be
    made only after the sets that they need were changed: so the stack ``stacksets`` changes step by step.

    Args:
        target: What goes where.
        final: The template that the stack ``stacksets`` shall have in the end.
        deployed: The template that it has now, if it is there.
        missing: The sets that lack stacks.

    Returns:
        The template for now, and the names of the sets that wait.
    """
    template, before, settings = json.loads(final), _sets(deployed), target.settings
    ids = {_name_of(each): logical_id for logical_id, each in template["Resources"].items()}
    late, held, waiting = set[str](), False, set[str]()
    for name in (name for wave in order.set_waves(target.sets, settings) for name in wave):
        needed = order.set_needs(name, target.sets, settings)
        if not any(each in missing or each in late for each in needed):
            continue
        late.add(name)
        logical_id = ids[settings.name(name)]
        hold = before.get(logical_id) not in (None, template["Resources"][logical_id])
        if hold:
            template["Resources"][logical_id] = _with_known_needs(before[logical_id], template["Resources"])
        if hold or any(each in waiting for each in needed):
            waiting.add(name)
        held |= hold
    return (json.dumps(template, indent=1) if held else final), waiting


def changed(target: Target, deployed: str | None, final: str) -> set[str]:
    """Names of the sets that *final* changes, so that CloudFormation updates all their stacks."""
    before, after = _sets(deployed), _sets(final)
    different = [each for logical_id, each in after.items() if logical_id in before and before[logical_id] != each]
    return {_name_of(each).removeprefix(target.settings.name("")) for each in different}


def _sets(text: str | None) -> dict[str, Any]:
    resources: Mapping[str, Any] = json.loads(text)["Resources"] if text else {}
    return {logical_id: each for logical_id, each in resources.items() if each["Type"] == TYPE}


def _name_of(resource: Mapping[str, Any]) -> str:
    return str(resource.get("Properties", {}).get("StackSetName", ""))


def _with_known_needs(resource: Mapping[str, Any], every: Collection[str]) -> dict[str, Any]:
    """A resource that waits for no other than *every*."""
    needs = resource.get("DependsOn", [])
    known = [each for each in ([needs] if isinstance(needs, str) else needs) if each in every]
    return {
        **{key: value for key, value in resource.items() if key != "DependsOn"},
        **({"DependsOn": known} if known else {}),
    }
