"""One key, one point: whoever crashes, repeats, or asks at the very same moment."""

import pytest
from backup_faults import Crash, Fuse
from backup_world import World
from catalogue_room import Api

from handlers import runtime
from handlers.catalogue import asking

CALLS = 4  # of a request with a key: is it known, is the database, note the key, start the run


def ask(api):
    with runtime.translated():
        return asking.ask(api.room, "orders", "somebody", "k")


def beside(monkeypatch, api):
    """Another environment of the same function, undisturbed."""
    world = World()
    world.items, world.time = api.world.items, api.world.time
    made = Api(monkeypatch, world)
    made.states = world.states["eu-west-1"] = api.states
    made.room.clients.states = api.states
    return made


@pytest.fixture
def api(api):
    api.world.fuse.calls = 0
    return api


def test_a_request_is_so_many_calls(api):
    ask(api)
    assert api.world.fuse.calls == CALLS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_a_request_that_crashed_anywhere_and_is_repeated_starts_one_run(api, at, after):
    blown(api, Fuse(at, after=after))
    with pytest.raises(Crash):
        ask(api)
    again = ask(api)
    assert [name for name, _ in api.states.started] == [again.point]
    assert ask(api) == (again.point, True)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, CALLS + 1))
def test_two_requests_with_one_key_at_the_same_moment_are_one(api, monkeypatch, at, after):
    other = beside(monkeypatch, api)
    answers = []
    blown(api, Fuse(at, after=after, meanwhile=lambda: answers.append(ask(other))))
    answers.append(ask(api))
    assert len({answer.point for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len(api.states.started) == 1


def blown(api, fuse):
    """Let *fuse* be at every call of *api*."""
    object.__setattr__(api.room.ledger, "fuse", fuse)
    api.room.clients.states._fuse = fuse
