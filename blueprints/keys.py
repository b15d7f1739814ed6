"""Keys stack: one customer-managed key per purpose and region, so that no region depends on another's.

Who in the account may use a key is said by that role's own policy; the key policies delegate to them and add only
the services that come without a role. Deployed to both regions, alike.
"""

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
    StringEquals,
)
from troposphere import AccountId, Sub, Template, kms

from blueprints import arns, iam
from blueprints.actions import ENCRYPT_AND_DECRYPT
from blueprints.outputs import KeysOutputs
from blueprints.settings import Settings
from blueprints.suppressions import accept

DELETION_WINDOW = 30  # days, the longest; what a lost key has encrypted is lost for ever
THIS_KEY = ["*"]  # in a key policy, "*" is the key that bears the policy


def blueprint(settings: Settings) -> Template:
    """Template of the keys stack."""
    t = Template(Description=f"{settings.prefix}: customer-managed keys of one region")

    data = _key(
        t,
        settings,
        "data",
        "databases, their secrets, the ledger, queues, topics, functions' variables",
        _events_to_queues(),
        _messages_to_topics(),
        *_event_bus(settings),
        _log_delivery(),
        _ledger(settings),
    )
    accept(
        data,
        "checkov",
        "CKV_AWS_33",
        "the ledger's statement is for any principal, but only this account's pipeline roles, through DynamoDB, for one"
        " table; the form that AWS documents",
    )
    backups = _key(t, settings, "backups", "exports, the vault and the snapshots of the recovery region")
    logs = _key(t, settings, "logs", "log groups", _log_groups(settings))

    KeysOutputs(data_key=data.get_att("Arn"), backups_key=backups.get_att("Arn"), logs_key=logs.get_att("Arn")).publish(
        t, settings
    )
    return t


def _key(t: Template, settings: Settings, purpose: str, encrypts: str, *statements: Statement) -> kms.Key:
    key = t.add_resource(
        kms.Key(
            f"{purpose.capitalize()}Key",
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
    t.add_resource(kms.Alias(f"{purpose.capitalize()}Alias", AliasName=settings.alias(purpose), TargetKeyId=key.ref()))
    return key


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
    return Statement(
        Sid="DenyDestructionByPipeline",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[
            awacs.kms.ScheduleKeyDeletion,
            awacs.kms.DisableKey,
            awacs.kms.DisableKeyRotation,
            awacs.kms.PutKeyPolicy,
            awacs.kms.DeleteAlias,
            awacs.kms.UpdateAlias,
        ],
        Resource=THIS_KEY,
        Condition=Condition(ArnLike("aws:PrincipalArn", arns.own_roles(settings))),
    )


def _events_to_queues() -> Statement:
    # An EventBridge rule sends to an encrypted queue, or to its dead letters, in EventBridge's own name. Only for
    # queues of this account; from whom, says the queue's policy.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    return _serve("AllowEventsToQueues", ["events"], ArnLike("kms:EncryptionContext:aws:sqs:arn", arns.arn("sqs", "*")))


def _messages_to_topics() -> Statement:
    # Alarms and rules publish to an encrypted topic in their service's name. Only for topics of this account.
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    return _serve(
        "AllowMessagesToTopics",
        ["cloudwatch", "events"],
        ArnLike("kms:EncryptionContext:aws:sns:topicArn", arns.arn("sns", "*")),
    )


def _event_bus(settings: Settings) -> list[Statement]:
    # EventBridge encrypts the events on our bus, and asks once whether the key is fit for it.
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-cmkey.html
    ours = StringEquals(
        {
            "aws:SourceArn": arns.bus(settings),
            "kms:EncryptionContext:aws:events:event-bus:arn": arns.bus(settings),
        }
    )
    describe = Statement(
        Sid="AllowEventBusToDescribe",
        Effect=Allow,
        Principal=iam.service_principal("events"),
        Action=[awacs.kms.DescribeKey],
        Resource=THIS_KEY,
        Condition=Condition(StringEquals("aws:SourceAccount", AccountId)),
    )
    return [describe, _serve("AllowEventBus", ["events"], ours)]


def _log_delivery() -> Statement:
    # Step Functions encrypts its machines and histories; what goes to CloudWatch Logs is decrypted by the deliverer.
    # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
    return _serve(
        "AllowLogDelivery", ["delivery.logs"], ArnLike("kms:EncryptionContext:SourceArn", arns.arn("logs", "*"))
    )


def _ledger(settings: Settings) -> Statement:
    # Who may use a table must be able to use its key, through DynamoDB; said here once and not in every role.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    return Statement(
        Sid="AllowLedgerThroughDynamoDb",
        Effect=Allow,
        Principal=Principal("*"),
        Action=[*ENCRYPT_AND_DECRYPT, awacs.kms.DescribeKey],
        Resource=THIS_KEY,
        Condition=Condition(
            [
                StringEquals(
                    {
                        "kms:CallerAccount": AccountId,
                        "kms:ViaService": Sub(f"dynamodb.{arns.HERE}.amazonaws.com"),
                        "kms:EncryptionContext:aws:dynamodb:tableName": settings.name("ledger"),
                    }
                ),
                ArnLike("aws:PrincipalArn", arns.own_roles(settings)),
            ]
        ),
    )


def _log_groups(settings: Settings) -> Statement:
    # Only the deployment's own log groups: each has the prefix in its name.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    return Statement(
        Sid="AllowLogGroups",
        Effect=Allow,
        Principal=Principal("Service", [Sub(f"logs.{arns.HERE}.amazonaws.com")]),
        Action=[*ENCRYPT_AND_DECRYPT, awacs.kms.DescribeKey],
        Resource=THIS_KEY,
        Condition=Condition(
            ArnLike("kms:EncryptionContext:aws:logs:arn", arns.arn("logs", f"log-group:*{settings.prefix}*"))
        ),
    )


def _serve(sid: str, services: list[str], condition: ConditionElement) -> Statement:
    return Statement(
        Sid=sid,
        Effect=Allow,
        Principal=iam.service_principal(*services),
        Action=[awacs.kms.Decrypt, awacs.kms.GenerateDataKey],
        Resource=THIS_KEY,
        Condition=Condition(condition),
    )
