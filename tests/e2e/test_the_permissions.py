"""Least privilege from both sides: every call of a role was allowed, and every permission was used or is excused.

Named so that it runs last: it looks at what all the others did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from world import World

import build
from deployment.survey import survey
from deployment.target import BOOTSTRAP
from sandbox import deploy
from sandbox.report import PointReport

IAM_ERRORS = ("AccessDenied", "NotAuthorized", "UnauthorizedOperation")

# (role, action, why no test can see it used): patterns of the shell.
EXCUSES = [
    ("*", "xray:*", "the embedded AWS keeps no traces"),
    ("*", "logs:*", "the embedded AWS writes logs by itself, as Lambda, Step Functions and RDS do with these"),
    ("*", "ec2:*", "the embedded AWS gives a function no network interface"),
    ("*", "rds-db:connect", "the gates of database and proxy ask, which is no call; see their own tests"),
    ("ProxyRole", "*", "the embedded proxy gets to the database without a login"),
    ("*ReleaseRole", "*", "CodeDeploy itself acts as this role; the embedded one only remembers what it was told"),
    ("ServeCatalogueRole", "states:DescribeExecution", "only in the moment before a run has written its point"),
    ("MonitoringRole", "*", "the embedded RDS has no enhanced monitoring"),
    ("FlowLogRole", "*", "the embedded VPC carries no traffic"),
    ("*", "sqs:SendMessage", "dead letters: Lambda and Scheduler send them by themselves"),
    ("SettleOperationRole", "sqs:*", "Lambda polls the queue for the function; the embedded AWS polls without a call"),
    ("*", "kms:Decrypt", "asked by DynamoDB, SQS and Step Functions in the role's name; only S3 asks here"),
    ("*", "kms:GenerateDataKey", "asked by DynamoDB, SQS and Step Functions in the role's name; only S3 asks here"),
    ("*SnapshotRole", "kms:*", "RDS asks in the role's name; only CreateGrant and DescribeKey are asked here"),
    ("ClaimRecoveryPointRole", "kms:DescribeKey", "finds the key behind an alias; here its ARN is given"),
    ("*ReplicationRole", "*", "S3 itself acts as this role: refused, replication is FAILED and no point verified"),
    ("ExportRole", "*", "RDS itself acts as this role: a refusal fails the export, and no point is verified"),
    ("ForwardRole", "*", "EventBridge itself acts as this role: a refusal ends among the dead letters"),
    ("StartCopyRole", "*", "EventBridge itself acts as this role: a refusal ends among the dead letters"),
    ("ScheduleRole", "*", "Scheduler itself acts as this role: a refusal ends among the dead letters"),
    ("Record*FailureRole", "rds:*", "cleans up what a run left; tests/unit/handlers let one leave it"),
    ("Record*FailureRole", "s3:*", "cleans up what a run left; tests/unit/handlers let one leave it"),
    ("Record*FailureRole", "dynamodb:DeleteItem", "cleans up what a run left; tests/unit/handlers let one leave it"),
    ("Record*FailureRole", "dynamodb:PutItem", "only if the run failed before it could claim its point"),
    ("Record*FailureRole", "states:DescribeExecution", "only if another run has the point"),
    ("SettleOperationRole", "*", "takes over whatever another function left half done; tests/unit/handlers try each"),
    ("SweepOperationsRole", "*", "takes over whatever another function left half done; tests/unit/handlers try each"),
    ("*SnapshotRole", "dynamodb:*", "only if the operation has ended at once, or another run left one"),
    ("RequestCopyRole", "dynamodb:UpdateItem", "only if the recovery region has answered already"),
    ("*", "states:SendTaskFailure", "the other answer to a task; tests/unit/handlers give it"),
    ("*", "states:SendTaskSuccess", "an operation that had ended at once; the embedded RDS takes its time"),
    ("ClaimCopyRole", "states:DescribeExecution", "only if an earlier run has the copy"),
    ("ClaimRecoveryPointRole", "states:DescribeExecution", "only if an earlier run has the point"),
    ("CompareVaultRole", "s3:GetObject*", "one HEAD asks for all of them; the embedded S3 checks one"),
    ("CheckExportRole", "s3:GetObject*", "one HEAD asks for all of them; the embedded S3 checks one"),
    ("CheckExportRole", "s3:ListBucket", "makes S3 call a missing object missing, and not forbidden"),
    ("CopySnapshotRole", "rds:*", "tags of a snapshot are described with it, and set with its copy"),
    ("TakeSnapshotRole", "rds:*", "tags of a snapshot are described with it, and set with it"),
    ("SelectDatabasesRole", "rds:ListTagsForResource", "tags of a database are described with it"),
    ("ClaimRecoveryPointRole", "rds:ListTagsForResource", "tags of a database are described with it"),
    ("MeasureProtectionRole", "rds:ListTagsForResource", "tags of a database are described with it"),
]  # fmt: skip


def stacks(world: World) -> list[str]:
    """The stacks whose roles act here.

    Not those of ``bootstrap``: as them CloudFormation acts, which the embedded AWS does as itself. A contract test
    holds them to what each resource type's own schema says that CloudFormation calls.
    """
    return [name for name in build.STACKS if name != BOOTSTRAP and (world.story.outputs / f"{name}.json").exists()]


def roles(world: World) -> dict[str, str]:
    """Physical name -> logical id, in every region."""
    return {
        resource["PhysicalResourceId"]: resource["LogicalResourceId"]
        for found in survey(deploy.target(world.engine, world.settings, world.story.outputs)).values()
        if found.stack.name in stacks(world)
        for resource in world.client("cloudformation", found.stack.region).describe_stack_resources(
            StackName=found.name
        )["StackResources"]
        if resource["ResourceType"] == "AWS::IAM::Role"
    }


def granted(world: World) -> set[tuple[str, str]]:
    """(role, action) of every managed policy of the templates."""

    def actions(template: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::IAM::ManagedPolicy":
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    yield from ((name.removesuffix("Policy"), action) for action in statement["Action"])

    folder = world.story.outputs
    return {pair for stack in stacks(world) for pair in actions(json.loads((folder / f"{stack}.json").read_text()))}


def test_every_call_of_every_role_was_allowed(world: World, verified: PointReport) -> None:
    assert verified.status == "verified"
    refused = [
        (call["principal"], call["operation"], call["checked"], call["error"])
        for call in world.engine.calls()
        if not call["allowed"] or str(call["error"]).startswith(IAM_ERRORS)
        if not any(checked["resource"] in world.foreign_keys for checked in call["checked"])
    ]
    assert refused == []


def test_every_permission_was_used_or_is_excused(world: World, verified: PointReport) -> None:
    assert verified.status == "verified"
    names = roles(world)
    used = {
        (names.get(call["principal"].split("/")[1], call["principal"]), checked["action"])
        for call in world.engine.calls()
        for checked in call["checked"]
    }
    idle = {
        (role, action)
        for role, action in granted(world) - used
        if not any(fnmatchcase(role, who) and fnmatchcase(action, what) for who, what, _ in EXCUSES)
    }
    assert sorted(idle) == []


def test_no_excuse_is_out_of_date(world: World) -> None:
    pairs = granted(world)
    idle = [
        (who, what)
        for who, what, _ in EXCUSES
        if not any(fnmatchcase(role, who) and fnmatchcase(action, what) for role, action in pairs)
    ]
    assert idle == []
