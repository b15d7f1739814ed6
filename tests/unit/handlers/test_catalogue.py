"""What the API says of databases and recovery points, told from rows of the ledger."""

from datetime import UTC, datetime, timedelta

import pytest
from backup_fakes import PRIMARY, RECOVERY, client_error
from backup_world import World
from hypothesis import given
from hypothesis import strategies as st

from handlers.core import catalogue, names
from handlers.core.catalogue import AT_RISK, PROTECTED, UNPROTECTED, Database, Outlook

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OBJECTIVE = 12 * HOUR


def point(hour=12, status="verified", *, attempt=1, taken=None, level=2):
    at = NOON.replace(hour=0) + hour * HOUR
    return {
        "pk": f"POINT#{names.point_id('orders', at)}",
        "sk": "POINT",
        "id": names.point_id("orders", at),
        "database": "orders",
        "scheduled_at": names.iso(at),
        "attempt": attempt,
        "status": status,
        "level": level,
        "levels": {"0": {"at": names.iso(at), "taken_at": names.iso(taken or at)}},
        "problems": [],
        "problem_count": 0,
        "begun_at": names.iso(at),
    }


def known(summary=None, first_seen=NOON - 100 * HOUR, **more):
    return Database({"id": "orders", "first_seen_at": names.iso(first_seen), **more}, summary or {})


def outlook(now=NOON, next_in=6 * HOUR, due_in=None):
    return Outlook(now, OBJECTIVE, now + next_in, now + (next_in if due_in is None else due_in))


# ---- what a database has ---------------------------------------------------------------------------------------------


@given(st.permutations([point(6), point(7, "failed"), point(8, "partial", level=1), point(9), point(10, "failed")]))
def test_in_whatever_order_points_end_the_newest_and_the_newest_verified_are_known(ended):
    summary = {}
    for each in ended:
        summary = catalogue.summary(summary, each) or summary
    assert summary["newest"]["id"] == "orders-20261006t1000z"
    assert summary["verified"]["id"] == "orders-20261006t0900z"


def test_a_point_that_is_told_twice_changes_nothing():
    summary = catalogue.summary(None, point())
    assert catalogue.summary({"version": 3, **summary}, point()) is None


def test_a_later_run_of_the_same_point_counts_and_an_earlier_one_does_not():
    summary = catalogue.summary(None, point(status="verified", attempt=2))
    assert catalogue.summary(summary, point(status="failed", attempt=1)) is None
    summary = catalogue.summary(None, point(status="failed", attempt=1))
    assert catalogue.summary(summary, point(status="verified", attempt=2))["newest"]["status"] == "verified"


def test_of_two_verified_points_the_one_with_the_later_data_counts():
    summary = catalogue.summary(None, point(10))
    late_run_of_an_older_point = point(4, attempt=2, taken=NOON)
    summary = catalogue.summary(summary, late_run_of_an_older_point)
    assert summary["verified"]["id"] == "orders-20261006t0400z"
    assert summary["newest"]["id"] == "orders-20261006t1000z"


def test_a_failed_point_is_no_verified_one():
    assert "verified" not in catalogue.summary(None, point(status="failed"))


# ---- how well it is protected ----------------------------------------------------------------------------------------


def protection(summary, newest=None, **when):
    return catalogue.protection(known(summary), newest, outlook(**when))


def verified(age):
    return {"verified": {"id": "orders-1", "level": 2, "taken_at": names.iso(NOON - age)}}


def test_a_database_without_a_verified_point_is_unprotected():
    assert protection({}) == UNPROTECTED
    assert protection({}, point(status="running")) == UNPROTECTED


def test_a_verified_point_protects_exactly_as_long_as_the_objective_says():
    assert protection(verified(OBJECTIVE), due_in=timedelta(0)) == PROTECTED
    assert protection(verified(OBJECTIVE + timedelta(seconds=1)), due_in=timedelta(0)) == UNPROTECTED


@pytest.mark.parametrize("status", ["failed", "partial"])
def test_a_newest_point_that_is_not_whole_is_a_risk(status):
    assert protection(verified(6 * HOUR), point(status=status)) == AT_RISK
    assert protection(verified(6 * HOUR), point(status="verified")) == PROTECTED


def test_a_run_that_comes_too_late_for_the_objective_is_a_risk():
    assert protection(verified(8 * HOUR), next_in=4 * HOUR) == PROTECTED
    assert protection(verified(8 * HOUR), next_in=4 * HOUR + timedelta(seconds=1)) == AT_RISK


def test_a_run_that_goes_on_or_is_only_just_due_is_no_risk():
    assert protection(verified(8 * HOUR), point(status="running"), next_in=6 * HOUR) == PROTECTED
    assert protection(verified(8 * HOUR), next_in=6 * HOUR, due_in=-timedelta(minutes=5)) == PROTECTED


def test_without_a_schedule_that_can_be_told_the_age_alone_counts():
    unknown = Outlook(NOON, OBJECTIVE, None, None)
    assert catalogue.protection(known(verified(11 * HOUR)), None, unknown) == PROTECTED


def test_the_age_is_that_of_the_data_and_never_negative():
    assert known(verified(7 * HOUR)).age(NOON) == 7 * HOUR
    assert known(verified(-HOUR)).age(NOON) == timedelta(0)
    assert known().age(NOON) is None


def test_what_was_never_verified_is_exposed_since_it_is_known():
    assert known(first_seen=NOON - 30 * HOUR).exposure(NOON) == 30 * HOUR
    assert known(verified(7 * HOUR), first_seen=NOON - 30 * HOUR).exposure(NOON) == 7 * HOUR


def test_a_database_that_is_gone_is_shown_without_a_next_run():
    shown = catalogue.database(known(verified(HOUR), gone_at=names.iso(NOON)), None, outlook())
    assert shown["present"] is False
    assert shown["next_run"] is None
    assert shown["last_verified"]["id"] == "orders-1"


# ---- stages ----------------------------------------------------------------------------------------------------------


def shown(world, now=None):
    rows = [row for (pk, _), row in world.items.items() if pk == "POINT#orders-20261006t1200z"]
    return catalogue.point(rows, now or world.time)


def states(found):
    return {stage["name"]: stage["state"] for stage in found["stages"]}


def test_the_stages_of_a_verified_point_have_all_ended_and_follow_each_other():
    world = World()
    world.backup()
    world.rest()
    stages = shown(world)["stages"]
    assert [stage["state"] for stage in stages] == ["succeeded"] * 5
    assert [stage["begun_at"] for stage in stages[1:]] == [stage["ended_at"] for stage in stages[:-1]]
    for stage in stages:
        begun, ended = (datetime.fromisoformat(stage[name]) for name in ("begun_at", "ended_at"))
        assert stage["seconds"] == (ended - begun).total_seconds()
    assert shown(world)["level"] == 2


def test_a_partial_point_shows_which_stage_found_the_problem():
    world = World()
    world.whole = False
    world.backup()
    world.rest()
    assert states(shown(world)) == {
        "snapshot": "succeeded",
        "export": "succeeded",
        "check": "failed",
        "copy": "succeeded",
        "compare": "succeeded",
    }
    assert shown(world)["problem_count"] == 1


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (("create", PRIMARY), ["failed", "skipped", "skipped", "skipped", "skipped"]),
        (("export", PRIMARY), ["succeeded", "failed", "skipped", "skipped", "skipped"]),
        (("copy", RECOVERY), ["succeeded", "succeeded", "succeeded", "failed", "skipped"]),
    ],
)
def test_a_failed_point_shows_which_stage_failed_and_skips_the_rest(trouble, expected):
    world = World()
    operation, region = trouble
    world.rds[region].fail_next = {operation: client_error("AccessDenied")}
    world.backup()
    world.rest()
    found = shown(world)
    assert [stage["state"] for stage in found["stages"]] == expected
    assert found["status"] == "failed"
    assert found["error"]["name"]
    assert all(stage["ended_at"] for stage in found["stages"] if stage["state"] == "failed")


def running(**rows):
    """Rows of a point whose run goes on."""
    row = {**point(status="running"), "attempt": 2, "levels": {}}
    by_key = {"POINT": row}
    for key, values in rows.items():
        sk = {"outcome": "OUTCOME#copy", "recovery": "OPERATION#recovery-copy"}.get(key, f"OPERATION#{key}")
        by_key[sk] = {"sk": sk, "attempt": 2, **values}
    return by_key


def at(minutes):
    return names.iso(NOON + timedelta(minutes=minutes))


DONE = {"state": "succeeded"}
SNAPSHOT = {"begun_at": at(0), "ended_at": at(5), **DONE}
EXPORT = {"begun_at": at(20), "ended_at": at(50), **DONE}


def test_a_stage_that_goes_on_has_its_seconds_so_far():
    rows = running(snapshot={"begun_at": at(0), "state": "open"})
    found = catalogue.point(rows.values(), NOON + timedelta(minutes=3))
    assert found["stages"][0] == {
        "name": "snapshot",
        "state": "running",
        "begun_at": at(0),
        "ended_at": None,
        "seconds": 180,
    }
    assert [stage["state"] for stage in found["stages"][1:]] == ["pending"] * 4


def test_a_run_that_waits_for_a_slot_says_so():
    rows = running(snapshot=SNAPSHOT)
    rows["POINT"]["levels"] = {"0": {"at": at(6), "taken_at": at(5)}}
    found = catalogue.point(rows.values(), NOON + timedelta(minutes=10))
    assert states(found)["export"] == "waiting"
    assert found["stages"][1]["seconds"] == 240

    rows = running(snapshot=SNAPSHOT, export=EXPORT, recovery={"begun_at": at(52), "state": "open"})
    rows["POINT"]["levels"] = {"0": {"at": at(6), "taken_at": at(5)}, "1": {"at": at(51)}}
    assert states(catalogue.point(rows.values(), NOON + HOUR)) == {
        "snapshot": "succeeded",
        "export": "succeeded",
        "check": "succeeded",
        "copy": "waiting",
        "compare": "pending",
    }


def test_what_an_earlier_run_did_is_no_stage_of_this_one():
    rows = running(snapshot=SNAPSHOT, export=EXPORT)
    for key in ("OPERATION#snapshot", "OPERATION#export"):
        rows[key]["attempt"] = 1
    before = names.iso(NOON - HOUR)
    rows["POINT"]["levels"] = {"0": {"at": before, "taken_at": before}, "1": {"at": before}}
    found = catalogue.point(rows.values(), NOON + HOUR)
    assert [stage["state"] for stage in found["stages"]] == ["running"] + ["pending"] * 4


def test_levels_are_listed_in_order_with_their_names_and_facts():
    row = {**point(), "levels": {"1": {"at": at(2), "rows": 7}, "0": {"at": at(1), "taken_at": at(0)}}}
    assert catalogue.details(row)["levels"] == [
        {"level": 0, "name": "taken", "at": at(1), "facts": {"taken_at": at(0)}},
        {"level": 1, "name": "exported", "at": at(2), "facts": {"rows": 7}},
    ]


def test_a_point_that_was_just_asked_for_has_nothing_but_pending_stages():
    found = catalogue.requested("orders-20261006t1200z", "orders", NOON)
    assert (found["status"], found["level"], found["levels"]) == ("requested", None, [])
    assert {stage["state"] for stage in found["stages"]} == {"pending"}


def test_without_a_points_own_row_there_is_no_point():
    assert catalogue.point([{"sk": "CLAIM#copy"}], NOON) is None


# ---- ids -------------------------------------------------------------------------------------------------------------


@given(
    st.from_regex(r"[a-z](-?[a-z0-9]){0,30}", fullmatch=True),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_an_id_names_its_database_and_minute(database, moment):
    minute = moment.replace(second=0, microsecond=0)
    assert names.parsed_point(names.point_id(database, moment)) == (database, minute)


@pytest.mark.parametrize(
    "wrong",
    [
        "", "orders", "orders-20261006t1200", "orders-20261306t1200z", "orders-20261006t2460z", "-20261006t1200z",
        "orders--20261006t1200z", "or--ders-20261006t1200z", "Orders-20261006t1200z", "orders-20261006t1200z\n",
        "orders-20261006T1200Z", "a" * 64 + "-20261006t1200z", "orders-2026100\u0666t1200z", "x/y-20261006t1200z",
    ],
)  # fmt: skip
def test_what_can_be_no_id_names_nothing(wrong):
    assert names.parsed_point(wrong) is None
