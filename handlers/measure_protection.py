"""How old the newest verified data of each database is, measured in both regions, every few minutes.

The primary region also keeps the registry of databases. The recovery region measures by its own replica of the ledger:
when backups stop because the primary region has, somebody is told all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from handlers import metrics, protection
from handlers.core import names
from handlers.core.errors import HoldfastError
from handlers.ledger import Item, Ledger
from handlers.runtime import Clients, from_environment, log, now, region, translated

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

_NAMED = 20  # databases that one log line names
_ZERO = timedelta(0)


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: Value of the tag ``holdfast:protect`` on databases that are ours to protect.
        ledger: Name of the table.
        primary_region: Region that keeps the registry.
        rpo_seconds: Recovery point objective.
    """

    prefix: str
    ledger: str
    primary_region: str
    rpo_seconds: int


def handler(event: Item, context: object) -> Item:
    """``{} -> {databases, oldest_seconds}``."""
    environment = from_environment(Environment)
    clients = Clients()
    return measure(clients, Ledger(clients.dynamodb, environment.ledger, region()), environment, now())


def measure(clients: Clients, ledger: Ledger, environment: Environment, at: datetime) -> Item:
    """How many databases there are, and how old the worst one's data is; each measurement stands for itself.

    Raises:
        HoldfastError: One of them could not be made; the others were. Lambda tries again, then keeps a dead letter.
    """
    found: Item = {}
    failures: list[Exception] = []

    def tried(step: Callable[[], None]) -> bool:
        try:
            with translated():
                step()
        except Exception as error:  # noqa: BLE001  # whatever it is: what can be measured is, and then it is raised
            failures.append(error)
            log("not measured", level="ERROR", error=f"{type(error).__name__}: {error}")
            return False
        return True

    keeps = ledger.region == environment.primary_region
    current = not keeps or tried(lambda: protection.register(ledger, _tagged(clients.rds, environment.prefix), at))
    tried(lambda: found.update(_ages(ledger, environment, at, current=current)))
    tried(lambda: _unfinished(ledger, at))
    tried(lambda: _slots(ledger))
    tried(lambda: _manual_snapshots(clients.rds))
    if failures:
        raise next((error for error in failures if isinstance(error, HoldfastError)), failures[0])
    return found


def _tagged(rds: RDSClient, prefix: str) -> Iterator[str]:
    """Ids of all databases that bear our tag, even those that can't be backed up: they ask, and do not get it."""
    for page in rds.get_paginator("describe_db_instances").paginate():
        for instance in page["DBInstances"]:
            tags = {tag["Key"]: tag.get("Value") for tag in instance.get("TagList", [])}
            if tags.get(names.PROTECT_TAG) == prefix:
                yield instance["DBInstanceIdentifier"]


def _ages(ledger: Ledger, environment: Environment, at: datetime, *, current: bool) -> Item:
    """Without any database the worst age is nought, so that silence always means that nobody measures.

    Unless the registry is not *current*: then there may be databases that nobody has seen.
    """
    ages = {each.row["id"]: each.exposure(at) for each in protection.databases(ledger) if each.present}
    for name, age in ages.items():
        metrics.record({"RecoveryPointAgeSeconds": _seconds(age)}, {"Database": name})
    worst = max(ages.values(), default=_ZERO)
    if ages or current:
        count = {"DatabasesProtected": (len(ages), metrics.COUNT)}
        metrics.record({"RecoveryPointAgeSeconds": _seconds(worst), **count})
    objective = timedelta(seconds=environment.rpo_seconds)
    if late := sorted(name for name, age in ages.items() if age > objective):
        log("recovery point objective missed", level="WARNING", count=len(late), databases=late[:_NAMED])
    return {"databases": len(ages), "oldest_seconds": int(worst.total_seconds())}


def _unfinished(ledger: Ledger, at: datetime) -> None:
    row = ledger.oldest_unfinished(ledger.region)
    age = at - datetime.fromisoformat(row["begun_at"]) if row else _ZERO
    metrics.record({"UnfinishedSeconds": _seconds(age)}, oldest=row and f"{row['pk']} {row['sk']}")


def _slots(ledger: Ledger) -> None:
    for quota in ("exports", "copies"):
        rows = ledger.partition(f"LEASE#{ledger.region}#{quota}")
        used = sum(len(row.get("holders", {})) for row in rows)
        counts = {"SlotsInUse": used, "SlotsAwaited": sum(row["sk"].startswith("WAITER#") for row in rows)}
        metrics.record({name: (count, metrics.COUNT) for name, count in counts.items()}, {"Quota": quota})


def _manual_snapshots(rds: RDSClient) -> None:
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html
    quotas = {quota["AccountQuotaName"]: quota for quota in rds.describe_account_attributes()["AccountQuotas"]}
    snapshots = quotas["ManualSnapshots"]
    percent = round(100 * snapshots["Used"] / max(1, snapshots["Max"]), 2)
    measured = {"ManualSnapshotQuotaPercent": (percent, metrics.PERCENT)}
    metrics.record(measured, used=snapshots["Used"], quota=snapshots["Max"])


def _seconds(duration: timedelta) -> tuple[float, str]:
    return max(0.0, duration.total_seconds()), metrics.SECONDS
