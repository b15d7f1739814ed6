"""A dashboard for each of three audiences: who runs the service, who answers for the backups, who pays.

Dashboards belong to the account, not to a region, so the primary region's stack makes them, once; they show both.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from troposphere import Template

from blueprints import metrics
from blueprints.alarms import DAY, HOUR, Metric, kebab, words
from blueprints.observability_backups import at_risk
from blueprints.observability_delivery import REPLICATION, ROUTES
from blueprints.regions import GLOBAL, PRIMARY
from blueprints.settings import Settings
from blueprints.widgets import HALF, Widget, alarm_states, busiest, dashboard, found, graph, text

BACKUP_ALARMS = ("NoRecentRecoveryPoint", "RecoveryPointObjectiveAtRisk", "ManualSnapshotQuotaLow", "WorkUnfinished")
SERVICE_ALARMS = ("ApiFailing", "ApiSlow", "ApiRefusing", "FirewallBlocking", "LedgerFailing", "KeyInDanger")
BUCKETS = ("staging", "vault", "site")


def dashboards(t: Template, settings: Settings) -> None:
    """Add all three."""
    dashboard(t, settings, "service", PRIMARY, [*_service(settings)])
    dashboard(t, settings, "backups", PRIMARY, [*_backups(settings)])
    dashboard(t, settings, "cost", PRIMARY, [*_cost(settings)])


# ---- service --------------------------------------------------------------------------------------------------------


def _service(s: Settings) -> Iterator[Widget]:
    yield text(
        f"# {s.prefix}: the service\nEmitted by `build.py`; a change made here is lost with the next deployment."
    )
    yield alarm_states(s, "Alarms", {region: [kebab(title) for title in SERVICE_ALARMS] for region in s.regions})
    for region, role in zip(s.regions, ("primary", "recovery"), strict=True):
        yield text(f"## {region} ({role})", 1)
        yield graph(
            "Requests",
            region,
            {
                "all": metrics.api(s, "Count", "Sum"),
                "5xx": metrics.api(s, "5XXError", "Sum"),
                "4xx": metrics.api(s, "4XXError", "Sum"),
                "stopped by the firewall": metrics.firewall(s, "BlockedRequests", region=region),
            },
        )
        yield graph(
            "Latency, ms",
            region,
            {
                "p99": metrics.api(s, "Latency", "p99"),
                "p50": metrics.api(s, "Latency", "p50"),
                "p99 of the functions": metrics.api(s, "IntegrationLatency", "p99"),
            },
            lines={"alarm": s.alerts.latency / timedelta(milliseconds=1)},
        )
        yield graph("Functions: errors", region, {"": busiest("Errors", "AWS/Lambda", "FunctionName")})
        yield from _ledger(s, region)
        if s.database and s.database.proxy:
            yield from _proxy(s, region)
    if s.database:
        yield from _database(s)


def _ledger(s: Settings, region: str) -> Iterator[Widget]:
    yield graph(
        "Functions: executions at once",
        region,
        {"": busiest("ConcurrentExecutions", "AWS/Lambda", "FunctionName", "MAX")},
    )
    yield graph("Functions: throttles", region, {"": busiest("Throttles", "AWS/Lambda", "FunctionName")})
    yield graph(
        "Ledger: throttled requests",
        region,
        {each: metrics.ledger(s, "ThrottledRequests", Operation=each) for each in metrics.OPERATIONS},
    )


def _proxy(s: Settings, region: str) -> Iterator[Widget]:
    yield graph(
        "Proxy: connections to the database",
        region,
        {
            "allowed": metrics.proxy(s, "MaxDatabaseConnectionsAllowed"),
            "open": metrics.proxy(s, "DatabaseConnections"),
            "in use": metrics.proxy(s, "DatabaseConnectionsCurrentlyBorrowed"),
            "pinned": metrics.proxy(s, "DatabaseConnectionsCurrentlySessionPinned"),
            "clients": metrics.proxy(s, "ClientConnections"),
        },
        width=HALF,
    )
    yield graph(
        "Proxy: times, µs",
        region,
        {
            "to borrow a connection": metrics.proxy(s, "DatabaseConnectionsBorrowLatency", "Average"),
            "to answer": metrics.proxy(s, "QueryResponseLatency", "Average"),
        },
        width=HALF,
    )


def _database(s: Settings) -> Iterator[Widget]:
    here = s.primary_region
    yield text(f"## The database {s.name('database')}", 1)
    yield graph("Processor, %", here, {"busy": metrics.database(s, "CPUUtilization", "Average")})
    yield graph("Connections", here, {"open": metrics.database(s, "DatabaseConnections", "Maximum")})
    yield graph("Free storage, bytes", here, {"free": metrics.database(s, "FreeStorageSpace", "Minimum")})


# ---- backups --------------------------------------------------------------------------------------------------------


def _backups(s: Settings) -> Iterator[Widget]:
    here, there = s.regions
    age = metrics.ours(s, "RecoveryPointAgeSeconds", "Maximum")
    levels = {
        "RPO": s.backup.recovery_point_objective.total_seconds(),
        "at risk": at_risk(s.backup).total_seconds(),
    }
    yield text(
        f"# {s.prefix}: what can be restored\nA run every {words(s.backup.interval)};"
        f" at most {words(s.backup.recovery_point_objective)} may be lost (RPO)."
    )
    yield alarm_states(s, "Alarms", {region: [kebab(title) for title in BACKUP_ALARMS] for region in s.regions})
    yield graph(
        "Age of the newest verified point where it is oldest, s",
        here,
        {},
        other_region={here: age, there: age},
        lines=levels,
    )
    by_database = found(
        metrics.NAMESPACE, age.name, "Maximum", HOUR / 12, "Deployment", "Database", Deployment=s.prefix
    )
    yield graph("Age by database, s", there, {"": by_database}, lines=levels)
    yield graph(
        "Recovery points concluded",
        here,
        {end: metrics.ours(s, f"RecoveryPoints{end.capitalize()}", "Sum") for end in ("verified", "partial", "failed")},
        period=max(HOUR, s.backup.interval),
        stacked=True,
    )
    yield from _machines(s)
    yield graph("Oldest unfinished work, s", here, {}, other_region=_both(s, "UnfinishedSeconds", "Maximum"))
    for quota, region in (("exports", here), ("copies", there)):
        slots = {
            "in use": metrics.ours(s, "SlotsInUse", "Maximum", Quota=quota),
            "awaited": metrics.ours(s, "SlotsAwaited", "Maximum", Quota=quota),
        }
        yield graph(f"Slots for {quota}", region, slots)
    yield graph("Lost events", here, {}, other_region=_both(s, "LostEventsFound", "Sum"))
    yield graph(
        "Manual snapshots, % of the quota", here, {}, other_region=_both(s, "ManualSnapshotQuotaPercent", "Maximum")
    )
    for region in s.regions:
        deepest = busiest("ApproximateNumberOfMessagesVisible", "AWS/SQS", "QueueName", "MAX")
        yield graph(f"Messages waiting, {region}", region, {"": deepest}, width=HALF)
    yield from _replication(s)


def _machines(s: Settings) -> Iterator[Widget]:
    ends = ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")
    for which, region in (("fleet", s.primary_region), ("backup", s.primary_region), ("copy", s.recovery_region)):
        yield graph(
            f"Runs of {which}",
            region,
            {end: metrics.machine(s, which, f"Executions{end}", region=region) for end in ends},
            period=HOUR,
        )


def _replication(s: Settings) -> Iterator[Widget]:
    here, there = s.regions
    for source, target in ROUTES:
        yield text(f"## Replication: {source} of {here} to {target} of {there}", 1)
        for title, name, statistic, region in (
            ("Behind, s", "ReplicationLatency", "Maximum", there),
            ("Bytes pending", "BytesPendingReplication", "Maximum", there),
            ("Failed operations", "OperationsFailedReplication", "Sum", here),
        ):
            lines = {"alarm": REPLICATION.total_seconds()} if name == "ReplicationLatency" else None
            shown = {target: metrics.replication(s, source, target, name, statistic)}
            yield graph(title, region, shown, lines=lines)


def _both(s: Settings, name: str, statistic: str) -> dict[str, Metric]:
    return dict.fromkeys(s.regions, metrics.ours(s, name, statistic))


# ---- cost -----------------------------------------------------------------------------------------------------------


def _cost(s: Settings) -> Iterator[Widget]:
    yield text(
        f"# {s.prefix}: what it costs\nThe budget is {s.alerts.monthly_budget} USD a month. Charges are those of the"
        " whole account, some hours old, and appear only if billing alerts are on (Billing preferences)."
        " Below: what drives them.",
        3,
    )
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/monitor_estimated_charges_with_cloudwatch.html
    charges = ("AWS/Billing", "EstimatedCharges", "Maximum", 6 * HOUR, "Currency")
    yield graph("Charges this month, USD", GLOBAL, {"": found(*charges)}, period=6 * HOUR, width=HALF)
    by_service = found(*charges, "ServiceName")
    yield graph("By service, USD", GLOBAL, {"": by_service}, period=6 * HOUR, width=HALF)
    for region in s.regions:
        yield text(f"## {region}", 1)
        yield graph("Buckets, bytes", region, _sizes(s, region), period=DAY)
        yield graph(
            "Functions: time, ms (times memory: GB-seconds)",
            region,
            {"": busiest("Duration", "AWS/Lambda", "FunctionName")},
        )
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Service-Quota-Integration.html
        calls = found("AWS/Usage", "CallCount", "Sum", HOUR, "Class", "Resource", "Service", "Type", Service="KMS")
        yield graph("KMS requests", region, {"": calls}, period=HOUR)
        yield graph(
            "Ledger: capacity units",
            region,
            {each: metrics.ledger(s, f"Consumed{each}CapacityUnits") for each in ("Read", "Write")},
            period=HOUR,
        )
        yield graph(
            "Requests",
            region,
            {
                "API": metrics.api(s, "Count", "Sum"),
                "let through by the firewall": metrics.firewall(s, "AllowedRequests", region=region),
            },
            period=HOUR,
        )
        yield graph(
            "Manual snapshots, % of the quota",
            region,
            {"": metrics.ours(s, "ManualSnapshotQuotaPercent", "Maximum")},
            period=HOUR,
        )
    yield text("What to do when it is too much: `docs/runbooks/over-budget.md`.", 1)


def _sizes(s: Settings, region: str) -> dict[str, Metric]:
    return {purpose: metrics.bucket_size(s, purpose, region=region) for purpose in BUCKETS}
