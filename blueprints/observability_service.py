"""Alarms of what people and programs use: the API, the proxy, the database, the ledger."""

from __future__ import annotations

from datetime import timedelta

from troposphere import If, Region, Template

from blueprints import metrics
from blueprints.alarms import MINUTE, Formula, Metric, above, alarm, at_least, below, total, words
from blueprints.regions import PRIMARY
from blueprints.settings import Database, Settings

PERIOD = 5 * MINUTE
FAULTS, FAULT_PERCENT = 5, 1  # in a period; of few requests one bad one is many per cent
REFUSALS, REFUSED_PERCENT = 100, 50
BLOCKED = 1000  # requests in a period
SATURATED_PERCENT = 80
BUSY_PERCENT = 90
FREE_PERCENT = 10  # storage autoscaling steps in here; if it does not, somebody must
LEDGER_LAG = timedelta(minutes=1)  # a global table's replica is usually behind by less than two seconds
OTHER_CONNECTIONS = 20  # of the pipeline's inventory, migrations and a person or two
GIB = 1024**3  # bytes


def service_alarms(t: Template, settings: Settings) -> None:
    """Add them all; those of the database and the proxy only if there is one."""
    _api(t, settings)
    _ledger(t, settings)
    if settings.database:
        _database(t, settings, settings.database)
        if settings.database.proxy:
            _proxy(t, settings)


def _api(t: Template, s: Settings) -> None:
    requests = metrics.api(s, "Count", "Sum")
    alarm(
        t,
        s,
        "ApiFailing",
        f"More than {FAULT_PERCENT} % of the API's answers are 5xx, at least {FAULTS} in {words(PERIOD)}.",
        _percent(FAULTS, part=metrics.api(s, "5XXError", "Sum"), whole=requests),
        when=above(FAULT_PERCENT, PERIOD, 2, 3),
    )
    alarm(
        t,
        s,
        "ApiSlow",
        f"One answer in a hundred takes longer than {words(s.alerts.latency)}.",
        metrics.api(s, "Latency", "p99"),
        when=above(_milliseconds(s.alerts.latency), PERIOD, 3),
    )
    alarm(
        t,
        s,
        "ApiRefusing",
        f"More than {REFUSED_PERCENT} % of the API's answers are 4xx, at least {REFUSALS} in {words(PERIOD)}.",
        _percent(REFUSALS, part=metrics.api(s, "4XXError", "Sum"), whole=requests),
        when=above(REFUSED_PERCENT, PERIOD, 3),
    )
    alarm(
        t,
        s,
        "FirewallBlocking",
        f"The API's firewall stops {BLOCKED} requests or more in {words(PERIOD)}.",
        metrics.firewall(s, "BlockedRequests", region=Region),
        when=at_least(BLOCKED, PERIOD, 2),
    )


def _ledger(t: Template, s: Settings) -> None:
    # CloudWatch ignores missing data of DynamoDB whatever an alarm says, and DynamoDB writes no zeros: without FILL, in
    # total(), an alarm that once began would never end.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (TreatMissingData)
    alarm(
        t,
        s,
        "LedgerThrottled",
        "DynamoDB turns away reads or writes of the ledger.",
        total(**_by_operation(s, "ThrottledRequests")),
        when=at_least(1, PERIOD, 3),
    )
    alarm(
        t,
        s,
        "LedgerFailing",
        "DynamoDB answers for the ledger with errors of its own.",
        total(**_by_operation(s, "SystemErrors")),
        when=at_least(1, PERIOD, 3),
    )
    there = If(PRIMARY, s.recovery_region, s.primary_region)
    alarm(
        t,
        s,
        "LedgerReplicationLate",
        f"What this region writes to the ledger reaches the other one more than {words(LEDGER_LAG)} late.",
        total(lag=metrics.ledger(s, "ReplicationLatency", "Average", ReceivingRegion=there)),
        when=above(_milliseconds(LEDGER_LAG), PERIOD, 3),
    )


def _database(t: Template, s: Settings, database: Database) -> None:
    alarm(
        t,
        s,
        "DatabaseBusy",
        f"The database's processor is busy more than {BUSY_PERCENT} % of the time.",
        metrics.database(s, "CPUUtilization", "Average"),
        when=above(BUSY_PERCENT, PERIOD, 3),
        condition=PRIMARY,
    )
    alarm(
        t,
        s,
        "DatabaseFull",
        f"Less than {FREE_PERCENT} % of the database's {database.storage} GiB are free, and its storage does not grow.",
        metrics.database(s, "FreeStorageSpace", "Minimum"),
        when=below(database.storage * GIB * FREE_PERCENT // 100, PERIOD, 6),
        condition=PRIMARY,
    )
    if not database.proxy:  # which keeps within what the database can take
        # Each serving function that reaches the database holds one connection per environment.
        most = 2 * s.api.concurrency + OTHER_CONNECTIONS
        alarm(
            t,
            s,
            "DatabaseCrowded",
            f"The database holds more than {most} connections; all functions together have no use for so many.",
            metrics.database(s, "DatabaseConnections", "Maximum"),
            when=above(most, PERIOD, 3),
            condition=PRIMARY,
        )


def _proxy(t: Template, s: Settings) -> None:
    alarm(
        t,
        s,
        "ProxySaturated",
        f"More than {SATURATED_PERCENT} % of the connections that the proxy may hold to the database are in use.",
        Formula(
            "100 * used / allowed",
            {
                "used": metrics.proxy(s, "DatabaseConnectionsCurrentlyBorrowed"),
                "allowed": metrics.proxy(s, "MaxDatabaseConnectionsAllowed"),
            },
        ),
        when=above(SATURATED_PERCENT, PERIOD, 2),
    )


def _percent(least: int, **parts: Metric) -> Formula:
    """Percentage that *part* is of *whole*, once it is *least* or more."""
    return Formula(f"IF(part >= {least}, 100 * part / whole, 0)", parts)


def _by_operation(s: Settings, name: str) -> dict[str, Metric]:
    """The metric *name* for each operation on the ledger; of the table as a whole there is none."""
    return {each.lower(): metrics.ledger(s, name, Operation=each) for each in metrics.OPERATIONS}


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
