"""What may differ between two deployments of the same code, and the names that follow from it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from blueprints.validation import require
from blueprints.web_settings import Alerts, Api, Domain, Federation, Site

__all__ = [
    "PRODUCTION",
    "PROFILES",
    "SANDBOX",
    "STAGING",
    "Alerts",
    "Api",
    "Backup",
    "Database",
    "Domain",
    "Federation",
    "Network",
    "Settings",
    "Site",
]

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Network:
    """The private network of each region.

    Attributes:
        cidr: Addresses of the VPC; the same in both regions, which are not connected.
        zones: Availability Zones with a private subnet; RDS Proxy and multi-AZ need two.
    """

    cidr: str = "10.20.0.0/20"
    zones: int = 2

    def __post_init__(self) -> None:
        require(2 <= self.zones <= 3, "network.zones", self.zones, "use 2 or 3")
        try:
            net = ipaddress.IPv4Network(self.cidr)
        except ValueError:
            net = None
        # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html (a VPC is /16 to /28)
        usable = net is not None and net.is_private and 16 <= net.prefixlen <= 24
        require(
            usable,
            "network.cidr",
            self.cidr,
            "use a private IPv4 network between /16 and /24, for example 10.20.0.0/20",
        )

    def subnets(self) -> list[str]:
        """One CIDR per zone, in order."""
        return [str(net) for net in list(ipaddress.IPv4Network(self.cidr).subnets(prefixlen_diff=2))[: self.zones]]


@dataclass(frozen=True, kw_only=True)
class Database:
    """The RDS for MySQL instance that the platform itself runs.

    Attributes:
        instance_class: RDS instance class.
        engine_version: MySQL version; a major.minor leaves the patch to RDS.
        storage: Allocated storage, GiB.
        storage_limit: Storage that autoscaling may reach, GiB.
        port: TCP port; not MySQL's default.
        multi_az: Keep a synchronous standby in a second zone.
        proxy: Put RDS Proxy in front.
        automated_backups: Days that RDS keeps its own automated backups (point-in-time recovery).
        deletion_protection: Refuse to delete the instance.
    """

    instance_class: str = "db.m7g.large"
    engine_version: str = "8.4"
    storage: int = 100
    storage_limit: int = 500
    port: int = 3307
    multi_az: bool = True
    proxy: bool = True
    automated_backups: int = 14
    deletion_protection: bool = True

    def __post_init__(self) -> None:
        require(
            bool(re.fullmatch(r"db\.[a-z0-9]+\.[a-z0-9]+", self.instance_class)),
            "database.instance_class",
            self.instance_class,
            "use an RDS instance class such as db.m7g.large",
        )
        require(
            bool(re.fullmatch(r"8\.\d+(\.\d+)?", self.engine_version)),
            "database.engine_version",
            self.engine_version,
            "use a MySQL 8 version such as 8.4",
        )
        require(20 <= self.storage <= 65536, "database.storage", self.storage, "use 20 to 65536 GiB")
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html (at least 10 % more)
        require(
            11 * self.storage <= 10 * self.storage_limit <= 655360,
            "database.storage_limit",
            self.storage_limit,
            f"use at least a tenth more than storage ({self.storage}) and at most 65536 GiB",
        )
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html (Port: 1150 to 65535)
        require(
            1150 <= self.port <= 65535 and self.port != 3306,
            "database.port",
            self.port,
            "use 1150 to 65535, but not MySQL's default 3306",
        )
        require(
            7 <= self.automated_backups <= 35, "database.automated_backups", self.automated_backups, "use 7 to 35 days"
        )


@dataclass(frozen=True, kw_only=True)
class Backup:
    """How often recovery points are made, how long each step may take and how long copies are kept.

    Attributes:
        interval: Time between two scheduled runs; divides a day, or is a day.
        start: Local time of the first run of the day, ``HH:MM``.
        time_zone: IANA name of the zone that *start* is in.
        recovery_point_objective: Most data, counted in time, that a disaster may cost (RPO).
        snapshot_timeout: Longest time to follow one snapshot before looking again.
        export_timeout: Longest time to follow one export before looking again.
        copy_timeout: Longest time to follow one cross-region copy before looking again.
        slot_timeout: Longest time to wait for a free slot of an AWS quota.
        replication_timeout: Longest time to wait for the vault to hold every object.
        concurrent_exports: Export tasks RDS runs at once in the account.
        concurrent_copies: Snapshot copies RDS runs at once into the recovery region.
        retention: Time that objects in the vault stay locked.
        lock_mode: ``GOVERNANCE`` (some may lift the lock) or ``COMPLIANCE`` (nobody may, not even root).
        staging_retention: Time that exports stay in the primary region's staging bucket.
        sweep_interval: Time between two sweeps for lost events.
    """

    interval: timedelta = timedelta(hours=6)
    start: str = "00:30"
    time_zone: str = "Etc/UTC"
    recovery_point_objective: timedelta = timedelta(hours=12)
    snapshot_timeout: timedelta = timedelta(hours=1)
    export_timeout: timedelta = timedelta(hours=6)
    copy_timeout: timedelta = timedelta(hours=4)
    slot_timeout: timedelta = timedelta(hours=12)
    replication_timeout: timedelta = timedelta(hours=1)
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html (five export tasks at once)
    concurrent_exports: int = 5
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CopySnapshot.html (twenty per region)
    concurrent_copies: int = 20
    retention: timedelta = 35 * DAY
    lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    staging_retention: timedelta = 7 * DAY
    sweep_interval: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        whole_minutes = self.interval >= timedelta(minutes=5) and not self.interval % timedelta(minutes=1)
        divides = whole_minutes and not DAY % self.interval
        require(
            divides
            and (
                self.interval % timedelta(hours=1) == timedelta(0) or timedelta(hours=1) % self.interval == timedelta(0)
            ),
            "backup.interval",
            self.interval,
            "use 5, 10, 15, 20 or 30 minutes, or 1, 2, 3, 4, 6, 8, 12 or 24 hours",
        )
        require(
            bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.start)),
            "backup.start",
            self.start,
            "use a local time such as 00:30",
        )
        require(
            _is_time_zone(self.time_zone), "backup.time_zone", self.time_zone, "use an IANA zone such as Europe/Berlin"
        )
        worst = self.interval + self.snapshot_timeout + self.copy_timeout
        require(
            worst <= self.recovery_point_objective,
            "backup.recovery_point_objective",
            self.recovery_point_objective,
            f"a copy in the recovery region can be {worst} old (interval + snapshot_timeout + copy_timeout); "
            "shorten one of these or allow more",
        )
        for name in (
            "snapshot_timeout",
            "export_timeout",
            "copy_timeout",
            "slot_timeout",
            "replication_timeout",
            "sweep_interval",
        ):
            value = getattr(self, name)
            require(timedelta(minutes=1) <= value <= 7 * DAY, f"backup.{name}", value, "use one minute to seven days")
        require(
            1 <= self.concurrent_exports <= 100, "backup.concurrent_exports", self.concurrent_exports, "use 1 to 100"
        )
        require(1 <= self.concurrent_copies <= 100, "backup.concurrent_copies", self.concurrent_copies, "use 1 to 100")
        require(
            self.retention >= DAY and not self.retention % DAY,
            "backup.retention",
            self.retention,
            "use whole days, at least one",
        )
        require(
            self.lock_mode in ("GOVERNANCE", "COMPLIANCE"),
            "backup.lock_mode",
            self.lock_mode,
            "use GOVERNANCE or COMPLIANCE",
        )
        require(
            self.staging_retention >= DAY and not self.staging_retention % DAY,
            "backup.staging_retention",
            self.staging_retention,
            "use whole days, at least one",
        )

    def schedule(self) -> str:
        """EventBridge Scheduler expression of the runs, in :attr:`time_zone`."""
        hour, minute = map(int, self.start.split(":"))
        if self.interval >= timedelta(hours=1):
            step = self.interval // timedelta(hours=1)
            hours = ",".join(str(h) for h in range(hour % step, 24, step)) if step > 1 else "*"
            return f"cron({minute} {hours} * * ? *)"
        step = self.interval // timedelta(minutes=1)
        return f"cron({','.join(str(m) for m in range(minute % step, 60, step))} * * * ? *)"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One deployment.

    Attributes:
        project: First part of every physical name; lower case, at most 12 characters.
        stage: Second part of every physical name and the folder below ``outputs/``.
        primary_region: Region that takes writes and backups.
        recovery_region: Region that receives copies and can be promoted (DR).
        log_retention: Days that logs are kept.
        permissions_boundary: ARN of the policy that bounds every role, or nothing.
        network: The private network.
        database: The platform's own database, or nothing.
        backup: The backup pipeline.
        domain: A domain of our own, or nothing: then AWS's names serve.
        federation: The company's identity provider, or nothing: then people log in with users of the pool.
        api: How much the API lets through.
        site: How the console reaches people.
        alerts: Who is told, and from when on.
    """

    project: str = "holdfast"
    stage: str
    primary_region: str = "eu-west-1"
    recovery_region: str = "eu-central-1"
    log_retention: int = 365
    permissions_boundary: str | None = None
    network: Network = field(default_factory=Network)
    database: Database | None = field(default_factory=Database)
    backup: Backup = field(default_factory=Backup)
    domain: Domain | None = None
    federation: Federation | None = None
    api: Api = field(default_factory=Api)
    site: Site = field(default_factory=Site)
    alerts: Alerts = field(default_factory=Alerts)

    def __post_init__(self) -> None:
        for name in ("project", "stage"):
            value = getattr(self, name)
            require(
                bool(re.fullmatch(r"[a-z][a-z0-9]{0,11}", value)),
                name,
                value,
                "use at most 12 lower-case letters and digits, a letter first",
            )
            # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html
            reserved = [word for word in ("amazon", "aws", "cognito") if word in value]
            require(not reserved, name, value, "Cognito refuses a login page whose name holds aws, amazon or cognito")
        for name in ("primary_region", "recovery_region"):
            value = getattr(self, name)
            require(
                bool(re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", value)), name, value, "use a region name such as eu-west-1"
            )
        require(
            self.primary_region != self.recovery_region,
            "recovery_region",
            self.recovery_region,
            "choose another region than primary_region; one region's loss must not take both",
        )
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
        allowed = (365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
        require(
            self.log_retention in allowed,
            "log_retention",
            self.log_retention,
            f"use one of {', '.join(map(str, allowed))} days",
        )
        boundary = self.permissions_boundary
        require(
            boundary is None or boundary.startswith("arn:"),
            "permissions_boundary",
            boundary,
            "give the ARN of a managed policy",
        )
        require(
            self.domain is None or self.site.address is None,
            "site.address",
            self.site.address,
            "leave it out: with a domain the console is at console.<domain>",
        )

    @property
    def prefix(self) -> str:
        """First part of every physical name: ``holdfast-production``."""
        return f"{self.project}-{self.stage}"

    @property
    def regions(self) -> tuple[str, str]:
        """Primary region, then recovery region."""
        return self.primary_region, self.recovery_region

    def name(self, *parts: str) -> str:
        """Physical name of a resource: ``holdfast-production-take-snapshot``."""
        return "-".join((self.prefix, *parts))

    def export(self, stack: str, output: str) -> str:
        """Name under which *stack* publishes *output* to its own region."""
        return f"{self.prefix}:{stack}:{output}"

    def alias(self, purpose: str) -> str:
        """Alias of the customer-managed key of *purpose*, the same in both regions."""
        return f"alias/{self.prefix}-{purpose}"


def _is_time_zone(name: str) -> bool:
    if name == "Etc/UTC":  # everywhere; most runs need not ask, and zoneinfo is slow to load
        return True
    import zoneinfo  # noqa: PLC0415

    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return False
    return True


PRODUCTION = Settings(stage="production")

STAGING = Settings(
    stage="staging",
    database=Database(instance_class="db.t4g.medium", storage=20, storage_limit=100, automated_backups=7),
    backup=Backup(interval=DAY, recovery_point_objective=timedelta(hours=36), retention=7 * DAY),
    site=Site(cloudfront=False),
)

# Only for the embedded AWS of the local run: the smallest of everything, watched closely.
SANDBOX = Settings(
    stage="sandbox",
    database=Database(instance_class="db.t4g.micro", storage=20, storage_limit=40, proxy=True, automated_backups=7),
    backup=Backup(retention=DAY, staging_retention=DAY, sweep_interval=timedelta(minutes=1)),
)

PROFILES = {"PRODUCTION": PRODUCTION, "STAGING": STAGING, "SANDBOX": SANDBOX}
