"""The catalogue's databases: how well each is protected, and how little is asked of AWS for it."""

from backup_fakes import PRIMARY, RECOVERY
from backup_world import World
from catalogue_room import HOUR, Api, add_points, assert_documented, backed_up

from handlers import serve_catalogue
from handlers.core import names


def test_a_database_shows_how_well_it_is_protected(monkeypatch):
    api = backed_up(monkeypatch)
    taken_at = api.world.point()["levels"]["0"]["taken_at"]
    api.world.time = names.moment(taken_at) + 3 * HOUR
    found = api.get("/databases")
    assert_documented(found, serve_catalogue.SCHEMAS["Databases"])
    assert found == {
        "databases": [
            {
                "id": "orders",
                "present": True,
                "first_seen_at": found["databases"][0]["first_seen_at"],
                "rpo_objective_seconds": 43200,
                "recovery_point_age_seconds": 10800,
                "status": "protected",
                "last_verified": {"id": "orders-20261006t1200z", "level": 2, "taken_at": taken_at},
                "newest": {"id": "orders-20261006t1200z", "status": "verified", "level": 2},
                "next_run": "2026-10-06T18:30:00Z",
            }
        ]
    }


def test_without_databases_there_is_an_empty_list(monkeypatch):
    assert Api(monkeypatch).get("/databases") == {"databases": []}


def test_a_new_database_is_unprotected_and_has_no_point(api):
    (found,) = api.get("/databases")["databases"]
    assert (found["status"], found["recovery_point_age_seconds"]) == ("unprotected", None)
    assert (found["last_verified"], found["newest"]) == (None, None)
    assert found["next_run"] == "2026-10-06T12:30:00Z"


def test_a_run_that_goes_on_is_the_newest_point_and_the_verified_one_stays(api):
    add_points(api.world, "orders", 1)
    api.world.time += HOUR
    add_points(api.world, "orders", 1, "running", open=PRIMARY)
    (found,) = api.get("/databases")["databases"]
    assert found["newest"] == {"id": "orders-20261006t1300z", "status": "running", "level": 0}
    assert found["last_verified"]["id"] == "orders-20261006t1200z"


def test_an_old_run_that_still_goes_on_is_not_the_newest_point(api):
    add_points(api.world, "orders", 1, "running", open=PRIMARY)
    api.world.time += HOUR
    add_points(api.world, "orders", 1)
    (found,) = api.get("/databases")["databases"]
    assert found["newest"]["id"] == "orders-20261006t1300z"


def test_the_newest_verified_of_thousands_is_found_without_reading_them(monkeypatch):
    api = Api(monkeypatch)
    api.world.time += 4000 * HOUR
    add_points(api.world, "orders", 1)
    verified = names.point_id("orders", api.world.time)
    api.world.time += 2000 * HOUR
    add_points(api.world, "orders", 1999, "failed", error="E", cause="c")
    api.world.add_database("stock")
    add_points(api.world, "stock", 3000)
    api.register("orders", "stock")
    before = api.world.fuse.calls
    orders, stock = api.get("/databases")["databases"]
    assert api.world.fuse.calls - before == 3  # the databases, what is open, the points among that
    assert orders["last_verified"]["id"] == verified
    assert orders["newest"]["status"] == "failed"
    assert orders["recovery_point_age_seconds"] == 2000 * 3600
    assert stock["status"] == "protected"


def test_the_calls_for_a_thousand_databases_are_as_many_as_for_one(monkeypatch):
    api = Api(monkeypatch)
    databases = [f"db{n}" for n in range(1000)]
    api.register(*databases)
    for name in databases[:200]:
        add_points(api.world, name, 1, "running", open=PRIMARY)
    before = api.world.fuse.calls
    found = api.get("/databases")["databases"]
    assert api.world.fuse.calls - before == 3
    assert sum(each["newest"] is not None for each in found) == 200


def test_the_recovery_region_shows_the_same(monkeypatch):
    world = World()
    world.backup()
    world.rest()
    shown = []
    for region in (PRIMARY, RECOVERY):
        api = Api(monkeypatch, world, region)
        api.register()
        shown.append([api.get("/databases"), api.get("/recovery-points")])
    assert shown[0] == shown[1]


def test_without_data_of_the_time_zone_everything_else_is_shown(monkeypatch):
    api = Api(monkeypatch, schedule_time_zone="Europe/Atlantis")
    api.register()
    (found,) = api.get("/databases")["databases"]
    assert (found["id"], found["next_run"]) == ("orders", None)
