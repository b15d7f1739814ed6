"""What a stack leaves behind when it goes, and what earlier stacks have left: resources that are too dear to delete.

Before: each resource's ``DeletionPolicy`` in the template as it is deployed. Afterwards: CloudFormation describes a
deleted stack for 90 days; the events of what stayed say ``DELETE_SKIPPED``.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from blueprints.order import DEPLOYMENT_TAG, Stack
from deployment.changes import KEEPING

if TYPE_CHECKING:
    from deployment.survey import Found
    from deployment.target import Target

AT_ONCE = 8  # requests
MOST = 20  # resources of one kind and region that are told by name
REGION = 14  # columns of a region's name
SNAPSHOT = "Snapshot"
# What CloudFormation does with an instance whose template says nothing.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
DEFAULTS = {"AWS::RDS::DBCluster": SNAPSHOT, "AWS::RDS::DBInstance": SNAPSHOT}
SNAPSHOTS = "AWS::RDS::DBSnapshot"  # CloudFormation has no such type, RDS calls it so
POINT_TAG = "holdfast:recovery-point"  # see handlers/core/names.py
KINDS = {  # in the order in which people are told
    "AWS::S3::Bucket": "buckets, with their objects",
    "AWS::DynamoDB::GlobalTable": "tables, with their items and replicas",
    SNAPSHOTS: "snapshots: the databases as they were",
    "AWS::KMS::Key": "keys, without which nobody could read what stays",
    "AWS::Cognito::UserPool": "user pools, with their users",
    "AWS::RDS::OptionGroup": "option groups, which snapshots refer to",
    "AWS::IAM::Role": "roles that other APIs of the account may log with",
    "AWS::IAM::ManagedPolicy": "policies of those roles",
    "AWS::ApiGateway::Account": "API Gateway's logging, one setting for the account and region",
}


@dataclass(frozen=True, order=True)
class Resource:
    """One resource of a stack.

    Attributes:
        stack: Whose it is, or was.
        type: Its CloudFormation type.
        id: Its physical id.
        logical_id: Its name in the template.
        policy: What happens to it when its stack goes.
    """

    stack: Stack
    type: str
    id: str
    logical_id: str = ""
    policy: str = "Delete"

    @property
    def stays(self) -> bool:
        """Whether it, or a snapshot of it, outlives its stack."""
        return self.policy in KEEPING


def listed(resources: Iterable[Resource]) -> Iterator[str]:
    """Lines for people: each resource with its region, below what it is."""
    kinds: dict[str, list[Resource]] = {}
    for each in resources:
        snapshot = each.policy == SNAPSHOT and each.type not in KINDS
        kinds.setdefault("final snapshots of" if snapshot else KINDS.get(each.type, each.type), []).append(each)
    order = ["final snapshots of", *KINDS.values()]
    for kind in sorted(kinds, key=lambda one: (order.index(one) if one in order else len(order), one)):
        yield f"    {kind}"
        for region in sorted({each.stack.region for each in kinds[kind]}):
            names = sorted(each.id for each in kinds[kind] if each.stack.region == region)
            yield from (f"      {region:{REGION}}  {name}" for name in names[:MOST])
            if len(names) > MOST:
                yield f"      {region:{REGION}}  and {len(names) - MOST} more"


def resources(target: Target, found: Iterable[Found]) -> list[Resource]:
    """Every resource of the stacks *found*, each with what its deployed template says about its end."""
    with ThreadPoolExecutor(AT_ONCE, "resources") as pool:
        return [each for some in pool.map(lambda one: list(_of(target, one)), found) for each in some]


def _of(target: Target, found: Found) -> Iterator[Resource]:
    client = target.aws.client("cloudformation", found.stack.region)
    template = client.get_template(StackName=found.id, TemplateStage="Original")["TemplateBody"]
    declared: Mapping[str, Any] = template.get("Resources", {})
    for page in client.get_paginator("list_stack_resources").paginate(StackName=found.id):
        for each in page["StackResourceSummaries"]:
            if each.get("PhysicalResourceId") and each["ResourceStatus"] not in ("DELETE_COMPLETE", "DELETE_SKIPPED"):
                kind, name = each["ResourceType"], each["LogicalResourceId"]
                policy = declared.get(name, {}).get("DeletionPolicy", DEFAULTS.get(kind, "Delete"))
                yield Resource(found.stack, kind, each["PhysicalResourceId"], name, policy)


def recovery_points(target: Target) -> list[Resource]:
    """Snapshots that the pipeline made, and their copies: no stack has them, so they stay whatever goes."""

    def of_region(region: str) -> list[Resource]:
        pages = target.aws.client("rds", region).get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
        every = (each for page in pages for each in page["DBSnapshots"])
        ours = [each["DBSnapshotIdentifier"] for each in every if _is_ours(target, each)]
        return [Resource(Stack("backup", region), SNAPSHOTS, name, policy="Retain") for name in ours]

    with ThreadPoolExecutor(AT_ONCE, "snapshots") as pool:
        return [each for some in pool.map(of_region, target.settings.regions) for each in some]


def _is_ours(target: Target, snapshot: Mapping[str, Any]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in snapshot.get("TagList", [])}
    return POINT_TAG in tags and tags.get(DEPLOYMENT_TAG) == target.settings.prefix


def left(target: Target) -> list[Resource]:
    """What the deployment left behind: its recovery points, and what its deleted stacks kept.

    The latter as far as CloudFormation remembers and it is still there.
    """
    where = [(region, stack) for region in target.regions for stack in _deleted(target, region)]
    with ThreadPoolExecutor(AT_ONCE, "left") as pool:
        kept = {each for some in pool.map(lambda one: list(_skipped(target, *one)), where) for each in some}
        kept |= set(recovery_points(target))
        known = {(each.stack.region, each.type, each.id): each for each in sorted(kept)}.values()
        there = pool.map(lambda one: _is_there(target, one), known)
        return [each for each, still in zip(known, there, strict=True) if still]


def _deleted(target: Target, region: str) -> Iterator[str]:
    """ARNs of the deployment's deleted stacks; they can be told by their names alone, which no other deployment has."""
    prefix = re.escape(target.settings.prefix)
    ours = re.compile(rf"StackSet-{prefix}-[a-z]+-[0-9a-f-]{{36}}|{prefix}-[a-z]+(-{re.escape(region)})?")
    client = target.aws.client("cloudformation", region)
    for page in client.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"]):
        yield from (each["StackId"] for each in page["StackSummaries"] if ours.fullmatch(each["StackName"]))


def _skipped(target: Target, region: str, identity: str) -> Iterator[Resource]:
    client = target.aws.client("cloudformation", region)
    name = identity.split("/")[1].removeprefix("StackSet-").removeprefix(f"{target.settings.prefix}-").split("-")[0]
    for page in client.get_paginator("describe_stack_events").paginate(StackName=identity):
        for event in page["StackEvents"]:
            kind, physical = event.get("ResourceType", ""), event.get("PhysicalResourceId", "")
            if event.get("ResourceStatus") == "DELETE_SKIPPED" and physical:
                yield Resource(Stack(name, region), kind, physical, event["LogicalResourceId"], "Retain")
            elif event.get("ResourceStatus") == "DELETE_COMPLETE" and kind in DEFAULTS and physical:
                yield from _snapshots(target, Stack(name, region), physical)


def _snapshots(target: Target, stack: Stack, instance: str) -> Iterator[Resource]:
    """Snapshots of a deleted instance that were made on purpose, CloudFormation's final one among them."""
    client = target.aws.client("rds", stack.region)
    pages = client.get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier=instance, SnapshotType="manual")
    for page in pages:
        for each in page["DBSnapshots"]:
            yield Resource(stack, SNAPSHOTS, each["DBSnapshotIdentifier"], policy="Retain")


def _is_there(target: Target, resource: Resource) -> bool:
    """Whether a resource still exists; one of a type that is not asked for is taken to."""
    service, look = _LOOKS.get(resource.type, ("", None))
    if look is None:
        return True
    try:
        return bool(look(target.aws.client(service, resource.stack.region), resource.id))
    except ClientError as error:
        if re.search("NotFound|NoSuch|404", error.response["Error"]["Code"]):
            return False
        raise


_LOOKS: Mapping[str, tuple[str, Callable[[Any, str], object]]] = {
    "AWS::Cognito::UserPool": ("cognito-idp", lambda client, name: client.describe_user_pool(UserPoolId=name)),
    "AWS::DynamoDB::GlobalTable": ("dynamodb", lambda client, name: client.describe_table(TableName=name)),
    "AWS::IAM::Role": ("iam", lambda client, name: client.get_role(RoleName=name)),
    # A key that waits for its end is as good as gone.
    "AWS::KMS::Key": ("kms", lambda client, name: client.describe_key(KeyId=name)["KeyMetadata"]["Enabled"]),
    "AWS::RDS::OptionGroup": (
        "rds",
        lambda client, name: client.describe_option_groups(OptionGroupName=name)["OptionGroupsList"],
    ),
    "AWS::S3::Bucket": ("s3", lambda client, name: client.head_bucket(Bucket=name)),
}
