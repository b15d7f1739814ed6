"""Whatever breaks, once and anywhere: a verified point or a reported failure, one live answer, nothing left behind."""

import json
from pathlib import Path

import pytest
from backup_fakes import PRIMARY, RECOVERY, client_error
from backup_faults import Crash, Fuse, Killed
from backup_world import World
from hypothesis import given, settings
from hypothesis import strategies as st


def calls_of_a_whole_run(*, lossy=False):
    world = World(lossy=lossy)
    world.backup()
    return world.fuse.calls


def reported(world):
    kinds = ("Recovery Point Verified", "Recovery Point Partial", "Recovery Point Failed")
    return [detail["status"] for kind in kinds for detail in world.bus[PRIMARY].of(kind)]


def test_an_undisturbed_run_is_verified_and_leaves_nothing_open():
    world = World()
    assert world.backup() == {"status": "verified", "level": 2, "problems": 0, "reason": "every check passed"}
    world.rest()
    world.assert_at_rest()
    assert reported(world) == ["verified"]
    assert world.bus[PRIMARY].of("Lost Event Found") == []
    assert world.bus[RECOVERY].of("Lost Event Found") == []


def test_a_run_that_no_event_ever_reaches_is_verified_and_the_lost_events_are_reported():
    world = World(lossy=True)
    assert world.backup()["status"] == "verified"
    world.rest()
    world.assert_at_rest()
    assert {lost["operation"] for lost in world.bus[PRIMARY].of("Lost Event Found")} == {
        "snapshot",
        "export",
        "recovery-copy",
    }
    assert {lost["operation"] for lost in world.bus[RECOVERY].of("Lost Event Found")} == {"recovery-copy", "copy"}


@pytest.mark.parametrize("lossy", [False, True], ids=["events arrive", "events are lost"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_call_boundary_changes_nothing_in_the_end(after, lossy):
    for at in range(1, calls_of_a_whole_run(lossy=lossy) + 1):
        world = World(Fuse(at, after=after), lossy=lossy)
        verdict = world.backup()
        world.rest()
        assert world.fuse.blown
        assert verdict["status"] == "verified", f"crash at call {at}: {verdict}"
        assert set(reported(world)) == {"verified"}
        world.assert_at_rest()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_throttled_call_anywhere_changes_nothing_in_the_end(after):
    def throttled(text):
        return client_error("ThrottlingException", text=text)

    for at in range(1, calls_of_a_whole_run() + 1):
        world = World(Fuse(at, after=after, error=throttled))
        verdict = world.backup()
        world.rest()
        assert verdict["status"] == "verified", f"throttled at call {at}: {verdict}"
        world.assert_at_rest()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_refused_call_anywhere_ends_in_a_verdict_or_a_reported_failure(after):
    def denied(text):
        return client_error("AccessDenied", text=text)

    for at in range(1, calls_of_a_whole_run() + 1):
        world = World(Fuse(at, after=after, error=denied))
        world.backup()
        world.rest()
        assert world.point()["status"] in reported(world), f"denied at call {at}"
        world.assert_at_rest()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_aborted_at_any_call_is_reported_by_the_sweep_and_the_next_run_verifies_its_point(after):
    for at in range(1, calls_of_a_whole_run() + 1):
        world = World(Fuse(at, after=after, error=Killed))
        with pytest.raises(Killed):
            world.backup()
        world.rest()
        point = world.point()
        if point:  # nothing was begun before the claim
            assert point["status"] in ("failed", "verified"), f"killed at call {at}"
            assert point["status"] in reported(world)
        world.assert_at_rest()
        again = world.backup()
        world.rest()
        assert world.point()["status"] == "verified", f"killed at call {at}, then: {again}"
        world.assert_at_rest()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_three_crashes_anywhere_change_nothing_in_the_end(data):
    calls = st.integers(1, calls_of_a_whole_run() + 20)
    at = data.draw(st.sets(calls, min_size=3, max_size=3))
    world = World(Fuse(at, after=data.draw(st.booleans())), lossy=data.draw(st.booleans()))
    verdict = world.backup()
    world.rest()
    assert verdict["status"] == "verified"
    world.assert_at_rest()


@pytest.mark.parametrize("lossy", [False, True])
@pytest.mark.parametrize("trouble", [None, "create", "export"])
def test_every_event_has_the_fields_of_its_schema(lossy, trouble):
    world = World(lossy=lossy)
    world.rds[PRIMARY].fail_next = {trouble: client_error("AccessDenied")}
    world.backup()
    world.rest()
    schemas = Path(__file__).parents[3] / "docs" / "events"
    published = [event for bus in world.bus.values() for event in bus.published]
    assert published
    for event in published:
        name = event["detail-type"].lower().replace(" ", "-")
        schema = json.loads((schemas / f"{name}.json").read_text())
        assert set(schema["required"]) <= set(event["detail"]) <= set(schema["properties"])


def test_a_doubled_event_changes_nothing():
    world = World(doubled=True)
    assert world.backup()["status"] == "verified"
    world.rest()
    world.assert_at_rest()
    assert reported(world) == ["verified"]


def test_the_crash_wrapper_blows_once():
    fuse = Fuse(2, after=True)
    assert fuse.call(lambda: 1) == 1
    with pytest.raises(Crash):
        fuse.call(lambda: 2)
    assert fuse.call(lambda: 3) == 3
