"""Whoever deploys may die after any call that changes AWS: the next run ends as if nothing had been.

A death after a call that only reads leaves AWS as the death before it. What AWS was told to do goes on meanwhile:
sometimes it is over when the next run begins, sometimes not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fake_account import Killed
from small import PRIMARY, RECOVERY, Small

from deployment.errors import StackFailed
from deployment.progress import Stopped

Scene = Callable[[Small], None]


def nothing(small: Small) -> None:
    """Nothing is there."""
    del small


def older(small: Small) -> None:
    """An older version is there, and the new one has a set that another newly imports from."""
    small.deploy()
    small.emit(["keys", "network", "storage", "backup"], version=2, imports={"backup": "network"})


def failed(small: Small) -> None:
    """The first deployment failed in one region, and the cause is cured."""
    small.account.stacks.broken.add(("storage", RECOVERY))
    with pytest.raises(StackFailed):
        small.deploy()
    small.account.stacks.broken.clear()


def set_back(small: Small) -> None:
    """A change was set back, and the cause is cured."""
    small.deploy()
    small.account.stacks.broken.add(("storage", PRIMARY))
    small.emit(version=2)
    with pytest.raises(StackFailed):
        small.deploy()
    small.account.stacks.broken.clear()


def direct(small: Small) -> None:
    """The recovery region was deployed without StackSets."""
    small.account.down.add(PRIMARY)
    small.directly(RECOVERY)
    small.account.down.clear()


SCENES = (nothing, older, failed, set_back, direct)


def world(folder: Path, scene: Scene) -> Small:
    folder.mkdir()
    small = Small(folder)
    scene(small)
    small.account.writes.clear()
    return small


def settled(small: Small) -> dict[str, Any]:
    """The account after everything, but for names: a stack that was made twice is called otherwise."""
    picture = small.picture()
    del picture["names"]
    return picture


@pytest.mark.parametrize("scene", SCENES)
def test_a_death_after_any_write_changes_nothing_in_the_end(scene: Scene, tmp_path: Path) -> None:
    undisturbed = world(tmp_path / "undisturbed", scene)
    undisturbed.deploy(live=False)
    expected = settled(undisturbed)
    for at in range(1, len(undisturbed.account.writes) + 1):
        small = world(tmp_path / str(at), scene)
        small.account.die_after(at)
        with pytest.raises((Killed, Stopped)):
            small.deploy(live=False)
        small.account.revive()
        if at % 2:
            small.account.rest()
        small.deploy(live=False)
        assert settled(small) == expected, f"death after write {at}"


def test_three_deaths_in_a_row_change_nothing_in_the_end(tmp_path: Path) -> None:
    undisturbed = world(tmp_path / "undisturbed", older)
    undisturbed.deploy()
    expected, writes = settled(undisturbed), len(undisturbed.account.writes)
    for step in range(1, 9):
        small = world(tmp_path / str(step), older)
        for part in (9, 14, 19):
            small.account.writes.clear()
            small.account.die_after(max(1, step * writes // part))
            with suppress(Killed, Stopped):
                small.deploy()
            small.account.revive()
        small.deploy()
        assert settled(small) == expected, f"step {step}"
        assert small.deploy().nothing
