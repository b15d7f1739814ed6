"""What is paid for watching: alarms, dashboards and the metrics that we write ourselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blueprints.costs.deployed import Resource
from blueprints.costs.lines import Deployment, Line, Per


class Own(NamedTuple):
    """A metric of ours; each combination of its dimensions' values is paid as one.

    Attributes:
        name: Of the metric, as docs/metrics.md has it; a test holds the two together.
        dimensions: Beside ``Deployment``.
        both: Whether it is written in both regions, else only in the primary one.
    """

    name: str
    dimensions: tuple[str, ...] = ()
    both: bool = True


OURS = (
    Own("RecoveryPointAgeSeconds"),
    Own("RecoveryPointAgeSeconds", ("Database",)),
    Own("DatabasesProtected"),
    Own("RecoveryPointsVerified", both=False),
    Own("RecoveryPointsPartial", both=False),
    Own("RecoveryPointsFailed", both=False),
    Own("LostEventsFound"),
    Own("UnfinishedSeconds"),
    Own("SlotsInUse", ("Quota",)),
    Own("SlotsAwaited", ("Quota",)),
    Own("ManualSnapshotQuotaPercent"),
    Own("Requests", ("Function",), both=False),
    Own("RequestMilliseconds", ("Function",), both=False),
    Own("Faults", ("Function",), both=False),
    Own("Faults", ("Function", "Version"), both=False),
    Own("Promoted", both=False),  # only after a failover; then for as long as it lasts
)
QUOTAS = 2  # exports, copies


def own_metrics(d: Deployment) -> Iterator[Line]:
    """The metrics that the functions write; each is paid for the hours in which it is written."""
    # https://aws.amazon.com/cloudwatch/pricing/ (custom metrics, prorated by the hour)
    functions = sum(1 for _ in d.of_kind("AWS::Lambda::Alias", d.here))  # those of the API
    values = {"Database": d.load.databases, "Quota": QUOTAS, "Function": functions, "Version": 1}
    for metric in OURS:
        count = 1
        for dimension in metric.dimensions:
            count *= values[dimension]
        for region in (d.here, d.there) if metric.both else (d.here,):
            yield d.line(Per.MONTH, "cloudwatch.metric", "metrics of ours", region, count)


def alarm(d: Deployment, resource: Resource) -> Iterator[Line]:
    """An alarm: each metric that it reads."""
    # https://aws.amazon.com/cloudwatch/pricing/ (alarms with metric math are paid by metric)
    read = sum("MetricStat" in each for each in resource.properties.get("Metrics", ())) or 1
    yield d.line(Per.MONTH, "cloudwatch.alarm", "alarms, by the metrics they read", resource.region, read)


def dashboard(d: Deployment, resource: Resource) -> Iterator[Line]:
    """A dashboard."""
    yield d.line(Per.MONTH, "cloudwatch.dashboard", "dashboards", resource.region, 1)
