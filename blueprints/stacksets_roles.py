"""The roles by which StackSets deploys to the regions of this account, where no organization brings its own.

CloudFormation assumes the administration role, and as that one the execution role, which makes what the templates say.
AWS's own example gives the execution role AdministratorAccess. Ours may call what the types in our templates call, as
AWS's schemas of those types say (``execution_actions.json``, which tests/handler_permissions.py makes, and says what is
left out, and why), on what bears the deployment's name wherever AWS lets us choose one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import awacs.awslambda
import awacs.cloudformation as stacks
import awacs.s3
import awacs.sts
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Condition,
    ConditionElement,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
    StringNotEquals,
)
from troposphere import AccountId, Sub, Template, iam

from blueprints import arns
from blueprints.iam import VERSION, allow, bounded, policy, service_principal, unscoped
from blueprints.regions import GLOBAL, PRIMARY
from blueprints.settings import Settings
from blueprints.stacksets_identities import identities

ACTIONS = Path(__file__).with_name("execution_actions.json")
# One policy each; together they are too long for IAM.
POLICIES = {
    "Data": ("application-autoscaling", "dynamodb", "kms", "rds", "s3", "secretsmanager"),
    "Work": ("codedeploy", "events", "lambda", "scheduler", "sqs", "states"),
    "Watch": ("billing", "budgets", "cloudwatch", "logs", "sns"),
    "Reach": ("acm", "apigateway", "autoscaling", "cloudfront", "cognito-idp", "ec2", "route53", "wafv2"),
}
# Keys could be told by their aliases or tags, but KMS may need five minutes to learn them, and the next stack needs the
# key at once. So all of KMS is among what names no resource.
# https://docs.aws.amazon.com/kms/latest/developerguide/abac.html
#
# Of services whose resources bear our names: actions that have no resource, or one that is not ours. What describes and
# lists is among them, since much of that has none; but not who lists a bucket, which tells of the objects in it.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
UNNAMED = {
    "cloudwatch": ("PutMetricData",),
    "codedeploy": ("GetDeploymentConfig", "StopDeployment"),
    "events": ("PutPermission", "RemovePermission"),
    "lambda": ("CreateEventSourceMapping", "GetCodeSigningConfig", "GetLayerVersion"),
    "logs": (
        "CreateLogDelivery",
        "DeleteIndexPolicy",
        "DeleteLogDelivery",
        "DeleteResourcePolicy",
        "PutIndexPolicy",
        "PutResourcePolicy",
    ),
    "rds": ("CreateDBProxy",),
}
UNNAMED_REASON = "AWS makes up their ids, or knows no resource to name; only in the deployment's regions"
# Regions that every account has; the others are switched on by whoever wants them.
# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
ALWAYS_ON = (
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)
ANYWHERE = "*"  # roles belong to no region, and what they make lies in two or three


def stacksets_roles(t: Template, settings: Settings) -> None:
    """Add both; in the primary region, which administers the sets."""
    administration = _administration(t, settings)
    execution = iam.Role(
        "Execution",
        Condition=PRIMARY,
        RoleName=arns.execution_role_name(settings),
        AssumeRolePolicyDocument=_trust(Principal("AWS", [administration.get_att("Arn")])),
        ManagedPolicyArns=[made.ref() for made in _policies(t, settings)],
    )
    t.add_resource(bounded(execution, settings))


def _administration(t: Template, settings: Settings) -> iam.Role:
    assume = allow("AssumeExecutionRole", [awacs.sts.AssumeRole], [arns.execution_role(settings)])
    attached = policy(t, "AdministrationPolicy", assume, Condition=PRIMARY)
    # Only for sets of this deployment; and a region that must be switched on speaks for itself.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html
    speaking = ["cloudformation", *(f"cloudformation.{region}" for region in _switched_on(settings))]
    role = iam.Role(
        "Administration",
        Condition=PRIMARY,
        RoleName=arns.administration_role_name(settings),
        AssumeRolePolicyDocument=_trust(
            service_principal(*speaking),
            StringEquals("aws:SourceAccount", AccountId),
            ArnLike("aws:SourceArn", arns.arn("cloudformation", f"stackset/{settings.prefix}-*")),
        ),
        ManagedPolicyArns=[attached.ref()],
    )
    return t.add_resource(bounded(role, settings))


def _switched_on(settings: Settings) -> list[str]:
    regions = dict.fromkeys([*settings.regions, GLOBAL])
    # China and GovCloud are partitions of their own, and all their regions are on.
    return [region for region in regions if region not in ALWAYS_ON and not region.startswith(("cn-", "us-gov-"))]


def _trust(principal: Principal, *conditions: ConditionElement) -> PolicyDocument:
    only = {"Condition": Condition(list(conditions))} if conditions else {}
    statement = Statement(Effect=Allow, Principal=principal, Action=[awacs.sts.AssumeRole], **only)
    return PolicyDocument(Version=VERSION, Statement=[statement])


def _policies(t: Template, settings: Settings) -> list[iam.ManagedPolicy]:
    """Policies of the execution role. They lie outside the deployment's path, where that role could rewrite them."""
    actions, ours = json.loads(ACTIONS.read_text()), _ours(settings)
    of_services = [
        (title, _services(settings, {name: actions[name] for name in POLICIES[title]}, ours)) for title in POLICIES
    ]
    said = [*of_services, ("Stacks", _stacks(settings)), ("Identities", identities(settings))]
    return [policy(t, f"Execution{title}Policy", *statements, Condition=PRIMARY) for title, statements in said]


def _services(
    settings: Settings, actions: Mapping[str, Sequence[str]], ours: Mapping[str, Sequence[Sub]]
) -> list[Statement]:
    found, unnamed = list[Statement](), list[Action]()
    for service, names in actions.items():
        named = [name for name in names if service in ours and not _is_unnamed(service, name)]
        if named:
            sid = f"Manage{service.capitalize()}"
            found.append(allow(sid, [Action(service, name) for name in named], ours[service]))
        unnamed += [Action(service, name) for name in names if name not in named]
    # What belongs to the whole account is asked for in us-east-1, and so is what CloudFront uses.
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (aws:RequestedRegion)
    here = StringEquals("aws:RequestedRegion", sorted({*settings.regions, GLOBAL}))
    return [*found, unscoped("ManageUnnamed", unnamed, UNNAMED_REASON, here)]


def _is_unnamed(service: str, action: str) -> bool:
    reads = service != "s3" and action.startswith(("Describe", "List"))
    return reads or action in UNNAMED.get(service, ())


def _ours(settings: Settings) -> dict[str, list[Sub]]:
    """ARNs of what a service keeps under names that begin with the deployment's, and of what comes with that."""
    p = settings.prefix

    def anywhere(service: str, *resources: str) -> list[Sub]:
        return [arns.arn(service, resource, region=ANYWHERE) for resource in resources]

    return {
        "budgets": [arns.arn("budgets", f"budget/{p}-*", region="")],
        "cloudwatch": [*anywhere("cloudwatch", f"alarm:{p}-*"), arns.arn("cloudwatch", f"dashboard/{p}-*", region="")],
        "codedeploy": anywhere("codedeploy", f"application:{p}", f"deploymentgroup:{p}/{p}-*"),
        "dynamodb": anywhere("dynamodb", f"table/{p}-*"),
        "events": anywhere("events", f"event-bus/{p}", f"rule/{p}-*", f"rule/{p}/*"),
        "lambda": anywhere("lambda", f"function:{p}-*", "event-source-mapping:*"),
        # API Gateway names the group of its execution log; deliveries have ids.
        "logs": anywhere(
            "logs",
            *(f"log-group:*{p}{rest}" for rest in ("", ":*", "-*", "/*")),
            "log-group:API-Gateway-Execution-Logs_*",
            "delivery:*",
            "delivery-source:*",
            "delivery-destination:*",
        ),
        # An instance that is not ours stays out of reach; groups, proxies and targets have names that AWS makes up. A
        # final snapshot bears the name of the stack, stackset-<set>-<id>, and RDS asks for the right to make it there.
        # https://github.com/gigascience/gigadb-website/issues/2053
        "rds": anywhere(
            "rds", f"db:{p}-*", f"snapshot:*{p}-*", "db-proxy:*", "og:*", "pg:*", "subgrp:*", "target-group:*"
        ),
        "s3": [Sub(f"arn:${{AWS::Partition}}:s3:::{p}-*")],
        "scheduler": anywhere("scheduler", f"schedule/default/{p}-*"),
        "sns": anywhere("sns", f"{p}-*"),
        "states": anywhere("states", f"stateMachine:{p}-*"),
    }


def _stacks(settings: Settings) -> list[Statement]:
    # StackSets names the stacks of a set StackSet-<set>-<id>. AWS asks for all of CloudFormation and says no less.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html
    own = [arns.arn("cloudformation", f"stack/StackSet-{settings.prefix}-*", region=ANYWHERE)]
    # What was deployed directly is called <set>-<region>, and may become a stack of the set later.
    own += [
        arns.arn("cloudformation", f"stack/{settings.prefix}-*-{region}/*", region=region)
        for region in dict.fromkeys([*settings.regions, GLOBAL])
    ]
    reading = [
        stacks.DescribeStackDriftDetectionStatus,
        stacks.GetTemplateSummary,
        stacks.ListExports,
        stacks.ListImports,
        stacks.ListStacks,
        stacks.ValidateTemplate,
    ]
    return [
        Statement(Sid="ManageOwnStacks", Effect=Allow, Action=[Action("cloudformation", "*")], Resource=own),
        unscoped("ReadStacks", reading, "these name no stack, or one by the id of something else"),
        allow(
            "ReadTemplatesAndPackages",
            [awacs.s3.GetObject, awacs.s3.GetObjectVersion],
            [arns.objects(settings, arns.ARTIFACTS, region=ANYWHERE)],
        ),
        # "StackSets uses these permissions to notify the stack instance state", says the page above, of buckets that it
        # does not name and that are not ours. It asks for all of S3; these leave everything in this account alone.
        unscoped(
            "NotifyOfInstances",
            [awacs.s3.GetObject, awacs.s3.GetObjectVersion, awacs.s3.PutObject],
            "AWS's own buckets, whose names it does not tell; never one of this account",
            StringNotEquals("aws:ResourceAccount", AccountId),
        ),
        # A custom resource is a call of a function of the same template.
        allow(
            "CallCustomResources",
            [awacs.awslambda.InvokeFunction],
            [arns.arn("lambda", f"function:{settings.prefix}-*", region=ANYWHERE)],
        ),
    ]
