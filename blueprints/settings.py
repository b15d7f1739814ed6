"""What may differ between two deployments of the same code, and the names that follow from it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from datetime import timedelta

from blueprints.backup_settings import DAY, Backup
from blueprints.stack_set_settings import StackSets
from blueprints.validation import require
from blueprints.web_settings import Alerts, Api, Domain, Federation, Site

__all__ = [
    "DAY",
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
    "StackSets",
]


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
class Settings:
    """One deployment.

    Attributes:
        project: First part of every physical name; lower case, at most 12 characters.
        stage: Second part of every physical name and the folder below ``outputs/``.
        primary_region: Region that takes writes and backups.
        recovery_region: Region that receives copies and can be promoted (DR).
        log_retention: Days that logs are kept.
        permissions_boundary: ARN of the policy that bounds every role, or nothing. It bounds those of StackSets, too,
            and must leave them room: to assume a role, and for all that the templates make.
        stack_sets: Who lets StackSets deploy to both regions.
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
    stack_sets: StackSets = field(default_factory=StackSets)
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


PRODUCTION = Settings(stage="production")

STAGING = Settings(
    stage="staging",
    database=Database(instance_class="db.t4g.medium", storage=20, storage_limit=100, automated_backups=7),
    backup=Backup(interval=DAY, recovery_point_objective=timedelta(hours=36), lock_retention=7 * DAY),
    site=Site(cloudfront=False),
)

# Only for the embedded AWS of the local run: the smallest of everything, watched closely.
SANDBOX = Settings(
    stage="sandbox",
    database=Database(instance_class="db.t4g.micro", storage=20, storage_limit=40, proxy=True, automated_backups=7),
    backup=Backup(lock_retention=DAY, staging_retention=DAY, sweep_interval=timedelta(minutes=1)),
)

PROFILES = {"PRODUCTION": PRODUCTION, "STAGING": STAGING, "SANDBOX": SANDBOX}
