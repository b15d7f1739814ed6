"""What is paid for objects and keys: exports in staging and in the vault, their way there, small buckets, keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blueprints.costs.assumptions import DAYS_A_MONTH
from blueprints.costs.deployed import Resource
from blueprints.costs.lines import Deployment, Line, Per

STAGING, VAULT = "Staging", "Vault"  # logical ids in the stack storage
REPLICATION_METRICS = 4  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html (replication)


def bucket(d: Deployment, resource: Resource) -> Iterator[Line]:
    """One bucket: what it holds, and what its replication costs."""
    # Exports are made in the primary region and copied to the recovery region; the other staging and vault are empty.
    if resource.name == STAGING:
        if resource.region == d.here:
            yield from _staging(d, resource)
    elif resource.name == VAULT:
        if resource.region == d.there:
            yield from _vault(d)
    else:
        held = d.load.small_bucket_gigabytes
        yield d.line(Per.MONTH, "s3.storage", f"bucket {resource.name}", resource.region, held)
    yield from _watched(d, resource)


def _staging(d: Deployment, resource: Resource) -> Iterator[Line]:
    """Exports as RDS writes them, as a check reads them, and as long as they stay."""
    yield from _requests(d, "s3.write", "objects exported", d.here, 1)
    yield from _requests(d, "s3.read", "objects checked", d.here, 3)  # length, footer; and the copy's comparison
    days = _days(resource.properties)
    stays = d.load.parquet * min(days, d.load.months * DAYS_A_MONTH) / d.days_between
    yield d.line(Per.KEPT, "s3.storage", f"staging, {days:g} days with old versions", d.here, stays)


def _vault(d: Deployment) -> Iterator[Line]:
    """Exports as they arrive and stay: a lock ends after some days, but only the retention machine will delete."""
    yield from _requests(d, "s3.write", "objects replicated", d.there, 1)
    yield from _requests(d, "s3.read", "objects compared", d.there, 2)
    month = d.load.parquet * d.runs
    yield d.line(Per.KEPT, "s3.storage", "vault, exports of one month", d.there, month)
    yield d.line(Per.GROWTH, "s3.storage", "vault, exports of a further month", d.there, month)


def _requests(d: Deployment, item: str, what: str, region: str, times: float) -> Iterator[Line]:
    yield d.line(Per.RUN, item, what, region, d.load.objects * times)
    yield d.line(Per.MOVED, item, what, region, d.load.objects_per_gigabyte * times)


def _days(properties: Mapping[str, Any]) -> float:
    """Days until an object that nobody overwrites is gone: it expires, and then its old version does."""
    rules = properties["LifecycleConfiguration"]["Rules"]
    return float(
        sum(rule["ExpirationInDays"] + rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in rules)
    )


def _watched(d: Deployment, resource: Resource) -> Iterator[Line]:
    """What replication *resource* asks for: transfer, time control, its metrics."""
    for rule in resource.properties.get("ReplicationConfiguration", {}).get("Rules", ()):
        timed = rule["Destination"].get("ReplicationTime", {}).get("Status") == "Enabled"
        if resource.name == STAGING:
            yield d.line(Per.MOVED, "transfer.region", "exports to the vault", resource.region, d.load.parquet)
            if timed:
                what = "exports to the vault within 15 minutes (RTC)"
                yield d.line(Per.MOVED, "s3.replication-time", what, resource.region, d.load.parquet)
        if rule["Destination"].get("Metrics", {}).get("Status") == "Enabled":
            # They are paid as custom metrics, and S3 writes them in the destination's region.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html
            yield d.line(Per.MONTH, "cloudwatch.metric", "metrics of replication", d.there, REPLICATION_METRICS)


def key(d: Deployment, resource: Resource) -> Iterator[Line]:
    """A key of ours in its first year; each of its first two yearly rotations adds as much as the key."""
    # https://aws.amazon.com/kms/pricing/ (key storage)
    yield d.line(Per.MONTH, "kms.key", "keys, in their first year", resource.region, 1)
    yield d.line(Per.MONTH, "kms.requests", "requests to keys", resource.region, d.load.key_requests / 10_000)
