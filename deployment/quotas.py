"""Checks of quotas, and of what AWS has to give: resource types, functions, snapshots, networks, database classes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from blueprints.backup_settings import DAY
from blueprints.order import Stack
from deployment.asked import Asked, Fault, Note

# Lambda refuses a reservation that leaves fewer than these for all functions without one.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
UNRESERVED = 100
AT_ONCE = 8  # types that are asked for
SOON = 30  # days; a quota that is full by then is worth a note
# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html (five, unless somebody asked for more)
VPCS_PER_REGION, FEWEST_VPCS = "L-F678F1CE", 5


def resource_types(asked: Asked) -> Iterator[Note | Fault]:
    """CloudFormation knows, in each region, every type of the stacks that are new there; the conditions don't matter.

    A template that names a type which the region lacks is refused as a whole: AWS::Budgets::Budget in eu-north-1.
    """
    wanted = sorted({(stack.region, kind) for stack, kind in asked.types() if stack not in asked.found})
    with ThreadPoolExecutor(AT_ONCE, "types") as pool:
        known = pool.map(lambda one: _knows(asked.client("cloudformation", one[0]), one[1]), wanted)
        unknown = [one for one, there in zip(wanted, known, strict=True) if not there]
    for region in dict.fromkeys(region for region, _ in unknown):
        lacking = ", ".join(kind for where, kind in unknown if where == region)
        yield Fault(f"{region}: CloudFormation has no {lacking} there, which the templates need; choose another region")


def _knows(client: Any, kind: str) -> bool:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeType.html
    try:
        client.describe_type(Type="RESOURCE", TypeName=kind)
    except ClientError as error:
        if error.response["Error"]["Code"].startswith("TypeNotFound"):
            return False
        raise
    return True


def concurrency(asked: Asked) -> Iterator[Note | Fault]:
    """What functions reserve leaves enough for those that reserve nothing."""
    for region in asked.pair():
        reserved = {
            each.get("FunctionName", ""): int(each.get("ReservedConcurrentExecutions", 0))
            for _, each in asked.resources(region, "AWS::Lambda::Function")
        }
        client = asked.client("lambda", region)
        # https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
        limit = client.get_account_settings()["AccountLimit"]
        free, needed = limit["UnreservedConcurrentExecutions"], sum(reserved.values()) + UNRESERVED
        if free < needed:  # what this deployment reserves already is ours; that takes a call for each function
            free += sum(_reserved(client, name) for name in reserved)
        if free < needed:
            missing = needed - free
            yield Fault(
                f"{region}: the functions reserve {needed - UNRESERVED} concurrent executions and Lambda keeps "
                f"{UNRESERVED} free, but only {free} of {limit['ConcurrentExecutions']} are not reserved; have the "
                f"quota Concurrent executions (L-B99A9384) raised to {limit['ConcurrentExecutions'] + missing}, "
                "or lower api.concurrency"
            )


def _reserved(client: Any, name: str) -> int:
    try:
        return int(client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return 0
        raise


def snapshots(asked: Asked) -> Iterator[Note | Fault]:
    """There is room for the snapshots of the next weeks; nobody but a person deletes manual ones."""
    per_day = DAY / asked.target.settings.backup.interval
    full = []
    for region in asked.pair():
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html
        quotas = asked.client("rds", region).describe_account_attributes()["AccountQuotas"]
        for quota in quotas:
            days = (quota["Max"] - quota["Used"]) / per_day
            if quota["AccountQuotaName"] == "ManualSnapshots" and days < SOON:
                full.append(f"{region} ({quota['Used']} of {quota['Max']} used) is full in {days:.0f} days")
    if full:
        yield Note(
            f"each protected database adds {per_day:g} manual RDS snapshots a day to each region; with one of them, "
            f"{' and '.join(full)}. Delete old ones in time, or have Manual DB instance snapshots (L-272F1212) raised"
        )


def networks(asked: Asked) -> Iterator[Note | Fault]:
    """Each region that has no network of ours has room for one more VPC."""
    for region in asked.pair():
        if Stack("network", region) in asked.found:
            continue
        pages = asked.client("ec2", region).get_paginator("describe_vpcs").paginate()
        used = sum(len(page["Vpcs"]) for page in pages)
        if used < FEWEST_VPCS:
            continue
        quotas = asked.client("service-quotas", region)
        # https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
        most = quotas.get_service_quota(ServiceCode="vpc", QuotaCode=VPCS_PER_REGION)["Quota"]["Value"]
        if used >= most:
            yield Fault(
                f"{region}: all {most:.0f} VPCs are used; delete one, or have the quota VPCs per Region "
                f"({VPCS_PER_REGION}) raised"
            )


def instance_class(asked: Asked) -> Iterator[Note | Fault]:
    """Both regions have the database's class with its MySQL: what is restored in the recovery region needs it, too."""
    database = asked.target.settings.database
    if database is None:
        return
    for region in asked.pair():
        # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html
        # A version without its patch is no filter that is documented, so we compare by ourselves.
        pages = asked.client("rds", region).get_paginator("describe_orderable_db_instance_options")
        options = [
            each
            for page in pages.paginate(Engine="mysql", DBInstanceClass=database.instance_class, Vpc=True)
            for each in page["OrderableDBInstanceOptions"]
        ]
        versions = {each["EngineVersion"] for each in options}
        version = database.engine_version
        if not any(each == version or each.startswith(f"{version}.") for each in versions):
            known = ", ".join(sorted(versions)) or "none"
            yield Fault(
                f"{region} has no {database.instance_class} with MySQL {version} (it has it with: {known}); "
                "choose another database.instance_class or database.engine_version"
            )
