"""Two functions at the same row at the same time: one does its work between any two calls of the other."""

import contextlib

import pytest
from backup_fakes import PRIMARY, RECOVERY
from backup_faults import Fuse
from backup_world import World
from test_claims import claim
from test_operations_followed import export, take, taken

from handlers.cleaning import clean
from handlers.core.errors import AlreadyClaimed, HoldfastError

TIMES = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


def every_moment(prepare, after):
    """A world and a room for each call that the function under test makes: the other one acts just then.

    ``prepare(world)`` answers with the function under test and with what the other one does meanwhile.
    """
    at = 0
    while True:
        at += 1
        world = World(lossy=True)
        function, meanwhile = prepare(world)
        fuse = world.fuse
        fuse.calls, fuse.at, fuse.after, fuse.meanwhile = 0, {at}, after, meanwhile
        with contextlib.suppress(HoldfastError):
            function()
        if not fuse.blown:
            return
        fuse.at = set()
        yield world


@TIMES
def test_event_and_sweep_at_once_give_one_answer(after):
    def prepare(world):
        point, snapshot = taken(world)
        world.states[PRIMARY].waiting |= {"s1"}
        world.following().slots.wait("exports", 1, point, "s1")
        export(world, "e1", point, snapshot)
        world.rds[PRIMARY].finish()
        row = world.operation("export")
        return (lambda: world.following().settle(dict(row))), world.sweep

    for world in every_moment(prepare, after):
        world.rest()
        assert "task" in world.states[PRIMARY].answers["e1"]
        assert world.following().slots.parties("exports") == []
        assert "open" not in world.operation("export")


@TIMES
def test_a_retry_that_arms_while_an_old_look_goes_on_gets_its_answer_under_its_new_token(after):
    def prepare(world):
        point = claim(world)
        take(world, "t1", point)
        world.rds[PRIMARY].finish()
        row = dict(world.operation("snapshot"))

        def retry():
            world.states[PRIMARY].waiting.discard("t1")
            take(world, "t2", point)

        return (lambda: world.following().settle(row)), retry

    for world in every_moment(prepare, after):
        world.sweep()
        assert world.states[PRIMARY].answers["t2"]["id"]
        assert "token" not in world.operation("snapshot")


@TIMES
def test_an_old_look_while_a_retry_arms_takes_nothing_from_it(after):
    def prepare(world):
        point = claim(world)
        take(world, "t1", point)
        world.rds[PRIMARY].finish()
        row = dict(world.operation("snapshot"))
        world.states[PRIMARY].waiting.discard("t1")
        return (lambda: take(world, "t2", point)), (lambda: world.following().settle(dict(row)))

    for world in every_moment(prepare, after):
        if world.operation("snapshot")["arms"] == 1:  # refused: the machine tries again
            take(world, "t2", claim(world))
        world.sweep()
        assert world.states[PRIMARY].answers["t2"]["id"]


@TIMES
def test_what_is_adopted_is_not_deleted_and_what_is_deleted_is_not_adopted(after):
    def prepare(world):
        take(world, "t1", claim(world))
        world.rds[PRIMARY].finish()
        world.following().abandon(world.operation("snapshot"))
        world.states[PRIMARY].executions["run-1"] = {"status": "ABORTED"}
        later = claim(world, "run-2")

        def adopt():
            try:
                take(world, "t2", later)
            except HoldfastError:
                world.states[PRIMARY].waiting.discard("t2")

        return (lambda: clean(world.following(), dict(world.operation("snapshot")))), adopt

    for world in every_moment(prepare, after):
        if "t2" in world.states[PRIMARY].answers:
            assert world.rds[PRIMARY].snapshots
            assert world.rds[PRIMARY].deleted == []
        else:
            later = claim(world, "run-2")
            take(world, "t3", later)
            world.rds[PRIMARY].finish()
            world.sweep()
            assert world.states[PRIMARY].answers["t3"]["id"] in world.rds[PRIMARY].snapshots


@TIMES
def test_two_that_hand_out_slots_at_once_hand_out_no_slot_twice(after):
    def prepare(world):
        point = claim(world)
        slots = world.following().slots
        world.states[PRIMARY].waiting |= {"a", "b"}
        first = {**point, "id": "a", "urgency": "2"}
        second = {**point, "id": "b", "urgency": "1"}
        slots._ensure("exports", 1)
        return (lambda: slots.wait("exports", 1, first, "a")), (lambda: slots.wait("exports", 1, second, "b"))

    for world in every_moment(prepare, after):
        slots = world.following().slots
        slots.grant("exports")
        told = list(world.states[PRIMARY].answers)
        assert len(told) == 1
        slots.release("exports", told[0], 1)
        assert set(world.states[PRIMARY].answers) == {"a", "b"}
        slots.release("exports", ({"a", "b"} - set(told)).pop(), 1)
        assert slots.parties("exports") == []


@TIMES
def test_two_that_take_over_at_once_have_one_winner(after):
    def prepare(world):
        claim(world)
        world.states[PRIMARY].executions["run-1"] = {"status": "ABORTED"}
        won = []
        world.won = won

        def try_(execution):
            with contextlib.suppress(AlreadyClaimed):
                won.append(claim(world, execution)["attempt"])

        return (lambda: try_("run-2")), (lambda: try_("run-3"))

    for world in every_moment(prepare, after):
        assert world.won == [2]
        assert world.point()["attempt"] == 2


@TIMES
def test_sweeps_and_doubled_events_at_any_moment_change_nothing_in_the_end(after):
    calls = World()
    calls.backup()
    for at in range(1, calls.fuse.calls + 1):
        world = World(doubled=True)
        world.fuse = Fuse(at, after=after, meanwhile=lambda world=world: (world.sweep(), world.sweep(RECOVERY)))
        assert world.backup()["status"] == "verified", at
        world.rest()
        world.assert_at_rest()


@TIMES
def test_the_end_of_an_earlier_runs_export_is_never_taken_for_that_of_a_later_one(after):
    def prepare(world):
        point, snapshot = taken(world)
        export(world, "e1", point, snapshot)
        world.rds[PRIMARY].tasks[point["export_task"]]["Status"] = "FAILED"
        later = {**point, "attempt": 2, "export_task": "next"}
        row = dict(world.operation("export"))
        return (lambda: world.following().settle(row)), (lambda: export(world, "e2", later, snapshot))

    for world in every_moment(prepare, after):
        world.sweep()
        assert "e2" not in world.states[PRIMARY].answers
        world.rds[PRIMARY].finish()
        world.sweep()
        assert world.states[PRIMARY].answers["e2"]["task"] == "next"


@TIMES
def test_a_function_of_a_dead_run_never_takes_the_row_from_a_later_run(after):
    def prepare(world):
        point = claim(world)
        take(world, "t0", point)
        later = {**point, "attempt": 2}
        return (lambda: take(world, "t1", point)), (lambda: take(world, "t2", later))

    for world in every_moment(prepare, after):
        row = world.operation("snapshot")
        assert (row["attempt"], row["token"]) == (2, "t2")
