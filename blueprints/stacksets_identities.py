"""What StackSets' execution role may do to identities, so that it makes no administrator of itself or of others.

It manages only roles and policies below the deployment's path, and hands on only those. Still: what it may write into a
role there is what a template says. Whoever must not be able to become more than a given policy allows needs
``permissions_boundary``; then it makes no role without it, and takes it off none.
"""

from __future__ import annotations

import awacs.iam as identity
from awacs.aws import ArnLike, Statement, StringEquals
from troposphere import Sub

from blueprints import arns
from blueprints.iam import allow, deny
from blueprints.settings import Settings

# Who is handed a role of ours by a template.
PASSED_TO = (
    "apigateway",
    "codedeploy",
    "events",
    "lambda",
    "monitoring.rds",
    "rds",
    "s3",
    "scheduler",
    "states",
    "vpc-flow-logs",
)
# Roles that services make for themselves when an account uses them for the first time.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html
LINKED = ("delivery.logs", "ops.apigateway", "rds", "replication.dynamodb", "wafv2")
POLICY_ACTIONS = (
    identity.CreatePolicy,
    identity.CreatePolicyVersion,
    identity.DeletePolicy,
    identity.DeletePolicyVersion,
    identity.GetPolicy,
    identity.GetPolicyVersion,
    identity.ListEntitiesForPolicy,
    identity.ListPolicyVersions,
)
ROLE_READING = (
    identity.GetRole,
    identity.GetRolePolicy,
    identity.ListAttachedRolePolicies,
    identity.ListRolePolicies,
    identity.ListRoleTags,
)
# Those that know the condition iam:PermissionsBoundary; attaching does, too.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
BOUND = (identity.CreateRole, identity.DeleteRolePolicy, identity.PutRolePermissionsBoundary, identity.PutRolePolicy)
ROLE_CHANGES = (
    *BOUND,
    identity.DeleteRole,
    identity.TagRole,
    identity.UntagRole,
    identity.UpdateAssumeRolePolicy,
    identity.UpdateRole,
    identity.UpdateRoleDescription,
)
ROLE_POLICIES = (identity.AttachRolePolicy, identity.DetachRolePolicy)


def identities(settings: Settings) -> list[Statement]:
    """Statements of the policy."""
    roles, policies = arns.own_roles(settings), arns.own_policies(settings)
    return [
        allow("ManagePolicies", POLICY_ACTIONS, [policies]),
        allow("ReadRoles", ROLE_READING, [roles]),
        *_role_statements(settings),
        allow(
            "PassRoles",
            [identity.PassRole],
            [roles],
            StringEquals("iam:PassedToService", [f"{service}.amazonaws.com" for service in PASSED_TO]),
        ),
        allow(
            "LetServicesMakeTheirRoles",
            [identity.CreateServiceLinkedRole],
            [Sub(f"arn:${{AWS::Partition}}:iam::{arns.ACCOUNT}:role/aws-service-role/*")],
            StringEquals("iam:AWSServiceName", [f"{service}.amazonaws.com" for service in LINKED]),
        ),
        # Nothing above allows it; so that nothing ever does, whatever is attached besides.
        deny(
            "DenyTouchingStackSetsRoles",
            [*ROLE_CHANGES, *ROLE_POLICIES, identity.DeleteRolePermissionsBoundary, identity.PassRole],
            [arns.administration_role(settings), arns.execution_role(settings)],
        ),
    ]


def _role_statements(settings: Settings) -> list[Statement]:
    """What makes and changes roles; within the boundary, if there is one."""
    roles, policies = arns.own_roles(settings), arns.own_policies(settings)
    ours = ArnLike("iam:PolicyARN", policies)
    if not settings.permissions_boundary:
        return [
            allow("ManageRoles", [*ROLE_CHANGES, identity.DeleteRolePermissionsBoundary], [roles]),
            allow("AttachOwnPolicies", ROLE_POLICIES, [roles], ours),
        ]
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html (delegating responsibility)
    within = StringEquals("iam:PermissionsBoundary", settings.permissions_boundary)
    free = [action for action in ROLE_CHANGES if action not in BOUND]
    return [
        allow("ManageRoles", free, [roles]),
        allow("ManageRolesWithinBoundary", BOUND, [roles], within),
        allow("AttachOwnPolicies", ROLE_POLICIES, [roles], ours, within),
    ]
