"""What is paid for work: state machines, functions, schedules, messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from blueprints.costs import machines
from blueprints.costs.assumptions import HOURS_A_MONTH, SECONDS_A_MONTH
from blueprints.costs.deployed import Resource, target
from blueprints.costs.lines import Deployment, Line, Per

PROOFS = ("CheckExport", "CompareVault")  # functions whose work grows with the export
# A mapping polls with five connections, 20 seconds each, while the queue is empty.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
POLLS_A_MONTH = 5 * SECONDS_A_MONTH / 20


def machine(d: Deployment, resource: Resource) -> Iterator[Line]:
    """A state machine: what a run of it adds to a backup; of ``fleet``, also what its own run costs."""
    name = resource.properties["StateMachineName"].rpartition("-")[2]
    if resource.region != (d.there if name == "copy" else d.here):
        return  # it waits there for the day that regions change roles
    run = machines.longest(resource.properties["Definition"])
    what = f"machine {name}"
    if run.each:  # once for all databases, and a part for each of them
        yield d.line(Per.MONTH, "states.transition", what, resource.region, run.transitions * d.runs)
        for called, count in run.calls.items():
            yield from _calls(d, resource, Per.MONTH, called, count * d.runs)
        run = run.each
    looks = d.load.looks if "CompareVault" in run.calls else 0  # a retry is a transition
    yield d.line(Per.RUN, "states.transition", what, resource.region, run.transitions + looks)
    for called, count in run.calls.items():
        yield from _calls(d, resource, Per.RUN, called, count + (looks if called == "CompareVault" else 0))


def _calls(d: Deployment, resource: Resource, per: Per, called: str, count: float) -> Iterator[Line]:
    """Lines for *count* calls of the function that the machine *resource* names *called*."""
    title = target(resource.properties["DefinitionSubstitutions"][called])
    function = next(
        each
        for each in d.of_kind("AWS::Lambda::Function", resource.region)
        if (each.stack, each.name) == (resource.stack, title)
    )
    seconds = d.load.proof_seconds if title in PROOFS else d.load.operation_seconds
    yield from d.invocations(per, "backup run", function, count, seconds)
    if title in PROOFS:
        memory = function.properties["MemorySize"] / 1024
        more = d.load.proof_seconds_per_gigabyte * memory
        yield d.line(Per.MOVED, "lambda.time", f"backup run: {title}", resource.region, more)


def schedule(d: Deployment, resource: Resource) -> Iterator[Line]:
    """A schedule that is armed, and the function that it calls."""
    if resource.properties["State"] != "ENABLED":
        return
    count = firings(resource.properties["ScheduleExpression"])
    yield d.line(Per.MONTH, "scheduler.invocation", "schedules", resource.region, count)
    called = target(resource.properties["Target"]["Arn"])
    for function in d.of_kind("AWS::Lambda::Function", resource.region):
        if (function.stack, function.name) == (resource.stack, called):
            yield from d.invocations(Per.MONTH, "sweeps and measurements", function, count, d.load.operation_seconds)
            reads = count * d.load.ledger_reads
            yield d.line(Per.MONTH, "dynamodb.read", "sweeps and measurements", resource.region, reads)


def firings(expression: str) -> float:
    """How often a schedule fires in a month, by its *expression*.

    Raises:
        ValueError: it is none of ours.
    """
    month = timedelta(hours=HOURS_A_MONTH)
    if rate := re.fullmatch(r"rate\((\d+) minutes?\)", expression):
        return month / timedelta(minutes=int(rate[1]))
    if daily := re.fullmatch(r"cron\(([\d,]+) ([\d,]+|\*) \* \* \? \*\)", expression):
        hours = 24 if daily[2] == "*" else len(daily[2].split(","))
        return len(daily[1].split(",")) * hours * (month / timedelta(days=1))
    raise ValueError(f"{expression}: the estimate knows rate(N minutes) and cron(minutes hours * * ? *)")


def bus(d: Deployment, resource: Resource) -> Iterator[Line]:
    """Our own events of a run, and the messages and calls that they become."""
    region = resource.region
    yield d.line(Per.RUN, "events.custom", "events, forwarded ones included", region, d.load.events)
    yield d.line(Per.RUN, "sqs.request", "messages", region, d.load.events * 3)  # sent, received, deleted
    settle = [each for each in d.of_kind("AWS::Lambda::Function", region) if each.name == "SettleOperation"]
    for function in settle:
        yield from d.invocations(Per.RUN, "backup run", function, d.load.events / 2, d.load.operation_seconds)


def polling(d: Deployment, resource: Resource) -> Iterator[Line]:
    """The queue that a function reads: asked all the time, with nothing in it."""
    yield d.line(Per.MONTH, "sqs.request", "asking the queue of operations", resource.region, POLLS_A_MONTH)


def subscription(d: Deployment, resource: Resource) -> Iterator[Line]:
    """Mails of alarms."""
    yield d.line(Per.MONTH, "sns.mail", "mails of alarms", resource.region, d.load.mails)


def traced(requests: float) -> float:
    """Of *requests* a month, evenly spread, those that X-Ray records: one a second, a twentieth of the rest.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html (default rule)
    """
    return min(requests, SECONDS_A_MONTH) + 0.05 * max(0, requests - SECONDS_A_MONTH)


def flows(d: Deployment, resource: Resource) -> Iterator[Line]:
    """The network's flow log."""
    yield from d.logs(Per.MONTH, "network flows", resource.region, d.load.flow_log_gigabytes)
