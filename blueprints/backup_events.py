"""What starts the backup machines and what tells them: bus, rules, queue and schedules of the backup stack."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, NamedTuple

from troposphere import AWSHelperFn, If, Template, awslambda, events, iam, scheduler, sqs, stepfunctions

from blueprints import arns, permissions
from blueprints.iam import role
from blueprints.outputs import KeysOutputs
from blueprints.queues import Sender, dead_letters, queue
from blueprints.regions import PRIMARY
from blueprints.settings import Settings
from blueprints.suppressions import accept

SOURCE = "holdfast.backup"
# A rule tries for a day, as EventBridge does by default, then puts the event aside.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
RETRIES = events.RetryPolicy(MaximumEventAgeInSeconds=86400, MaximumRetryAttempts=185)
# A schedule's next firing makes up for a lost one, so it need not try for long.
SCHEDULE_RETRIES = scheduler.RetryPolicy(MaximumEventAgeInSeconds=3600, MaximumRetryAttempts=10)
BATCH = 10  # messages that settle_operation takes at once
CONSUMERS = 5  # of settle_operation at once; the rest of its concurrency is for retries


class Channel(NamedTuple):
    """The bus, the queue of everything that is to be settled, and the queue of what could not be delivered."""

    t: Template
    settings: Settings
    keys: KeysOutputs
    bus: events.EventBus
    settle: sqs.Queue
    undelivered: sqs.Queue

    def rule(
        self,
        title: str,
        pattern: dict[str, Any],
        target: dict[str, Any],
        bus: events.EventBus | None,
        *,
        state: AWSHelperFn | str = "ENABLED",
    ) -> None:
        """Add a rule on *bus* (the default bus if none), its retries bounded and its dead letters kept."""
        on = {"EventBusName": bus.ref()} if bus else {}
        dead = events.DeadLetterConfig(Arn=self.undelivered.get_att("Arn"))
        self.t.add_resource(
            events.Rule(
                title,
                Name=self.settings.name(re.sub(r"(?<!^)(?=[A-Z])", "-", title).lower()),
                EventPattern=pattern,
                State=state,
                Targets=[events.Target(Id=title, RetryPolicy=RETRIES, DeadLetterConfig=dead, **target)],
                **on,
            )
        )

    def schedule(self, title: str, name: str, when: dict[str, Any], target: dict[str, Any]) -> None:
        """Add a schedule in the settings' time zone, its retries bounded and its dead letters kept."""
        self.t.add_resource(
            scheduler.Schedule(
                title,
                Name=self.settings.name(name),
                GroupName="default",
                ScheduleExpressionTimezone=self.settings.backup.time_zone,
                FlexibleTimeWindow=scheduler.FlexibleTimeWindow(Mode="OFF"),
                KmsKeyArn=self.keys.data_key,
                Target=scheduler.Target(
                    DeadLetterConfig=scheduler.DeadLetterConfig(Arn=self.undelivered.get_att("Arn")),
                    RetryPolicy=SCHEDULE_RETRIES,
                    **target,
                ),
                **when,
            )
        )

    def to_queue(self) -> dict[str, AWSHelperFn]:
        """Target of a rule whose events are to be settled."""
        return {"Arn": self.settle.get_att("Arn")}


def channel(t: Template, settings: Settings, keys: KeysOutputs, settle_timeout: timedelta) -> Channel:
    """Add the event bus, the queue that ``settle_operation`` reads, and the queue of undelivered events."""
    rules = Sender("events", arns.rules(settings))
    rules_and_bus = Sender("events", [*arns.rules(settings), arns.bus(settings)])
    undelivered = dead_letters(t, settings, keys, "UndeliveredEvents", senders=[rules_and_bus])
    bus = t.add_resource(
        events.EventBus(
            "Bus",
            Name=settings.prefix,
            KmsKeyIdentifier=keys.data_key,
            DeadLetterConfig=events.DeadLetterConfig(Arn=undelivered.get_att("Arn")),
        )
    )
    settle = queue(t, settings, keys, "Settle", visibility=6 * settle_timeout, senders=[rules])
    return Channel(t, settings, keys, bus, settle, undelivered)


def rules(c: Channel, copy: stepfunctions.StateMachine) -> None:
    """Add the rules: news of operations to the queue, requests and answers across the regions.

    Requests go one way only and answers the other, so that nothing can go round in circles, whatever a forwarded event
    says of where it was born. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html
    """
    s = c.settings
    peer_bus = If(PRIMARY, *(arns.bus(s, region=region) for region in (s.recovery_region, s.primary_region)))
    own_snapshots = {"SourceIdentifier": [{"prefix": f"{s.prefix}-"}]}
    bad_ends = {
        "status": ["FAILED", "TIMED_OUT", "ABORTED"],
        "stateMachineArn": [arns.machine(s, name) for name in ("backup", "copy")],
    }
    in_primary, in_recovery = If(PRIMARY, "ENABLED", "DISABLED"), If(PRIMARY, "DISABLED", "ENABLED")

    c.rule("SnapshotChanged", _pattern("aws.rds", "RDS DB Snapshot Event", detail=own_snapshots), c.to_queue(), None)
    c.rule(
        "RunEnded",
        _pattern("aws.states", "Step Functions Execution Status Change", detail=bad_ends),
        c.to_queue(),
        None,
    )
    c.rule("CopyConcluded", _pattern(SOURCE, "Copy Concluded"), c.to_queue(), c.bus, state=in_primary)

    forward = role(c.t, s, "ForwardRole", "events", permissions.publish_events(peer_bus))
    outward = If(PRIMARY, "Copy Requested", "Copy Concluded")
    c.rule("Forward", _pattern(SOURCE, outward), _target(peer_bus, forward), c.bus)

    start = role(c.t, s, "StartCopyRole", "events", permissions.start_executions(copy.ref()))
    c.rule(
        "CopyRequested",
        _pattern(SOURCE, "Copy Requested"),
        {**_target(copy.ref(), start), "InputPath": "$.detail"},
        c.bus,
        state=in_recovery,
    )


def deliver(c: Channel, consumer: awslambda.Function) -> None:
    """Have *consumer* take messages from the queue, each of which may fail alone."""
    mapping = c.t.add_resource(
        awslambda.EventSourceMapping(
            "SettleMessages",
            EventSourceArn=c.settle.get_att("Arn"),
            FunctionName=consumer.get_att("Arn"),
            BatchSize=BATCH,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig=awslambda.ScalingConfig(MaximumConcurrency=CONSUMERS),
        )
    )
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    accept(mapping, "cfn-lint", "ES1001", "a queue has dead letters; destinations are for streams")


def schedules(
    c: Channel, fleet: stepfunctions.StateMachine, sweep: awslambda.Function, measure: awslambda.Function
) -> None:
    """Add the schedule of backups, armed in the primary region only, the sweep and the measurement, armed in both."""
    invoker = role(
        c.t,
        c.settings,
        "ScheduleRole",
        "scheduler",
        permissions.start_executions(fleet.ref()),
        permissions.invoke(sweep.get_att("Arn"), measure.get_att("Arn")),
        permissions.send_messages(c.undelivered.get_att("Arn")),
        permissions.use_key("EncryptUndelivered", c.keys.data_key, "sqs"),
        permissions.use_key_for_schedules(c.settings, c.keys.data_key),
    )
    armed = If(PRIMARY, "ENABLED", "DISABLED")
    minutes = c.settings.backup.sweep_interval // timedelta(minutes=1)
    rate = f"rate({minutes} minute{'s' if minutes > 1 else ''})"
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    scheduled_time = '{"scheduled_at": "<aws.scheduler.scheduled-time>"}'
    c.schedule(
        "FleetSchedule",
        "fleet",
        {"ScheduleExpression": c.settings.backup.schedule(), "State": armed},
        {**_target(fleet.ref(), invoker), "Input": scheduled_time},
    )
    for title, name, function in (("SweepSchedule", "sweep", sweep), ("MeasureSchedule", "measure", measure)):
        c.schedule(
            title,
            name,
            {"ScheduleExpression": rate, "State": "ENABLED"},
            {**_target(function.get_att("Arn"), invoker), "Input": "{}"},
        )


def _pattern(source: str, detail_type: AWSHelperFn | str, **more: object) -> dict[str, Any]:
    return {"source": [source], "detail-type": [detail_type], **more}


def _target(arn: AWSHelperFn, caller: iam.Role) -> dict[str, AWSHelperFn]:
    return {"Arn": arn, "RoleArn": caller.get_att("Arn")}
