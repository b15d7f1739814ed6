"""Keys stack: one customer-managed key per purpose and region, so that no region depends on another's.

Who in the account may use a key is said by that role's own policy; the key policies delegate to them and add only
the services that come without a role. Deployed to both regions, alike.
"""

from __future__ import annotations

import awacs.kms
from awacs.aws import Allow, ArnLike, Condition, Principal, Statement, StringEquals, StringLike
from troposphere import AccountId, Sub, Template

from blueprints import arns, iam
from blueprints.actions import ENCRYPT_AND_DECRYPT
from blueprints.customer_keys import THIS_KEY, key, log_groups, serve
from blueprints.outputs import KeysOutputs
from blueprints.settings import Settings
from blueprints.suppressions import accept

# The one log group whose name is not ours to choose: API Gateway's execution log of stage "api", by the API's id.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
EXECUTION_LOGS = "API-Gateway-Execution-Logs_*/api"


def blueprint(settings: Settings) -> Template:
    """Template of the keys stack."""
    t = Template(Description=f"{settings.prefix}: customer-managed keys of one region")

    data = key(
        t,
        settings,
        "data",
        "databases, their secrets, the ledger, queues, topics, functions' variables, the site",
        _events_to_queues(),
        _messages_to_topics(),
        *_event_bus(settings),
        _log_delivery(),
        _ledger(settings),
        *([_site_through_cloudfront(settings)] if settings.site.cloudfront else []),
    )
    accept(
        data,
        "checkov",
        "CKV_AWS_33",
        "the ledger's statement is for any principal, but only this account's pipeline roles, through DynamoDB, for one"
        " table; the form that AWS documents",
    )
    backups = key(t, settings, "backups", "exports, the vault and the snapshots of the recovery region")
    logs = key(t, settings, "logs", "log groups", log_groups(settings, EXECUTION_LOGS))

    KeysOutputs(data_key=data.get_att("Arn"), backups_key=backups.get_att("Arn"), logs_key=logs.get_att("Arn")).publish(
        t, settings
    )
    return t


def _events_to_queues() -> Statement:
    # An EventBridge rule sends to an encrypted queue, or to its dead letters, in EventBridge's own name. Only for
    # queues of this account; from whom, says the queue's policy.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    return serve("AllowEventsToQueues", ["events"], ArnLike("kms:EncryptionContext:aws:sqs:arn", arns.arn("sqs", "*")))


def _messages_to_topics() -> Statement:
    # Alarms, rules and budgets publish to an encrypted topic in their service's name. Only for topics of this account.
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
    return serve(
        "AllowMessagesToTopics",
        ["cloudwatch", "events", "budgets"],
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
    return [describe, serve("AllowEventBus", ["events"], ours)]


def _log_delivery() -> Statement:
    # Step Functions encrypts its machines and histories; what goes to CloudWatch Logs is decrypted by the deliverer.
    # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
    return serve(
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


def _site_through_cloudfront(settings: Settings) -> Statement:
    # CloudFront signs its request to S3 as itself, and S3 decrypts in its name: only files of the site, only for
    # distributions of this account. Which of them, the key can't know: it is older than any, and in another region.
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html (the context is the bucket's ARN)
    return Statement(
        Sid="AllowSiteThroughCloudFront",
        Effect=Allow,
        Principal=iam.service_principal("cloudfront"),
        Action=[awacs.kms.Decrypt],
        Resource=THIS_KEY,
        Condition=Condition(
            [
                ArnLike("aws:SourceArn", arns.distributions()),
                StringLike(
                    "kms:EncryptionContext:aws:s3:arn", [arns.bucket(settings, "site"), arns.objects(settings, "site")]
                ),
            ]
        ),
    )
