"""The one way this project declares a queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import awacs.sqs
from awacs.aws import Allow, ArnLike, Condition, PolicyDocument, Statement, StringEquals
from troposphere import AccountId, AWSHelperFn, Sub, Template, sqs

from blueprints import iam
from blueprints.alarms import MINUTE, Metric, above, alarm, at_least
from blueprints.outputs import KeysOutputs
from blueprints.settings import Settings
from blueprints.suppressions import accept

RETENTION = timedelta(days=4)
# SQS's longest: somebody must have come back from a long weekend and redriven the messages by then.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
DEAD_RETENTION = timedelta(days=14)
# SQS asks KMS again after this long; shorter costs more calls and buys little.
KEY_REUSE = timedelta(minutes=5)


class Sender(NamedTuple):
    """A service that may send to a queue on behalf of *sources* (ARNs or patterns), ``events`` say."""

    service: str
    sources: Sequence[AWSHelperFn]


def queue(  # noqa: PLR0913 (what differs between queues)
    t: Template,
    settings: Settings,
    keys: KeysOutputs,
    title: str,
    *,
    visibility: timedelta,
    receives: int = 5,
    senders: Sequence[Sender] = (),
) -> sqs.Queue:
    """Add a queue under our key with its dead letters; *visibility* is six times its consumer's timeout.

    ``{title}DeadLetters`` takes a message that was received *receives* times in vain.
    """
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html (six times; at least five receives)
    dead = dead_letters(t, settings, keys, f"{title}DeadLetters")
    live = t.add_resource(
        sqs.Queue(
            title,
            **_at_rest(keys),
            MessageRetentionPeriod=_seconds(RETENTION),
            VisibilityTimeout=_seconds(visibility),
            RedrivePolicy=sqs.RedrivePolicy(deadLetterTargetArn=dead.get_att("Arn"), maxReceiveCount=receives),
        )
    )
    _access(t, live, senders)
    alarm(
        t,
        settings,
        f"{title}Stuck",
        f"A message in the queue {title} waits longer than its retries could explain.",
        _metric(live, "ApproximateAgeOfOldestMessage"),
        when=above(_seconds(receives * visibility), 5 * MINUTE, 2),
        runbook="queue-stuck",
        name=_name(settings, "queue-stuck", live),
    )
    return live


def dead_letters(
    t: Template, settings: Settings, keys: KeysOutputs, title: str = "DeadLetters", *, senders: Sequence[Sender] = ()
) -> sqs.Queue:
    """Queue for what nobody could handle, kept as long as SQS can; an alarm says so while there is anything in it."""
    queue = t.add_resource(sqs.Queue(title, **_at_rest(keys), MessageRetentionPeriod=_seconds(DEAD_RETENTION)))
    _access(t, queue, senders)
    accept(queue, "cfn-lint", "ES6000", "dead letters have no dead letters of their own; an alarm counts them")
    alarm(
        t,
        settings,
        f"{title}Found",
        f"Something was given up and lies in the queue {title} until somebody looks, at most two weeks.",
        _metric(queue, "ApproximateNumberOfMessagesVisible"),
        when=at_least(1, 5 * MINUTE),
        runbook="dead-letters",
        name=_name(settings, "dead-letters", queue),
    )
    return queue


def _at_rest(keys: KeysOutputs) -> dict[str, object]:
    return {
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "KmsMasterKeyId": keys.data_key,
        "KmsDataKeyReusePeriodSeconds": _seconds(KEY_REUSE),
    }


def _access(t: Template, queue: sqs.Queue, senders: Sequence[Sender]) -> None:
    """Only over TLS, and from services only those named, for this account and the sources named."""
    arn = queue.get_att("Arn")
    sends = [
        Statement(
            Sid=f"Allow{sender.service.title().replace('.', '')}",
            Effect=Allow,
            Principal=iam.service_principal(sender.service),
            Action=[awacs.sqs.SendMessage],
            Resource=[arn],
            Condition=Condition(
                [StringEquals("aws:SourceAccount", AccountId), ArnLike("aws:SourceArn", list(sender.sources))]
            ),
        )
        for sender in senders
    ]
    t.add_resource(
        sqs.QueuePolicy(
            f"{queue.title}Access",
            Queues=[queue.ref()],
            PolicyDocument=PolicyDocument(Version=iam.VERSION, Statement=[iam.only_over_tls([arn], "sqs"), *sends]),
        )
    )


def _metric(queue: sqs.Queue, name: str) -> Metric:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    return Metric("AWS/SQS", name, "Maximum", {"QueueName": queue.get_att("QueueName")})


def _name(settings: Settings, what: str, queue: sqs.Queue) -> Sub:
    """Name of an alarm that says which queue to look at; queues bear CloudFormation's names, not ours."""
    return Sub(f"{settings.name(what)}-${{{queue.title}.QueueName}}")


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())
