from hypothesis import given
from hypothesis import strategies as st

from handlers.core.leases import Waiter, grants, has_ended

names = st.sampled_from("abcdefgh")
attempts = st.integers(1, 3)
urgencies = st.sampled_from(["10", "11", "12"])
held = st.dictionaries(names, attempts, max_size=6)
queued = st.lists(st.builds(Waiter, urgencies, names, attempts), max_size=8)


@given(st.integers(0, 8), held, queued)
def test_never_more_slots_are_used_than_there_are_unless_there_were_fewer_before(capacity, holders, waiters):
    assert len(grants(capacity, holders, waiters).holders) <= max(capacity, len(holders))


@given(st.integers(0, 8), held, queued)
def test_nobody_waits_while_a_slot_is_free(capacity, holders, waiters):
    granted = grants(capacity, holders, waiters)
    assert len(granted.holders) >= capacity or set(granted.told) == set(waiters)


@given(st.integers(0, 8), held, queued)
def test_whoever_is_told_holds_a_slot_and_no_holder_loses_one(capacity, holders, waiters):
    granted = grants(capacity, holders, waiters)
    assert all(waiter.point in granted.holders for waiter in granted.told)
    assert all(granted.holders[point] >= attempt for point, attempt in holders.items())


@given(st.integers(1, 8), st.lists(st.builds(Waiter, urgencies, names, attempts), unique_by=lambda w: w.point))
def test_the_one_whose_rpo_breaks_first_goes_first(capacity, waiters):
    told = grants(capacity, {}, waiters).told
    left = [waiter for waiter in waiters if waiter not in told]
    assert all(first.urgency <= later.urgency for first in told for later in left)


def test_a_waiter_that_holds_a_slot_already_is_told_again():
    waiter = Waiter("10", "a", 1)
    assert grants(1, {"a": 1}, [waiter]).told == (waiter,)


def test_a_later_run_takes_over_the_slot_of_its_point():
    assert grants(1, {"a": 1}, [Waiter("10", "a", 2)]).holders == {"a": 2}


def test_a_slot_is_needed_until_its_own_operation_has_ended():
    assert not has_ended(None, 1)
    assert not has_ended({"attempt": 1, "state": "succeeded"}, 2)
    assert not has_ended({"attempt": 2, "state": "open"}, 2)
    assert has_ended({"attempt": 2, "state": "failed"}, 2)
