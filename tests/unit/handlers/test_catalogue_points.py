"""The catalogue's recovery points: the list in pages, and one of them with all that is known of it."""

import pytest
from backup_fakes import PRIMARY, client_error
from backup_world import World
from catalogue_room import HOUR, Api, add_points, assert_documented, backed_up

from handlers import serve_catalogue
from handlers.core import names


def pages(api, between=lambda: None, **query):
    found, cursor = [], {}
    while True:
        page = api.get("/recovery-points", **query, **cursor)
        found.append([point["id"] for point in page["recovery_points"]])
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}
        between()


def test_points_are_listed_newest_first_with_their_stages(monkeypatch):
    api = backed_up(monkeypatch)
    found = api.get("/recovery-points")
    assert_documented(found, serve_catalogue.SCHEMAS["RecoveryPoints"])
    (point,) = found["recovery_points"]
    assert (point["id"], point["status"], point["level"]) == ("orders-20261006t1200z", "verified", 2)
    assert [stage["state"] for stage in point["stages"]] == ["succeeded"] * 5
    assert found["next_cursor"] is None


def test_pages_hold_every_point_once_newest_first(api):
    add_points(api.world, "orders", 23)
    add_points(api.world, "stock", 23)
    found = pages(api, limit="10")
    assert [len(page) for page in found] == [10, 10, 10, 10, 6]
    every = [point for page in found for point in page]
    assert len(set(every)) == 46
    times = [names.parsed_point(point)[1] for point in every]
    assert times == sorted(times, reverse=True)


def test_the_last_page_says_that_it_is_the_last_even_if_it_is_full(api):
    add_points(api.world, "orders", 20)
    assert [len(page) for page in pages(api, limit="10")] == [10, 10]


def test_points_that_come_in_the_meantime_move_none_that_are_still_to_be_shown(api):
    add_points(api.world, "orders", 12)
    before = [names.point_id("orders", api.world.time - hours * HOUR) for hours in range(12)]

    def another():
        api.world.time += HOUR
        add_points(api.world, "orders", 1)

    assert [point for page in pages(api, another, database="orders", limit="5") for point in page] == before


def test_the_points_of_one_database_are_shown_alone(api):
    add_points(api.world, "orders", 3)
    add_points(api.world, "stock", 3)
    assert {name.split("-")[0] for page in pages(api, database="stock") for name in page} == {"stock"}
    assert pages(api, database="nobody") == [[]]


def test_a_page_of_thousands_is_two_calls(api):
    add_points(api.world, "orders", 3000)
    before = api.world.fuse.calls
    assert len(api.get("/recovery-points", limit="100")["recovery_points"]) == 100
    assert api.world.fuse.calls - before == 2


WRONG = [
    ({"limit": "0"}, "limit"),
    ({"limit": "101"}, "limit"),
    ({"limit": "-1"}, "limit"),
    ({"limit": "1.5"}, "limit"),
    ({"limit": ""}, "limit"),
    ({"limit": "ten"}, "limit"),
    ({"limit": "٣"}, "limit"),
    ({"limit": "9" * 400}, "limit"),
    ({"database": ""}, "database"),
    ({"database": "Orders"}, "database"),
    ({"database": "or--ders"}, "database"),
    ({"database": "-orders"}, "database"),
    ({"database": "o" * 64}, "database"),
    ({"database": "orders' OR 1=1"}, "database"),
    ({"cursor": ""}, "cursor"),
    ({"cursor": "x"}, "cursor"),
    ({"cursor": "é"}, "cursor"),
    ({"cursor": "A" * 2000}, "cursor"),
]


@pytest.mark.parametrize(("query", "field"), WRONG, ids=str)
def test_a_wrong_parameter_is_named_with_its_value_and_the_cure(api, query, field):
    status, problem, headers = api("GET", "/recovery-points", query=query)
    assert status == 400
    assert headers["Content-Type"] == "application/problem+json"
    assert problem["detail"].startswith(f"{field} is ")
    assert ": " in problem["detail"]


@pytest.mark.parametrize(
    "position",
    [
        [], ["orders-20261006t1200z"], ["orders-20261006t1200z", "2026-10-06T12:00:00Z", 1], [1, 2], [None, None],
        ["orders-20261006t1200z", "2026-10-06T13:00:00Z"], ["orders-20261006t1200z", "noon"], [["a"], {"b": 1}],
        ["orders-20261006t1200z", "2026-10-06T14:00:00+02:00"], ["x", "2026-10-06T12:00:00Z"],
        ["stock-20261006t1200z", "2026-10-06T12:00:00Z"],
    ],
)  # fmt: skip
def test_a_forged_cursor_is_refused(api, position):
    from handlers.rest import cursors  # noqa: PLC0415

    cursor = cursors.encode("recovery-points orders", position)
    status, problem, _ = api("GET", "/recovery-points", query={"database": "orders", "cursor": cursor})
    assert status == 400
    assert problem["detail"].startswith("cursor is ")


def test_a_cursor_of_another_list_is_refused(api):
    add_points(api.world, "orders", 3)
    cursor = api.get("/recovery-points", limit="1")["next_cursor"]
    status, _, _ = api("GET", "/recovery-points", query={"database": "orders", "cursor": cursor})
    assert status == 400


# One point


def test_a_point_shows_its_levels_with_their_facts(monkeypatch):
    api = backed_up(monkeypatch)
    found = api.get("/recovery-points/orders-20261006t1200z")
    assert_documented(found, serve_catalogue.SCHEMAS["RecoveryPointDetails"])
    assert [level["name"] for level in found["levels"]] == ["taken", "exported", "copied"]
    assert found["levels"][2]["facts"]["locked_until"]
    assert found["problems"] == []
    assert found["error"] is None


def test_a_failed_point_shows_error_and_cause(monkeypatch):
    world = World()
    world.rds[PRIMARY].fail_next = {"export": client_error("AccessDenied", text="you may not")}
    world.backup()
    world.rest()
    found = Api(monkeypatch, world).get("/recovery-points/orders-20261006t1200z")
    assert_documented(found, serve_catalogue.SCHEMAS["RecoveryPointDetails"])
    assert found["status"] == "failed"
    assert "you may not" in found["error"]["cause"]


def test_a_partial_point_shows_its_problems(monkeypatch):
    world = World()
    world.whole = False
    world.backup()
    world.rest()
    found = Api(monkeypatch, world).get("/recovery-points/orders-20261006t1200z")
    assert_documented(found, serve_catalogue.SCHEMAS["RecoveryPointDetails"])
    assert found["problems"] == [{"subject": "app.users", "reason": "missing", "detail": "app.users is missing"}]


@pytest.mark.parametrize(
    "wrong",
    [
        "orders", "x", "orders-20261006t1200Z", "orders-20261306t1200z", "or--ders-20261006t1200z", "%2e%2e",
        "orders-20261006t1200z%20", "a" * 64 + "-20261006t1200z",
    ],
)  # fmt: skip
def test_what_can_be_no_id_is_not_found_and_nobody_is_asked(api, wrong):
    before = api.world.fuse.calls
    status, problem, _ = api("GET", f"/recovery-points/{wrong}")
    assert (status, problem["status"]) == (404, 404)
    assert api.world.fuse.calls == before


def test_an_unknown_point_is_not_found(api):
    assert api("GET", "/recovery-points/orders-20261006t1159z")[0] == 404


def test_of_an_unknown_point_of_old_step_functions_is_not_asked(api):
    before = api.world.fuse.calls
    assert api("GET", "/recovery-points/orders-20260101t0000z")[0] == 404
    assert api("GET", "/recovery-points/orders-20990101t0000z")[0] == 404
    assert api.world.fuse.calls - before == 2  # the ledger, twice
