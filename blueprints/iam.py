"""IAM, composed from small named statements: ``allow``, ``unscoped``, ``deny`` and the roles that hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import awacs.sts
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Bool,
    Condition,
    ConditionElement,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
)
from troposphere import AccountId, AWSHelperFn, Template, iam

from blueprints import arns
from blueprints.settings import Settings
from blueprints.suppressions import accept

VERSION = "2012-10-17"

# For whom a service must be acting when it assumes a role (confused deputy): this account, and a source whose ARN has
# the form that AWS documents.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
SOURCES: Mapping[str, str] = {
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    "states": "states:{here}:stateMachine:*",
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    "scheduler": "scheduler:{here}:schedule-group/*",
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/cross-service-confused-deputy-prevention.html
    "events": "events:{here}:rule/*",
    # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    "vpc-flow-logs": "ec2:{here}:vpc-flow-log/*",
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html
    "monitoring.rds": "rds:{here}:db:*",
}
# Their pages name no such condition for a role they assume, and one that they don't send would lock them out. Whoever
# hands them a role needs iam:PassRole on it in this account anyway.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Setup.html (export.rds: bare)
UNCHECKED = ("apigateway", "codedeploy", "export.rds", "lambda", "rds", "s3")


class Unscoped(Statement):
    """Statement on ``*``, with the reason why AWS allows nothing narrower."""

    reason: str

    def __init__(self, reason: str, **properties: object) -> None:
        super().__init__(**properties)
        object.__setattr__(self, "reason", reason)


def allow(
    sid: str, actions: Sequence[Action], resources: Sequence[AWSHelperFn], *conditions: ConditionElement
) -> Statement:
    """Statement that allows *actions* on *resources*; *sid* says why.

    Raises:
        ValueError: a resource is the bare ``*``; that is :func:`unscoped`'s business.
    """
    if "*" in resources:
        raise ValueError(f'{sid} allows actions on "*": name the resources, or use unscoped() and say why not')
    return Statement(Sid=sid, Effect=Allow, Action=list(actions), Resource=list(resources), **_only_if(conditions))


def unscoped(sid: str, actions: Sequence[Action], reason: str, *conditions: ConditionElement) -> Unscoped:
    """Statement that allows *actions* on everything, because of *reason*; the reason goes into the template.

    Raises:
        ValueError: no reason was given.
    """
    if not sid or not reason:
        raise ValueError(f'"{sid}" allows actions on "*" without a reason: write the reason or name the resources')
    return Unscoped(reason, Sid=sid, Effect=Allow, Action=list(actions), Resource=["*"], **_only_if(conditions))


def deny(
    sid: str, actions: Sequence[Action], resources: Sequence[AWSHelperFn | str], *conditions: ConditionElement
) -> Statement:
    """Statement of a role's own policy that forbids *actions* on *resources*, whatever else allows them."""
    return Statement(Sid=sid, Effect=Deny, Action=list(actions), Resource=list(resources), **_only_if(conditions))


def role(
    t: Template,
    settings: Settings,
    title: str,
    service: str,
    *statements: Statement,
    condition: str | None = None,
) -> iam.Role:
    """Role that only *service* may assume, for this account, and that may do only what *statements* say.

    The policy is attached by the role and not the other way round: whoever depends on the role finds it complete.
    Neither has a name of its own; both lie under the deployment's path, by which other policies can mean them all.
    """
    only = {"Condition": condition} if condition else {}
    attached = policy(t, f"{title}Policy", *statements, Path=arns.role_path(settings), **only)
    made = iam.Role(
        title,
        Path=arns.role_path(settings),
        AssumeRolePolicyDocument=PolicyDocument(Version=VERSION, Statement=[_trust(service)]),
        ManagedPolicyArns=[attached.ref()],
        **only,
    )
    return t.add_resource(bounded(made, settings))


def policy(t: Template, title: str, *statements: Statement, **properties: object) -> iam.ManagedPolicy:
    """Policy that says *statements*, with the reason of each that names no resource in its metadata."""
    document = PolicyDocument(Version=VERSION, Statement=list(statements))
    made = iam.ManagedPolicy(title, **properties, PolicyDocument=document)
    _explain(made, statements)
    return t.add_resource(made)


def bounded(role: iam.Role, settings: Settings) -> iam.Role:
    """*role*, within the boundary that the settings ask for."""
    if settings.permissions_boundary:
        role.PermissionsBoundary = settings.permissions_boundary
        accept(role, "cloudformation-validate", "W9013", "the boundary is the operator's own policy, given by its ARN")
    return role


def acting_for(service: str) -> list[ConditionElement]:
    """Conditions that hold only while *service* acts for this account."""
    if service in UNCHECKED:
        return []
    conditions: list[ConditionElement] = [StringEquals("aws:SourceAccount", AccountId)]
    name, _, resource = SOURCES[service].partition(":{here}:")
    return [*conditions, ArnLike("aws:SourceArn", arns.arn(name, resource))]


def service_principal(*services: str) -> Principal:
    """The services themselves, as the principal of a resource's policy or of a trust policy."""
    names = [f"{service}.amazonaws.com" for service in services]
    return Principal("Service", names)


def never_by_us(settings: Settings, actions: Sequence[Action], resources: Sequence[AWSHelperFn | str]) -> Statement:
    """Statement of a resource policy that forbids *actions* to every role of ours, whatever else allows them."""
    return Statement(
        Sid="DenyDestructionByPipeline",
        Effect=Deny,
        Principal=Principal("*"),
        Action=list(actions),
        Resource=list(resources),
        Condition=Condition(ArnLike("aws:PrincipalArn", arns.own_roles(settings))),
    )


def only_over_tls(resources: Sequence[AWSHelperFn], action: str) -> Statement:
    """Statement of a resource policy that refuses whoever does not use TLS."""
    return Statement(
        Sid="DenyWithoutTls",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[Action(action, "*")],
        Resource=list(resources),
        Condition=Condition(Bool("aws:SecureTransport", "false")),  # a string: a JSON boolean matches nothing
    )


def _trust(service: str) -> Statement:
    return Statement(
        Effect=Allow,
        Principal=service_principal(service),
        Action=[awacs.sts.AssumeRole],
        **_only_if(acting_for(service)),
    )


def _only_if(conditions: Sequence[ConditionElement]) -> dict[str, Condition]:
    return {"Condition": Condition(list(conditions))} if conditions else {}


def _explain(policy: iam.ManagedPolicy, statements: Sequence[Statement]) -> None:
    reasons = {s.properties["Sid"]: s.reason for s in statements if isinstance(s, Unscoped)}
    if not reasons:
        return
    policy.Metadata = {"Unscoped": reasons}
    because = "; ".join(f"{sid}: {reason}" for sid, reason in reasons.items())
    accept(policy, "checkov", "CKV_AWS_111", because)
