"""What a CloudWatch dashboard is made of.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from troposphere import AWSHelperFn, Join, Sub, Template, cloudwatch

from blueprints import arns
from blueprints.alarms import MINUTE, Formula, Metric
from blueprints.settings import Settings

COLUMNS = 24
THIRD, HALF, WHOLE = COLUMNS // 3, COLUMNS // 2, COLUMNS
HEIGHT = 6

Widget = dict[str, Any]


def dashboard(t: Template, settings: Settings, name: str, condition: str, widgets: Sequence[Widget]) -> None:
    """Add the dashboard ``{prefix}-<name>``; its widgets follow each other from left to right, row by row."""
    lines = [_filled(json.dumps(each, separators=(",", ":"))) for each in widgets]
    t.add_resource(
        cloudwatch.Dashboard(
            f"{name.capitalize()}Dashboard",
            Condition=condition,
            DashboardName=settings.name(name),
            # Joined, so that each widget stands on a line of its own in what is emitted.
            DashboardBody=Join("", ['{"start":"-P1D","widgets":[', Join(",", lines), "]}"]),
        )
    )


def _filled(widget: str) -> Sub | str:
    """*widget* with the ids of account and partition, if it has any."""
    return Sub(widget) if "${" in widget else widget


def text(markdown: str, height: int = 2) -> Widget:
    """Words, over the whole width."""
    return {"type": "text", "width": WHOLE, "height": height, "properties": {"markdown": markdown}}


def graph(  # noqa: PLR0913 (what differs between graphs)
    title: str,
    region: str,
    measured: Mapping[str, Metric | Formula | str],
    *,
    period: timedelta = 5 * MINUTE,
    width: int = THIRD,
    lines: Mapping[str, float] | None = None,
    stacked: bool = False,
    other_region: Mapping[str, Metric] | None = None,
) -> Widget:
    """Lines over time, one for each label of *measured*.

    Args:
        title: What it shows, with its unit.
        region: Where the metrics are.
        measured: A metric, a formula, or an expression that CloudWatch finds the metrics by (``SEARCH``, ``SELECT``).
        period: How much time a point stands for.
        width: Of the 24 columns.
        lines: Levels to draw across, by label.
        stacked: Draw areas upon each other.
        other_region: Region to the metric that is drawn for it too.
    """
    rows: list[Any] = []
    for number, (label, each) in enumerate(measured.items()):
        rows += _rows(f"e{number}", label, each)
    rows += [_row(metric, label=where, region=where) for where, metric in (other_region or {}).items()]
    across = {"annotations": {"horizontal": [{"label": k, "value": v} for k, v in lines.items()]}} if lines else {}
    return {
        "type": "metric",
        "width": width,
        "height": HEIGHT,
        "properties": {
            "title": title,
            "region": region,
            "view": "timeSeries",
            "stacked": stacked,
            "period": int(period.total_seconds()),
            "metrics": rows,
            **across,
        },
    }


def alarm_states(settings: Settings, title: str, names: Mapping[str, Sequence[str]]) -> Widget:
    """The state of each of the alarms *names* (without the prefix), by region."""
    alarms = [
        _said(arns.arn("cloudwatch", f"alarm:{settings.name(name)}", region=region))
        for region, each in names.items()
        for name in each
    ]
    return {"type": "alarm", "width": WHOLE, "height": 3, "properties": {"title": title, "alarms": alarms}}


def busiest(metric: str, namespace: str, dimension: str, statistic: str = "SUM") -> str:
    """Expression that finds the twenty of the region's *dimension* with the most; the whole account's."""
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-querylanguage.html
    return (  # CloudWatch's language, and every part of it is written in this repository
        f'SELECT {statistic}({metric}) FROM SCHEMA("{namespace}", {dimension})'  # noqa: S608  # nosec B608
        f" GROUP BY {dimension} ORDER BY {statistic}() DESC LIMIT 20"
    )


def found(namespace: str, metric: str, statistic: str, period: timedelta, *dimensions: str, **exactly: str) -> str:
    """Expression that finds every *metric* with exactly these *dimensions*, some of them of a known value."""
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    schema = ",".join([namespace, *dimensions])
    known = "".join(f' {name}="{value}"' for name, value in exactly.items())
    seconds = int(period.total_seconds())
    return f"SEARCH('{{{schema}}} MetricName=\"{metric}\"{known}', '{statistic}', {seconds})"


def _rows(key: str, label: str, measured: Metric | Formula | str) -> list[Any]:
    if isinstance(measured, str):
        return [[{"expression": measured, "label": label, "id": key}]]
    if isinstance(measured, Metric):
        return [_row(measured, label=label)]
    parts = [_row(metric, id=name, visible=False) for name, metric in measured.metrics.items()]
    return [[{"expression": measured.expression, "label": label, "id": key}], *parts]


def _row(metric: Metric, **options: object) -> list[Any]:
    dimensions = [_said(part) for pair in metric.dimensions.items() for part in pair]
    return [metric.namespace, metric.name, *dimensions, {"stat": metric.statistic, **options}]


def _said(value: AWSHelperFn | str) -> str:
    return value if isinstance(value, str) else str(value.data["Fn::Sub"])
