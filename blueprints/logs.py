"""The one way this project declares a log group."""

from __future__ import annotations

from typing import Protocol

import awacs.logs
from awacs.aws import Allow, ArnLike, Condition, PolicyDocument, Statement, StringEquals
from troposphere import AccountId, AWSHelperFn, Join, Template, logs

from blueprints import arns, iam
from blueprints.settings import Settings


class LogsKey(Protocol):
    """Whoever knows the key of log groups: the keys stack's outputs, or a stack that has a key of its own."""

    @property
    def logs_key(self) -> AWSHelperFn:
        """ARN of the key."""


def log_group(  # noqa: PLR0913 (what differs between log groups)
    t: Template,
    settings: Settings,
    keys: LogsKey,
    title: str,
    name: str,
    *,
    condition: str | None = None,
    delivered: bool = False,
) -> logs.LogGroup:
    """Add log group *name*, kept as long as the settings say, under our key.

    *name* holds the deployment's prefix: the key serves no other group. Into a *delivered* one AWS itself writes, for a
    service that has no role of ours.
    """
    only = {"Condition": condition} if condition else {}
    made = t.add_resource(
        logs.LogGroup(
            title,
            LogGroupName=name,
            DeletionPolicy="Delete",  # its name is fixed: what stays behind would be in the way of the next deployment
            UpdateReplacePolicy="Delete",
            RetentionInDays=settings.log_retention,
            KmsKeyId=keys.logs_key,
            **only,
        )
    )
    if delivered:  # troposphere 4.11 wants a plain dictionary here
        made.ResourcePolicyDocument = PolicyDocument(Version=iam.VERSION, Statement=[_delivery(name)]).JSONrepr()
    return made


def group_arn(group: logs.LogGroup) -> Join:
    """ARN of *group* itself; its own attribute ends in ``:*``, which stands for its streams and suits policies."""
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
    return Join(":", [arns.arn("logs", "log-group"), group.ref()])


def _delivery(name: str) -> Statement:
    # If no policy says so, AWS adds one for the whole account, of which a region has room for ten, and never removes
    # it. This one belongs to the group. The key needs to say nothing: whoever may write need not be able to encrypt.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-CloudWatchLogs.html
    return Statement(
        Sid="AllowLogDelivery",
        Effect=Allow,
        Principal=iam.service_principal("delivery.logs"),
        Action=[awacs.logs.CreateLogStream, awacs.logs.PutLogEvents],
        Resource=[arns.arn("logs", f"log-group:{name}:log-stream:*")],
        Condition=Condition(
            [StringEquals("aws:SourceAccount", AccountId), ArnLike("aws:SourceArn", arns.arn("logs", "*"))]
        ),
    )
