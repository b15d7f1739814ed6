"""What the templates can't say: how much there is, how much is asked, and how long things take.

Each is a guess that is easy to check against a bill; docs/costs.md lists them. The first four are options of the
command.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import TYPE_CHECKING

from blueprints.validation import require

if TYPE_CHECKING:
    from blueprints.settings import Settings

HOURS_A_MONTH = 730  # as AWS's calculator counts
DAYS_A_MONTH = HOURS_A_MONTH / 24
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
HOUR = timedelta(hours=1)
MILLION = 1_000_000
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html (GiB of one instance)
MOST_STORED = 65536
MOST_ASKED = 1e12  # a month
LONGEST = 120  # months; what is kept longer is beyond any estimate


def _told(default: float, meaning: str) -> float:
    """Field of *default* whose *meaning* the report tells."""
    made: float = field(default=default, metadata={"meaning": meaning})
    return made


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a deployment is assumed to hold and to be asked."""

    databases: int = field(default=1, metadata={"meaning": "databases protected"})
    gigabytes: float = _told(50, "GB of data in each of them")
    requests: float = _told(MILLION, "requests to the API a month, all in the primary region")
    months: int = field(default=1, metadata={"meaning": "months of recovery points kept; nothing deletes them yet"})
    changed: float = _told(0.02, "share of a database's blocks that changes a day; snapshots keep the old ones")
    parquet: float = _told(0.25, "size of an export against its database's; Parquet compresses")
    objects: float = _told(150, "objects of an export, whatever its size: tables, markers, manifest")
    objects_per_gigabyte: float = _told(4, "further objects for each GB of its database")
    looks: float = _told(10, "times that a run looks, 30 s apart, until the vault has all objects (RTC: within 15 min)")
    operation_seconds: float = _told(1, "seconds that a function of the pipeline takes")
    proof_seconds: float = _told(10, "seconds that a check of an export or of the vault takes, whatever its size")
    proof_seconds_per_gigabyte: float = _told(1, "further seconds for each GB of its database")
    events: float = _told(12, "events and messages of one run")
    ledger_writes: float = _told(60, "rows of the ledger that one run writes, each in both regions")
    ledger_rows: float = _told(3, "writes that one of them makes in a region: the row and its indexes")
    ledger_reads: float = _told(25, "rows read by one run, and by one sweep or measurement")
    ledger_gigabytes: float = _told(0.2, "GB of the ledger in each region")
    request_seconds: float = _told(0.05, "seconds that the API's functions take for a request, cold starts included")
    answer_kilobytes: float = _told(2, "kB of an answer of the API")
    log_kilobytes: float = _told(2, "kB that a function logs each time, its metrics included")
    gateway_log_kilobytes: float = _told(0.7, "kB that the gateway logs for a request")
    firewall_log_kilobytes: float = _told(1.8, "kB that the firewall logs for a request")
    log_compression: float = _told(0.2, "size of a log in storage against what was written")
    flow_log_gigabytes: float = _told(0.3, "GB of flow logs a month and region, without the API's own traffic")
    database_log_gigabytes: float = _told(0.5, "GB of logs and enhanced monitoring of the database a month")
    key_requests: float = _told(50_000, "requests to each key a month")
    people: float = _told(10, "people who sign in to the console")
    page_requests: float = _told(1_000, "requests to CloudFront of each of them a month")
    page_megabytes: float = _told(20, "MB from CloudFront to each of them a month")
    programs: float = _told(1, "programs that fetch a token each hour")
    mails: float = _told(100, "e-mails of alarms a month and subscription")
    small_bucket_gigabytes: float = _told(0.5, "GB in each bucket that holds no exports")

    def __post_init__(self) -> None:
        require(0 <= self.databases <= MILLION, "--databases", self.databases, f"use 0 to {MILLION}")
        require(
            0 <= self.gigabytes <= MOST_STORED,
            "--gigabytes",
            self.gigabytes,
            f"use 0 to {MOST_STORED}, the most that RDS stores",
        )
        require(0 <= self.requests <= MOST_ASKED, "--requests", self.requests, f"use 0 to {MOST_ASKED:g}")
        require(1 <= self.months <= LONGEST, "--months", self.months, f"use 1 to {LONGEST}")

    def told(self) -> list[tuple[str, float, str]]:
        """Name, value and meaning of each."""
        return [(each.name, getattr(self, each.name), each.metadata["meaning"]) for each in fields(self)]


def usual(settings: Settings) -> Load:
    """What is assumed if nothing is said: one database, half as full as the platform's own is made."""
    return Load(gigabytes=settings.database.storage / 2) if settings.database else Load()
