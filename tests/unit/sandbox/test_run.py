"""Each run's own directory: made, locked, removed, and what dead runs left with it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from sandbox import run
from sandbox.errors import InputRefused


def test_a_run_removes_its_directory(tmp_path: Path) -> None:
    with run.directory(tmp_path) as own:
        (own / "file").write_text("x")
    assert not own.exists()


def test_what_dead_runs_left_is_removed_and_what_lives_stays(tmp_path: Path) -> None:
    dead, living = tmp_path / "runs" / "dead", tmp_path / "runs" / "living"
    for each in (dead, living):
        each.mkdir(parents=True)
    with (living / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run.remove_leftovers(tmp_path).join()
    assert not dead.exists()
    assert living.exists()


def test_where_nothing_can_be_written_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputRefused, match="keeps its files there"), run.directory(tmp_path / "file"):
        pass
