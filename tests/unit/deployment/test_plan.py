"""The plan: what becomes of each stack, and which data it would cost."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from planning import ACCOUNT, HOME, NAMES, NO_CHANGES, RECOVERY, STORAGE, World, refusal, resource, template

from blueprints.order import Stack
from deployment import plan, preview
from deployment.changes import HOLDS, Change, compared, from_change_set
from deployment.errors import Refused
from deployment.plan import Entry, Plan
from deployment.survey import Found

AT_HOME, IN_RECOVERY = Stack("storage", HOME), Stack("storage", RECOVERY)
REMOVED = {"Action": "Remove", "LogicalResourceId": "Vault", "ResourceType": "AWS::S3::Bucket"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "pauses", lambda: iter([0.001] * 1000))


def made(world: World, stack: Stack) -> Entry:
    return plan.make(world.target, world.found).entries[stack]


def other(world: World, stack: Stack = AT_HOME) -> str:
    """Deploy everything, one stack with another template; the answer is that stack's name."""
    world.deploy_everything()
    return world.deploy(stack, template(Vault=resource("AWS::S3::Bucket", Properties={"BucketName": "old"})))


def test_of_an_empty_account_everything_is_to_be_created_in_the_order_of_deployment(world: World) -> None:
    found = plan.make(world.target, {})
    assert [(stack.name, stack.region) for stack in found.entries] == [
        ("bootstrap", HOME),
        ("bootstrap", RECOVERY),
        ("storage", HOME),
        ("storage", RECOVERY),
        ("api", HOME),
        ("api", RECOVERY),
        ("stacksets", HOME),
    ]
    assert {entry.kind for entry in found.entries.values()} == {"create"}
    assert not found.nothing
    assert found.lossy() == []


def test_a_new_stack_counts_only_the_resources_that_its_region_has(world: World) -> None:
    entries = plan.make(world.target, {}).entries
    assert [change.logical_id for change in entries[AT_HOME].changes] == ["Ledger", "Vault"]
    assert [change.logical_id for change in entries[IN_RECOVERY].changes] == ["Vault"]


def test_a_deployment_as_it_is_emitted_leaves_nothing_to_do_and_asks_for_no_change_set(world: World) -> None:
    world.deploy_everything()
    found = plan.make(world.target, world.found)
    assert found.nothing
    assert not [cloud.made for cloud in world.cloud.values() if cloud.made]


def test_a_template_that_is_written_otherwise_but_says_the_same_is_unchanged(world: World) -> None:
    world.deploy_everything()
    world.deploy(AT_HOME, json.dumps(dict(reversed(STORAGE.items()))))  # type: ignore[arg-type]
    assert made(world, AT_HOME).kind == "unchanged"


def test_what_a_change_set_says_is_read_page_by_page_and_the_change_set_is_deleted(world: World) -> None:
    name = other(world)
    world.cloud[HOME].changes[name] = [
        {"Action": "Add", "LogicalResourceId": "Ledger", "ResourceType": "AWS::DynamoDB::GlobalTable"},
        {
            "Action": "Modify",
            "LogicalResourceId": "Vault",
            "ResourceType": "AWS::S3::Bucket",
            "Replacement": "True",
            "PolicyAction": "ReplaceAndRetain",
            "Details": [
                {"Target": {"Attribute": "Properties", "Name": "BucketName", "RequiresRecreation": "Always"}},
                {"Target": {"Attribute": "Tags", "RequiresRecreation": "Never"}},
            ],
        },
    ]
    entry = made(world, AT_HOME)
    assert entry.kind == "update"
    assert entry.changes == (
        Change("add", "Ledger", "AWS::DynamoDB::GlobalTable"),
        Change("replace", "Vault", "AWS::S3::Bucket", ("BucketName",), kept=True),
    )
    assert world.cloud[HOME].sets == {}


def test_the_change_set_is_made_on_the_stack_itself_and_named_after_the_template(world: World) -> None:
    name = other(world)
    world.cloud[HOME].changes[name] = []
    made(world, AT_HOME)
    (request,) = world.cloud[HOME].made
    text = world.target.text("storage")
    assert request["StackName"] == name
    assert request["ChangeSetName"] == f"holdfast-preview-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    assert request["ChangeSetType"] == "UPDATE"
    assert request["TemplateBody"] == text
    assert {"Key": "holdfast:stack", "Value": "storage"} in request["Tags"]


def test_a_template_too_long_for_a_call_is_read_from_the_artifact_bucket(world: World) -> None:
    name = other(world)
    world.cloud[HOME].changes[name] = []
    world.emit("storage", {**STORAGE, "Description": "x" * preview.LONGEST_BODY})
    world.cloud[RECOVERY].reasons[world.found[IN_RECOVERY].name] = NO_CHANGES
    made(world, AT_HOME)
    (request,) = world.cloud[HOME].made
    bucket = f"holdfast-test-artifacts-{HOME}-{ACCOUNT}"
    assert request["TemplateURL"].startswith(f"https://{bucket}.s3.{HOME}.amazonaws.com/templates/storage-")
    assert "TemplateBody" not in request


def test_a_change_set_that_a_killed_run_left_behind_is_taken_away_first(world: World) -> None:
    name = other(world)
    world.cloud[HOME].changes[name] = []
    digest = hashlib.sha256(world.target.text("storage").encode()).hexdigest()[:16]
    world.cloud[HOME].sets[f"arn:{name}/holdfast-preview-{digest}"] = {"stack": name, "looks": 9, "old": True}
    assert made(world, AT_HOME).kind in ("update", "unchanged")
    assert world.cloud[HOME].sets == {}


def test_a_change_set_without_changes_leaves_the_stack_unchanged(world: World) -> None:
    name = other(world)
    world.cloud[HOME].reasons[name] = NO_CHANGES
    assert made(world, AT_HOME).kind == "unchanged"
    assert world.cloud[HOME].sets == {}


def test_other_outputs_of_the_same_resources_are_an_update_too(world: World) -> None:
    """CloudFormation then lists no change, and other stacks may wait for the new output."""
    world.cloud[HOME].changes[other(world)] = []
    entry = made(world, AT_HOME)
    assert (entry.kind, entry.changes) == ("update", ())


def test_where_cloudformation_cannot_tell_the_templates_are_compared_and_data_counts_as_endangered(
    world: World,
) -> None:
    name = other(world)
    world.cloud[HOME].reasons[name] = "No export named holdfast-test:keys:Data found"
    entry = made(world, AT_HOME)
    assert entry.kind == "update"
    assert "No export named holdfast-test:keys:Data found" in entry.note
    assert entry.changes == (
        Change("add", "Ledger", "AWS::DynamoDB::GlobalTable"),
        Change("replace", "Vault", "AWS::S3::Bucket", ("BucketName",), perhaps=True),
    )


def test_what_an_early_validation_found_is_told_by_resource(world: World) -> None:
    """The change set's own reason names none: it says where to read."""
    name = other(world)
    world.cloud[HOME].reasons[name] = "The following hook(s)/validation failed: [AWS::EarlyValidation::…]. To …"
    taken = {"LogicalResourceId": "Vault", "ResourceType": "AWS::S3::Bucket", "ValidationStatusReason": "name is taken"}
    world.cloud[HOME].events[name] = [taken, {"EventType": "STACK_EVENT"}, taken]
    assert "(Vault (AWS::S3::Bucket): name is taken)" in made(world, AT_HOME).note
    assert world.cloud[HOME].sets == {}


def test_a_template_that_cloudformation_cannot_read_yet_is_compared_too(world: World) -> None:
    name = other(world)
    world.cloud[HOME].refusals[name] = refusal("ValidationError", "S3 error: The specified key does not exist.")
    assert "S3 error" in made(world, AT_HOME).note


def test_a_refusal_for_want_of_permission_is_an_error_and_other_change_sets_are_deleted_all_the_same(
    world: World,
) -> None:
    name = other(world)
    world.cloud[HOME].refusals[name] = refusal("AccessDenied", "not you")
    second = world.deploy(Stack("api", HOME), template())
    world.cloud[HOME].changes[second] = []
    with pytest.raises(ClientError, match="AccessDenied"):
        plan.make(world.target, world.found)
    assert world.cloud[HOME].sets == {}


def test_whoever_interrupts_leaves_no_change_set_behind(world: World) -> None:
    name = other(world)
    world.cloud[HOME].changes[name] = []
    world.cloud[HOME].looks_until_complete = 5
    stop = threading.Event()
    stop.set()
    with pytest.raises(preview.Interrupted):
        preview.preview(world.target, world.found[AT_HOME], world.target.text("storage"), {}, stop)
    assert world.cloud[HOME].made
    assert world.cloud[HOME].sets == {}


def test_a_stack_of_which_only_a_change_set_was_made_is_a_new_one(world: World) -> None:
    world.deploy(AT_HOME, STORAGE, "REVIEW_IN_PROGRESS")
    assert plan.make(world.target, world.found).entries[AT_HOME].kind == "create"


@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"])
def test_a_stack_that_never_was_complete_is_made_again_and_loses_nothing(world: World, status: str) -> None:
    world.deploy(AT_HOME, STORAGE, status)
    found = plan.make(world.target, world.found)
    assert found.entries[AT_HOME].kind == "remake"
    assert status in found.entries[AT_HOME].note
    assert found.lossy() == []


def test_a_deletion_that_was_not_finished_is_finished_and_what_is_still_there_counts(world: World) -> None:
    body = template(
        Vault=resource("AWS::S3::Bucket", DeletionPolicy="Retain"),
        Events=resource("AWS::SQS::Queue", DeletionPolicy="Delete"),
        Gone=resource("AWS::SQS::Queue"),
    )
    name = world.deploy(AT_HOME, body, "DELETE_FAILED")
    world.cloud[HOME].left[name] = {"Vault": "DELETE_FAILED", "Events": "CREATE_COMPLETE", "Gone": "DELETE_COMPLETE"}
    found = plan.make(world.target, world.found)
    assert found.entries[AT_HOME].kind == "remake"
    assert found.lossy() == [(AT_HOME, Change("delete", "Events", "AWS::SQS::Queue"))]


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_a_stack_that_cloudformation_is_at_work_on_is_under_way(world: World, status: str) -> None:
    world.deploy(AT_HOME, STORAGE, status)
    assert made(world, AT_HOME).kind == "under-way"


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback"),
        ("UPDATE_FAILED", "aws cloudformation rollback-stack"),
    ],
)
def test_a_stack_that_takes_no_update_is_refused_with_the_command_that_frees_it(
    world: World, status: str, command: str
) -> None:
    name = world.deploy(AT_HOME, STORAGE, status, "the queue is gone")
    found = plan.make(world.target, world.found)
    assert found.entries[AT_HOME].kind == "stuck"
    with pytest.raises(Refused, match="the queue is gone") as refused:
        plan.refuse_loss(found, ())
    assert str(refused.value).splitlines()[-1] == f"{command} --region {HOME} --stack-name {name}"


def test_a_stack_that_the_settings_no_longer_ask_for_is_shown_with_the_cure_and_left_alone(world: World) -> None:
    world.deploy_everything()
    world.deploy(Stack("database", HOME), template())
    found = plan.make(world.target, world.found)
    entry = found.entries[Stack("database", HOME)]
    assert entry.kind == "superfluous"
    _, cure = entry.note.splitlines()
    assert cure == (
        f"aws cloudformation delete-stack-instances --region {HOME} --no-retain-stacks "
        f"--stack-set-name holdfast-test-database --regions {HOME} --accounts {ACCOUNT}"
    )
    assert found.nothing


def test_the_cure_lifts_the_protection_that_a_stack_has(world: World) -> None:
    stack = Stack("database", HOME)
    world.deploy(stack, template())
    world.found[stack] = replace(world.found[stack], protected=True)
    (entry,) = plan.superfluous(world.target, world.found)
    _, first, second = entry.note.splitlines()
    assert first.startswith("aws cloudformation update-termination-protection --no-enable-termination-protection")
    assert second.startswith("aws cloudformation delete-stack-instances")


def test_a_superfluous_stack_that_was_deployed_directly_is_removed_directly(world: World) -> None:
    stack = Stack("database", HOME)
    name = world.target.direct_name(stack)
    world.found[stack] = Found(stack, name, f"arn:{name}", "CREATE_COMPLETE")
    entry = made(world, stack)
    assert entry.note.endswith(f"aws cloudformation delete-stack --region {HOME} --stack-name {name}")


def test_a_plan_can_be_limited_to_some_stacks(world: World) -> None:
    world.deploy(Stack("database", HOME), template())
    found = plan.make(world.target, world.found, only={IN_RECOVERY})
    assert list(found.entries) == [IN_RECOVERY]


def test_stacks_are_looked_at_at_the_same_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the others, so that one after the other would never end."""
    world.deploy_everything()
    meeting = threading.Barrier(len(NAMES) + 3, timeout=10)
    for cloud in world.cloud.values():
        answer = cloud.get_template
        monkeypatch.setattr(cloud, "get_template", _after(meeting, answer))
    begun = time.monotonic()
    assert plan.make(world.target, world.found).nothing
    assert time.monotonic() - begun < 10


def _after(meeting: threading.Barrier, answer: Callable[..., Any]) -> Callable[..., Any]:
    def met(**asked: Any) -> Any:
        meeting.wait()
        return answer(**asked)

    return met


def test_a_conditional_replacement_counts_as_a_replacement() -> None:
    change = from_change_set({**REMOVED, "Action": "Modify", "Replacement": "Conditional"}, {})
    assert (change.action, change.perhaps, change.loses) == ("replace", True, True)


@pytest.mark.parametrize("kept", ["Retain", "RetainExceptOnCreate", "Snapshot"])
def test_a_deletion_that_leaves_the_resource_or_a_snapshot_behind_loses_nothing(kept: str) -> None:
    told = from_change_set({**REMOVED, "PolicyAction": "Retain" if kept.startswith("Retain") else kept}, {})
    read = from_change_set(REMOVED, template(Vault=resource("AWS::S3::Bucket", DeletionPolicy=kept)))
    assert told.kept
    assert read.kept
    assert not told.loses
    assert not read.loses


def test_a_deletion_without_such_a_policy_loses_data_of_types_that_hold_some() -> None:
    assert from_change_set(REMOVED, STORAGE | {"Resources": {}}).loses
    assert from_change_set({**REMOVED, "PolicyAction": "Delete"}, STORAGE).loses
    assert not from_change_set({**REMOVED, "ResourceType": "AWS::Lambda::Function"}, {}).loses


def test_a_replacement_loses_data_even_if_the_old_one_is_kept() -> None:
    modified = {**REMOVED, "Action": "Modify", "Replacement": "True", "PolicyAction": "ReplaceAndRetain"}
    assert from_change_set(modified, {}).kept
    assert from_change_set(modified, {}).loses


def test_a_change_in_place_loses_nothing() -> None:
    assert not from_change_set({**REMOVED, "Action": "Modify", "Replacement": "False"}, {}).loses


def test_comparing_heeds_the_condition_of_the_region() -> None:
    before, after = template(), STORAGE
    assert [change.logical_id for change in compared(before, after, HOME)] == ["Ledger", "Vault"]
    assert [change.logical_id for change in compared(before, after, RECOVERY)] == ["Vault"]


def test_comparing_sees_deletions_other_types_and_harmless_changes() -> None:
    before = template(
        Old=resource("AWS::SQS::Queue"),
        Kept=resource("AWS::SQS::Queue", DeletionPolicy="Retain"),
        Turned=resource("AWS::SNS::Topic"),
        Run=resource("AWS::Lambda::Function", Properties={"MemorySize": 128}),
        Tagged=resource("AWS::S3::Bucket", Metadata={"a": 1}),
    )
    after = template(
        Turned=resource("AWS::SQS::Queue"),
        Run=resource("AWS::Lambda::Function", Properties={"MemorySize": 256}),
        Tagged=resource("AWS::S3::Bucket", Metadata={"a": 2}),
    )
    assert compared(before, after, HOME) == [
        Change("delete", "Kept", "AWS::SQS::Queue", kept=True),
        Change("delete", "Old", "AWS::SQS::Queue"),
        Change("change", "Run", "AWS::Lambda::Function", ("MemorySize",)),
        Change("change", "Tagged", "AWS::S3::Bucket"),
        Change("replace", "Turned", "AWS::SNS::Topic", ("Type",)),
    ]


LOSS = Plan(
    {
        AT_HOME: Entry(AT_HOME, "update", (Change("replace", "Ledger", "AWS::DynamoDB::GlobalTable"),)),
        IN_RECOVERY: Entry(IN_RECOVERY, "update", (Change("delete", "Vault", "AWS::S3::Bucket"),)),
        Stack("api", HOME): Entry(Stack("api", HOME), "unchanged"),
    }
)


def test_a_loss_is_refused_unless_it_is_named_and_the_refusal_says_how() -> None:
    with pytest.raises(Refused, match=rf"storage/Ledger in {HOME}; storage/Vault in {RECOVERY}") as refused:
        plan.refuse_loss(LOSS, ())
    assert "--accept-loss storage/Ledger --accept-loss storage/Vault" in str(refused.value)
    with pytest.raises(Refused, match="add --accept-loss storage/Vault"):
        plan.refuse_loss(LOSS, ["storage/Ledger"])
    plan.refuse_loss(LOSS, ["storage/Ledger", "storage/Vault"])


@pytest.mark.parametrize("name", ["storage/Legder", "Ledger", "nothing/Ledger", ""])
def test_a_name_that_loses_nothing_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="it loses storage/Ledger, storage/Vault"):
        plan.refuse_loss(LOSS, ["storage/Ledger", "storage/Vault", name])


def test_a_loss_that_an_earlier_run_has_brought_about_may_be_named_again() -> None:
    """Else the command that continues an interrupted run would be refused."""
    plan.refuse_loss(LOSS, ["storage/Ledger", "storage/Vault", "api/UserPool"])


def test_every_type_of_ours_that_is_retained_on_purpose_and_holds_data_is_known() -> None:
    """Retained for another reason: a role for the account, versions of an API, a group that snapshots name."""
    keeping = {"Retain", "RetainExceptOnCreate", "Snapshot"}
    others = {
        "AWS::ApiGateway::Account",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Role",
        "AWS::RDS::OptionGroup",
    }
    outputs = Path(__file__).resolve().parents[3] / "outputs"
    found = {
        each["Type"]
        for path in outputs.glob("*/*.json")
        if not path.name.endswith(".asl.json")
        for each in json.loads(path.read_text()).get("Resources", {}).values()
        if each.get("DeletionPolicy") in keeping
    }
    assert found - others
    assert found - others <= HOLDS.keys()
