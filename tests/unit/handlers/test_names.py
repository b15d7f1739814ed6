import re
import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.core import names
from handlers.core.errors import InvalidRequest

RDS_ID = re.compile(r"^[a-zA-Z](?!.*--)[a-zA-Z0-9-]*[a-zA-Z0-9]$")  # docs: API_StartExportTask
databases = st.from_regex(r"[a-z](-?[a-z0-9]){0,31}", fullmatch=True).filter(lambda name: len(name) <= 63)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
PREFIX = "holdfast-test"


@given(databases, moments, st.integers(1, 99))
def test_every_name_is_one_that_rds_and_step_functions_take(database, at, attempt):
    point = names.point_id(database, at)
    assert names.database_id(database) == database
    assert RDS_ID.match(names.snapshot_id(PREFIX, point))
    task = names.export_task_id(PREFIX, point, attempt)
    assert RDS_ID.match(task)
    assert len(task) <= 60
    assert len(names.execution_name(point, attempt)) <= 80


@given(databases, moments)
def test_a_snapshot_leads_back_to_its_point(database, at):
    point = names.point_id(database, at)
    assert names.point_of_snapshot(PREFIX, names.snapshot_id(PREFIX, point)) == point


@pytest.mark.parametrize(
    "snapshot", ["rds:orders-2026-10-06-12-00", "orders-20261006t1200z", f"{PREFIX}-mine", f"{PREFIX}-"]
)
def test_a_snapshot_of_somebody_else_leads_to_no_point(snapshot):
    assert names.point_of_snapshot(PREFIX, snapshot) is None


def test_names_that_are_cut_stay_apart():
    long = "d" * 63
    ids = {names.export_task_id(PREFIX, f"{long}-20261006t{n:04}z", attempt) for n in range(50) for attempt in (1, 2)}
    assert len(ids) == 100


def test_a_short_export_task_is_called_like_its_snapshot():
    assert names.export_task_id(PREFIX, "orders-20261006t1200z") == f"{PREFIX}-orders-20261006t1200z"
    assert names.export_task_id(PREFIX, "orders-20261006t1200z", 2) == f"{PREFIX}-orders-20261006t1200z-2"


@pytest.mark.parametrize("value", ["", "Orders", "-orders", "orders-", "or--ders", "1orders", "d" * 64, None, 7, "a b"])
def test_what_rds_could_not_call_a_database_is_refused_with_a_cure(value):
    with pytest.raises(InvalidRequest, match=r"database is .*: use the id of an RDS instance") as refused:
        names.database_id(value)
    assert refused.value.field == "database"


@pytest.mark.parametrize("value", ["", "noon", "2026-10-06", "2026-10-06T12:00:00", None, 12])
def test_a_time_without_zone_is_refused_with_a_cure(value):
    with pytest.raises(InvalidRequest, match=r"scheduled_at is .*: use ISO 8601 with a time zone"):
        names.moment(value)


def test_a_point_is_named_in_utc_whatever_zone_it_was_asked_in():
    assert names.point_id("orders", names.moment("2026-10-06T14:00:00+02:00")) == "orders-20261006t1200z"
    assert names.iso(names.moment("2026-10-06T14:00:00+02:00")) == "2026-10-06T12:00:00Z"


def test_the_alphabet_of_names_is_lower_case():
    assert set(names.point_id("orders", datetime(2026, 1, 1, tzinfo=UTC))) <= set(
        string.ascii_lowercase + string.digits + "-"
    )


def test_everything_of_an_export_lies_below_one_prefix():
    assert names.export_prefix("orders", "task-1") == "exports/orders/task-1"
    assert names.export_folder("orders") == "exports/orders"
    assert names.inventory_key("p", "before") == "inventories/p/before.json"
    assert names.manifest_key("p") == "manifests/p.json"
