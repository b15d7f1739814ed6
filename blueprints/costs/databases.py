"""What is paid for databases: the platform's own, its proxy, snapshots of all that are protected, and the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from blueprints.costs.assumptions import DAYS_A_MONTH, HOURS_A_MONTH
from blueprints.costs.deployed import Resource
from blueprints.costs.lines import Deployment, Line, Per

LEAST_VCPUS = 2  # that a proxy is paid for. https://aws.amazon.com/rds/proxy/pricing/


def instance(d: Deployment, resource: Resource) -> Iterator[Line]:
    """The platform's own database instance: hours, storage, its owner's password, its logs."""
    properties, region = resource.properties, resource.region
    multi_az, name = bool(properties["MultiAZ"]), properties["DBInstanceClass"]
    price = d.prices.instance(name, region, multi_az=multi_az)
    zones = "two zones" if multi_az else "one zone"
    yield Line(Per.MONTH, "RDS", f"instance {name}, {zones}", region, HOURS_A_MONTH, price)
    storage = max(float(properties["AllocatedStorage"]), d.load.gigabytes)  # it grows by itself
    yield d.line(Per.MONTH, f"rds.storage.{'multi' if multi_az else 'single'}", f"storage, {zones}", region, storage)
    if properties.get("ManageMasterUserPassword"):  # RDS keeps it in Secrets Manager
        yield d.line(Per.MONTH, "secrets.secret", "the owner's password", region, 1)
    yield from d.logs(Per.MONTH, "database", region, d.load.database_log_gigabytes)


def proxy(d: Deployment, resource: Resource) -> Iterator[Line]:
    """RDS Proxy: each vCPU of the instance behind it; in the recovery region, where none is yet, the least it costs."""
    behind = [each.properties["DBInstanceClass"] for each in d.of_kind("AWS::RDS::DBInstance", resource.region)]
    vcpus = max([LEAST_VCPUS, *map(d.prices.vcpus, behind)])
    what = "proxy" if behind else "proxy, nothing behind it yet (at most)"
    yield d.line(Per.MONTH, "rds.proxy", what, resource.region, vcpus * HOURS_A_MONTH)


def snapshots(d: Deployment) -> Iterator[Line]:
    """Snapshots of every protected database, their export and their copy.

    A snapshot holds the blocks that changed since the one before it; the first holds all. As much as the databases'
    storage is free in a region that has them: the first snapshot, not what changes after it. The recovery region has
    no databases, so all of it is paid there.
    https://aws.amazon.com/rds/mysql/pricing/ (backup storage, snapshot export)
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html (incremental copies, data transfer)
    """
    changed = d.load.changed * DAYS_A_MONTH
    yield d.line(Per.MOVED, "rds.export", "snapshot exports", d.here, 1)
    yield d.line(Per.MOVED, "transfer.region", "snapshot copies", d.here, min(1, d.load.changed * d.days_between))
    yield d.line(Per.KEPT, "rds.snapshots", "snapshots", d.here, changed)
    yield d.line(Per.KEPT, "rds.snapshots", "copies of snapshots", d.there, 1 + changed)
    yield d.line(Per.GROWTH, "rds.snapshots", "snapshots", d.here, changed)
    yield d.line(Per.GROWTH, "rds.snapshots", "copies of snapshots", d.there, changed)


def ledger(d: Deployment, resource: Resource) -> Iterator[Line]:
    """The ledger, a global table: storage and point-in-time recovery in each region, and what each run writes."""
    # An index is written in its own region's plain units; the row in replicated ones.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/global_tables_billing.html
    for replica in resource.properties["Replicas"]:
        region = replica["Region"]
        yield d.line(Per.MONTH, "dynamodb.storage", "ledger", region, d.load.ledger_gigabytes)
        if replica.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            recovery = d.load.ledger_gigabytes
            yield d.line(Per.MONTH, "dynamodb.recovery", "ledger, point-in-time recovery", region, recovery)
        writes = d.load.ledger_writes
        yield d.line(Per.RUN, "dynamodb.replicated-write", "rows of the ledger", region, writes)
        yield d.line(Per.RUN, "dynamodb.write", "indexes of the ledger", region, writes * (d.load.ledger_rows - 1))
        yield d.line(Per.RUN, "dynamodb.read", "reads of the ledger", region, d.load.ledger_reads)
