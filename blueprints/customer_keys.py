"""The one way this project declares a customer-managed key: rotated, hard to lose, and for nobody by default."""

from __future__ import annotations

import awacs.kms
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Bool,
    BoolIfExists,
    Condition,
    ConditionElement,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
)
from troposphere import Sub, Template, kms

from blueprints import arns, iam
from blueprints.actions import ENCRYPT_AND_DECRYPT
from blueprints.settings import Settings

DELETION_WINDOW = 30  # days, the longest; what a lost key has encrypted is lost for ever
THIS_KEY = ["*"]  # in a key policy, "*" is the key that bears the policy


def key(t: Template, settings: Settings, purpose: str, encrypts: str, *statements: Statement) -> kms.Key:
    """Add the key of *purpose* and its alias; *statements* let in the services that come without a role of ours."""
    made = t.add_resource(
        kms.Key(
            f"{purpose.capitalize()}Key",
            # If the stack's first creation fails, an unused key stays. The alias, whose name is fixed, goes with the
            # stack and leads to the next key then. To delete keys by rollback, whoever deploys would have to be allowed
            # to delete keys.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            Description=f"{settings.prefix} {purpose}: {encrypts}",
            EnableKeyRotation=True,
            PendingWindowInDays=DELETION_WINDOW,
            KeyPolicy=PolicyDocument(
                Version=iam.VERSION,
                Statement=[
                    _account(),
                    _grants_only_for_services(),
                    _no_destruction_by_us(settings),
                    *statements,
                ],
            ),
        )
    )
    t.add_resource(kms.Alias(f"{purpose.capitalize()}Alias", AliasName=settings.alias(purpose), TargetKeyId=made.ref()))
    return made


def log_groups(settings: Settings, *others: str) -> Statement:
    """Let CloudWatch Logs use the key for the deployment's log groups, and for *others* (patterns of names)."""
    # Only the deployment's own log groups: each has the prefix in its name.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    return Statement(
        Sid="AllowLogGroups",
        Effect=Allow,
        Principal=Principal("Service", [Sub(f"logs.{arns.HERE}.amazonaws.com")]),
        Action=[*ENCRYPT_AND_DECRYPT, awacs.kms.DescribeKey],
        Resource=THIS_KEY,
        Condition=Condition(
            ArnLike(
                "kms:EncryptionContext:aws:logs:arn",
                [arns.arn("logs", f"log-group:{name}") for name in (f"*{settings.prefix}*", *others)],
            )
        ),
    )


def serve(sid: str, services: list[str], condition: ConditionElement) -> Statement:
    """Let *services* encrypt and decrypt under the key while *condition* holds."""
    return Statement(
        Sid=sid,
        Effect=Allow,
        Principal=iam.service_principal(*services),
        Action=[awacs.kms.Decrypt, awacs.kms.GenerateDataKey],
        Resource=THIS_KEY,
        Condition=Condition(condition),
    )


def _account() -> Statement:
    # Without it IAM policies say nothing about the key, and a mistake in the key policy locks everybody out.
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    return Statement(
        Sid="DelegateToAccount",
        Effect=Allow,
        Principal=Principal("AWS", arns.account_root()),
        Action=[Action("kms", "*")],
        Resource=THIS_KEY,
    )


def _grants_only_for_services() -> Statement:
    # A grant is a permission that no policy shows. RDS, DynamoDB and Lambda need them for work that outlasts our call;
    # a person or a function must not make one for anybody else. A service that calls in its own name is let through.
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-grant-is-for-aws-resource
    return Statement(
        Sid="DenyGrantsButForServices",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[awacs.kms.CreateGrant],
        Resource=THIS_KEY,
        Condition=Condition(
            [BoolIfExists("kms:GrantIsForAWSResource", "false"), Bool("aws:PrincipalIsAWSService", "false")]
        ),
    )


def _no_destruction_by_us(settings: Settings) -> Statement:
    # Whoever takes over one of our functions must not be able to make every backup unreadable at once.
    actions = [
        awacs.kms.ScheduleKeyDeletion,
        awacs.kms.DisableKey,
        awacs.kms.DisableKeyRotation,
        awacs.kms.PutKeyPolicy,
        awacs.kms.DeleteAlias,
        awacs.kms.UpdateAlias,
    ]
    return iam.never_by_us(settings, actions, THIS_KEY)
