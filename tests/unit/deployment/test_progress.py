"""Progress: plain lines where nothing can move, a picture that repaints itself on a terminal."""

from __future__ import annotations

import io
import threading

import pytest

from deployment.progress import Progress, Stopped, clock, meter


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


def test_the_clock_shows_minutes_and_seconds() -> None:
    assert [clock(0), clock(67.9), clock(600)] == [" 0:00", " 1:07", "10:00"]


def test_a_bar_moves_on_a_terminal_and_a_plain_stream_shows_none() -> None:
    for live in (True, False):
        stream = io.StringIO()
        with Progress(stream, live=live) as progress:
            progress.begin("a", "storage stack")
            progress.advance("a", 7, 14)
            progress.advance("nothing", 1, 2)
            progress.say("news")
            progress.end("a", "14 resources")
        assert (f"{'█' * 10}{'░' * 10}  7 of 14" in stream.getvalue()) is live


def test_a_bar_is_never_longer_than_whole_and_its_numbers_keep_their_place() -> None:
    assert meter(0, 8) == f"{'░' * 20} 0 of 8"
    assert meter(9, 8) == f"{'█' * 20} 8 of 8"
    assert len(meter(3, 120)) == len(meter(117, 120))


def test_whoever_pauses_is_woken_when_the_run_is_stopped() -> None:
    progress, woken = Progress(io.StringIO()), threading.Event()

    def wait() -> None:
        with pytest.raises(Stopped):
            progress.pause(600)
        woken.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    progress.stop()
    assert woken.wait(10)
    with pytest.raises(Stopped):
        progress.pause(0)
