"""What is said while a machine works."""

from __future__ import annotations

import workflows
from sandbox.follow import WAITS_FOR


def test_every_task_of_every_machine_has_words_for_what_it_waits_for() -> None:
    def tasks(states: dict[str, dict[str, object]]) -> set[str]:
        found = {name for name, state in states.items() if state["Type"] in {"Task", "Map"}}
        for state in states.values():
            if isinstance(inner := state.get("ItemProcessor"), dict):
                found |= tasks(inner["States"])
        return found

    numbers = {name: 1 for machine in workflows.names() for name in workflows.placeholders(machine)}
    known = set().union(*(tasks(workflows.load(machine, **numbers)["States"]) for machine in workflows.names()))
    assert known == set(WAITS_FOR)
