"""What a stack leaves behind: foretold by its template, and found again after it is gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from blueprints.order import Stack
from blueprints.settings import STAGING
from deployment import remains
from deployment.remains import Resource
from deployment.survey import Found
from deployment.target import Target

HOME, OTHER = STAGING.regions
OUTPUTS = Path(__file__).parents[3] / "outputs" / "staging"
ARN = f"arn:aws:cloudformation:{HOME}:123456789012:stack"


def missing(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "gone"}}, "Look")


class Region:
    """CloudFormation and the services that are asked whether something is there, in one region."""

    def __init__(self) -> None:
        self.templates: dict[str, Any] = {}
        self.resources: dict[str, list[dict[str, str]]] = {}
        self.deleted: dict[str, list[dict[str, str]]] = {}  # ARN -> events
        self.snapshots: dict[str, list[str]] = {}
        self.tagged: dict[str, dict[str, str]] = {}  # snapshots, and their tags
        self.gone: set[str] = set()

    def get_template(self, *, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803 (boto3's names)
        assert TemplateStage == "Original"
        return {"TemplateBody": self.templates[StackName]}

    def get_paginator(self, name: str) -> Any:
        pages = {
            "list_stack_resources": lambda StackName: {"StackResourceSummaries": self.resources[StackName]},  # noqa: N803
            "list_stacks": lambda StackStatusFilter: {  # noqa: N803, ARG005
                "StackSummaries": [{"StackId": arn, "StackName": arn.split("/")[1]} for arn in self.deleted]
            },
            "describe_stack_events": lambda StackName: {"StackEvents": self.deleted[StackName]},  # noqa: N803
            "describe_db_snapshots": self.manual_snapshots,
        }

        class Paginator:
            def paginate(self, **arguments: Any) -> list[dict[str, Any]]:
                return [pages[name](**arguments)]

        return Paginator()

    def manual_snapshots(self, SnapshotType: str, DBInstanceIdentifier: str | None = None) -> dict[str, Any]:  # noqa: N803
        assert SnapshotType == "manual"
        if DBInstanceIdentifier:
            found = self.snapshots.get(DBInstanceIdentifier, [])
            return {"DBSnapshots": [{"DBSnapshotIdentifier": one, "TagList": []} for one in found]}
        return {
            "DBSnapshots": [
                {"DBSnapshotIdentifier": one, "TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}
                for one, tags in self.tagged.items()
            ]
        }

    def head_bucket(self, *, Bucket: str) -> dict[str, str]:  # noqa: N803
        if Bucket in self.gone:
            raise missing("404")
        return {"Bucket": Bucket}

    def describe_key(self, *, KeyId: str) -> dict[str, Any]:  # noqa: N803
        return {"KeyMetadata": {"Enabled": KeyId not in self.gone}}

    def get_role(self, *, RoleName: str) -> dict[str, Any]:  # noqa: N803
        if RoleName in self.gone:
            raise missing("NoSuchEntity")
        return {"Role": {"RoleName": RoleName}}


class Account:
    account = "123456789012"

    def __init__(self) -> None:
        self.regions = {HOME: Region(), OTHER: Region()}

    def client(self, _: str, region: str = "us-east-1") -> Any:
        return self.regions[region]


def target(aws: Account) -> Target:
    return Target(aws, STAGING, OUTPUTS, ("storage",))


def skipped(kind: str, name: str, logical_id: str = "A") -> dict[str, str]:
    return {
        "ResourceType": kind,
        "PhysicalResourceId": name,
        "LogicalResourceId": logical_id,
        "ResourceStatus": "DELETE_SKIPPED",
    }


def gone(kind: str, name: str) -> dict[str, str]:
    return {**skipped(kind, name), "ResourceStatus": "DELETE_COMPLETE"}


# ---- before ----------------------------------------------------------------------------------------------------------


def foretold(policies: dict[str, Any], *, kind: str = "AWS::S3::Bucket", status: str = "CREATE_COMPLETE") -> list[Any]:
    aws = Account()
    stack = Found(Stack("storage", HOME), "a-stack", "arn", "CREATE_COMPLETE")
    aws.regions[HOME].templates["arn"] = {"Resources": policies}
    aws.regions[HOME].resources["arn"] = [
        {
            "ResourceType": kind,
            "LogicalResourceId": name,
            "PhysicalResourceId": name.lower(),
            "ResourceStatus": status,
        }
        for name in policies
    ]
    return remains.resources(target(aws), [stack])


def test_a_resource_stays_if_its_deployed_template_says_so() -> None:
    found = foretold(
        {
            "Kept": {"DeletionPolicy": "Retain"},
            "KeptToo": {"DeletionPolicy": "RetainExceptOnCreate"},
            "Gone": {"DeletionPolicy": "Delete"},
            "GoneToo": {},
        }
    )
    assert {each.logical_id for each in found if each.stays} == {"Kept", "KeptToo"}
    assert {each.id for each in found} == {"kept", "kepttoo", "gone", "gonetoo"}


def test_of_a_database_a_final_snapshot_stays_even_if_its_template_says_nothing() -> None:
    (only,) = foretold({"Instance": {}}, kind="AWS::RDS::DBInstance")
    assert (only.policy, only.stays) == ("Snapshot", True)


def test_what_was_deleted_before_is_no_resource_any_more() -> None:
    assert foretold({"Gone": {"DeletionPolicy": "Retain"}}, status="DELETE_COMPLETE") == []


# ---- afterwards ------------------------------------------------------------------------------------------------------

SET = f"{ARN}/StackSet-holdfast-staging-storage-12345678-1234-1234-1234-123456789012/uuid"
DIRECT = f"arn:aws:cloudformation:{OTHER}:123456789012:stack/holdfast-staging-storage-{OTHER}/uuid"


def test_what_deleted_stacks_skipped_is_found_again_by_set_or_not() -> None:
    aws = Account()
    aws.regions[HOME].deleted[SET] = [skipped("AWS::S3::Bucket", "vault"), gone("AWS::S3::BucketPolicy", "policy")]
    aws.regions[OTHER].deleted[DIRECT] = [skipped("AWS::KMS::Key", "key")]
    assert [(each.stack, each.type, each.id) for each in remains.left(target(aws))] == [
        (Stack("storage", OTHER), "AWS::KMS::Key", "key"),
        (Stack("storage", HOME), "AWS::S3::Bucket", "vault"),
    ]


def test_another_deployments_stacks_are_none_of_ours() -> None:
    aws = Account()
    for name in (
        "StackSet-holdfast-staging2-storage-12345678-1234-1234-1234-123456789012",
        "holdfast-stagings-keys",
        "holdfast-staging-keys-copy",
    ):
        aws.regions[HOME].deleted[f"{ARN}/{name}/uuid"] = [skipped("AWS::S3::Bucket", "theirs")]
    assert remains.left(target(aws)) == []


def test_what_somebody_has_deleted_since_is_not_told() -> None:
    aws = Account()
    names = [("AWS::S3::Bucket", "bucket"), ("AWS::KMS::Key", "key"), ("AWS::IAM::Role", "role")]
    aws.regions[HOME].deleted[SET] = [skipped(kind, name) for kind, name in names]
    assert len(remains.left(target(aws))) == 3
    aws.regions[HOME].gone = {"bucket", "key", "role"}
    assert remains.left(target(aws)) == []


def test_what_two_deployments_of_that_name_left_is_told_once() -> None:
    aws = Account()
    for number in range(2):
        aws.regions[HOME].deleted[f"{SET}{number}"] = [skipped("AWS::S3::Bucket", "vault", f"Vault{number}")]
    assert len(remains.left(target(aws))) == 1


def test_the_snapshots_of_a_deleted_database_are_told() -> None:
    aws = Account()
    aws.regions[HOME].deleted[SET] = [gone("AWS::RDS::DBInstance", "a-database")]
    aws.regions[HOME].snapshots["a-database"] = ["final"]
    (only,) = remains.left(target(aws))
    assert (only.type, only.id) == (remains.SNAPSHOTS, "final")


POINT = {"holdfast:recovery-point": "orders-20261122t0600z", "holdfast:deployment": "holdfast-staging"}
TAKEN = "holdfast-staging-orders-20261122t0600z"


def test_snapshots_of_the_pipeline_stay_in_both_regions() -> None:
    aws = Account()
    for region in (HOME, OTHER):
        aws.regions[region].tagged = {
            TAKEN: POINT,
            "by-hand": {},
            "anothers": {**POINT, "holdfast:deployment": "holdfast-staging-2"},
            "final": {"holdfast:deployment": "holdfast-staging"},
        }
    expected = {(HOME, TAKEN), (OTHER, TAKEN)}
    for some in (remains.recovery_points(target(aws)), remains.left(target(aws))):
        assert {(each.stack.region, each.id) for each in some} == expected
        assert all(each.stays for each in some)


def test_a_snapshot_of_the_pipeline_whose_database_is_gone_is_told_once() -> None:
    aws = Account()
    aws.regions[HOME].deleted[SET] = [gone("AWS::RDS::DBInstance", "a-database")]
    aws.regions[HOME].snapshots["a-database"] = ["final", TAKEN]
    aws.regions[HOME].tagged = {TAKEN: POINT}
    assert sorted(each.id for each in remains.left(target(aws))) == ["final", TAKEN]


# ---- words -----------------------------------------------------------------------------------------------------------


def test_every_type_that_a_template_keeps_has_words_for_people() -> None:
    kept = {
        resource["Type"]
        for path in OUTPUTS.parent.glob("*/*.json")
        if path.name != "openapi.json"
        for resource in json.loads(path.read_text(encoding="utf-8")).get("Resources", {}).values()
        if resource.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate")
    }
    assert kept <= remains.KINDS.keys()


def test_of_very_many_the_first_are_told_by_name_and_the_rest_by_number() -> None:
    every = [
        Resource(Stack("backup", region), remains.SNAPSHOTS, f"s-{number:03}", policy="Retain")
        for region in (HOME, OTHER)
        for number in range(remains.MOST + (region == HOME) * 5)
    ]
    lines = [line.split() for line in list(remains.listed(every))[1:]]
    assert [line[1] for line in lines if line[0] == OTHER] == [f"s-{number:03}" for number in range(remains.MOST)]
    assert [line for line in lines if line[0] == HOME][-1] == [HOME, "and", "5", "more"]
    assert len(lines) == 2 * remains.MOST + 1


def test_what_is_dearest_is_told_first() -> None:
    def one(kind: str) -> Resource:
        return Resource(Stack("storage", HOME), kind, "an-id", policy="Retain")

    lines = list(remains.listed([one("AWS::IAM::Role"), one("AWS::SNS::Topic"), one("AWS::S3::Bucket")]))
    assert [line.strip() for line in lines if not line.startswith("      ")] == [
        "buckets, with their objects",
        "roles that other APIs of the account may log with",
        "AWS::SNS::Topic",
    ]
