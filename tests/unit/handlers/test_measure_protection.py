"""Which databases there are, and how old their newest verified data is."""

import json
from datetime import datetime, timedelta

import pytest
from backup_fakes import PREFIX, PRIMARY, RECOVERY, client_error
from backup_faults import Crash, Fuse
from backup_world import World

from handlers import measure_protection, protection, record_failure
from handlers.core.errors import PermissionMissing, TemporarilyUnavailable
from handlers.core.names import iso

HOUR = timedelta(hours=1)
OBJECTIVE = 12 * HOUR


def measure(world, region=PRIMARY):
    environment = measure_protection.Environment(PREFIX, "", PRIMARY, int(OBJECTIVE.total_seconds()))
    here = world.following(region)
    return measure_protection.measure(here.clients, here.ledger, environment, world.time)


@pytest.fixture
def lines(capsys, monkeypatch):
    """The lines that were written since the last look."""
    monkeypatch.setenv("PREFIX", PREFIX)
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def measured(lines):
    """(metric, unit, dimensions by name) -> values."""
    found = {}
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == "Holdfast"
            for names in directive["Dimensions"]:
                dimensions = tuple((name, line[name]) for name in names)
                for metric in directive["Metrics"]:
                    key = (metric["Name"], metric["Unit"], dimensions)
                    found.setdefault(key, []).append(line[metric["Name"]])
    return found


OURS = ("Deployment", PREFIX)


def registry(world):
    return {each.row["id"]: each for each in protection.databases(world.ledger())}


# ---- the registry ----------------------------------------------------------------------------------------------------


def test_databases_with_our_tag_are_registered_and_no_others():
    world = World()
    world.add_database("stock", TagList=[])
    world.add_database("store", TagList=[{"Key": "holdfast:protect", "Value": "holdfast-other"}])
    world.add_database("old", Engine="postgres")
    for n in range(130):
        world.add_database(f"db{n}")
    assert measure(world)["databases"] == 132
    found = registry(world)
    assert {"stock", "store"} & set(found) == set()
    assert "old" in found, "it asks for protection that it can't get, and somebody must see that"
    assert found["orders"].row == {
        "pk": "DATABASES",
        "sk": "DATABASE#orders",
        "id": "orders",
        "first_seen_at": iso(world.time),
        "seen_at": iso(world.time),
    }


def test_a_database_that_is_gone_is_marked_and_when_it_returns_it_is_not():
    world = World()
    begun = world.time
    measure(world)
    instance = world.rds[PRIMARY].instances.pop("orders")
    world.time += HOUR
    measure(world)
    assert registry(world)["orders"].row["gone_at"] == iso(world.time)
    assert not registry(world)["orders"].present
    gone = world.time
    world.time += HOUR
    measure(world)
    assert registry(world)["orders"].row["gone_at"] == iso(gone), "it is gone since the first look that missed it"
    world.rds[PRIMARY].instances["orders"] = instance
    world.time += HOUR
    measure(world)
    row = registry(world)["orders"].row
    assert "gone_at" not in row
    assert row["seen_at"] == iso(world.time)
    assert row["first_seen_at"] == iso(begun)


def test_a_tag_that_is_taken_away_counts_as_gone():
    world = World()
    measure(world)
    world.add_database("orders", TagList=[])
    measure(world)
    assert not registry(world)["orders"].present


def test_that_a_database_is_still_there_is_written_once_an_hour():
    world = World()
    measure(world)
    first = dict(registry(world)["orders"].row)
    world.time += timedelta(minutes=59)
    measure(world)
    assert registry(world)["orders"].row == first
    world.time += timedelta(minutes=1)
    measure(world)
    assert registry(world)["orders"].row["seen_at"] == iso(world.time)


def test_the_recovery_region_writes_nothing_and_asks_nobody_for_databases():
    world = World()
    world.rds[RECOVERY].instances = dict(world.rds[PRIMARY].instances)
    assert measure(world, RECOVERY) == {"databases": 0, "oldest_seconds": 0}
    assert world.items == {}


# ---- metrics ---------------------------------------------------------------------------------------------------------


def test_the_age_of_each_database_and_the_worst_of_all_are_measured_in_both_regions(lines):
    world = World()
    world.add_database("stock")
    measure(world)
    world.backup()
    world.rest()
    lines()
    taken_at = world.point()["levels"]["0"]["taken_at"]
    world.time = datetime.fromisoformat(taken_at) + 3 * HOUR
    first_seen = datetime.fromisoformat(registry(world)["stock"].row["first_seen_at"])
    known = int((world.time - first_seen).total_seconds())
    for region in (PRIMARY, RECOVERY):
        assert measure(world, region) == {"databases": 2, "oldest_seconds": known}
        ages = {key: value for key, value in measured(lines()).items() if key[0] == "RecoveryPointAgeSeconds"}
        assert ages == {
            ("RecoveryPointAgeSeconds", "Seconds", (OURS, ("Database", "orders"))): [10800],
            ("RecoveryPointAgeSeconds", "Seconds", (OURS, ("Database", "stock"))): [known],
            ("RecoveryPointAgeSeconds", "Seconds", (OURS,)): [known],
        }


def test_a_database_that_was_never_verified_is_as_old_as_we_know_it(lines):
    world = World()
    measure(world)
    world.time += 30 * HOUR
    lines()
    measure(world)
    found = lines()
    assert measured(found)["RecoveryPointAgeSeconds", "Seconds", (OURS,)] == [108000]
    (warning,) = [line for line in found if line.get("level") == "WARNING"]
    assert warning["message"] == "recovery point objective missed"
    assert warning["databases"] == ["orders"]


def test_a_database_that_is_gone_is_measured_no_more(lines):
    world = World()
    measure(world)
    world.rds[PRIMARY].instances.clear()
    world.time += 30 * HOUR
    lines()
    measure(world)
    ages = {key: value for key, value in measured(lines()).items() if key[0] == "RecoveryPointAgeSeconds"}
    assert ages == {("RecoveryPointAgeSeconds", "Seconds", (OURS,)): [0]}


def test_the_oldest_unfinished_row_of_the_region_is_measured(lines):
    world = World()
    measure(world)
    assert measured(lines())["UnfinishedSeconds", "Seconds", (OURS,)] == [0]
    rows = [(PRIMARY, "POINT", 3), (PRIMARY, "OPERATION#export", 2), (RECOVERY, "CLAIM#copy", 5)]
    for region, sk, hours in rows:
        begun = iso(world.time - hours * HOUR)
        world.items["POINT#a", sk] = {"pk": "POINT#a", "sk": sk, "open": region, "begun_at": begun}
    measure(world)
    assert measured(lines())["UnfinishedSeconds", "Seconds", (OURS,)] == [10800]
    measure(world, RECOVERY)
    assert measured(lines())["UnfinishedSeconds", "Seconds", (OURS,)] == [18000]


def test_databases_that_ask_for_protection_are_counted(lines):
    world = World()
    measure(world)
    assert measured(lines())["DatabasesProtected", "Count", (OURS,)] == [1]
    world.rds[PRIMARY].instances.clear()
    measure(world)
    assert measured(lines())["DatabasesProtected", "Count", (OURS,)] == [0]


def test_slots_in_use_and_waiters_of_the_region_are_counted_for_each_quota(lines):
    world = World()
    for n in range(3):
        point = {"id": f"orders-{n}", "attempt": 1, "urgency": str(n)}
        world.states[PRIMARY].waiting.add(f"token-{n}")
        world.following().slots.wait("exports", 2, point, f"token-{n}")
    lines()
    measure(world)
    found = measured(lines())
    assert found["SlotsInUse", "Count", (OURS, ("Quota", "exports"))] == [2]
    assert found["SlotsAwaited", "Count", (OURS, ("Quota", "exports"))] == [1]
    assert found["SlotsInUse", "Count", (OURS, ("Quota", "copies"))] == [0]
    measure(world, RECOVERY)
    assert measured(lines())["SlotsInUse", "Count", (OURS, ("Quota", "exports"))] == [0]


def test_the_use_of_the_quota_of_snapshots_is_measured_in_per_cent(lines):
    world = World()
    world.rds[PRIMARY].snapshots = dict.fromkeys(range(37))
    measure(world)
    assert measured(lines())["ManualSnapshotQuotaPercent", "Percent", (OURS,)] == [37]


@pytest.mark.parametrize("status", ["verified", "partial", "failed"])
def test_every_end_of_a_point_is_counted_once(lines, status):
    world = World()
    world.whole = status != "partial"
    if status == "failed":
        world.rds[PRIMARY].fail_next = {"export": client_error("AccessDenied")}
    world.backup()
    world.rest()
    counts = {key[0]: values for key, values in measured(lines()).items()}
    assert counts == {f"RecoveryPoints{status.capitalize()}": [1]}


def test_a_failure_that_is_in_no_ledger_is_counted_too(lines):
    world = World()
    event = {"database": "Or--ders", "scheduled_at": "noon", "execution": "x", "error": {"Error": "E", "Cause": "c"}}
    record_failure.record(world.concluding(), event)
    assert measured(lines()) == {("RecoveryPointsFailed", "Count", (OURS,)): [1]}


def test_every_lost_event_is_counted(lines):
    world = World(lossy=True)
    world.backup()
    world.rest()
    counts = measured(lines())
    lost = [
        event for bus in world.bus.values() for event in bus.published if event["detail-type"] == "Lost Event Found"
    ]
    assert counts["LostEventsFound", "Count", (OURS,)] == [1] * len(lost)
    assert lost


# ---- what may go wrong -----------------------------------------------------------------------------------------------


def test_what_can_not_be_measured_holds_up_nothing_else_and_is_raised_in_the_end(lines):
    world = World()
    measure(world)
    world.rds[PRIMARY].describe_db_instances = raising(client_error("AccessDenied", "DescribeDBInstances"))
    world.rds[PRIMARY].describe_account_attributes = raising(client_error("ThrottlingException"))
    lines()
    with pytest.raises(PermissionMissing):
        measure(world)
    found = lines()
    assert {key[0] for key in measured(found)} == {
        "RecoveryPointAgeSeconds",
        "DatabasesProtected",
        "UnfinishedSeconds",
        "SlotsInUse",
        "SlotsAwaited",
    }
    assert [line["message"] for line in found if line.get("level") == "ERROR"] == ["not measured", "not measured"]


def raising(error):
    def fail(**_):
        raise error

    return fail


def test_no_database_is_marked_as_gone_because_rds_could_not_be_asked():
    world = World()
    measure(world)
    world.rds[PRIMARY].describe_db_instances = raising(client_error("ThrottlingException"))
    with pytest.raises(TemporarilyUnavailable):
        measure(world)
    assert registry(world)["orders"].present


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_anywhere_is_made_good_by_the_next_measurement(after):
    whole = World()
    measure(whole)
    for at in range(1, whole.fuse.calls + 1):
        world = World(Fuse(at, after=after))
        with pytest.raises(Crash):
            measure(world)
        measure(world)
        assert set(registry(world)) == {"orders"}


def test_nobody_says_that_all_is_well_before_the_databases_were_seen(lines):
    world = World()
    world.rds[PRIMARY].describe_db_instances = raising(client_error("AccessDenied", "DescribeDBInstances"))
    with pytest.raises(PermissionMissing):
        measure(world)
    assert "RecoveryPointAgeSeconds" not in {key[0] for key in measured(lines())}


def test_what_two_points_of_a_database_come_to_is_kept_though_they_end_at_once():
    row = {"database": "orders", "attempt": 1, "level": 2, "status": "verified"}
    points = [
        {**row, "id": f"orders-{n}", "scheduled_at": f"2026-10-06T0{n}:00:00Z", "levels": {"0": {"taken_at": str(n)}}}
        for n in (1, 2)
    ]
    for at in range(1, 4):
        world = World()
        quiet = World()
        quiet.items = world.items
        world.fuse = Fuse(at, meanwhile=lambda quiet=quiet: protection.note(quiet.ledger(), points[1]))
        protection.note(world.ledger(), points[0])
        if not world.fuse.blown:
            protection.note(quiet.ledger(), points[1])
        assert world.items["DATABASES", "PROTECTION#orders"]["verified"]["id"] == "orders-2"
