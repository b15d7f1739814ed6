"""What must not be lost by mistake: recovery points, locked objects, and the data of people who use the deployment."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from deployment.errors import Refused

if TYPE_CHECKING:
    from deployment.remains import Resource
    from deployment.target import Target

RECOVERY_POINTS, LOCKS, DATA = "recovery-points", "locks", "data"
DESPITE = (RECOVERY_POINTS, LOCKS, DATA)
LOOKED_AT = 100  # newest versions of a bucket whose lock is asked for; older ones are locked no longer than these
AT_ONCE = 16  # requests
# The second: the bucket locks nothing at all.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectRetention.html
UNLOCKED = ("NoSuchObjectLockConfiguration", "InvalidRequest")
FOR_EVER = datetime.max.replace(tzinfo=UTC)
# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ListUsers.html (at most 60)
USERS = 60


@dataclass(frozen=True)
class Obstacle:
    """A reason not to go on.

    Attributes:
        name: What ``--despite`` calls it.
        what: What it is, with its count, and what would become of it.
    """

    name: str
    what: str


def obstacles(target: Target, resources: Sequence[Resource]) -> list[Obstacle]:
    """Every reason not to remove the deployment whose *resources* these are."""
    found = [*_recovery_points(target), *_locks(target, resources), *_data(target, resources)]
    return sorted(found, key=lambda each: DESPITE.index(each.name))


def refuse(target: Target, found: Sequence[Obstacle], despite: Collection[str]) -> None:
    """Nothing, if every obstacle was named.

    Raises:
        Refused: One was not, or there is no such name.
    """
    if unknown := sorted(set(despite) - set(DESPITE)):
        raise Refused(f"--despite {unknown[0]}: use {', '.join(DESPITE)}")
    open_ = [each for each in found if each.name not in despite]
    if open_:
        lines = [f"  {each.what}" for each in open_]
        flags = " ".join(f"--despite {name}" for name in dict.fromkeys(each.name for each in open_))
        raise Refused(
            "\n".join([f"{target.settings.prefix} is in use:", *lines, f"If it must go all the same, add: {flags}"])
        )


# ---- recovery points -------------------------------------------------------------------------------------------------


def _recovery_points(target: Target) -> Iterator[Obstacle]:
    """Verified points in the ledger, of every database that ever had a point (see ``handlers.ledger`` for its rows)."""
    client, table = target.aws.client("dynamodb", target.home), target.settings.name("ledger")
    try:
        counted = {name: _verified(client, table, name) for name in _databases(client, table)}
    except ClientError as error:
        about = error.response["Error"]
        if about["Code"] == "ValidationException":  # an index that is not there yet, or not filled yet
            yield Obstacle(RECOVERY_POINTS, f"recovery points in the ledger can't be counted: {about['Message']}")
        elif about["Code"] != "ResourceNotFoundException":
            raise
        return
    if total := sum(counted.values()):
        names = ", ".join(f"{name} {count}" for name, count in counted.items() if count)
        yield Obstacle(
            RECOVERY_POINTS,
            f"{_count(total, 'verified recovery point')} in the ledger ({names}): nobody would check, copy or expire "
            "them, or add a newer one",
        )


def _databases(client: Any, table: str) -> list[str]:
    """Databases that have points. The ledger's list of databases is no help: a sweep of later writes it."""
    pages = client.get_paginator("query").paginate(
        TableName=table,
        IndexName="timeline",
        KeyConditionExpression="sk = :sk",
        ExpressionAttributeValues={":sk": {"S": "POINT"}},
        ProjectionExpression="pk",
    )
    points = (row["pk"]["S"].removeprefix("POINT#") for page in pages for row in page["Items"])
    return sorted({point.rpartition("-")[0] for point in points})  # `orders-20261122t0600z`: handlers/core/names.py


def _verified(client: Any, table: str, database: str) -> int:
    pages = client.get_paginator("query").paginate(
        TableName=table,
        IndexName="points",
        Select="COUNT",
        KeyConditionExpression="#database = :database",
        FilterExpression="#status = :status",
        ExpressionAttributeNames={"#database": "database", "#status": "status"},
        ExpressionAttributeValues={":database": {"S": database}, ":status": {"S": "verified"}},
    )
    return sum(page["Count"] for page in pages)


# ---- locks -----------------------------------------------------------------------------------------------------------


def _locks(target: Target, resources: Sequence[Resource]) -> Iterator[Obstacle]:
    """Objects under an Object Lock; the buckets stay, and nobody is left who knows what is in them."""
    for each in _of_type(resources, "AWS::S3::Bucket"):
        if each.logical_id != "Vault":
            continue
        client = target.aws.client("s3", each.stack.region)
        count, until = _locked(client, each.id)
        if count:
            end = "somebody lifts its legal hold" if until == FOR_EVER else f"{until:%Y-%m-%d %H:%M} UTC"
            what = f"{each.id} holds {count} under an Object Lock, the last one until {end}"
            yield Obstacle(LOCKS, f"{what}: nobody can delete them before, and they cost")


def _locked(client: Any, bucket: str) -> tuple[str, datetime]:
    """How many versions are locked now, in words, and until when.

    Every version got the bucket's default retention when it came, so the newest are locked longest; only as many of
    those are asked, and where all of them are locked, older ones may be, too.
    """
    number, newest = 0, list[Any]()
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        number += len(page.get("Versions", []))
        both = [*newest, *page.get("Versions", [])]
        newest = heapq.nlargest(LOOKED_AT, both, key=lambda version: version["LastModified"])

    def until(version: Mapping[str, Any]) -> datetime | None:
        which = {"Bucket": bucket, "Key": version["Key"], "VersionId": version["VersionId"]}
        # HeadObject knows both, and wants permission to read the backups.
        if _lock(client.get_object_legal_hold, which).get("LegalHold", {}).get("Status") == "ON":
            return FOR_EVER
        found: datetime | None = _lock(client.get_object_retention, which).get("Retention", {}).get("RetainUntilDate")
        return found

    with ThreadPoolExecutor(AT_ONCE, "locks") as pool:
        ends = [end for end in pool.map(until, newest) if end and end > datetime.now(UTC)]
    more = len(ends) == len(newest) < number
    words = f"{len(ends)} or more of {number} objects" if more else _count(len(ends), "object")
    return (words, max(ends)) if ends else ("", datetime.min.replace(tzinfo=UTC))


def _lock(ask: Callable[..., Mapping[str, Any]], which: Mapping[str, str]) -> Mapping[str, Any]:
    """What is known of a version's lock; nothing if it never had one."""
    try:
        return ask(**which)
    except ClientError as error:
        if error.response["Error"]["Code"] not in UNLOCKED:
            raise
        return {}


# ---- data ------------------------------------------------------------------------------------------------------------


def _data(target: Target, resources: Sequence[Resource]) -> Iterator[Obstacle]:
    for each in _of_type(resources, "AWS::RDS::DBInstance"):
        size = _of_instance(target, each)
        if size is not None:
            yield Obstacle(DATA, f"database {each.id} ({size} GiB, the API's items in it): a final snapshot is taken")
    for each in _of_type(resources, "AWS::Cognito::UserPool"):
        users = _users(target, each)
        if users:
            yield Obstacle(DATA, f"user pool {each.id} in {each.stack.region} has {users}: nobody could log in")


def _of_instance(target: Target, instance: Resource) -> int | None:
    """GiB that were allocated to an instance, or nothing if it is gone."""
    client = target.aws.client("rds", instance.stack.region)
    try:
        (found,) = client.describe_db_instances(DBInstanceIdentifier=instance.id)["DBInstances"]
    except client.exceptions.DBInstanceNotFoundFault:
        return None
    return int(found["AllocatedStorage"])


def _users(target: Target, pool: Resource) -> str:
    client = target.aws.client("cognito-idp", pool.stack.region)
    page = client.list_users(UserPoolId=pool.id, Limit=USERS)
    count = len(page["Users"])
    return f"{count} or more users" if page.get("PaginationToken") else _count(count, "user") if count else ""


def _of_type(resources: Sequence[Resource], kind: str) -> list[Resource]:
    return [each for each in sorted(resources) if each.type == kind]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
