"""Asking the catalogue for a recovery point: started once, and refused with the cure."""

import json
from datetime import timedelta
from urllib.parse import urljoin

import ledger_table
import pytest
from backup_fakes import PRIMARY, RECOVERY, client_error
from backup_world import World
from catalogue_room import HOUR, Api, add_points, assert_documented

from handlers import serve_catalogue
from handlers.core.names import iso


def ask(api, body=None, **more):
    return api("POST", "/recovery-points", {"database": "orders"} if body is None else body, **more)


def test_asking_for_a_point_starts_its_run_and_says_where_to_follow_it(api):
    api.world.time += timedelta(seconds=42)
    status, found, headers = ask(api)
    assert status == 202
    assert_documented(found, serve_catalogue.SCHEMAS["RecoveryPointDetails"])
    assert (found["id"], found["status"]) == ("orders-20261006t1200z", "requested")
    where = urljoin("https://example.com/api/recovery-points", headers["Location"])
    assert where == "https://example.com/api/recovery-points/orders-20261006t1200z"
    assert "Idempotency-Replayed" not in headers
    assert api.states.started == [
        ("orders-20261006t1200z", {"database": "orders", "scheduled_at": "2026-10-06T12:00:00Z"})
    ]


def test_a_point_that_was_just_asked_for_is_shown_as_requested(api):
    ask(api)
    found = api.get("/recovery-points/orders-20261006t1200z")
    assert_documented(found, serve_catalogue.SCHEMAS["RecoveryPointDetails"])
    assert found["status"] == "requested"
    assert {stage["state"] for stage in found["stages"]} == {"pending"}


def test_a_run_that_ended_before_it_claimed_its_point_is_shown_as_failed(api):
    ask(api)
    (execution,) = api.states.executions.values()
    execution.update(status="ABORTED", cause="somebody stopped it")
    found = api.get("/recovery-points/orders-20261006t1200z")
    assert_documented(found, serve_catalogue.SCHEMAS["RecoveryPointDetails"])
    assert (found["status"], found["error"]["cause"]) == ("failed", "somebody stopped it")


def test_twice_in_a_minute_is_once(api):
    first, again = ask(api), ask(api, who="somebody else")
    api.world.time += timedelta(seconds=59)
    third = ask(api)
    assert first[0] == again[0] == third[0] == 202
    assert {answer[2]["Location"] for answer in (first, again, third)} == {first[2]["Location"]}
    assert len(api.states.started) == 1
    api.world.time += timedelta(seconds=1)
    assert ask(api)[1]["id"] == "orders-20261006t1201z"


def test_asking_while_the_schedule_does_gives_the_schedules_point(monkeypatch):
    world = World()
    api = Api(monkeypatch, world)
    api.register()
    api.states.names.add("orders-20261006t1200z")
    add_points(world, "orders", 1, "running", open=PRIMARY)
    status, found, _ = ask(api)
    assert (status, found["status"]) == (202, "running")


def test_the_same_key_gives_the_same_point_however_much_later(api):
    first = ask(api, key="k")
    api.world.time += 20 * HOUR
    again = ask(api, key="k")
    assert again[1]["id"] == first[1]["id"] == "orders-20261006t1200z"
    assert again[2]["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first[2]
    assert len(api.states.started) == 1


def test_the_same_key_with_another_payload_is_refused_and_starts_nothing(api):
    api.register("orders", "stock")
    ask(api, key="k")
    status, problem, _ = ask(api, {"database": "stock"}, key="k")
    assert (status, problem["type"]) == (422, "/problems/idempotency-key-reused")
    assert len(api.states.started) == 1


def test_the_same_key_of_somebody_else_is_another_request(api):
    api.register("orders", "stock")
    ask(api, key="k")
    status, found, headers = ask(api, {"database": "stock"}, key="k", who="somebody else")
    assert (status, found["database"]) == (202, "stock")
    assert "Idempotency-Replayed" not in headers


def test_a_key_is_forgotten_after_a_day_and_dynamodb_is_told_when(api):
    ask(api, key="k")
    (row,) = [row for (pk, _), row in api.world.items.items() if pk == "REQUEST#somebody#k"]
    expiry = ledger_table.declared()["TimeToLiveSpecification"]
    assert expiry["Enabled"] is True
    assert row[expiry["AttributeName"]] == int((api.world.time + timedelta(days=1)).timestamp())
    api.world.time += timedelta(days=1)
    status, found, headers = ask(api, key="k")
    assert (status, found["id"]) == (202, "orders-20261007t1200z")
    assert "Idempotency-Replayed" not in headers


def test_a_request_that_started_nothing_is_not_repeated_under_its_old_minute(api):
    api.states.start_execution = failing("ThrottlingException")
    assert ask(api, key="k")[0] == 503
    del api.states.start_execution
    assert ask(api, key="k")[1]["id"] == "orders-20261006t1200z", "a moment later it is the same"
    api.states.executions.clear()
    api.world.time += 5 * HOUR
    assert ask(api, key="k")[1]["id"] == "orders-20261006t1700z"


def failing(code):
    def fail(**_):
        raise client_error(code, "StartExecution")

    return fail


@pytest.mark.parametrize("code", ["ThrottlingException", "ExecutionLimitExceeded", "InternalServerError"])
def test_when_step_functions_is_busy_the_client_is_told_when_to_come_again(api, code):
    api.states.start_execution = failing(code)
    status, problem, headers = ask(api)
    assert (status, problem["status"]) == (503, 503)
    assert int(headers["Retry-After"]) >= 1


def test_a_missing_permission_is_our_fault_and_tells_nothing(api, capsys):
    api.states.start_execution = failing("AccessDeniedException")
    status, problem, _ = ask(api)
    assert status == 500
    assert "AccessDenied" not in json.dumps(problem)
    assert "AccessDenied" in capsys.readouterr().out


def test_an_unknown_database_is_not_found_and_the_cure_is_named(api):
    status, problem, _ = ask(api, {"database": "nobody"})
    assert status == 404
    assert "holdfast:protect=holdfast-test" in problem["detail"]
    assert api.states.started == []


def test_a_database_that_is_gone_is_a_conflict(api):
    api.register("stock")
    status, problem, _ = ask(api)
    assert (status, problem["gone_at"]) == (409, iso(api.world.time))
    assert api.states.started == []


def test_a_request_that_was_accepted_is_answered_the_same_though_the_database_is_gone(api):
    first = ask(api, key="k")
    api.register("stock")
    assert ask(api, key="k")[1]["id"] == first[1]["id"]


def test_the_recovery_region_makes_none_and_names_the_region_that_does(monkeypatch):
    api = Api(monkeypatch, region=RECOVERY)
    api.register()
    status, problem, _ = ask(api, key="k")
    assert (status, problem["primary_region"]) == (409, PRIMARY)
    assert PRIMARY in problem["detail"]
    assert api.states.started == []
    assert not any(pk.startswith("REQUEST#") for pk, _ in api.world.items)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400), ([], 400), ("", 400), ("{", 400), ({"database": None}, 400), ({"database": 7}, 400),
        ({"database": ""}, 400), ({"database": "Orders"}, 400), ({"database": "or--ders"}, 400),
        ({"database": "orders\n"}, 400), ({"database": "o" * 64}, 400), ({"database": "orders", "level": 4}, 400),
        ('{"database": "orders", "database": "stock"}', 400), ({"database": "o" * 20_000}, 413),
    ],
)  # fmt: skip
def test_a_wrong_body_is_refused_and_starts_nothing(api, body, status):
    assert ask(api, body)[0] == status
    assert api.states.started == []


@pytest.mark.parametrize("key", ["", "k" * 65, "two words", "é", "k\n"])
def test_a_wrong_key_is_refused_and_starts_nothing(api, key):
    status, problem, _ = ask(api, key=key)
    assert status == 400
    assert problem["detail"].startswith("Idempotency-Key is ")
    assert api.states.started == []


def test_another_method_or_path_is_not_found(api):
    for method, path in (
        ("DELETE", "/recovery-points/orders-20261006t1200z"),
        ("GET", "/nothing"),
        ("PUT", "/databases"),
    ):
        status, problem, _ = api(method, path)
        assert (status, problem["status"]) == (404, 404)
