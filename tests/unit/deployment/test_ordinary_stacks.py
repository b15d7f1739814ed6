"""One ordinary stack: whatever state it is found in, it is brought to its template, or the reason is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fake_account import Account, Watching
from small import PRIMARY, Small

from blueprints.order import Stack
from deployment import stacks
from deployment.bars import Bar, count
from deployment.errors import StackFailed
from deployment.survey import Found, survey
from deployment.target import Target

KEYS = Stack("keys", PRIMARY)
TAGS = {"holdfast:deployment": "holdfast-sandbox", "holdfast:stack": "keys"}


class Only:
    """One stack of a small deployment, without StackSets."""

    def __init__(self, folder: Path) -> None:
        self.small = Small(folder)
        self.progress = Watching(self.small.account)

    @property
    def account(self) -> Account:
        return self.small.account

    @property
    def target(self) -> Target:
        return self.small.target

    @property
    def found(self) -> Found | None:
        return survey(self.target).get(KEYS)

    def apply(self, version: int = 1) -> str:
        self.small.emit(version=version)
        bar = Bar(self.progress, KEYS, "CloudFormation works", 2)
        return stacks.apply(self.target, self.found, self.target.text("keys"), bar)

    @property
    def there(self) -> Any:
        return self.account.stacks.every[PRIMARY, "holdfast-sandbox-keys-eu-west-1"]


@pytest.fixture
def only(tmp_path: Path) -> Only:
    return Only(tmp_path)


def test_a_stack_is_made_changed_and_left_alone(only: Only) -> None:
    assert only.apply() == "made"
    assert only.there.tags == TAGS
    assert only.apply() == "unchanged"
    assert only.apply(version=2) == "changed"
    assert only.found
    assert only.found.status == "UPDATE_COMPLETE"
    assert not only.there.change_sets


def test_a_stack_that_never_was_complete_is_removed_and_made_again(only: Only) -> None:
    only.account.stacks.broken.add(("keys", PRIMARY))
    with pytest.raises(StackFailed, match=r"keys stack in eu-west-1 is ROLLBACK_COMPLETE: Thing \(AWS::SNS::Topic\)"):
        only.apply()
    only.account.stacks.broken.clear()
    assert only.apply() == "made"
    assert len(only.account.stacks.gone) == 1


def test_a_change_set_that_was_made_and_not_executed_is_taken_up(only: Only) -> None:
    only.account.die_after(1)
    with pytest.raises(BaseException):  # noqa: B017, PT011
        only.apply()
    only.account.revive()
    assert only.there.status == "REVIEW_IN_PROGRESS"
    (before,) = only.there.change_sets
    assert only.apply() == "made"
    assert before.startswith("holdfast-")
    assert [call for call, _ in only.account.writes].count("execute_change_set") == 1


@pytest.mark.parametrize(
    ("status", "execution"),
    [("FAILED", "UNAVAILABLE"), ("CREATE_COMPLETE", "OBSOLETE"), ("CREATE_COMPLETE", "EXECUTE_COMPLETE")],
)
def test_a_change_set_that_can_not_be_executed_any_more_is_made_anew(only: Only, status: str, execution: str) -> None:
    only.apply()
    only.small.emit(version=2)
    request = stacks._request(only.target, KEYS, only.there.name, only.target.text("keys"), fresh=False)
    only.account.client("cloudformation", PRIMARY).create_change_set(**request)
    only.there.change_sets[request["ChangeSetName"]].update(Status=status, ExecutionStatus=execution)
    assert only.apply(version=2) == "changed"


def test_a_rollback_that_failed_is_continued_before_the_change(only: Only) -> None:
    only.apply()
    only.there.status = "UPDATE_ROLLBACK_FAILED"
    assert only.apply(version=2) == "changed"


def test_a_rollback_that_fails_again_is_an_error_and_nothing_else_is_tried(only: Only) -> None:
    only.apply()
    only.there.status = "UPDATE_ROLLBACK_FAILED"
    only.account.stacks.broken.add(("keys", PRIMARY))
    only.account.writes.clear()
    with pytest.raises(StackFailed, match="UPDATE_ROLLBACK_FAILED"):
        only.apply(version=2)
    assert [call for call, _ in only.account.writes] == ["continue_update_rollback"]


def test_a_failed_change_is_rolled_back_and_its_own_cause_is_named(only: Only) -> None:
    only.apply()
    only.account.stacks.broken.add(("keys", PRIMARY))
    with pytest.raises(StackFailed) as failed:
        only.apply(version=2)
    assert failed.value.status == "UPDATE_ROLLBACK_COMPLETE"
    assert failed.value.cause == "Thing (AWS::SNS::Topic): no such luck"
    only.account.stacks.broken.clear()
    assert only.apply(version=2) == "changed"


def test_a_change_set_that_early_validation_refuses_says_which_resource_it_is(only: Only) -> None:
    only.account.stacks.taken.add(("keys", PRIMARY))
    with pytest.raises(StackFailed, match=r"is as it was: Thing \(AWS::SNS::Topic\): taken"):
        only.apply()
    assert not only.there.change_sets
    only.account.stacks.taken.clear()
    assert only.apply() == "made"


def test_a_stack_of_that_name_which_is_not_ours_is_left_alone(only: Only) -> None:
    only.apply()
    only.there.tags = {"holdfast:stack": "keys"}
    with pytest.raises(ClientError, match="already exists"):
        only.apply(version=2)


def test_a_stack_is_removed_and_a_stack_that_is_protected_is_not(only: Only) -> None:
    only.apply()
    assert only.found
    stacks.protect(only.target, only.found)
    with pytest.raises(ClientError, match="TerminationProtection"):
        stacks.remove(only.target, only.found, only.progress)
    stacks.protect(only.target, only.found, protected=False)
    stacks.remove(only.target, only.found, only.progress)
    assert only.found is None


def test_a_stack_whose_deletion_is_refused_says_why(only: Only) -> None:
    only.apply()
    assert only.found
    only.account.stacks.imported[only.found.id] = "Delete canceled. Cannot delete export holdfast-keys."
    with pytest.raises(StackFailed, match=r"is CREATE_COMPLETE: Delete canceled\. Cannot delete export"):
        stacks.remove(only.target, only.found, only.progress)


def event(name: str, status: str, reason: str = "", kind: str = "AWS::S3::Bucket") -> dict[str, str]:
    return {
        "LogicalResourceId": name,
        "PhysicalResourceId": "arn" if name == "stack" else name,
        "StackId": "arn",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ResourceType": kind,
    }


def test_the_oldest_failure_is_the_cause() -> None:
    newest_first = [
        event("stack", "CREATE_FAILED", "The following resource(s) failed", "AWS::CloudFormation::Stack"),
        event("Other", "CREATE_FAILED", "Resource creation cancelled"),
        event("Vault", "CREATE_FAILED", "bucket\n  exists"),
        event("Staging", "CREATE_COMPLETE"),
    ]
    assert stacks.first_failure(newest_first) == "Vault (AWS::S3::Bucket): bucket exists"
    assert stacks.first_failure([]) == "CloudFormation named no reason"


def test_only_the_last_operation_counts_and_the_removal_of_what_failed_is_none() -> None:
    kind = "AWS::CloudFormation::Stack"
    events = [
        event("stack", "DELETE_COMPLETE", kind=kind),
        event("stack", "DELETE_IN_PROGRESS", kind=kind),
        event("stack", "UPDATE_ROLLBACK_COMPLETE", kind=kind),
        event("Vault", "UPDATE_FAILED", "now"),
        event("stack", "UPDATE_IN_PROGRESS", kind=kind),
        event("Vault", "CREATE_FAILED", "long ago"),
        event("stack", "CREATE_IN_PROGRESS", kind=kind),
    ]
    assert stacks.first_failure(list(stacks._last_operation(events))).endswith(": now")
    assert stacks.first_failure(list(stacks._last_operation(events[4:]))) == "CloudFormation named no reason"


def test_only_the_resources_of_the_region_are_counted() -> None:
    here = {"Fn::Equals": [{"Ref": "AWS::Region"}, PRIMARY]}
    template = {
        "Conditions": {"Here": here, "There": {"Fn::Not": [here]}},
        "Resources": {"A": {}, "B": {"Condition": "Here"}, "C": {"Condition": "There"}, "D": {"Condition": "There"}},
    }
    assert count(json.dumps(template), PRIMARY) == 2
    assert count(json.dumps(template), "eu-central-1") == 3
