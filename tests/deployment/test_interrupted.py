"""Whoever ends a deployment at any time finds AWS at work, and goes on with the same command."""

from __future__ import annotations

import signal

import pytest
from commanding import HOME, OTHER, PREFIX, Answer, Checkout, named, stacks, whole
from shapes import problems

EVERY = 3.0  # seconds
MORE = 0.2  # seconds that each further run is given, lest a slow machine never gets beyond its first look
# The command's own answer; before and after it listens, Python ends by the signal itself.
ENDED = (130, -signal.SIGINT)
MOST = 30  # runs; a deployment takes ten seconds when the machine is quiet


def until_the_end(checkout: Checkout, *arguments: str, every: float) -> list[Answer]:
    """Runs of so many seconds each, until one comes to its end; the longer it takes, the longer each."""
    found: list[Answer] = []
    while not found or found[-1].code in ENDED:
        assert len(found) < MOST, found[-1].text
        found.append(checkout.interrupted(*arguments, after=every + len(found) * MORE))
    return found


@pytest.fixture(scope="module")
def runs(checkout: Checkout) -> list[Answer]:
    return until_the_end(checkout, "deploy", "--yes", every=EVERY)


@pytest.fixture(scope="module")
def removals(checkout: Checkout, runs: list[Answer]) -> list[Answer]:
    assert runs[-1].code == 0, runs[-1].text
    return until_the_end(checkout, "destroy", "--yes", PREFIX, every=EVERY / 2)


def test_it_comes_to_the_end_and_the_end_is_that_of_an_undisturbed_one(checkout: Checkout, runs: list[Answer]) -> None:
    assert runs[-1].code == 0, runs[-1].text
    assert len(runs) > 1, "nothing was interrupted"
    there = stacks(checkout.engine)
    assert len(there) == 15
    assert all(each["EnableTerminationProtection"] for each in there.values())
    whole(checkout)
    again = checkout.run("deploy", "--yes")
    assert (again.code, again.writes) == (0, set()), again.text


def test_nothing_was_made_twice(checkout: Checkout, runs: list[Answer]) -> None:
    assert runs[-1].code == 0, runs[-1].text
    for region in (HOME, OTHER):
        client = checkout.engine.client("cloudformation", region)
        pages = client.get_paginator("list_stacks").paginate()
        names = [each["StackName"] for page in pages for each in page["StackSummaries"] if PREFIX in each["StackName"]]
        assert len(names) == (8 if region == HOME else 7), names


def test_whoever_is_interrupted_learns_what_goes_on_and_how_to_continue(runs: list[Answer]) -> None:
    interrupted = [answer for answer in runs if answer.code == 130]
    assert interrupted
    for answer in interrupted:
        assert "python build.py deploy --settings quick.toml --yes" in answer.err
        assert "Traceback" not in answer.err


def test_no_stack_is_left_that_a_run_has_to_make_again(runs: list[Answer]) -> None:
    """An interruption ends the looking, not the work: nothing ever fails by it."""
    assert not any("make again" in answer.out for answer in runs)


def test_a_removal_that_is_interrupted_removes_everything_in_the_end(
    checkout: Checkout, removals: list[Answer]
) -> None:
    assert removals[-1].code == 0, removals[-1].text
    assert len(removals) > 1, "nothing was interrupted"
    assert stacks(checkout.engine) == {}
    assert checkout.engine.client("cloudformation", HOME).list_stack_sets(Status="ACTIVE")["Summaries"] == []
    buckets = {each["Name"] for each in checkout.engine.client("s3", HOME).list_buckets()["Buckets"]}
    assert buckets == {name for name in named(removals[-1].out.split("is removed.")[1]) if name.startswith(PREFIX)} - {
        f"{PREFIX}-ledger"
    }


def test_aws_would_take_every_request(checkout: Checkout, removals: list[Answer]) -> None:
    assert removals[-1].code == 0, removals[-1].text
    assert sorted({each for request in checkout.requests for each in problems(request)}) == []
