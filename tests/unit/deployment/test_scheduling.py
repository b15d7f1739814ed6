"""Things that need each other are done in order, at the same time where they may be, and stop at the first failure."""

from __future__ import annotations

import io
import threading

import pytest

from deployment.progress import Progress, Stopped
from deployment.scheduling import crew


def test_each_thing_is_done_after_what_it_needs() -> None:
    done: list[str] = []
    needs = {"roof": ["walls"], "walls": ["floor"], "floor": ["ground"], "garden": []}
    with crew(Progress(io.StringIO())) as hands:
        answers = hands.in_order(needs, lambda name: done.append(name) or name.upper())
    assert answers == {name: name.upper() for name in needs}
    assert done.index("floor") < done.index("walls") < done.index("roof")


def test_what_needs_nothing_is_done_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)
    with crew(Progress(io.StringIO())) as hands:
        assert set(hands.each(["a", "b"], lambda _: both.wait())) == {"a", "b"}


def test_after_a_failure_what_goes_on_is_finished_and_nothing_new_is_begun() -> None:
    failed, done = threading.Event(), list[str]()

    def work(name: str) -> None:
        if name == "bad":
            failed.set()
            raise ValueError(name)
        assert failed.wait(10)
        done.append(name)

    needs = {"bad": [], "beside": [], "after": ["beside"]}
    with pytest.raises(ValueError, match="bad"), crew(Progress(io.StringIO())) as hands:
        hands.in_order(needs, work)
    assert done == ["beside"]


def test_things_that_wait_for_each_other_are_an_error() -> None:
    with pytest.raises(ValueError, match="wait for each other"), crew(Progress(io.StringIO())) as hands:
        hands.in_order({"egg": ["hen"], "hen": ["egg"]}, str)


def test_whoever_leaves_early_ends_every_pause() -> None:
    progress, begun, ended = Progress(io.StringIO()), threading.Event(), list[type[Exception]]()

    def work() -> None:
        begun.set()
        try:
            progress.pause(600)
        except Stopped:
            ended.append(Stopped)
            raise

    def leave() -> None:
        with crew(progress) as hands:
            hands.begin(work)
            assert begun.wait(10)
            raise KeyError

    with pytest.raises(KeyError):
        leave()
    assert ended == [Stopped]
