from datetime import UTC, datetime, timedelta

import pytest

from handlers.core import points
from handlers.core.errors import DatabaseUnsuitable, TemporarilyUnavailable

GOOD = {"Engine": "mysql", "StorageEncrypted": True, "DBInstanceStatus": "available"}
PROBLEM = {"subject": "app.users", "reason": "missing", "detail": "app.users is missing from the export"}
WHOLE = {"whole": True, "problems": 0, "first_problems": []}
COPIED = {"problem_count": 0, "problems": []}


def test_a_database_that_serves_is_suitable():
    points.require_suitable("orders", GOOD)
    assert points.is_protectable(GOOD)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"Engine": "postgres"}, "runs postgres: only RDS for MySQL"),
        ({"StorageEncrypted": False}, "not encrypted: restore a snapshot"),
        ({"DBInstanceStatus": "stopped"}, "is stopped: bring it to 'available'"),
        ({"DBInstanceStatus": "a-state-of-tomorrow"}, "is a-state-of-tomorrow"),
    ],
)
def test_a_database_that_can_never_be_backed_up_is_unsuitable_and_the_cure_is_named(change, why):
    with pytest.raises(DatabaseUnsuitable, match=why):
        points.require_suitable("orders", {**GOOD, **change})


@pytest.mark.parametrize("status", ["backing-up", "modifying", "maintenance"])
def test_a_database_in_a_state_that_passes_is_looked_at_again(status):
    with pytest.raises(TemporarilyUnavailable, match=f"orders is {status}"):
        points.require_suitable("orders", {**GOOD, "DBInstanceStatus": status})
    assert points.is_protectable({**GOOD, "DBInstanceStatus": status})


@pytest.mark.parametrize(
    ("status", "own", "alive", "expected"),
    [
        ("verified", True, True, "refused"),
        ("partial", False, False, "refused"),
        ("running", True, True, "own"),
        ("running", False, True, "refused"),
        ("running", False, False, "takeover"),
        ("failed", False, False, "takeover"),
        ("failed", True, True, "takeover"),
    ],
)
def test_only_a_failed_or_dead_run_loses_its_point(status, own, alive, expected):
    assert points.claim(status, own=own, alive=alive) == expected


def test_a_point_is_verified_only_if_export_and_copy_are_whole():
    verdict = points.verdict(WHOLE, COPIED)
    assert (verdict.status, verdict.level, verdict.reason) == ("verified", 2, "every check passed")


def test_a_partial_export_leaves_level_0_even_if_the_copy_is_whole():
    verdict = points.verdict({"whole": False, "problems": 9, "first_problems": [PROBLEM]}, COPIED)
    assert (verdict.status, verdict.level, verdict.problem_count) == ("partial", 0, 9)
    assert verdict.reason == PROBLEM["detail"]


def test_a_partial_copy_leaves_level_1():
    verdict = points.verdict(WHOLE, {"problem_count": 1, "problems": [PROBLEM]})
    assert (verdict.status, verdict.level, verdict.reason) == ("partial", 1, PROBLEM["detail"])


def test_an_export_that_is_not_whole_is_partial_though_nobody_says_why():
    assert points.verdict({"whole": False, "problems": 0, "first_problems": []}, COPIED).status == "partial"


def test_another_snapshot_voids_what_the_earlier_one_had_reached():
    levels = {"0": {"taken_at": "1"}, "1": {"rows": 5}}
    assert points.with_level(levels, 0, {"taken_at": "1", "at": "2"}) == {
        "0": {"taken_at": "1", "at": "2"},
        "1": {"rows": 5},
    }
    assert points.with_level(levels, 0, {"taken_at": "2"}) == {"0": {"taken_at": "2"}}


def test_a_level_counts_only_with_all_below_it():
    assert points.highest({}) is None
    assert points.highest({"1": {}}) is None
    assert points.highest({"0": {}, "1": {}}) == 1
    assert points.highest({"0": {}, "2": {}}) == 0


@pytest.mark.parametrize(
    ("kind", "state", "levels", "vouched"),
    [
        ("snapshot", "succeeded", {"0": {}}, True),
        ("snapshot", "open", {"0": {}}, True),
        ("snapshot", "failed", {"0": {}}, False),
        ("snapshot", "succeeded", {}, False),
        ("export", "succeeded", {"0": {}}, False),
        ("export", "succeeded", {"0": {}, "1": {}}, True),
        ("copy", "succeeded", {}, True),
        ("copy", "open", {}, False),
    ],
)
def test_what_a_level_vouches_for_stays_after_a_failure(kind, state, levels, vouched):
    assert points.is_vouched(kind, state, levels) is vouched


def test_urgency_is_when_the_rpo_breaks():
    assert points.urgency(datetime(2026, 10, 6, 12, tzinfo=UTC), timedelta(hours=12)) == "2026-10-07T00:00:00Z"


def test_a_failure_bears_the_sentence_that_lambda_wrapped():
    cause = '{"errorMessage": "orders is\\n gone", "errorType": "DatabaseNotFound", "stackTrace": ["..."]}'
    assert points.failure({"Error": "DatabaseNotFound", "Cause": cause}, []) == ("DatabaseNotFound", "orders is gone")


@pytest.mark.parametrize("cause", ["key disabled", '"key disabled"', "[1]"])
def test_a_failure_bears_any_other_cause_as_it_is(cause):
    assert points.failure({"Error": "ExportFailed", "Cause": cause}, []) == ("ExportFailed", cause)


def test_a_time_out_says_what_was_still_running():
    error, cause = points.failure({"Error": "States.Timeout"}, ["export x (IN_PROGRESS, 45 %)"])
    assert error == "States.Timeout"
    assert cause == "no answer in time; still running: export x (IN_PROGRESS, 45 %)"


def test_a_failure_without_any_word_is_still_one():
    assert points.failure({}, []) == ("Unknown", "no cause given")
