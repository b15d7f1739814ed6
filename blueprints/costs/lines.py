"""What an estimate is made of: lines, each so many units of one thing at its price."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from blueprints.costs.assumptions import HOUR, HOURS_A_MONTH, Load
from blueprints.costs.deployed import Resource
from blueprints.costs.prices import Price, Prices

if TYPE_CHECKING:
    from blueprints.settings import Settings


class Per(StrEnum):
    """What a line's quantity is counted for."""

    MONTH = "month"  # whatever is stored and asked
    RUN = "run"  # one backup run of one database, whatever its size
    MOVED = "gigabyte moved"  # each GB of a database, with each run
    KEPT = "gigabyte kept"  # each GB of a database, a month, with one month of points
    GROWTH = "gigabyte growth"  # each GB of a database, a month, for each further month of points
    REQUESTS = "million requests"


@dataclass(frozen=True)
class Line:
    """So many units of one thing.

    Attributes:
        per: What *quantity* is counted for.
        service: AWS's name of who sells it.
        what: What it is for.
        region: Where it is used.
        quantity: Units.
        price: What one is.
    """

    per: Per
    service: str
    what: str
    region: str
    quantity: float
    price: Price

    @property
    def usd(self) -> float:
        """USD for all of them."""
        return self.quantity * self.price.usd


@dataclass(frozen=True)
class Deployment:
    """What is estimated.

    Attributes:
        settings: Of the deployment.
        resources: What its templates make, in each region.
        load: What it is assumed to hold and to be asked.
        prices: What AWS asks for.
    """

    settings: Settings
    resources: tuple[Resource, ...]
    load: Load
    prices: Prices

    @property
    def runs(self) -> float:
        """Backup runs of each database, a month."""
        return HOURS_A_MONTH * HOUR / self.settings.backup.interval

    @property
    def days_between(self) -> float:
        """Days from one run to the next."""
        return self.settings.backup.interval / timedelta(days=1)

    @property
    def here(self) -> str:
        """The primary region."""
        return self.settings.primary_region

    @property
    def there(self) -> str:
        """The recovery region."""
        return self.settings.recovery_region

    def of_kind(self, kind: str, region: str) -> Iterator[Resource]:
        """Each resource of the CloudFormation type *kind* in *region*."""
        return (each for each in self.resources if each.kind == kind and each.region == region)

    def line(self, per: Per, item: str, what: str, region: str, quantity: float) -> Line:
        """So many units of *item*.

        Raises:
            PriceError: the table has no price for it.
        """
        return Line(per, SERVICES[item.partition(".")[0]], what, region, quantity, self.prices.of(item, region))

    def invocations(self, per: Per, what: str, function: Resource, count: float, seconds: float) -> Iterator[Line]:
        """Lines for *count* invocations of *function*, which take *seconds* each, with their log and their trace."""
        region, memory = function.region, function.properties["MemorySize"] / 1024
        yield self.line(per, "lambda.time", f"{what}: time of functions", region, count * seconds * memory)
        yield self.line(per, "lambda.requests", f"{what}: invocations", region, count)
        yield from self.logs(per, what, region, count * self.load.log_kilobytes / 1e6)
        if function.properties.get("TracingConfig", {}).get("Mode") == "Active" and per is not Per.REQUESTS:
            yield self.line(per, "xray.trace", f"{what}: traces", region, count)

    def logs(self, per: Per, what: str, region: str, gigabytes: float) -> Iterator[Line]:
        """Lines for *gigabytes* of logs written, and for keeping them as many months as the settings say."""
        months = self.settings.log_retention * 24 / HOURS_A_MONTH
        stored = gigabytes * self.load.log_compression * months
        yield self.line(per, "logs.ingestion", f"{what}: logs", region, gigabytes)
        yield self.line(per, "logs.storage", f"{what}: logs kept {self.settings.log_retention} days", region, stored)


SERVICES: Mapping[str, str] = {
    "cloudfront": "CloudFront",
    "cloudwatch": "CloudWatch",
    "cognito": "Cognito",
    "dynamodb": "DynamoDB",
    "events": "EventBridge",
    "gateway": "API Gateway",
    "kms": "KMS",
    "lambda": "Lambda",
    "logs": "CloudWatch Logs",
    "rds": "RDS",
    "route53": "Route 53",
    "s3": "S3",
    "scheduler": "EventBridge Scheduler",
    "secrets": "Secrets Manager",
    "sns": "SNS",
    "sqs": "SQS",
    "states": "Step Functions",
    "transfer": "Data transfer",
    "waf": "WAF",
    "xray": "X-Ray",
}


def merged(lines: Iterable[Line]) -> list[Line]:
    """*lines* with those that differ in nothing but their quantity added up, and without those of nothing."""
    added: dict[tuple[Per, str, str, str, Price], Line] = {}
    for line in lines:
        key = (line.per, line.service, line.what, line.region, line.price)
        added[key] = replace(line, quantity=added[key].quantity + line.quantity) if key in added else line
    return [line for line in added.values() if line.quantity]
