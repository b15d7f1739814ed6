"""docs/metrics.md, the handlers and the templates agree on every metric; what is written is found out by writing it."""

import ast
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from watching import everything

from handlers import concluding, measure_protection, sweep_operations
from handlers.core import points
from handlers.core.catalogue import Database
from handlers.rest import app
from handlers.rest.lean import APIGatewayRestResolver

ROOT = Path(__file__).parents[2]
PREFIX = "holdfast-production"
NOW = datetime(2026, 10, 6, 12, tzinfo=UTC)
BY_PEOPLE = {("Promoted", "Count", frozenset({"Deployment"}))}  # docs/runbooks/promoted.md
EXERCISED = {"concluding.py", "measure_protection.py", "rest/app.py", "sweep_operations.py"}


def rows(heading):
    """Cells of every row of the table below *heading* in docs/metrics.md."""
    lines = (ROOT / "docs/metrics.md").read_text().split(f"## {heading}", 1)[1].split("\n## ", 1)[0].splitlines()
    table = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return table[2:]


def names(cell):
    return frozenset(name.strip() for name in cell.split(",") if name.strip())


# ---- what the handlers write -----------------------------------------------------------------------------------------


def measure(monkeypatch):
    known = Database({"id": "orders", "first_seen_at": "2026-10-06T06:00:00Z"}, {})
    monkeypatch.setattr(measure_protection.protection, "databases", lambda _ledger: [known])
    environment = measure_protection.Environment(PREFIX, "", "eu-west-1", 3600)
    quota = {"AccountQuotaName": "ManualSnapshots", "Used": 80, "Max": 100}
    ledger = SimpleNamespace(region="eu-central-1", oldest_unfinished=lambda _: None, partition=lambda _: [])
    rds = SimpleNamespace(describe_account_attributes=lambda: {"AccountQuotas": [quota]})
    measure_protection.measure(SimpleNamespace(rds=rds), ledger, environment, NOW)


def conclude(_):
    for status in (points.VERIFIED, points.PARTIAL, points.FAILED):
        concluding.count(status)


def lose_an_event(monkeypatch):
    monkeypatch.setattr(sweep_operations, "publish", lambda *_: None)
    following = SimpleNamespace(clock=lambda: NOW, clients=SimpleNamespace(events=None))
    row = {"point": "orders-20261006t1200z", "kind": "export", "resource": "task"}
    sweep_operations._publish_lost(SimpleNamespace(following=following, bus=""), row, "2026-10-06T11:00:00Z")


def serve(_):
    answer = app.serve(APIGatewayRestResolver())({"httpMethod": "GET", "resource": "/", "path": "/"}, None)
    assert answer["statusCode"] == 404


@pytest.fixture
def written(capsys, monkeypatch):
    """(name, unit, dimensions) of every metric that the handlers write."""
    monkeypatch.setenv("PREFIX", PREFIX)
    for run in (measure, conclude, lose_an_event, serve):
        run(monkeypatch)
    found = set()
    for line in map(json.loads, capsys.readouterr().out.splitlines()):
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == "Holdfast"
            for metric in directive["Metrics"]:
                assert isinstance(line[metric["Name"]], int | float)
                for dimensions in directive["Dimensions"]:
                    assert all(isinstance(line[name], str) for name in dimensions)
                    found.add((metric["Name"], metric["Unit"], frozenset(dimensions)))
    return found


def test_every_module_that_writes_metrics_was_run():
    writers = set()
    for path in (ROOT / "handlers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"metrics.record", "declared"}:
                writers.add(os.fspath(path.relative_to(ROOT / "handlers")))

    assert writers - {"metrics.py"} == EXERCISED


def test_every_metric_of_ours_that_is_read_is_written_under_these_dimensions(written):
    read = {(each.name, each.dimensions) for each in everything() if each.namespace == "Holdfast"}

    assert read <= {(name, dimensions) for name, _, dimensions in written | BY_PEOPLE}


def test_the_table_of_ours_says_what_is_written(written):
    told = {(name, unit, names(dimensions)) for name, unit, dimensions, _, _ in rows("Ours")}

    assert told == written | BY_PEOPLE


def test_a_metric_of_ours_bears_its_unit_or_counts(written):
    for name, unit, _ in written | BY_PEOPLE:
        assert name.endswith(unit) or unit == "Count"


def test_every_dimension_is_one_that_the_deployment_bears(written):
    assert all("Deployment" in dimensions for _, _, dimensions in written)
    assert {each.values["Deployment"].count("-") for each in everything() if each.namespace == "Holdfast"} == {1}


# ---- who reads -------------------------------------------------------------------------------------------------------


def readers(keep):
    found = {}
    for each in everything():
        if keep(each.namespace):
            found.setdefault((each.namespace, each.name, each.dimensions), set()).add(each.reader)
    return found


def test_the_table_of_ours_says_who_reads_each():
    told = {("Holdfast", name, names(dimensions)): set(names(by)) for name, _, dimensions, _, by in rows("Ours")}

    assert {key: by for key, by in told.items() if by} == readers(lambda namespace: namespace == "Holdfast")


def test_the_table_of_awss_metrics_says_who_reads_each_and_holds_no_other():
    told = {(space, name, names(dimensions)): set(names(by)) for space, name, _, dimensions, by in rows("AWS's")}

    assert told == readers(lambda namespace: namespace != "Holdfast")
