"""A ledger of the first release becomes one of today, whenever the migration is cut short."""

import copy
from datetime import UTC, datetime, timedelta

import boto3
import ledger_table
import pytest
from backup_fakes import PRIMARY, RECOVERY, MemoryLedger
from backup_faults import Crash, Fuse
from backup_world import World
from moto import mock_aws
from test_measure_protection import measure

from handlers import custom_resource, migrate_ledger, protection, runtime
from handlers.core import ledger_versions as versions
from handlers.core.errors import TemporarilyUnavailable
from handlers.core.ledger_versions import CURRENT, LedgerRefused
from handlers.core.names import iso, point_id
from handlers.ledger import BATCH, Ledger
from handlers.migrate_ledger import OutOfTime, migrate

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NEW = ("DATABASES", "LEDGER")  # what the first release did not have


def lived():
    """A world of today in which points have ended in every way, one goes on, and an old one ran once more."""
    world = World()
    world.add_database("stock")
    for hour, database, whole in ((0, "orders", True), (6, "orders", True), (6, "stock", False), (12, "orders", False)):
        world.whole = whole
        world.backup(f"2026-10-06T{hour:02}:00:00Z", database)
        world.time += timedelta(hours=1)
    world.rest()
    again = world.items["POINT#orders-20261006t0000z", "POINT"]  # verified by a second run, with later data
    again["attempt"], again["levels"]["0"]["taken_at"] = 2, iso(world.time)
    protection.note(world.ledger(), again)
    running = copy.deepcopy(world.items["POINT#orders-20261006t1200z", "POINT"])
    running |= {"pk": "POINT#orders-20261006t1800z", "id": "orders-20261006t1800z", "status": "running"}
    running |= {"scheduled_at": "2026-10-06T18:00:00Z", "open": PRIMARY}
    world.items[running["pk"], "POINT"] = running
    return world


def first_release(items):
    """*items* as the first release would have left them."""
    return {key: copy.deepcopy(row) for key, row in items.items() if key[0] not in NEW}


def protections(items):
    """What each database has; how often that was written is left out."""
    rows = [row for (_, sk), row in items.items() if sk.startswith("PROTECTION#")]
    return {row["database"]: {name: value for name, value in row.items() if name != "version"} for row in rows}


def moved(ledger, asked=CURRENT, before=1, goes_on=lambda: True):
    return migrate(ledger, asked, before, AT, goes_on)


@pytest.fixture
def dynamodb(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("dynamodb", region_name=PRIMARY)
        ledger_table.create(client, "ledger")
        yield client


@pytest.fixture(params=["DynamoDB", "fake"])
def ledger_of(request):
    """Makes a ledger of the primary region with items."""

    def make(items):
        if request.param == "fake":
            return MemoryLedger(PRIMARY, copy.deepcopy(items), Fuse())
        made = Ledger(request.getfixturevalue("dynamodb"), "ledger", PRIMARY)
        assert all(made.put(row, seen=None) for row in items.values())
        return made

    return make


def contents(ledger):
    """Everything new in the ledger."""
    return {(row["pk"], row["sk"]): row for pk in NEW for row in ledger.partition(pk)}


VERSION = {"pk": "LEDGER", "sk": "VERSION", "version": 2, "readable_since": 1, "migrated_at": iso(AT)}


def test_a_new_ledger_gets_the_current_version_and_nothing_else(ledger_of):
    ledger = ledger_of({})

    assert moved(ledger) == {"Version": CURRENT}
    assert contents(ledger) == {("LEDGER", "VERSION"): VERSION}


def test_what_each_database_has_is_what_todays_code_would_have_written(ledger_of):
    world = lived()
    expected = protections(world.items)
    ledger = ledger_of(first_release(world.items))

    assert moved(ledger) == {"Version": 2}
    assert protections(contents(ledger)) == expected
    assert expected["orders"]["newest"]["id"] == "orders-20261006t1200z"
    assert expected["orders"]["verified"]["id"] == "orders-20261006t0000z", "the later data, though not the later point"
    assert "verified" not in expected["stock"]


def test_the_age_of_the_data_is_right_after_the_migration():
    worlds = [lived() for _ in range(3)]
    today, untouched, migrated = worlds
    for world in (untouched, migrated):
        world.items = first_release(world.items)
    moved(migrated.ledger())
    for world in worlds:
        world.time += timedelta(hours=3)

    assert measure(migrated) == measure(today) == {"databases": 2, "oldest_seconds": 3 * 3600}
    assert measure(untouched)["oldest_seconds"] == 0, "without the rows every database counts as new"


def test_a_second_time_changes_nothing(ledger_of):
    ledger = ledger_of(first_release(lived().items))
    moved(ledger)
    once = contents(ledger)

    moved(ledger)
    moved(ledger, before=CURRENT)

    assert contents(ledger) == once


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_between_any_two_calls_is_made_good_by_the_next_time(after):
    items = first_release(lived().items)
    whole = MemoryLedger(PRIMARY, copy.deepcopy(items), Fuse())
    moved(whole)
    assert whole.fuse.calls > 5

    for at in range(1, whole.fuse.calls + 1):
        ledger = MemoryLedger(PRIMARY, copy.deepcopy(items), Fuse(at, after=after))
        with pytest.raises(Crash):
            moved(ledger)
        moved(ledger)
        assert ledger.items == whole.items


def many(count):
    """Points of three databases in turn, one a minute, with facts enough to make DynamoDB's answers come in pages."""
    items, told = {}, "x" * 5_000
    for n in range(count):
        at, database = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n), f"db{n % 3}"
        name = point_id(database, at)
        row = {"pk": f"POINT#{name}", "sk": "POINT", "id": name, "database": database, "scheduled_at": iso(at)}
        row |= {"attempt": 1, "level": 2, "levels": {"0": {"taken_at": iso(at), "told": told}}, "problem_count": 0}
        items[row["pk"], "POINT"] = {**row, "status": "failed" if n > count - 10 else "verified"}
    return items


def test_many_points_are_read_page_by_page(dynamodb):
    ledger = Ledger(dynamodb, "ledger", PRIMARY)
    points = many(2 * BATCH + 50)
    for row in points.values():
        ledger.put(row, seen=None)

    moved(ledger)

    found = protections(contents(ledger))
    newest = sorted((row for row in points.values()), key=lambda row: row["scheduled_at"])
    assert {name: row["newest"]["id"] for name, row in found.items()} == {r["database"]: r["id"] for r in newest[-3:]}
    whole = [row for row in newest if row["status"] == "verified"]
    assert {name: row["verified"]["id"] for name, row in found.items()} == {r["database"]: r["id"] for r in whole[-3:]}


def test_what_takes_longer_than_a_function_may_goes_on_where_it_stopped():
    ledger = MemoryLedger(PRIMARY, many(3 * BATCH), Fuse())
    oldest_of_page = sorted(row["scheduled_at"] for row in ledger.items.values())[-BATCH]
    with pytest.raises(OutOfTime, match=f"down to points of {oldest_of_page}: deploy again"):
        moved(ledger, goes_on=lambda: False)
    assert ledger.items["LEDGER", "VERSION"]["version"] == 1, "it is not said to be done"
    seen, newest = [], ledger.newest
    object.__setattr__(ledger, "newest", lambda limit, *, before: seen.append(before) or newest(limit, before=before))

    moved(ledger)

    assert seen[0][1] == oldest_of_page
    assert ledger.items["LEDGER", "VERSION"] == VERSION


def test_points_that_old_code_ends_while_and_after_the_first_look_are_caught_up_with():
    """By the second resource, behind the functions; or, after a roll-back, by the next deployment."""
    world = lived()
    expected = protections(world.items)
    late = world.items["POINT#orders-20261006t1200z", "POINT"]
    items = first_release(world.items)
    del items[late["pk"], "POINT"]
    ledger = MemoryLedger(PRIMARY, items, Fuse())
    moved(ledger)
    ledger.put(late, seen=None)  # as the old code concludes it: no word to the database's row

    assert moved(ledger, before=CURRENT) == {"Version": 2}, "the same code as before has nothing to do"
    assert protections(ledger.items) != expected
    moved(ledger, before=1)

    assert protections(ledger.items) == expected


def test_a_ledger_that_is_too_new_is_left_alone():
    newer = {"pk": "LEDGER", "sk": "VERSION", "version": 9, "readable_since": 8, "migrated_at": "1"}
    items = first_release(lived().items) | {("LEDGER", "VERSION"): newer}
    ledger = MemoryLedger(PRIMARY, copy.deepcopy(items), Fuse())

    with pytest.raises(LedgerRefused, match="the ledger is of version 9"):
        moved(ledger)
    with pytest.raises(LedgerRefused, match="the ledger is of version 9"):
        migrate_ledger.look(MemoryLedger(RECOVERY, ledger.items, Fuse()), CURRENT)

    assert ledger.items == items


def test_two_at_once_do_not_undo_each_other():
    items = first_release(lived().items)
    quiet = MemoryLedger(PRIMARY, copy.deepcopy(items), Fuse())
    moved(quiet)
    for at in range(1, quiet.fuse.calls + 1):
        ledger = MemoryLedger(PRIMARY, copy.deepcopy(items), Fuse())
        other = MemoryLedger(PRIMARY, ledger.items, Fuse())
        object.__setattr__(ledger, "fuse", Fuse(at, meanwhile=lambda other=other: moved(other)))
        try:
            moved(ledger)
        except TemporarilyUnavailable:
            moved(ledger)
        assert protections(ledger.items) == protections(quiet.items)
        assert ledger.items["LEDGER", "VERSION"] == VERSION


# ---- CloudFormation's requests ---------------------------------------------------------------------------------------


class Context:
    def get_remaining_time_in_millis(self):
        return 840_000


@pytest.fixture
def ask(dynamodb, monkeypatch):
    """Send CloudFormation's request; the answer that it got."""
    answers = []
    monkeypatch.setattr(custom_resource, "_send", lambda _address, content: answers.append(content))
    monkeypatch.setattr(custom_resource.time, "sleep", lambda _seconds: None)
    variables = {"LEDGER": "ledger", "PRIMARY_REGION": PRIMARY, "AWS_REGION": PRIMARY}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    runtime.client.cache_clear()

    def send(kind="Create", version=str(CURRENT), *, old=None, region=PRIMARY):
        monkeypatch.setenv("AWS_REGION", region)
        monkeypatch.setattr(runtime.Clients, "dynamodb", dynamodb)  # its replica, as far as we look
        request = {
            "RequestType": kind, "ResponseURL": "https://answers", "StackId": "stack", "RequestId": "request",
            "LogicalResourceId": "Ledger", "ResourceProperties": {"Version": version},
            **({"OldResourceProperties": {"Version": old}} if old else {}),
        }  # fmt: skip
        migrate_ledger.handler(request, Context())
        answer = custom_resource.json.loads(answers[-1])
        return answer["Status"], answer["Reason"], answer["Data"].get("Version")

    yield send
    runtime.client.cache_clear()


def version_item(dynamodb):
    return Ledger(dynamodb, "ledger", PRIMARY).read("LEDGER", "VERSION")


def test_a_first_deployment_an_update_and_a_deletion_are_answered(ask, dynamodb):
    assert ask() == ("SUCCESS", "as asked", CURRENT)
    assert version_item(dynamodb)["version"] == CURRENT
    assert ask("Update", old="1") == ("SUCCESS", "as asked", CURRENT)
    assert ask("Delete") == ("SUCCESS", "as asked", None)
    assert version_item(dynamodb)["version"] == CURRENT, "the ledger outlives the stack"


def test_a_roll_back_to_older_code_succeeds_and_keeps_the_ledger(ask, dynamodb):
    ask()

    assert ask("Update", "1", old=str(CURRENT)) == ("SUCCESS", "as asked", CURRENT)
    assert version_item(dynamodb)["version"] == CURRENT


def test_the_recovery_region_only_looks(ask, dynamodb):
    assert ask(region=RECOVERY) == ("SUCCESS", "as asked", versions.OLDEST)
    assert version_item(dynamodb) is None


def test_the_recovery_region_is_deployed_without_a_ledger_and_the_primary_is_not(ask, dynamodb):
    """With the home region down there may be none; where the ledger is made, one that is missing is a fault."""
    dynamodb.delete_table(TableName="ledger")

    assert ask(region=RECOVERY) == ("SUCCESS", "as asked", "none")
    status, reason, _ = ask()
    assert (status, reason.partition(":")[0]) == ("FAILED", "ResourceNotFoundException")


def test_old_code_is_refused_in_both_regions_with_a_reason_for_people(ask, dynamodb):
    newer = {"pk": "LEDGER", "sk": "VERSION", "version": 9, "readable_since": 8, "migrated_at": "1"}
    Ledger(dynamodb, "ledger", PRIMARY).put(newer, seen=None)

    for region in (PRIMARY, RECOVERY):
        status, reason, _ = ask("Update", old="9", region=region)
        assert status == "FAILED"
        assert reason.startswith("LedgerRefused: the ledger is of version 9, which code of version 8 or newer")
    assert ask("Update", "9", old=str(CURRENT))[0] == "SUCCESS", "and the roll-back succeeds, though the code is old"


def test_nonsense_is_refused_by_name(ask):
    assert ask(version="two")[:2] == (
        "FAILED",
        "InvalidRequest: Version is 'two': give the number that blueprints/ledger_version.py has",
    )
