"""What a state machine's picture says of each state and of the way from one to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

State = Mapping[str, Any]

_COLOURS = {
    "Choice": "data",
    "Succeed": "storage",
    "Fail": "guard",
    "Map": "watch",
    "Parallel": "watch",
    "Wait": "event",
}
_SAID = {"Choice": "a choice", "Succeed": "the end, succeeded", "Fail": "the end, failed", "Map": "for each"}
_TESTS = {"Equals": "=", "GreaterThan": ">", "LessThan": "<", "GreaterThanEquals": "≥", "LessThanEquals": "≤"}
_PRESENCE = {
    ("IsNull", True): "is null",
    ("IsNull", False): "is not null",
    ("IsPresent", True): "is there",
    ("IsPresent", False): "is not there",
}


class Way(NamedTuple):
    """From one state to the next.

    Attributes:
        target: The state that follows.
        label: When it does, if that is not always.
    """

    target: str
    label: str = ""


def machines_in(state: State) -> list[State]:
    """The machines inside a Map or Parallel state."""
    return [state[key] for key in ("ItemProcessor", "Iterator") if key in state] + list(state.get("Branches", ()))


def ways(state: State) -> list[Way]:
    """Where a state leads if nothing fails, each target once."""
    found = [Way(choice["Next"], condition(choice)) for choice in state.get("Choices", ())]
    if "Default" in state:
        found.append(Way(state["Default"], "otherwise"))
    if "Next" in state:
        found.append(Way(state["Next"], _even_so(state)))
    return _joined(found)


def catches(state: State) -> list[Way]:
    """Where errors lead, unless a success does, too."""
    usual = {way.target for way in ways(state)}
    return _joined([Way(c["Next"], errors(c)) for c in state.get("Catch", ()) if c["Next"] not in usual])


def _joined(found: list[Way]) -> list[Way]:
    labels: dict[str, list[str]] = {}
    for way in found:
        labels.setdefault(way.target, []).append(way.label)
    return [Way(target, " or ".join(filter(None, said))) for target, said in labels.items()]


def _even_so(state: State) -> str:
    found = [errors(c) or "any error" for c in state.get("Catch", ()) if c["Next"] == state["Next"]]
    return f"also after {' or '.join(found)}" if found else ""


def errors(catch: State) -> str:
    """Names of the errors, without the service's; nothing if it is every error."""
    if "States.ALL" in catch["ErrorEquals"]:
        return ""
    return ", ".join(name.rpartition(".")[2].removesuffix("Exception") for name in catch["ErrorEquals"])


def condition(rule: State) -> str:
    """A rule of a Choice as a few words: ``verdict.status = verified``."""
    for word, between in (("And", " and "), ("Or", " or ")):
        if word in rule:
            return between.join(condition(part) for part in rule[word])
    if "Not" in rule:
        return f"not {condition(rule['Not'])}"
    variable = str(rule["Variable"]).removeprefix("$.")
    operator = next(key for key in rule if key not in ("Variable", "Next", "Comment"))
    value = rule[operator]
    if (operator, value) in _PRESENCE:
        return f"{variable} {_PRESENCE[operator, value]}"
    sign = next(
        (sign for word, sign in reversed(_TESTS.items()) if operator.removesuffix("Path").endswith(word)), operator
    )
    return f"{variable} {sign} {value}"


def colour(state: State) -> str:
    """Name of the colour that tells what kind of state it is."""
    if state["Type"] == "Task":
        resource = str(state["Resource"])
        return (
            "event"
            if resource.endswith(".waitForTaskToken")
            else "edge"
            if ":states:::states:" in resource
            else "compute"
        )
    return _COLOURS.get(state["Type"], "rest")


def facts(name: str, state: State) -> list[str]:
    """The line below a state's name."""
    return [" · ".join(_facts(name, state))]


def _facts(name: str, state: State) -> Iterator[str]:
    kind = state["Type"]
    if kind == "Task":
        yield _work(name, str(state["Resource"]), state.get("Parameters", {}))
    else:
        yield "notes it" if kind == "Pass" else _SAID.get(kind, kind.lower())
    if kind == "Map":
        yield f"{state['MaxConcurrency']} at once" if state.get("MaxConcurrency") else "all at once"
    if "TimeoutSeconds" in state:
        yield f"≤ {span(state['TimeoutSeconds'])}"
    if state.get("End"):
        yield "end"


def _work(name: str, resource: str, parameters: State) -> str:
    if resource.endswith(".waitForTaskToken"):
        return "function, awaits its answer"
    if resource.startswith("${"):
        function = resource.strip("${}")
        return "function" if function == name else function
    if resource.endswith(":states:startExecution"):
        return f"starts {str(parameters.get('StateMachineArn', 'a machine')).strip('${}')}"
    return resource.rpartition(":::")[2].replace(":", " ")


def span(seconds: int) -> str:
    """``90 s``, ``15 min``, ``6 h``, ``2 d``: in the largest unit that leaves no fraction."""
    left = timedelta(seconds=seconds)
    units = {"d": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1)}
    return next((f"{left // unit} {name}" for name, unit in units.items() if not left % unit), f"{seconds} s")
