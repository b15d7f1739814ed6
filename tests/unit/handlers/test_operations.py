import re
from datetime import UTC, datetime, timedelta

import pytest

from handlers.core.names import tags
from handlers.core.operations import Failed, Running, Succeeded, as_columns, outcome, recorded, remains, same_key

NOW = datetime(2026, 10, 6, 12, tzinfo=UTC)
POINT, PREFIX = "orders-20261006t1200z", "holdfast-test"
ARN = "arn:aws:rds:eu-west-1:123456789012:snapshot:s"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"


def row(kind, **expected):
    return {
        "kind": kind,
        "point": POINT,
        "resource": "s",
        "attempt": 1,
        "begun_at": "2026-10-06T11:50:00Z",
        "armed_at": "2026-10-06T11:50:00Z",
        "state": "open",
        "expected": {"key": KEY, "deployment": PREFIX, **expected},
    }


SNAPSHOT = row("snapshot", source="orders")
COPY = row("copy", source=ARN, taken_at="2026-10-06T11:00:00Z")
EXPORT = row(
    "export", source=ARN, bucket="staging", role="role/export", database="orders", taken_at="2026-10-06T11:00:00Z"
)


def snapshot(**changes):
    return {
        "DBSnapshotIdentifier": "s",
        "DBSnapshotArn": ARN,
        "DBInstanceIdentifier": "orders",
        "SourceDBSnapshotIdentifier": ARN,
        "KmsKeyId": KEY,
        "SnapshotCreateTime": NOW,
        "Engine": "mysql",
        "EngineVersion": "8.4.3",
        "AllocatedStorage": 20,
        "Status": "available",
        "TagList": tags(PREFIX, POINT),
        **changes,
    }


def task(**changes):
    return {
        "SourceArn": ARN,
        "S3Bucket": "staging",
        "KmsKeyId": KEY,
        "Status": "COMPLETE",
        "TaskStartTime": NOW,
    } | changes


def test_what_aws_does_not_know_has_not_begun():
    assert outcome(SNAPSHOT, None, NOW) == Running("snapshot s: not begun")


def test_an_available_snapshot_of_ours_is_a_success_with_its_facts():
    assert outcome(SNAPSHOT, snapshot(), NOW) == Succeeded(
        {
            "id": "s",
            "arn": ARN,
            "key": KEY,
            "taken_at": "2026-10-06T12:00:00Z",
            "engine": "mysql",
            "engine_version": "8.4.3",
            "storage": 20,
        }
    )


def test_an_available_copy_of_ours_is_a_success_with_its_facts():
    assert outcome(COPY, snapshot(), NOW) == Succeeded(
        {
            "snapshot": "s",
            "snapshot_arn": ARN,
            "key": KEY,
            "started_at": "2026-10-06T11:50:00Z",
            "ended_at": "2026-10-06T12:00:00Z",
        }
    )


@pytest.mark.parametrize(("kind", "status"), [(SNAPSHOT, "creating"), (COPY, "copying"), (COPY, "pending")])
def test_a_snapshot_on_its_way_is_running_and_says_how_far(kind, status):
    assert outcome(kind, snapshot(Status=status, PercentProgress=45), NOW) == Running(
        f"{kind['kind']} s ({status}, 45 %)"
    )


@pytest.mark.parametrize("status", ["failed", "deleting", "incompatible-restore", "a-status-of-tomorrow", ""])
def test_a_snapshot_in_any_other_status_has_failed(status):
    assert outcome(SNAPSHOT, snapshot(Status=status), NOW).error == "SnapshotFailed"
    assert outcome(COPY, snapshot(Status=status), NOW).error == "CopyFailed"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"DBInstanceIdentifier": "stock"}, "is of stock, not of orders"),
        ({"TagList": []}, "without the tags of this deployment"),
        ({"TagList": tags("another", POINT)}, "without the tags of this deployment"),
        ({"TagList": tags(PREFIX, "another")}, "without the tags of this deployment"),
        ({"KmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/2"}, "is under .*key/2, not under .*key/1"),
    ],
)
def test_a_snapshot_of_the_same_name_that_is_not_ours_is_refused(change, why):
    refused = outcome(SNAPSHOT, snapshot(**change), NOW)
    assert refused.error == "SnapshotRefused"
    assert re.search(why, refused.cause)


def test_a_copy_of_another_snapshot_is_refused():
    assert outcome(COPY, snapshot(SourceDBSnapshotIdentifier="other"), NOW).error == "CopyRefused"


def test_a_copy_made_before_the_snapshot_was_taken_is_of_an_earlier_one_and_refused():
    early = NOW - timedelta(hours=2)
    assert outcome(COPY, snapshot(SnapshotCreateTime=early), NOW).error == "CopyRefused"


def test_a_complete_export_is_a_success_with_its_facts():
    found = task(WarningMessage="1 table skipped", TotalExtractedDataInGB=2, TaskEndTime=NOW, SnapshotTime=NOW)
    facts = outcome(EXPORT, found, NOW).facts
    assert facts == {
        "task": "s",
        "bucket": "staging",
        "prefix": "exports/orders/s",
        "key": KEY,
        "warning": "1 table skipped",
        "bytes_reported": 2 * 2**30,
        "started_at": "2026-10-06T12:00:00Z",
        "ended_at": "2026-10-06T12:00:00Z",
        "snapshot_time": "2026-10-06T12:00:00Z",
    }


def test_a_complete_export_without_warning_says_so():
    assert outcome(EXPORT, task(), NOW).facts["warning"] is None


@pytest.mark.parametrize("status", ["STARTING", "IN_PROGRESS", "CANCELING"])
def test_an_export_on_its_way_is_running(status):
    assert outcome(EXPORT, task(Status=status, PercentProgress=45), NOW) == Running(f"export s ({status}, 45 %)")


@pytest.mark.parametrize("status", ["FAILED", "CANCELED", "A_STATUS_OF_TOMORROW"])
def test_an_export_in_any_other_status_has_failed_and_names_cause_key_and_role(status):
    failed = outcome(EXPORT, task(Status=status, FailureCause="The key is disabled"), NOW)
    assert failed.error == "ExportFailed"
    assert all(part in failed.cause for part in (status, "The key is disabled", KEY, "role/export"))


@pytest.mark.parametrize(
    "change",
    [{"SourceArn": "other"}, {"S3Bucket": "other"}, {"KmsKeyId": "key/2"}, {"TaskStartTime": NOW - timedelta(days=1)}],
)
def test_an_export_of_the_same_name_that_is_not_ours_is_refused(change):
    assert outcome(EXPORT, task(**change), NOW).error == "ExportRefused"


def test_the_recovery_regions_answer_counts_only_for_the_run_that_asked():
    asked = row("recovery-copy")
    assert isinstance(outcome(asked, {"attempt": 2, "state": "failed"}, NOW), Running)
    assert outcome(asked, {"attempt": 1, "state": "succeeded", "facts": {"objects": 1}}, NOW) == Succeeded(
        {"objects": 1}
    )
    failed = {"attempt": 1, "state": "failed", "error": "CopyFailed", "cause": "why"}
    assert outcome(asked, failed, NOW) == Failed("CopyFailed", "why")


@pytest.mark.parametrize("ended", [Succeeded({"a": 1}), Failed("CopyFailed", "why")])
def test_a_recorded_outcome_reads_back_as_it_was(ended):
    assert recorded({**SNAPSHOT, **as_columns(ended, NOW)}) == ended
    assert isinstance(recorded(SNAPSHOT), Running)


def test_a_key_is_the_same_by_id_and_by_arn():
    assert same_key(KEY, "1")
    assert not same_key(KEY, "2")
    assert not same_key("", "")


@pytest.mark.parametrize(
    ("operation", "found", "expected"),
    [
        (SNAPSHOT, snapshot(Status="creating"), "wait"),
        (SNAPSHOT, snapshot(Status="deleting"), "wait"),
        (SNAPSHOT, snapshot(), "delete"),
        (SNAPSHOT, snapshot(Status="failed"), "delete"),
        (SNAPSHOT, snapshot(TagList=[]), "nothing"),
        (SNAPSHOT, None, "wait"),
        ({**SNAPSHOT, "cleaning": True}, None, "nothing"),
        ({**SNAPSHOT, "armed_at": "2026-10-06T11:44:59Z"}, None, "nothing"),
        (COPY, snapshot(), "nothing"),
        (COPY, snapshot(Status="copying"), "wait"),
        (COPY, snapshot(Status="failed"), "delete"),
        (EXPORT, task(Status="STARTING"), "cancel"),
        (EXPORT, task(Status="IN_PROGRESS"), "cancel"),
        (EXPORT, task(Status="CANCELING"), "wait"),
        (EXPORT, task(Status="CANCELED"), "delete"),
        (EXPORT, task(), "delete"),
        (EXPORT, task(SourceArn="other"), "nothing"),
        (row("recovery-copy"), None, "nothing"),
    ],
)
def test_what_a_failed_run_left_is_cancelled_awaited_or_deleted_but_never_what_is_not_ours(operation, found, expected):
    assert remains(operation, found, NOW) == expected
