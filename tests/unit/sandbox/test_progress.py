"""Progress: plain lines where nothing can move, a picture that repaints itself on a terminal."""

from __future__ import annotations

import io

import pytest

import workflows
from sandbox.follow import WAITS_FOR
from sandbox.progress import Progress, clock


def test_plain_lines_say_what_begins_what_it_waits_for_and_how_long_it_took() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.begin("a", "network stack", "CloudFormation")
        progress.begin("a", "network stack", "something new")  # the same thing goes on: nothing to say
        progress.end("a", "21 resources")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("network stack … CloudFormation")
    assert "network stack: 21 resources (" in second
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_shows_what_goes_on_and_leaves_only_what_happened() -> None:
    stream = io.StringIO()
    with Progress(stream, live=True) as progress:
        progress.begin("a", "snapshot", "RDS")
        progress.say("news")
        progress.end("a")
    text = stream.getvalue()
    assert "\x1b[1A\x1b[2K" in text or "snapshot: done" in text
    assert "news\n" in text


def test_a_step_that_fails_is_called_failed() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress, pytest.raises(ValueError, match="x"), progress.step("database"):
        raise ValueError("x")
    assert "database: failed" in stream.getvalue()


def test_to_end_what_never_began_says_nothing() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.end("nothing")
    assert not stream.getvalue()


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


def test_the_clock_shows_minutes_and_seconds() -> None:
    assert [clock(0), clock(67.9), clock(600)] == [" 0:00", " 1:07", "10:00"]
