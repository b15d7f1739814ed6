"""Metrics, written as one JSON line each in CloudWatch's embedded metric format: no call, no client, no waiting.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping

NAMESPACE = "Holdfast"
DEPLOYMENT = "Deployment"  # dimension: which deployment of this region, "holdfast-production"
COUNT = "Count"
SECONDS = "Seconds"
MILLISECONDS = "Milliseconds"
PERCENT = "Percent"


def record(
    values: Mapping[str, tuple[float, str]],
    dimensions: Mapping[str, str] | None = None,
    *,
    more_dimensions: Iterable[Iterable[str]] = (),
    **facts: object,
) -> None:
    """Write *values* as metrics of this deployment.

    Args:
        values: Metric name, which bears its unit, to value and CloudWatch's name of the unit.
        dimensions: Beside ``Deployment``, which every metric has.
        more_dimensions: Further sets of names of *dimensions* that the values are published under too; ``[()]`` is
            ``Deployment`` alone.
        facts: What the log line says beside; not part of any metric.
    """
    found = dict(dimensions or {})
    line = {
        **facts,
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                declared(
                    {name: unit for name, (_, unit) in values.items()},
                    [tuple(found), *(tuple(names) for names in more_dimensions)],
                )
            ],
        },
        DEPLOYMENT: os.environ.get("PREFIX", "local"),
        **found,
        **{name: value for name, (value, _) in values.items()},
    }
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


def declared(units: Mapping[str, str], sets: Iterable[Iterable[str]] = ((),)) -> dict[str, object]:
    """One entry of ``CloudWatchMetrics``: metrics with *units*, published under each of *sets* of dimensions."""
    return {
        "Namespace": NAMESPACE,
        "Dimensions": [[DEPLOYMENT, *names] for names in sets],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
