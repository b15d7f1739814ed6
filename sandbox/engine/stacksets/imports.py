"""Stacks that are there already become instances of a set.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-import.html
"""

from ministack.core.responses import request_scope

from sandbox.engine.stacksets import stacks
from sandbox.engine.stacksets.requests import begin
from sandbox.engine.stacksets.store import Instance, Json, Key, StackSet, find, sets
from sandbox.engine.stacksets.wire import Refusal

MOST_IMPORTS = 10  # stacks in one call
PARTS_OF_STACK_ID = 6  # arn:aws:cloudformation:<region>:<account>:stack/…


def import_stacks_to_stack_set(request: Json) -> Json:
    """Take stacks into a set, as they are.

    Raises:
        Refusal: There is no such stack, or it is an instance already.
    """
    stack_set = find(request["StackSetName"])
    identifiers = request.get("StackIds") or []
    if not 0 < len(identifiers) <= MOST_IMPORTS:
        raise Refusal("ValidationError", f"Specify 1 to {MOST_IMPORTS} StackIds")
    where = imported(stack_set, identifiers)

    def change() -> None:
        for (account, region), identifier in where.items():
            stack_set.instances[account, region] = Instance(account, region, stack_id=identifier)

    return begin(stack_set, "CREATE", request, dict.fromkeys(where, ""), change)


def imported(stack_set: StackSet, identifiers: list[str]) -> dict[Key, str]:
    """Where stacks are that are to become instances.

    Raises:
        Refusal: One is not there, or its place is taken.
    """
    owners = {i.stack_id: one.name for one in sets() if one.status == "ACTIVE" for i in list(one.instances.values())}
    found: dict[Key, str] = {}
    for identifier in identifiers:
        parts = identifier.split(":")
        key = (parts[4], parts[3]) if len(parts) == PARTS_OF_STACK_ID else ("", "")
        with request_scope(*key):
            if not stacks.find(identifier):
                raise Refusal("StackNotFoundException", f"Stack {identifier} does not exist")
        owner = owners.get(identifier) or (stack_set.name if key in {*stack_set.instances, *found} else None)
        if owner:
            raise Refusal("ValidationError", f"Stack {identifier} or its place belongs to StackSet {owner} already")
        found[key] = identifier
    return found
