"""Metrics: what functions write into their log in the embedded format, and what the services count.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import contextvars
import json
import time
from collections.abc import Iterator
from typing import Any

from ministack.services import cloudwatch, lambda_svc

from sandbox.engine.patching import replace

MOST_METRICS = 100  # of one directive
RECENT = 20  # points among which an equal one is looked for
invoked_as: contextvars.ContextVar[str] = contextvars.ContextVar("holdfast_invoked_as", default="")

_original: dict[str, Any] = {}


def install() -> None:
    """Count every invocation, where MiniStack counted those of the API ``Invoke`` only."""
    _original["lambda"] = replace(lambda_svc, "_emit_lambda_metrics", count_throttle, "3b6689d77cf6")


def record(namespace: str, name: str, value: float, unit: str, **dimensions: str) -> None:
    """Add a data point."""
    add(namespace, name, value, unit, dimensions)


def add(namespace: str, name: str, value: float, unit: str, dimensions: dict[str, str]) -> None:
    """Add a data point; a value that came in this second already counts once more.

    MiniStack keeps every point, and looks at them all: a load test leaves hundreds of thousands.
    """
    now = time.time()
    points = cloudwatch._metric_bucket((namespace, name, cloudwatch._dims_key(dimensions)))
    for point in reversed(points[-RECENT:]):
        if int(point["Timestamp"]) != int(now):
            break
        if (point["Value"], point["Unit"]) == (value, unit) and "_stat" not in point:
            point["Count"] = point.get("Count", 1) + 1
            return
    points.append({"Timestamp": now, "Value": float(value), "Unit": unit, "Dimensions": dict(dimensions)})


def from_log(log: str) -> None:
    """Add what the lines of a log say in the embedded format."""
    for line in log.splitlines():
        if line.startswith("{") and '"_aws"' in line:
            try:
                document = json.loads(line)
                for namespace, name, value, unit, dimensions in embedded(document):
                    add(namespace, name, value, unit, dimensions)
            except (ValueError, TypeError, KeyError, AttributeError):  # AWS keeps the line, and extracts nothing
                continue


def embedded(document: dict[str, Any]) -> Iterator[tuple[str, str, float, str, dict[str, str]]]:
    """Every data point of a document: namespace, name, value, unit, dimensions.

    A set of dimensions of which one is missing counts for nothing.
    """
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"] or [[]]:
            if not all(isinstance(document.get(name), str) for name in names):
                continue
            dimensions = {name: document[name] for name in names}
            for metric in directive["Metrics"][:MOST_METRICS]:
                value = document.get(metric["Name"])
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, int | float):
                        yield directive["Namespace"], metric["Name"], one, metric.get("Unit", "None"), dimensions


def count_throttle(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:  # noqa: FBT001
    """MiniStack's count, of throttles only; the rest is `count_invocation`'s."""
    if throttle:
        _original["lambda"](function_name, duration_ms, error, throttle)


def count_invocation(config: dict[str, Any], milliseconds: float, *, failed: bool) -> None:
    """Count an invocation, by function and by what was invoked.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    name, version = config["FunctionName"], config.get("Version", "$LATEST")
    values = {
        "Invocations": (1, "Count"),
        "Errors": (int(failed), "Count"),
        "Throttles": (0, "Count"),
        "Duration": (round(milliseconds), "Milliseconds"),
    }
    alias = invoked_as.get().partition(f":function:{name}:")[2]
    resource = {"Resource": f"{name}:{alias or version}"} if alias or version != "$LATEST" else {"Resource": name}
    ways = [{}, resource, *([{**resource, "ExecutedVersion": version}] if alias else [])]
    for metric, (value, unit) in values.items():
        for more in ways:
            add("AWS/Lambda", metric, value, unit, {"FunctionName": name, **more})
