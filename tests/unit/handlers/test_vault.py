import datetime as dt
from dataclasses import replace

import pytest

from handlers.core import vault
from handlers.core.proof import StoredObject

KEY = "arn:aws:kms:eu-central-1:123456789012:key/backups"
WRITTEN = dt.datetime(2026, 10, 6, 13, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
EXPECTED = vault.expectation(KEY, "GOVERNANCE", 35 * DAY, WRITTEN)
ENTRY = {
    "key": "exports/orders/t/shop/shop.orders/1/part-0.parquet",
    "size": 100,
    "checksum": {"algorithm": "CRC64NVME", "value": "abc="},
    "version_id": "v1",
}
HELD = StoredObject(
    ENTRY["key"], 100, "v1", {"CRC64NVME": "abc="}, KEY, "GOVERNANCE", WRITTEN + 35 * DAY, "REPLICA", WRITTEN
)


def judged(held, expected=EXPECTED):
    check = vault.Check(expected)
    check.add(ENTRY, held)
    return check.conclude()


def reasons(held, expected=EXPECTED):
    return [found["reason"] for found in judged(held, expected)["problems"]]


def test_an_equal_locked_readable_object_has_no_problem():
    assert judged(HELD) == {
        "objects": 1,
        "bytes": 100,
        "locked_until": "2026-11-10T13:00:00+00:00",
        "problems": [],
        "problem_count": 0,
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size": 99}, "size-differs"),
        ({"checksums": {"CRC64NVME": "xyz="}}, "checksum-differs"),
        ({"checksums": {}}, "no-checksum"),
        ({"checksums": {"SHA256": "abc="}}, "no-checksum"),
        ({"kms_key": None}, "wrong-key"),
        ({"kms_key": "arn:aws:kms:eu-west-1:123456789012:key/backups"}, "wrong-key"),
        ({"lock_mode": None, "locked_until": None}, "not-locked"),
        ({"locked_until": WRITTEN + 33 * DAY}, "lock-too-short"),
        ({"trouble": "GetObject: AccessDenied"}, "object-unreadable"),
    ],
)
def test_what_is_not_as_expected_is_a_problem_of_its_own(change, reason):
    found = judged(replace(HELD, **change))

    assert [p["reason"] for p in found["problems"]] == [reason]
    assert found["problems"][0]["subject"] == ENTRY["key"]
    assert f"``{reason}``" in vault.__doc__
    assert (found["objects"], found["bytes"]) == (0, 0)


def test_the_lock_may_end_a_day_early_since_it_counts_from_each_objects_own_making():
    assert reasons(replace(HELD, locked_until=WRITTEN + 34 * DAY)) == []


def test_a_stronger_lock_satisfies_and_a_weaker_one_does_not():
    strict = vault.expectation(KEY, "COMPLIANCE", 35 * DAY, WRITTEN)

    assert reasons(replace(HELD, lock_mode="COMPLIANCE")) == []
    assert reasons(HELD, strict) == ["lock-too-weak"]


def test_the_vault_is_locked_until_its_first_object_is_not():
    check = vault.Check(EXPECTED)
    check.add(ENTRY, HELD)
    check.add(ENTRY, replace(HELD, locked_until=WRITTEN + 34 * DAY))
    check.add_manifest(replace(HELD, locked_until=WRITTEN + 36 * DAY))

    assert check.conclude()["locked_until"] == (WRITTEN + 34 * DAY).isoformat()


def test_the_manifest_is_checked_but_not_counted():
    check = vault.Check(EXPECTED)
    check.add_manifest(replace(HELD, key="manifests/p.json", kms_key=None))

    assert check.conclude()["problem_count"] == 1
    assert check.conclude()["objects"] == 0


def test_of_many_problems_five_travel_and_all_are_counted():
    check = vault.Check(EXPECTED)
    for number in range(12):
        check.add_missing(f"object {number}")

    assert len(check.conclude()["problems"]) == 5
    assert check.conclude()["problem_count"] == 12
    assert check.problems[0]["reason"] == "object-missing"


def test_replication_is_overdue_after_its_time_and_not_before():
    hour = dt.timedelta(hours=1)

    assert not vault.is_overdue(WRITTEN, WRITTEN + hour, hour)
    assert vault.is_overdue(WRITTEN, WRITTEN + hour + dt.timedelta(seconds=1), hour)


def test_what_is_absent_is_told_in_one_line():
    entries = [{**ENTRY, "key": key} for key in ("a", "b", "c")]
    missing = vault.absent(entries, {"b": 1})

    assert missing == ["a", "c"]
    assert vault.pending(missing, 3) == "2 of 3 objects are not in the vault yet, the first is a"
