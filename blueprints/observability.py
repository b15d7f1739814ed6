"""Observability stack: whom alarms tell, the alarms of what the other stacks hold, dashboards, the guard of the keys.

Alarms of functions and queues stand beside those, in their stacks. Everything here lies in both regions, so that the
loss of one leaves the other watched; dashboards and the budget belong to the account and come from the primary alone.
"""

from __future__ import annotations

import awacs.sns
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
from troposphere import AccountId, AWSHelperFn, Sub, Template, budgets, events, sns

from blueprints import arns, iam, metrics
from blueprints.alarms import DAY, RUNBOOKS, alarm, held
from blueprints.dashboards import dashboards
from blueprints.observability_backups import backup_alarms
from blueprints.observability_delivery import delivery_alarms
from blueprints.observability_service import service_alarms
from blueprints.outputs import KeysOutputs
from blueprints.queues import Sender, dead_letters
from blueprints.regions import PRIMARY, two_region_template
from blueprints.settings import Settings
from blueprints.suppressions import accept

# What takes a key away from those who need it, at once or later.
DANGEROUS = (
    "DeleteAlias",
    "DisableKey",
    "DisableKeyRotation",
    "PutKeyPolicy",
    "RevokeGrant",
    "ScheduleKeyDeletion",
    "UpdateAlias",
)
# All that a topic's policy can speak of; for sns:* SNS may refuse the policy.
# https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html
TOPIC_ACTIONS = (
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "Publish",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
)
ACTUAL_PERCENT, FORECAST_PERCENT = 80, 100  # of the monthly budget


def blueprint(settings: Settings, keys: KeysOutputs) -> Template:
    """Template of the observability stack."""
    t = two_region_template(settings, "alarms, dashboards, budget, and whom they tell")
    topic = _topic(t, settings, keys)
    _guard_keys(t, settings, keys, topic)
    backup_alarms(t, settings)
    delivery_alarms(t, settings)
    service_alarms(t, settings)
    dashboards(t, settings)
    _budget(t, settings, topic)
    return t


def _topic(t: Template, settings: Settings, keys: KeysOutputs) -> AWSHelperFn:
    made = t.add_resource(sns.Topic("Alerts", TopicName=settings.name("alerts"), KmsMasterKeyId=keys.data_key))
    topic, alarms = made.ref(), arns.arn("cloudwatch", f"alarm:{settings.prefix}-*")
    t.add_resource(
        sns.TopicPolicy(
            "AlertsAccess",
            Topics=[topic],
            PolicyDocument=PolicyDocument(
                Version=iam.VERSION,
                Statement=[
                    Statement(
                        Sid="DenyWithoutTls",
                        Effect=Deny,
                        Principal=Principal("*"),
                        Action=[Action("sns", action) for action in TOPIC_ACTIONS],
                        Resource=[topic],
                        Condition=Condition(Bool("aws:SecureTransport", "false")),
                    ),
                    # The source's ARN holds the account.
                    # https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger
                    _publisher("cloudwatch", topic, ArnLike("aws:SourceArn", alarms)),
                    # EventBridge does not say for whom it publishes to a topic: with a condition nothing would arrive.
                    # The topic's ARN is all that a stranger's rule would need; it could add messages and read none.
                    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
                    _publisher("events", topic),
                    # https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
                    _publisher(
                        "budgets",
                        topic,
                        StringEquals("aws:SourceAccount", AccountId),
                        ArnLike("aws:SourceArn", Sub(f"arn:${{AWS::Partition}}:budgets::{arns.ACCOUNT}:*")),
                    ),
                ],
            ),
        )
    )
    if settings.alerts.email:
        mail = sns.SubscriptionResource(
            "AlertsByEmail", TopicArn=topic, Protocol="email", Endpoint=settings.alerts.email
        )
        t.add_resource(mail)
        accept(
            mail, "cfn-lint", "ES7000", "that a mail can't be delivered could only be told by mail; the alarm stays on"
        )
    return topic


def _publisher(service: str, topic: AWSHelperFn, *conditions: ConditionElement) -> Statement:
    only = {"Condition": Condition(list(conditions))} if conditions else {}
    return Statement(
        Sid=f"Allow{service.capitalize()}",
        Effect=Allow,
        Principal=iam.service_principal(service),
        Action=[awacs.sns.Publish],
        Resource=[topic],
        **only,
    )


def _guard_keys(t: Template, settings: Settings, keys: KeysOutputs, topic: AWSHelperFn) -> None:
    """Tell at once who does what to a key of ours; an alarm keeps it in sight for a day.

    The events come through CloudTrail, and only if a trail of the account records management events in this region.
    """
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
    # https://docs.aws.amazon.com/kms/latest/developerguide/ct-schedule-key-deletion.html (resources hold the ARN)
    dead = dead_letters(t, settings, keys, "UndeliveredAlerts", senders=[Sender("events", arns.rules(settings))])
    said = {"what": "$.detail.eventName", "key": "$.detail.resources[0].ARN", "who": "$.detail.userIdentity.arn"}
    pattern = {
        "source": ["aws.kms"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventName": list(DANGEROUS),
            "resources": {"ARN": [keys.data_key, keys.backups_key, keys.logs_key]},
        },
    }
    t.add_resource(
        events.Rule(
            "KeyTouched",
            Name=settings.name("key-touched"),
            EventPattern=pattern,
            State="ENABLED",
            Targets=[
                events.Target(
                    Id="Alerts",
                    Arn=topic,
                    InputTransformer=events.InputTransformer(
                        InputPathsMap={**said, "when": "$.time"},
                        InputTemplate=f'"<who> called <what> on <key> at <when>. See {RUNBOOKS}/key-in-danger.md"',
                    ),
                    RetryPolicy=events.RetryPolicy(MaximumEventAgeInSeconds=86400, MaximumRetryAttempts=185),
                    DeadLetterConfig=events.DeadLetterConfig(Arn=dead.get_att("Arn")),
                )
            ],
        )
    )
    alarm(
        t,
        settings,
        "KeyInDanger",
        "Somebody disabled a key of ours, scheduled its deletion, changed its policy or alias, or tried to.",
        metrics.rule(settings, "key-touched", "MatchedEvents"),
        when=held(1, DAY),
    )


def _budget(t: Template, settings: Settings, topic: AWSHelperFn) -> None:
    """Costs of the whole account: a filter by tag counts nothing until somebody activates the tag for billing."""
    # https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
    t.add_resource(
        budgets.Budget(
            "MonthlyBudget",
            Condition=PRIMARY,
            DependsOn="AlertsAccess",  # a subscriber who may not be told yet is dropped
            Budget=budgets.BudgetData(
                BudgetName=settings.name("monthly"),
                BudgetType="COST",
                TimeUnit="MONTHLY",
                BudgetLimit=budgets.Spend(Amount=settings.alerts.monthly_budget, Unit="USD"),
            ),
            NotificationsWithSubscribers=[
                _notification("ACTUAL", ACTUAL_PERCENT, topic),
                _notification("FORECASTED", FORECAST_PERCENT, topic),
            ],
        )
    )


def _notification(kind: str, percent: int, topic: AWSHelperFn) -> budgets.NotificationWithSubscribers:
    return budgets.NotificationWithSubscribers(
        Notification=budgets.Notification(
            NotificationType=kind, ComparisonOperator="GREATER_THAN", Threshold=percent, ThresholdType="PERCENTAGE"
        ),
        Subscribers=[budgets.Subscriber(SubscriptionType="SNS", Address=topic)],
    )
