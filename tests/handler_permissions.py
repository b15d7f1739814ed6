"""What StackSets' execution role must be allowed.

``python -m tests.handler_permissions > blueprints/execution_actions.json`` writes it down for the blueprints.

CloudFormation acts as that role, and AWS says of each type which permissions its handlers need; cfn-lint brings those
schemas. What they ask for and no template of ours can lead to is named below with its reason; the rest is allowed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

import build
from blueprints import order
from tests.pairwise import CASES, settings_of

HANDLERS = ("create", "read", "update", "delete")
REGION = "us-east-1"  # which has every type, CloudFront's too

# Services that types of ours can work with, and ours do not. Where a handler may look into one whatever it is asked for
# (the targets of a table's scaling, billing views), it is not among them.
UNUSED_SERVICES = {
    "acm-pca": "certificates come from ACM itself",
    "amplify": "the firewall stands before an API and CloudFront, not before an Amplify app",
    "apprunner": "the firewall stands before no App Runner service",
    "appsync": "the firewall stands before no GraphQL API",
    "bedrock-agentcore": "the firewall stands before no agent",
    "codewhisperer": "no source of log deliveries of ours",
    "elasticfilesystem": "no function mounts a file system",
    "elasticloadbalancing": "there is no load balancer",
    "firehose": "the firewall logs to CloudWatch Logs",
    "kinesis": "the ledger and the queues feed no stream",
    "route53-recovery-control-config": "the health check asks an alarm, not a routing control",
    "s3files": "no function mounts a bucket",
    "s3tables": "no bucket keeps tables of its metadata",
    "vpc-lattice": "endpoints are of S3 and DynamoDB",
    "vpce": "endpoints are of their own region",
    "workmail": "no source of log deliveries of ours",
}
# Single permissions: of properties that no template of ours sets, or dangerous and never needed.
UNUSED = {
    **{
        f"application-autoscaling:{action}": "the ledger is paid for on demand"
        for action in (
            "DeleteScalingPolicy",
            "DeleteScheduledAction",
            "DeregisterScalableTarget",
            "PutScalingPolicy",
            "PutScheduledAction",
            "RegisterScalableTarget",
        )
    },
    "cloudfront:updateDistribution": "UpdateDistribution, written otherwise",
    "codedeploy:RegisterOnPremisesInstance": "releases go to functions",
    "ec2:AssociateVerifiedAccessInstanceWebAcl": "the firewall stands before an API",
    "ec2:DescribeVerifiedAccessInstanceWebAclAssociations": "the firewall stands before an API",
    "ec2:DisassociateVerifiedAccessInstanceWebAcl": "the firewall stands before an API",
    "ec2:GetVerifiedAccessInstanceWebAcl": "the firewall stands before an API",
    "iam:AttachGroupPolicy": "roles attach policies, policies attach themselves to nobody",
    "iam:AttachUserPolicy": "roles attach policies, policies attach themselves to nobody",
    "iam:DetachGroupPolicy": "roles attach policies, policies attach themselves to nobody",
    "iam:DetachUserPolicy": "roles attach policies, policies attach themselves to nobody",
    "iam:ListRoles": "a bucket's replication names its role",
    "kms:DisableKey": "no template disables a key",
    "kms:ScheduleKeyDeletion": "keys stay when their stack goes; only a person deletes one",
    "lambda:PassCapacityProvider": "functions run on Lambda's own capacity",
    "rds:AddRoleToDBInstance": "an instance has no role for S3 or Lambda",
    "rds:CreateDBInstanceReadReplica": "the instance is made anew, not from another",
    "rds:PromoteReadReplica": "the instance is made anew, not from another",
    "rds:RemoveRoleFromDBInstance": "an instance has no role for S3 or Lambda",
    "rds:RestoreDBInstanceFromDBSnapshot": "the instance is made anew, not from another",
    "rds:RestoreDBInstanceToPointInTime": "the instance is made anew, not from another",
    "rds:StartDBInstanceAutomatedBackupsReplication": "copies go to the recovery region as snapshots",
    "rds:StopDBInstanceAutomatedBackupsReplication": "copies go to the recovery region as snapshots",
    "s3:DeleteObject": "CloudFormation deletes no object; a bucket that holds one stays",
    "s3:GetObject": "only of the artifact bucket, in a statement of its own",
    "s3:GetObjectVersion": "only of the artifact bucket, in a statement of its own",
    "s3:PutObjectAcl": "no bucket knows ACLs",
}

# What a schema forgets.
ALSO = {
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-service-specific.html
    "AWS::Logs::DeliverySource": {"cloudfront:AllowVendedLogDeliveryForResource"},
}
# A pattern in a schema, and what of it is there to read of a table.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html
MEANT = {
    "application-autoscaling:Describe*": (
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingActivities",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
    ),
    "dynamodb:Describe*": (
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeContributorInsights",
        "dynamodb:DescribeKinesisStreamingDestination",
        "dynamodb:DescribeLimits",  # a new replica asks; https://github.com/aws/aws-cdk/issues/12113
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTableReplicaAutoScaling",
        "dynamodb:DescribeTimeToLive",
    ),
}


@cache
def types() -> list[str]:
    """Every type that StackSets deploys, in whichever deployment; custom resources are functions of ours."""
    found = {
        resource.resource_type
        for case in CASES
        for name in order.sets(build.STACKS)
        for template in [build.STACKS[name](settings_of(case))]
        for resource in (template.resources.values() if template else ())
    }
    return sorted(kind for kind in found if kind.startswith("AWS::"))


def permissions(kind: str) -> set[str]:
    """``{"s3:CreateBucket", …}``: what AWS's schema of *kind* asks for to make, read, change, tag and delete one."""
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    handlers = [schema["handlers"][name]["permissions"] for name in HANDLERS if name in schema["handlers"]]
    tagging = schema.get("tagging", {})
    said = ALSO.get(kind, set[str]()).union(*handlers, tagging.get("permissions", []))
    return {permission for each in said for permission in MEANT.get(each, [each]) if actions(permission) is not None}


def actions(permission: str) -> dict[str, Any] | None:
    """What AWS says of the action *permission*: on which kinds of resources it can be allowed; None: no such action.

    Some schemas name calls of an API that another action permits.
    """
    service, _, action = permission.partition(":")
    found: dict[str, Any] | None = authorization().get(service, {}).get("Actions", {}).get(action.lower())
    return found


@cache
def authorization() -> dict[str, Any]:
    """AWS's service authorization reference, as cfn-lint brings it: actions and resources of each service."""
    return dict(load_resource(AdditionalSpecs, "Policies.json"))


def needed(kinds: Iterable[str]) -> dict[str, list[str]]:
    """Names of the actions that *kinds* lead to, by service."""
    found: dict[str, list[str]] = {}
    for permission in sorted(set[str]().union(*map(permissions, kinds)) - UNUSED.keys()):
        service, _, action = permission.partition(":")
        if service not in UNUSED_SERVICES:
            found.setdefault(service, []).append(action)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(needed(types()), indent=1) + "\n")
