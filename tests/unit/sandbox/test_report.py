"""The report: one object for one database, a list for several, and a page for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.follow import Step, steps_of
from sandbox.report import PointReport, Report, Table, size

FIELDS = {
    "status", "level", "recovery_point", "database", "tables", "problems", "steps", "keys", "locations", "seconds",
}  # fmt: skip
API, CONSOLE = "http://127.0.0.1:1/api", "http://127.0.0.1:1/console/index.html"


def report(points: Sequence[PointReport], steps: Sequence[Step] = (), seconds: float = 9.5) -> Report:
    return Report(points, steps, seconds, API, CONSOLE)


def point(**changes: Any) -> PointReport:
    values: dict[str, Any] = {
        "status": "verified",
        "level": 2,
        "recovery_point": "orders-20260101t0000z",
        "database": "orders",
        "tables": [Table("shop.orders", 1234, 2, 4096), Table("shop.empty", 0, 0, 0)],
        "problems": [],
        "steps": [Step("backup.TakeSnapshot", 1.5)],
        "keys": {"snapshot": "arn:aws:kms:one"},
        "locations": {"manifest": "s3://vault/manifests/orders-20260101t0000z.json"},
        "seconds": 2.0,
    }
    return PointReport(**{**values, **changes})


def test_one_database_is_one_object_with_exactly_the_promised_fields() -> None:
    found = json.loads(report([point()], [Step("deploy", 3.0)]).as_json())
    assert found.keys() == FIELDS | {"api", "console"}
    assert (found["api"], found["console"]) == (API, CONSOLE)
    assert found["tables"][0] == {"name": "shop.orders", "rows": 1234, "objects": 2, "bytes": 4096}
    assert found["steps"] == [{"name": "deploy", "seconds": 3.0}, {"name": "backup.TakeSnapshot", "seconds": 1.5}]
    assert found["seconds"] == 9.5


def test_several_databases_are_a_list_under_the_worst_of_them() -> None:
    problem = {"subject": "shop.orders", "reason": "table-missing", "detail": "do this"}
    worse = point(status="partial", level=0, problems=[problem], recovery_point="b-20260101t0000z")
    found = json.loads(report([point(), worse]).as_json())
    assert (found["status"], found["level"], found["problems"]) == ("partial", 0, [problem])
    assert [each["recovery_point"] for each in found["recovery_points"]] == [
        "orders-20260101t0000z",
        "b-20260101t0000z",
    ]
    assert all(each.keys() == FIELDS for each in found["recovery_points"])


@pytest.mark.parametrize(("points", "verified"), [
    ([point()], True),
    ([point(), point(status="partial")], False),
    ([point(status="failed", level=None)], False),
    ([], False),
])  # fmt: skip
def test_a_run_is_verified_only_if_every_point_is(points: list[PointReport], *, verified: bool) -> None:
    assert report(points).verified is verified


def test_the_page_for_people_names_tables_problems_and_totals() -> None:
    problem = {"subject": "shop.orders", "reason": "table-missing", "detail": "It is not there: take another."}
    text = report([point(status="partial", level=1, problems=[problem])]).as_text()
    assert "orders-20260101t0000z: PARTIAL (level 1, exported)" in text
    assert "1,234" in text
    assert "2 tables" in text
    assert "shop.orders: It is not there: take another. [table-missing]" in text
    assert "0 of 1 recovery points verified in 9.5 s" in text
    assert API in text
    assert CONSOLE in text


def test_a_point_without_tables_can_be_shown() -> None:
    text = report([point(status="failed", level=None, tables=[], keys={}, steps=[])]).as_text()
    assert "FAILED (nothing proved)" in text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB")])
def test_sizes_are_binary(count: int, text: str) -> None:
    assert size(count) == text


def test_each_state_lasts_from_its_entry_to_its_exit_or_the_next_entry() -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)

    def event(kind: str, at: float, name: str = "") -> dict[str, Any]:
        entered = {"stateEnteredEventDetails": {"name": name}} if name else {}
        return {"type": kind, "timestamp": begun + timedelta(seconds=at), **entered}

    history = [
        event("ExecutionStarted", 0),
        event("TaskStateEntered", 1, "A"),
        event("TaskScheduled", 1.5),
        event("TaskStateExited", 3),
        event("PassStateEntered", 3.5, "B"),
        event("FailStateEntered", 4, "C"),
        event("ExecutionFailed", 4.25),
    ]
    assert steps_of("backup", history) == [Step("backup.A", 2.0), Step("backup.B", 0.5), Step("backup.C", 0.25)]
