"""A client's good day: items are made, found, changed and deleted; databases are looked at and backed up."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from world import World, eventually

from sandbox.report import PointReport
from tests.calling import Answer, Caller

ID = r"[0-9A-Z]{26}"


def new_item(call: Caller, title: str = "Lamp", **members: Any) -> Answer:
    return call("POST", "/items", {"title": title, **members})


def test_it_says_that_it_is_up_and_asks_for_no_token(anybody: Caller) -> None:
    shallow = anybody("GET", "/health")
    deep = anybody("GET", "/health?deep=true")
    assert (shallow.status, deep.status) == (200, 200), deep
    assert shallow.body["status"] == deep.body["status"] == "ok"


def test_an_item_is_made_read_changed_and_deleted(call: Caller) -> None:
    made = new_item(call, note="green", quantity=3)
    assert made.status == 201, made
    where = call.location(made)
    item = made.body
    assert (item["title"], item["note"], item["quantity"], item["version"]) == ("Lamp", "green", 3, 1)

    read = call("GET", where)
    assert (read.status, read.body) == (200, item)
    assert read.headers["etag"] == made.headers["etag"]
    assert call("GET", where, if_none_match=read.headers["etag"]).status == 304

    changed = call("PUT", where, {"title": "Lamp", "quantity": 4}, if_match=read.headers["etag"])
    assert changed.status == 200, changed
    assert (changed.body["quantity"], changed.body["version"]) == (4, 2)
    assert changed.headers["etag"] != read.headers["etag"]

    gone = call("DELETE", where, if_match=changed.headers["etag"])
    assert gone.status == 204, gone
    assert call("GET", where).status == 404


def test_who_has_not_seen_the_newest_version_changes_nothing(call: Caller) -> None:
    made = new_item(call)
    where, old = call.location(made), made.headers["etag"]
    newest = call("PUT", where, {"title": "Lamp", "quantity": 1}, if_match=old)
    assert newest.status == 200, newest
    assert call("PUT", where, {"title": "Mine", "quantity": 9}, if_match=old).status == 412
    assert call("DELETE", where, if_match=old).status == 412
    assert call("PUT", where, {"title": "Mine", "quantity": 9}).status == 428
    assert call("DELETE", where).status == 428
    assert call("GET", where).body == newest.body


def test_pages_hold_each_item_once_also_while_others_are_made(call: Caller) -> None:
    known = {new_item(call, f"Page {number}").body["id"] for number in range(5)}
    seen: list[str] = []
    cursor = ""
    for _ in itertools.count():
        page = call("GET", f"/items?limit=2{cursor}")
        assert page.status == 200, page
        assert len(page.body["items"]) <= 2
        seen += [item["id"] for item in page.body["items"]]
        if page.body["next_cursor"] is None:
            break
        if len(seen) == 2:
            new_item(call, "Late")
        cursor = f"&cursor={page.body['next_cursor']}"
    assert len(seen) == len(set(seen))
    assert known <= set(seen)


def test_a_request_that_is_repeated_is_answered_again_and_not_done_again(call: Caller) -> None:
    key = uuid.uuid4().hex
    first = call("POST", "/items", {"title": "Once"}, idempotency_key=key)
    again = call("POST", "/items", {"title": "Once"}, idempotency_key=key)
    assert (first.status, again.status) == (201, 201), again
    assert again.body == first.body
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert call("POST", "/items", {"title": "Other"}, idempotency_key=key).status == 422

    where, change = call.location(first), uuid.uuid4().hex
    once = call("PUT", where, {"title": "Twice"}, if_match=first.headers["etag"], idempotency_key=change)
    twice = call("PUT", where, {"title": "Twice"}, if_match=first.headers["etag"], idempotency_key=change)
    assert (once.status, twice.status) == (200, 200), twice
    assert twice.body == once.body
    assert call("GET", where).body["version"] == 2


def test_every_answer_may_be_read_by_a_page_of_another_origin(call: Caller, anybody: Caller) -> None:
    for answer in (call("GET", "/items"), call("GET", "/items/none"), anybody("GET", "/items"), call("POST", "/items")):
        assert answer.headers["access-control-allow-origin"] == "*", answer
    asked = {"origin": "https://console.example.com", "access_control_request_method": "PUT"}
    preflight = anybody("OPTIONS", "/items/x", access_control_request_headers="authorization,if-match", **asked)
    assert preflight.status in (200, 204), preflight
    allowed = {name.strip().lower() for name in preflight.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"} <= allowed
    assert {"GET", "PUT", "DELETE"} <= set(
        preflight.headers["access-control-allow-methods"].replace(" ", "").split(",")
    )


@pytest.fixture(scope="module")
def point(world: World, call: Caller, verified: PointReport) -> dict[str, Any]:
    """A recovery point that a client has asked for, at its end."""
    assert verified.status == "verified"
    world.engine.fire_schedule(world.settings.name("measure"), world.primary)
    eventually(lambda: call("GET", "/databases").body["databases"], what="a list of databases")
    key = uuid.uuid4().hex
    asked = call("POST", "/recovery-points", {"database": verified.database}, idempotency_key=key)
    again = call("POST", "/recovery-points", {"database": verified.database}, idempotency_key=key)
    assert (asked.status, again.status) == (202, 202), again
    assert (again.body["id"], again.headers["idempotency-replayed"]) == (asked.body["id"], "true")
    where = call.location(asked)

    def ended() -> Any:
        found = call("GET", where)
        assert found.status == 200, found
        return found.body if found.body["concluded_at"] else None

    found: dict[str, Any] = eventually(ended, 60, "the verdict")
    return found


def test_a_recovery_point_is_asked_for_and_followed_until_it_is_verified(
    call: Caller, verified: PointReport, point: dict[str, Any]
) -> None:
    assert (point["status"], point["level"], point["problems"]) == ("verified", 2, [])
    assert [stage["name"] for stage in point["stages"]] == ["snapshot", "export", "check", "copy", "compare"]
    assert {stage["state"] for stage in point["stages"]} == {"succeeded"}

    listed = call("GET", f"/recovery-points?database={verified.database}&limit=100").body["recovery_points"]
    times = [each["scheduled_at"] for each in listed]
    assert times == sorted(times, reverse=True)
    assert {point["id"], verified.recovery_point} <= {each["id"] for each in listed}
    everywhere = call("GET", "/recovery-points?limit=100").body["recovery_points"]
    assert [each["id"] for each in everywhere] == [each["id"] for each in listed]

    databases = call("GET", "/databases").body["databases"]
    (found,) = [each for each in databases if each["id"] == verified.database]
    assert (found["present"], found["status"]) == (True, "protected")
    assert found["last_verified"]["id"] == point["id"]
    assert found["recovery_point_age_seconds"] < found["rpo_objective_seconds"]


def test_a_database_that_is_not_protected_can_not_be_backed_up(call: Caller) -> None:
    refused = call("POST", "/recovery-points", {"database": "nobody"})
    assert refused.status in (404, 422), refused
    assert refused.headers["content-type"].startswith("application/problem+json")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on PATH")
def test_the_commands_that_a_person_is_shown_work(world: World) -> None:
    done = subprocess.run(["sh", "-c", world.story.api.commands()], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout).keys() == {"databases"}


def test_the_console_is_in_both_regions_and_each_has_its_own_configuration(world: World) -> None:
    page = Caller("")("GET", world.story.api.console)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8"), page
    config = Caller("")("GET", world.story.api.console.replace("index.html", "config.json")).body
    assert (config["api"], config["regions"]) == (world.story.api.url, list(world.settings.regions))

    def replicated() -> Any:
        bucket = world.bucket("site", world.recovery)
        found = world.client("s3", world.recovery).list_objects_v2(Bucket=bucket).get("Contents", [])
        return {each["Key"] for each in found} >= {
            "index.html", *(f"config/{region}/config.json" for region in world.settings.regions)
        }  # fmt: skip

    eventually(replicated, what="replication of the console")


def test_what_happened_was_counted(world: World, call: Caller, point: dict[str, Any]) -> None:
    assert point["status"] == "verified"
    assert call("GET", "/items").status == 200
    metrics, deployment = world.client("cloudwatch"), {"Name": "Deployment", "Value": world.settings.prefix}

    def total(name: str, *dimensions: dict[str, str]) -> float:
        now = datetime.now(UTC)
        found = metrics.get_metric_statistics(
            Namespace="Holdfast",
            MetricName=name,
            Dimensions=[deployment, *dimensions],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(each["Sum"] for each in found)

    function = {"Name": "Function", "Value": world.settings.name("serve-resources")}
    eventually(lambda: total("Requests", function) >= 1, what="a request that was counted")
    eventually(lambda: total("RecoveryPointsVerified") >= 1, what="a recovery point that was counted")
    assert total("Faults", function) == 0
