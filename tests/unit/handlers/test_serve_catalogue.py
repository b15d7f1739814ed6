"""The catalogue's routes: what they show, what they refuse, and how little they ask of AWS for it."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin

import ledger_table
import pytest
from backup_fakes import PRIMARY, RECOVERY, client_error
from backup_world import World
from catalogue_room import Api, assert_documented

from handlers import protection, serve_catalogue
from handlers.core import names
from handlers.core.names import iso

HOUR = timedelta(hours=1)


@pytest.fixture
def api(monkeypatch):
    made = Api(monkeypatch)
    made.register()
    return made


def backed_up(monkeypatch, **more):
    """An API whose database has one verified point."""
    world = World(**more)
    world.backup()
    world.rest()
    made = Api(monkeypatch, world)
    made.register()
    return made


def add_points(world, database, count, status="verified", **more):
    """So many points of a database, one an hour, the last now."""
    for hours in range(count):
        at = world.time - hours * HOUR
        point = names.point_id(database, at)
        row = {
            "pk": f"POINT#{point}",
            "sk": "POINT",
            "id": point,
            "database": database,
            "scheduled_at": iso(at),
            "execution": "x",
            "attempt": 1,
            "status": status,
            "levels": {"0": {"at": iso(at), "taken_at": iso(at)}},
            "level": 0,
            "problems": [],
            "problem_count": 0,
            "begun_at": iso(at),
            "concluded_at": iso(at),
            **more,
        }
        world.items[row["pk"], "POINT"] = row
        if status != "running":
            protection.note(world.ledger(), row)


# ---- databases -------------------------------------------------------------------------------------------------------


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


# ---- lists of points -------------------------------------------------------------------------------------------------


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


# ---- one point -------------------------------------------------------------------------------------------------------


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


# ---- asking for one --------------------------------------------------------------------------------------------------


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


# ---- its import ------------------------------------------------------------------------------------------------------

ROOT = Path(__file__).resolve().parents[3]


def in_a_process(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


HEAVY = ["boto3", "botocore", "aws_xray_sdk", "pydantic", "cryptography", "asyncio", "zoneinfo"]
CODE = f"import sys, json, handlers.serve_catalogue; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"


def test_its_import_loads_no_sdk():
    assert in_a_process(CODE) == []


SNAPSHOT = {
    "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start", "AWS_REGION": PRIMARY, "PREFIX": "p", "LEDGER": "l",
    "BACKUP_MACHINE": "m", "RPO_SECONDS": "1", "SCHEDULE_START": "00:30", "SCHEDULE_INTERVAL_SECONDS": "3600",
    "SCHEDULE_TIME_ZONE": "Etc/UTC", "PRIMARY_REGION": PRIMARY, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token",
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}  # fmt: skip
MADE = """
import json, sys, handlers.serve_catalogue
from handlers import runtime
found = [runtime.client.cache_info().currsize]
for service in ("dynamodb", "stepfunctions"):
    found.append(runtime.client(service)._request_signer._credentials.get_frozen_credentials().access_key)
print(json.dumps(found))
"""


class Issuer(BaseHTTPRequestHandler):
    """Lambda's endpoint of credentials; those that it gives first, for the snapshot, are soon over."""

    def do_GET(self):
        self.server.asked.append(self.headers["Authorization"])
        number = len(self.server.asked)
        left = timedelta(minutes=1) if number == 1 else HOUR
        content = json.dumps(
            {
                "AccessKeyId": f"AKID{number}",
                "SecretAccessKey": "secret",
                "Token": "session",
                "Expiration": iso(datetime.now(UTC) + left),
            }
        ).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def issuer():
    with ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_snapshot_holds_clients_whose_credentials_are_renewed(issuer, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    where = f"http://127.0.0.1:{issuer.server_port}/credentials"
    clients, *keys = in_a_process(MADE, **SNAPSHOT, AWS_CONTAINER_CREDENTIALS_FULL_URI=where)
    assert clients == 2
    assert set(issuer.asked) == {"token"}
    assert keys == ["AKID2", "AKID2"], "not those of the snapshot, which are as good as over"


def test_without_credentials_there_is_a_snapshot_all_the_same():
    code = "import json, handlers.serve_catalogue as served; print(json.dumps(callable(served.handler)))"
    nobody = "http://127.0.0.1:1/credentials"
    assert in_a_process(code, **SNAPSHOT, AWS_CONTAINER_CREDENTIALS_FULL_URI=nobody) is True
