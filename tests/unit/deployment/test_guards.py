"""What stands against the removal of a deployment: each obstacle with its number, and the flag that accepts it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from blueprints.order import Stack
from blueprints.settings import SANDBOX
from deployment import guards
from deployment.errors import Refused
from deployment.guards import Obstacle
from deployment.remains import Resource
from deployment.target import Target

HOME, OTHER = SANDBOX.regions
VAULT = f"holdfast-sandbox-vault-{HOME}-123456789012"
LEDGER = SANDBOX.name("ledger")
INSTANCE = "holdfast-sandbox-database"


class Account:
    """Moto's account."""

    account = "123456789012"

    def __init__(self) -> None:
        self.clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str = "us-east-1") -> Any:
        if (service, region) not in self.clients:
            self.clients[service, region] = boto3.client(service, region_name=region)
        return self.clients[service, region]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield Account()


def found(aws: Account, *resources: Resource) -> list[Obstacle]:
    target = Target(aws, SANDBOX, Path("nowhere"), ("storage",))
    return guards.obstacles(target, resources)


# ---- recovery points -------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(aws: Account) -> Any:  # noqa: ARG001 (moto must be there first)
    table = boto3.resource("dynamodb", region_name=HOME).create_table(
        TableName=LEDGER,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "database", "scheduled_at")
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": [
                    {"AttributeName": partition, "KeyType": "HASH"},
                    {"AttributeName": "scheduled_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": projected},
            }
            for name, partition, projected in (("points", "database", "ALL"), ("timeline", "sk", "KEYS_ONLY"))
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    table.put_item(Item={"pk": "DATABASES", "sk": "DATABASE#orders", "id": "orders"})
    table.put_item(Item={"pk": "DATABASES", "sk": "DATABASE#users", "id": "users"})
    return table


def point(ledger: Any, database: str, day: int, status: str) -> None:
    name = f"{database}-2026110{day}t0000z"
    row = {"pk": f"POINT#{name}", "sk": "POINT", "database": database, "status": status}
    ledger.put_item(Item={**row, "scheduled_at": f"2026-11-0{day}T00:00:00Z"})


def test_verified_recovery_points_are_counted_by_database(aws: Account, ledger: Any) -> None:
    point(ledger, "orders", 1, "verified")
    point(ledger, "orders", 2, "verified")
    point(ledger, "orders", 3, "failed")
    point(ledger, "users", 1, "partial")
    (only,) = found(aws)
    assert only.name == "recovery-points"
    assert only.what.startswith("2 verified recovery points in the ledger (orders 2):")


def test_points_count_before_any_sweep_has_written_down_their_database(aws: Account, ledger: Any) -> None:
    for name in ("orders", "users"):
        ledger.delete_item(Key={"pk": "DATABASES", "sk": f"DATABASE#{name}"})
    point(ledger, "orders", 1, "verified")
    point(ledger, "orders-of-2026", 2, "verified")
    (only,) = found(aws)
    assert only.what.startswith("2 verified recovery points in the ledger (orders 1, orders-of-2026 1):")


def test_a_ledger_that_cannot_be_asked_is_an_obstacle_and_not_taken_for_empty(aws: Account) -> None:
    """As release 0.1.0 made it, it lacks the index. Moto says of that what AWS says of a missing table."""

    class Old:
        def get_paginator(self, _: str) -> Old:
            return self

        def paginate(self, **asked: Any) -> Any:
            reason = f"The table does not have the specified index: {asked['IndexName']}"
            raise ClientError({"Error": {"Code": "ValidationException", "Message": reason}}, "Query")

    aws.clients["dynamodb", HOME] = Old()
    (only,) = found(aws)
    assert only.name == "recovery-points"
    assert only.what == (
        "recovery points in the ledger can't be counted: The table does not have the specified index: timeline"
    )


def test_points_that_nobody_could_restore_from_are_no_obstacle(aws: Account, ledger: Any) -> None:
    point(ledger, "orders", 3, "failed")
    point(ledger, "users", 1, "partial")
    assert found(aws) == []


def test_a_deployment_without_a_ledger_has_no_recovery_points(aws: Account) -> None:
    assert found(aws) == []


# ---- locks -----------------------------------------------------------------------------------------------------------


class Vault:
    """S3, as far as it lists a bucket's versions and tells their locks; it remembers what it was asked."""

    def __init__(self) -> None:
        self.locks: dict[str, tuple[datetime | None, str]] = {}
        self.asked: list[str] = []

    def get_paginator(self, name: str) -> Vault:
        self.asked.append(name)
        return self

    def paginate(self, *, Bucket: str) -> list[dict[str, Any]]:  # noqa: N803 (boto3's names)
        assert Bucket == VAULT
        at = datetime(2026, 11, 22, tzinfo=UTC)
        return [{"Versions": [{"Key": key, "VersionId": "1", "LastModified": at}]} for key in self.locks] or [{}]

    def get_object_retention(self, **which: str) -> dict[str, Any]:
        self.asked.append("get_object_retention")
        until, _ = self.locks[which["Key"]]
        if until is None:
            raise self.error("NoSuchObjectLockConfiguration")
        return {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": until}}

    def get_object_legal_hold(self, **which: str) -> dict[str, Any]:
        self.asked.append("get_object_legal_hold")
        _, hold = self.locks[which["Key"]]
        if not hold:
            raise self.error("NoSuchObjectLockConfiguration")
        return {"LegalHold": {"Status": hold}}

    def error(self, code: str) -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": "the lock"}}, "GetObjectRetention")


def vault(aws: Account, *locks: tuple[float | None, str]) -> Resource:
    """A vault whose objects are locked for so many days from now, or have a legal hold."""
    made = aws.clients["s3", HOME] = Vault()
    for number, (days, hold) in enumerate(locks):
        until = None if days is None else datetime.now(UTC) + timedelta(days=days)
        made.locks[f"object-{number}"] = (until, hold)
    return Resource(Stack("storage", HOME), "AWS::S3::Bucket", VAULT, "Vault", "RetainExceptOnCreate")


FREE, LOCKED, OVER, HELD = (None, ""), (7.0, "OFF"), (-1.0, ""), (None, "ON")


def test_objects_under_a_lock_are_counted_and_the_last_day_is_told(aws: Account) -> None:
    (only,) = found(aws, vault(aws, LOCKED, FREE, (1.0, ""), OVER))
    assert only.name == "locks"
    last = datetime.now(UTC) + timedelta(days=7)
    assert f"{VAULT} holds 2 objects under an Object Lock, the last one until {last:%Y-%m-%d}" in only.what


@pytest.mark.parametrize("lock", [FREE, OVER], ids=["never locked", "locked until yesterday"])
def test_objects_that_are_not_locked_now_are_no_obstacle(aws: Account, lock: tuple[float | None, str]) -> None:
    assert found(aws, vault(aws, lock, lock)) == []


def test_an_empty_vault_is_no_obstacle(aws: Account) -> None:
    assert found(aws, vault(aws)) == []


def test_a_legal_hold_has_no_end(aws: Account) -> None:
    (only,) = found(aws, vault(aws, LOCKED, HELD, FREE))
    assert "holds 2 objects under an Object Lock, the last one until somebody lifts its legal hold" in only.what


def test_of_a_full_vault_only_the_newest_objects_are_asked(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "LOOKED_AT", 2)
    (only,) = found(aws, vault(aws, LOCKED, LOCKED, LOCKED))
    assert "2 or more of 3 objects" in only.what
    assert aws.clients["s3", HOME].asked.count("get_object_retention") == 2


def test_locks_are_asked_for_without_reading_the_backups(aws: Account) -> None:
    """HeadObject would tell them, too, but whoever may ask that may read."""
    assert found(aws, vault(aws, LOCKED))
    assert set(aws.clients["s3", HOME].asked) == {
        "list_object_versions",
        "get_object_legal_hold",
        "get_object_retention",
    }


def test_a_lock_that_nobody_may_see_is_not_taken_for_none(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = vault(aws, FREE)
    monkeypatch.setattr(Vault, "error", lambda *_: ClientError({"Error": {"Code": "AccessDenied"}}, "Get"))
    with pytest.raises(ClientError, match="AccessDenied"):
        found(aws, resource)


# ---- data ------------------------------------------------------------------------------------------------------------


def test_a_database_is_an_obstacle_as_long_as_it_is_there(aws: Account) -> None:
    resource = Resource(Stack("database", HOME), "AWS::RDS::DBInstance", INSTANCE, "Instance", "Snapshot")
    assert found(aws, resource) == []
    aws.client("rds", HOME).create_db_instance(
        DBInstanceIdentifier=INSTANCE, DBInstanceClass="db.t4g.micro", Engine="mysql", AllocatedStorage=20
    )
    (only,) = found(aws, resource)
    assert (only.name, only.what.split(":")[0]) == ("data", f"database {INSTANCE} (20 GiB, the API's items in it)")


class Pool:
    """Cognito, as far as it lists the users of one pool."""

    def __init__(self, users: int) -> None:
        self.users = users

    def list_users(self, *, UserPoolId: str, Limit: int) -> dict[str, Any]:  # noqa: N803 (boto3's names)
        assert UserPoolId == "pool"
        page: dict[str, Any] = {"Users": [{"Username": str(n)} for n in range(min(Limit, self.users))]}
        return page | ({"PaginationToken": "more"} if self.users > Limit else {})


@pytest.mark.parametrize(("users", "told"), [(1, "has 1 user:"), (60, "has 60 users:"), (61, "has 60 or more users:")])
def test_a_user_pool_with_people_in_it_is_an_obstacle(aws: Account, users: int, told: str) -> None:
    aws.clients["cognito-idp", OTHER] = Pool(users)
    (only,) = found(aws, Resource(Stack("api", OTHER), "AWS::Cognito::UserPool", "pool", "UserPool", "Retain"))
    assert only.name == "data"
    assert f"user pool pool in {OTHER} {told}" in only.what


def test_an_empty_user_pool_is_none(aws: Account) -> None:
    aws.clients["cognito-idp", OTHER] = Pool(0)
    assert found(aws, Resource(Stack("api", OTHER), "AWS::Cognito::UserPool", "pool")) == []


# ---- refusals --------------------------------------------------------------------------------------------------------

THREE = [Obstacle("recovery-points", "2 points"), Obstacle("locks", "5 locks"), Obstacle("data", "a database")]


def refuse(*despite: str) -> None:
    guards.refuse(Target(Account(), SANDBOX, Path("nowhere"), ()), THREE, despite)


def test_all_obstacles_are_told_at_once_with_the_flags_that_accept_them() -> None:
    with pytest.raises(Refused) as refused:
        refuse()
    text = str(refused.value)
    assert all(each.what in text for each in THREE)
    assert text.endswith("--despite recovery-points --despite locks --despite data")


def test_what_was_accepted_is_not_told_again() -> None:
    with pytest.raises(Refused) as refused:
        refuse("locks")
    assert "5 locks" not in str(refused.value)
    assert "--despite recovery-points --despite data" in str(refused.value)


def test_one_goes_on_when_everything_was_accepted() -> None:
    refuse("data", "locks", "recovery-points")


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Refused, match="--despite everything: use recovery-points, locks, data"):
        refuse("everything")
