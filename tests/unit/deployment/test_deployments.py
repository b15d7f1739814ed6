"""A deployment from nothing, again, changed, failed, interrupted: what is done, in which order, what is left alone."""

from __future__ import annotations

import io
import json
import re
import signal
import threading
from pathlib import Path

import pytest
from fake_account import Account, Killed, Watching
from small import ARCHIVE, NAMES, PRIMARY, RECOVERY, Small

from blueprints.order import Stack
from deployment import deploy
from deployment.errors import NotReady, Refused, StackFailed
from deployment.progress import Progress, Stopped
from deployment.watch import Watch


class Telling(Watching):
    """Somebody who reads along, not on a terminal."""

    def __init__(self, account: Account, stream: io.StringIO) -> None:
        super().__init__(account, live=False)
        self._stream = stream


EVERY = {Stack(name, region) for name in NAMES for region in (PRIMARY, RECOVERY)}


@pytest.fixture
def small(tmp_path: Path) -> Small:
    (tmp_path / "outputs").mkdir()
    return Small(tmp_path / "outputs")


def test_from_nothing_every_stack_is_made_after_what_it_needs_and_protected(small: Small) -> None:
    done = small.deploy()
    order = small.order()
    assert set(order[:2]) == {Stack("bootstrap", PRIMARY), Stack("bootstrap", RECOVERY)}
    assert order[2:] == [
        Stack("stacksets", PRIMARY),
        *(Stack(name, region) for name in NAMES for region in (RECOVERY, PRIMARY)),
    ]
    assert set(done.made) == set(order) == set(done.found)
    assert not done.nothing
    assert not done.changed
    assert all(each.complete and each.protected for each in done.found.values())
    assert done.seconds.keys() == set(order)
    for bucket in small.account.objects.values():
        assert ARCHIVE in bucket
        assert len(bucket) == len(NAMES) + 3


def test_again_there_is_nothing_to_do_and_nothing_is_written(small: Small) -> None:
    small.deploy()
    small.account.writes.clear()
    done = small.deploy()
    assert done.nothing
    assert not done.made
    assert not done.changed
    assert small.account.writes == []
    assert len(small.plans) == 1  # nobody is asked


def test_nothing_is_changed_unless_somebody_agrees(small: Small) -> None:
    with pytest.raises(Refused, match="nobody agreed"):
        small.deploy(agree=False)
    assert small.account.writes == []
    small.deploy()
    small.emit(version=2)
    before = small.picture()["stacks"]
    with pytest.raises(Refused, match="nobody agreed"):
        small.deploy(agree=False)
    assert small.picture()["stacks"] == before


def test_a_change_reaches_both_regions_by_the_set_and_touches_nothing_else(small: Small) -> None:
    small.deploy()
    (small.outputs / "storage.json").write_text((small.outputs / "storage.json").read_text().replace("storage 1", "x"))
    _rewrite_sets(small)
    small.account.stacks.log.clear()
    done = small.deploy()
    assert small.order() == [Stack("stacksets", PRIMARY), Stack("storage", RECOVERY), Stack("storage", PRIMARY)]
    assert set(done.changed) == set(small.order())
    assert not done.made
    assert not any("stack_instances" in call for call, _ in small.account.writes[-20:])
    assert small.deploy().nothing


@pytest.mark.parametrize("seen", [True, False], ids=["seen under way", "done between two looks"])
def test_every_stack_that_changes_with_its_set_has_its_line(
    small: Small, monkeypatch: pytest.MonkeyPatch, *, seen: bool
) -> None:
    small.deploy()
    for name in ("keys", "storage"):
        path = small.outputs / f"{name}.json"
        path.write_text(path.read_text().replace(f"{name} 1", f"{name} 2"))
    _rewrite_sets(small)
    if not seen:
        monkeypatch.setattr(Watch, "look", lambda _: None)
    told = io.StringIO()
    deploy.deploy(small.target, small.archive, Telling(small.account, told), lambda _: True)
    lines = [re.sub(r"^ *\d+:\d+  | \(.*", "", line) for line in told.getvalue().splitlines() if "…" not in line]
    changed = [
        f"{name} stack in {region}: 1 resource" for name in ("keys", "storage") for region in (PRIMARY, RECOVERY)
    ]
    assert sorted(line for line in lines if not line.startswith("stacksets")) == sorted(changed)


def test_the_first_failure_stops_what_comes_after_and_names_its_cause(small: Small) -> None:
    small.account.stacks.broken.add(("storage", RECOVERY))
    with pytest.raises(StackFailed) as failed:
        small.deploy()
    assert failed.value.stack == Stack("storage", RECOVERY)
    assert failed.value.cause == "Thing (AWS::SNS::Topic): no such luck"
    assert "ROLLBACK_COMPLETE" in str(failed.value)
    assert Stack("storage", PRIMARY) not in small.order()
    assert Stack("backup", RECOVERY) not in small.order()


def test_a_failed_first_creation_is_removed_and_made_again(small: Small, tmp_path: Path) -> None:
    small.account.stacks.broken.add(("storage", PRIMARY))
    with pytest.raises(StackFailed, match="storage stack in eu-west-1"):
        small.deploy()
    small.account.stacks.broken.clear()
    done = small.deploy()
    assert small.kinds()["remake"] == {f"storage {PRIMARY}"}
    assert Stack("storage", PRIMARY) in done.made
    assert Stack("storage", RECOVERY) not in done.made
    assert small.picture() == _undisturbed(tmp_path)


def test_a_failed_first_creation_does_not_spoil_a_change_of_its_set(small: Small) -> None:
    small.account.stacks.broken.add(("storage", PRIMARY))
    with pytest.raises(StackFailed):
        small.deploy()
    small.account.stacks.broken.clear()
    small.emit(version=2)
    small.deploy()
    assert small.deploy().nothing


def test_a_record_whose_stack_is_gone_is_forgotten_and_the_stack_made_again(small: Small, tmp_path: Path) -> None:
    small.deploy()
    stacks = small.account.stacks
    lost = next(each for each in stacks.every.values() if each.tags["holdfast:stack"] == "backup")
    lost.protected = False
    stacks.delete(lost)
    small.account.rest()
    assert small.deploy().made == (Stack("backup", lost.region),)
    assert small.picture() == _undisturbed(tmp_path)


def test_what_stacksets_could_not_remove_is_let_go_and_removed_directly(small: Small, tmp_path: Path) -> None:
    small.account.stacks.broken.add(("storage", PRIMARY))
    with pytest.raises(StackFailed):
        small.deploy()
    small.account.stacks.broken.clear()
    instance = small.account.sets.every["holdfast-sandbox-storage"].instances[PRIMARY]
    instance.status = instance.detail = "INOPERABLE"
    small.deploy()
    assert small.picture() == _undisturbed(tmp_path)


def test_a_whole_stack_that_its_set_calls_inoperable_is_taken_over_as_it_is(small: Small, tmp_path: Path) -> None:
    small.deploy()
    instance = small.account.sets.every["holdfast-sandbox-storage"].instances[PRIMARY]
    instance.status = instance.detail = "INOPERABLE"
    done = small.deploy()
    assert not done.made
    assert small.picture() == _undisturbed(tmp_path)
    assert small.deploy().nothing


def test_a_failed_change_sets_everything_back_and_names_the_stack_in_which_it_began(small: Small) -> None:
    small.deploy()
    before = small.picture()["stacks"]
    small.account.stacks.broken.add(("storage", PRIMARY))
    small.emit(version=2)
    with pytest.raises(StackFailed) as failed:
        small.deploy()
    assert failed.value.stack == Stack("storage", PRIMARY)
    assert failed.value.cause == "Thing (AWS::SNS::Topic): no such luck"
    now = small.picture()["stacks"]
    assert {stack: each[0] for stack, each in now.items()} == {stack: each[0] for stack, each in before.items()}
    small.account.stacks.broken.clear()
    small.deploy()
    assert small.deploy().nothing


def test_a_set_that_others_newly_import_from_is_filled_before_they_change(small: Small) -> None:
    small.emit(["keys", "storage", "backup"])
    small.deploy()
    small.emit(["keys", "network", "storage", "backup"], version=2, imports={"network": "keys", "backup": "network"})
    small.account.stacks.log.clear()
    done = small.deploy()
    order = small.order()
    assert order.index(Stack("keys", PRIMARY)) < order.index(Stack("network", RECOVERY))
    assert order.index(Stack("network", PRIMARY)) < order.index(Stack("backup", RECOVERY))
    assert order.count(Stack("stacksets", PRIMARY)) == 2
    assert set(done.made) == {Stack("network", region) for region in (PRIMARY, RECOVERY)}
    assert set(done.changed) == {*EVERY, Stack("stacksets", PRIMARY)}
    assert small.deploy().nothing


def test_a_set_that_is_no_longer_asked_for_keeps_its_stacks_and_can_come_back(small: Small) -> None:
    small.deploy()
    small.emit(["keys", "storage"])
    small.deploy()
    assert small.deploy().nothing
    assert {stack for stack, _ in small.picture()["stacks"]} >= {"backup"}
    small.emit(["keys", "storage"], version=2)
    small.deploy()
    assert f"backup {PRIMARY}" in small.kinds()["superfluous"]
    small.emit(NAMES, version=2)
    small.deploy()
    assert small.deploy().nothing


def test_an_instance_that_its_set_calls_outdated_is_brought_up_to_date(small: Small) -> None:
    small.deploy()
    instance = small.account.sets.every["holdfast-sandbox-storage"].instances[PRIMARY]
    instance.status = "OUTDATED"
    done = small.deploy()
    assert done.changed == (Stack("storage", PRIMARY),)
    assert instance.status == "CURRENT"
    assert small.deploy().nothing


def test_a_stack_that_was_changed_by_hand_is_set_back_through_its_set(small: Small) -> None:
    small.deploy()
    stack = next(s for s in small.account.stacks.every.values() if s.tags["holdfast:stack"] == "storage")
    stack.text = json.dumps(json.loads(stack.text) | {"Resources": {}})
    assert small.deploy().changed == (Stack("storage", stack.region),)
    assert small.deploy().nothing


def test_only_missing_protection_is_put_on(small: Small) -> None:
    small.deploy()
    next(iter(small.account.stacks.every.values())).protected = False
    small.account.writes.clear()
    assert not small.deploy().nothing
    assert [call for call, _ in small.account.writes] == ["update_termination_protection"]


def test_roles_that_are_not_known_everywhere_yet_are_waited_for(small: Small, tmp_path: Path) -> None:
    small.account.sets.lagging = 3
    small.deploy()
    assert small.picture() == _undisturbed(tmp_path)


def test_roles_that_never_become_known_are_a_failure_in_the_end(small: Small) -> None:
    small.account.sets.lagging = 1000
    with pytest.raises(StackFailed, match="trust relationship"):
        small.deploy()


def test_one_region_is_deployed_without_asking_the_other_and_taken_over_by_the_sets_later(
    small: Small, tmp_path: Path
) -> None:
    small.account.down.add(PRIMARY)
    done = small.directly(RECOVERY)
    assert set(done.made) == {Stack(name, RECOVERY) for name in ("bootstrap", *NAMES)}
    assert small.order() == [Stack(name, RECOVERY) for name in ("bootstrap", *NAMES)]
    assert small.directly(RECOVERY).nothing
    small.account.down.clear()
    done = small.deploy()
    assert not any(stack.region == RECOVERY for stack in done.made)
    now, expected = small.picture(), _undisturbed(tmp_path)
    assert {key: now[key] for key in ("stacks", "sets", "objects")} == {
        key: expected[key] for key in ("stacks", "sets", "objects")
    }


def test_the_recovery_region_is_changed_while_the_home_of_the_sets_is_down(small: Small) -> None:
    small.deploy()
    small.emit(version=2)
    small.account.down.add(PRIMARY)
    done = small.directly(RECOVERY)
    assert set(done.changed) == {Stack(name, RECOVERY) for name in NAMES}
    small.account.down.clear()
    small.deploy()
    assert small.deploy().nothing


def test_a_region_that_the_settings_no_longer_name_is_refused(small: Small) -> None:
    small.deploy()
    every = small.account.sets.every["holdfast-sandbox-keys"].instances
    every["eu-north-1"] = every[PRIMARY]
    every["eu-north-1"].region = "eu-north-1"
    with pytest.raises(NotReady, match="lies in eu-north-1, which its settings no longer name"):
        small.deploy()


def test_what_is_under_way_is_waited_for_before_anything_is_planned(small: Small, tmp_path: Path) -> None:
    small.account.die_after(19)  # the stacks of the first set are begun
    with pytest.raises((Killed, Stopped)):
        small.deploy()
    small.account.revive()
    assert small.account.sets.busy()
    small.deploy()
    assert small.kinds().get("under-way") is None
    assert small.picture() == _undisturbed(tmp_path)


def test_a_stack_of_which_only_a_change_set_was_made_is_a_new_one_and_no_failed_one(
    small: Small, tmp_path: Path
) -> None:
    small.account.die_after(1)
    with pytest.raises((Killed, Stopped)):
        small.deploy()
    small.account.revive()
    small.deploy()
    assert "remake" not in small.kinds()
    assert small.picture() == _undisturbed(tmp_path)


def test_whoever_interrupts_a_deployment_does_not_wait_for_aws(small: Small) -> None:
    class Patient(Watching):
        """Waits ten minutes for the second set, and has the deployment interrupted then."""

        def pause(self, seconds: float) -> None:
            if Stack("storage", RECOVERY) in small.order():
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
                Progress.pause(self, 600)
            super().pause(seconds)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            deploy.deploy(small.target, small.archive, Patient(small.account), lambda _: True)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("deploy")]
    assert Stack("backup", RECOVERY) not in small.order()
    assert Stack("backup", RECOVERY) in small.deploy().made


def _undisturbed(tmp_path: Path) -> dict[str, object]:
    """How an account looks after a deployment in which nothing happened."""
    folder = tmp_path / "undisturbed"
    folder.mkdir(exist_ok=True)
    other = Small(folder)
    other.deploy()
    return other.picture()


def _rewrite_sets(small: Small) -> None:
    """Have the sets name the templates that lie in the folder now."""
    from blueprints import stacksets, text  # noqa: PLC0415

    texts = {name: (small.outputs / f"{name}.json").read_text() for name in small.names}
    (small.outputs / "stacksets.json").write_text(text.whole(stacksets.blueprint(small.settings, texts)))
