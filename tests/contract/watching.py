"""What alarms and dashboards read, as the templates say it."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from rendering import OPTIONS, Found, found, resolved

RUNBOOK = re.compile(r" docs/runbooks/([a-z0-9-]+)\.md$")
DASHBOARD = "dashboard"


class Read(NamedTuple):
    """A metric that somebody reads; *reader* is an alarm's page, or the dashboard."""

    namespace: str
    name: str
    dimensions: frozenset[str]
    reader: str
    values: dict


def page(it: Found) -> str:
    """Name of the runbook's page at the end of an alarm's description."""
    match = RUNBOOK.search(it.properties["AlarmDescription"])
    assert match, f"{it}: {it.properties['AlarmDescription']}"
    return match[1]


def of_alarm(it: Found) -> Iterator[Read]:
    """The metrics that an alarm reads."""
    p = it.properties
    metrics = [m["MetricStat"]["Metric"] for m in p["Metrics"] if "MetricStat" in m] if "Metrics" in p else [p]
    for metric in metrics:
        values = {d["Name"]: d["Value"] for d in metric["Dimensions"]}
        yield Read(metric["Namespace"], metric["MetricName"], frozenset(values), page(it), values)


def of_dashboard(body: dict) -> Iterator[Read]:
    """The metrics that a dashboard draws, those that it searches for included."""
    for widget in body["widgets"]:
        for row in widget["properties"].get("metrics", []):
            if isinstance(row[0], str):
                namespace, name, *pairs = [each for each in row if isinstance(each, str)]
                values = dict(zip(pairs[::2], pairs[1::2], strict=True))
            else:
                namespace, name, values = searched(row[0]["expression"])
                if not namespace:
                    continue
            yield Read(namespace, name, frozenset(values), DASHBOARD, values)


def searched(expression: str) -> tuple[str, str, dict]:
    """Namespace, name and dimensions that an expression finds metrics by; nothing if it computes with others."""
    if search := re.fullmatch(r"SEARCH\('\{([^}]+)\} MetricName=\"(\w+)\"(.*)', '\w+', \d+\)", expression):
        namespace, *dimensions = search[1].split(",")
        known = dict(re.findall(r' (\w+)="([^"]+)"', search[3]))
        return namespace, search[2], {name: known.get(name) for name in dimensions}
    if select := re.fullmatch(r'SELECT \w+\((\w+)\) FROM SCHEMA\("([^"]+)", (\w+)\) GROUP BY .*', expression):
        return select[2], select[1], {select[3]: None}
    return "", "", {}


def bodies() -> Iterator[tuple[Found, dict]]:
    """Every dashboard with what it holds."""
    for it in found("AWS::CloudWatch::Dashboard"):
        yield it, json.loads(joined(resolved(it.properties["DashboardBody"], it.settings.primary_region)))


def joined(node: Any) -> str:
    """The text that ``Fn::Join`` makes of *node*."""
    if isinstance(node, str):
        return node
    between, parts = node["Fn::Join"]
    return between.join(joined(part) for part in parts)


@cache
def everything() -> list[Read]:
    """All that is read, by any deployment."""
    alarms = [read for it in found("AWS::CloudWatch::Alarm") for read in of_alarm(it)]
    return alarms + [read for _, body in bodies() for read in of_dashboard(body)]


@cache
def alarms() -> list[Found]:
    return list(found("AWS::CloudWatch::Alarm"))


__all__ = ["OPTIONS", "Read", "alarms", "bodies", "everything", "of_alarm", "of_dashboard", "page"]
