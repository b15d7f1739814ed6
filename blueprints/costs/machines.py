"""What one run of a state machine does when all goes well: states entered, functions called.

Standard workflows are paid by state transition: each state that is entered is one, in a Map once for each item.
https://docs.aws.amazon.com/step-functions/latest/dg/sm-standard-vs-express.html (billing)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

States = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        transitions: States entered.
        calls: How often each function is called; by the name that the definition has for it.
        each: The same for one item of its Map, if there is one.
    """

    transitions: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    each: Run | None = None


def longest(definition: Mapping[str, Any]) -> Run:
    """The longest way through *definition* that ends in success, without retries and catches.

    Raises:
        ValueError: no way ends in success.
    """
    found = _from(definition["StartAt"], definition["States"], ())
    if found is None:
        raise ValueError(f"no way from {definition['StartAt']} ends in success")
    return found


def _from(name: str, states: States, before: tuple[str, ...]) -> Run | None:
    """The longest way on from *name*; none if each fails or goes round."""
    state = states[name]
    if state["Type"] == "Fail" or name in before:
        return None
    if state["Type"] == "Succeed" or state.get("End"):
        return _entering(state, Run())
    following = [choice["Next"] for choice in state.get("Choices", ())]
    following += [state[key] for key in ("Next", "Default") if key in state]
    ways = [way for each in following if (way := _from(each, states, (*before, name)))]
    return _entering(state, max(ways, key=lambda way: way.transitions)) if ways else None


def _entering(state: Mapping[str, Any], after: Run) -> Run:
    calls = after.calls.copy()
    if called := _called(state):
        calls[called] += 1
    each = longest(state["ItemProcessor"]) if state["Type"] == "Map" else after.each
    return Run(after.transitions + 1, calls, each)


def _called(state: Mapping[str, Any]) -> str:
    """The function that *state* calls, as ``${TakeSnapshot}`` names it; nothing for another service."""
    if state["Type"] != "Task":
        return ""
    named = re.fullmatch(r"\$\{(\w+)\}", state.get("Parameters", {}).get("FunctionName", state["Resource"]))
    return named[1] if named else ""
