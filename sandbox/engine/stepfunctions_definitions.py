"""What is structurally wrong with a state machine's definition, so that the engine refuses what AWS refuses.

A full check is the linters' work; this catches what would make a machine run differently here and there.
"""

import json
from collections.abc import Iterator
from typing import Any

STATE_TYPES = frozenset({"Pass", "Task", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"})
GO_ON = frozenset({"Pass", "Task", "Wait", "Parallel", "Map"})  # these need Next or End
NEEDS = {"Task": ("Resource",), "Choice": ("Choices",), "Parallel": ("Branches",)}
MAX_NAME = 80  # characters of a state's name


def problems(text: str) -> list[str]:
    """The codes and places of what is wrong, as ``ValidateStateMachineDefinition`` names them."""
    try:
        definition = json.loads(text)
    except (TypeError, ValueError) as error:
        return [f"INVALID_JSON_DESCRIPTION: {error}"]
    return list(of_states(definition, ""))


def of_states(machine: dict[str, Any], place: str) -> Iterator[str]:
    """What is wrong with a machine, a branch or an item processor."""
    states = machine.get("States") or {}
    if machine.get("StartAt") not in states:
        yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {machine.get('StartAt')} at {place}/StartAt"
    for name, state in states.items():
        here = f"{place}/States/{name}"
        if len(name) > MAX_NAME:
            yield f"SCHEMA_VALIDATION_FAILED: a state's name has at most {MAX_NAME} characters at {here}"
        yield from of_state(state, states, here)


def of_state(state: dict[str, Any], states: dict[str, Any], here: str) -> Iterator[str]:
    """What is wrong with one state, and with the machines inside it."""
    kind = state.get("Type")
    if kind not in STATE_TYPES:
        yield f"SCHEMA_VALIDATION_FAILED: Value is not a valid resource ARN or type at {here}/Type"
    targets = [state.get("Next"), state.get("Default")]
    targets += [rule.get("Next") for rule in (*state.get("Choices", []), *state.get("Catch", []))]
    for target in targets:
        if target is not None and target not in states:
            yield f"MISSING_TRANSITION_TARGET: Missing 'Next' target: {target} at {here}"
    if kind in GO_ON and not (state.get("Next") or state.get("End")):
        yield f"SCHEMA_VALIDATION_FAILED: These fields are required: [Next] or [End] at {here}"
    for field in NEEDS.get(str(kind), ()):
        if not state.get(field):
            yield f"SCHEMA_VALIDATION_FAILED: These fields are required: [{field}] at {here}"
    for index, branch in enumerate(state.get("Branches", [])):
        yield from of_states(branch, f"{here}/Branches[{index}]")
    for field in ("ItemProcessor", "Iterator"):
        if field in state:
            yield from of_states(state[field], f"{here}/{field}")
