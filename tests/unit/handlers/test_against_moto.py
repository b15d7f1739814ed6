"""The handlers themselves against moto: botocore checks every parameter, DynamoDB every expression."""

from contextlib import contextmanager

import boto3
import gateway
import ledger_table
import pytest
from backup_fakes import NOON, PREFIX, PRIMARY, RECOVERY, States
from moto import mock_aws

from handlers import (
    await_slot,
    claim_copy,
    claim_recovery_point,
    conclude_copy,
    conclude_recovery_point,
    copy_snapshot,
    described,
    export_snapshot,
    measure_protection,
    record_failure,
    record_taken,
    request_copy,
    runtime,
    select_databases,
    serve_catalogue,
    settle_operation,
    sweep_operations,
    take_snapshot,
)
from handlers.catalogue import room
from handlers.ledger import Ledger

LEDGER = f"{PREFIX}-ledger"


class Aws:
    """One account: a protected database, the ledger, a bus in each region, and machines that only remember."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch
        self.states = {PRIMARY: States(), RECOVERY: States()}
        self.keys = {region: self._key(region) for region in (PRIMARY, RECOVERY)}
        boto3.client("rds", region_name=PRIMARY).create_db_instance(
            DBInstanceIdentifier="orders",
            Engine="mysql",
            DBInstanceClass="db.t4g.micro",
            AllocatedStorage=20,
            MasterUsername="root_user",
            MasterUserPassword="not-a-secret",
            StorageEncrypted=True,
            KmsKeyId=self.keys[PRIMARY],
            Tags=[{"Key": "holdfast:protect", "Value": PREFIX}],
        )
        boto3.client("s3", region_name=PRIMARY).create_bucket(
            Bucket="staging", CreateBucketConfiguration={"LocationConstraint": PRIMARY}
        )
        for region in (PRIMARY, RECOVERY):
            boto3.client("events", region_name=region).create_event_bus(Name=PREFIX)
            self._table(region)

    def _key(self, region):
        kms = boto3.client("kms", region_name=region)
        arn = kms.create_key()["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName=f"alias/{PREFIX}-key", TargetKeyId=arn)
        return arn

    def _table(self, region):
        ledger_table.create(boto3.client("dynamodb", region_name=region), LEDGER)

    def invoke(self, module, event, region=PRIMARY):
        alias = self.keys[region].rsplit(":", 1)[0] + f":alias/{PREFIX}-key"
        variables = {
            "AWS_REGION": region,
            "PREFIX": PREFIX,
            "LEDGER": LEDGER,
            "BUS": PREFIX,
            "STAGING": "staging",
            "DATA_KEY": alias,
            "BACKUPS_KEY": alias,
            "EXPORT_ROLE": "arn:aws:iam::123456789012:role/export",
            "EXPORT_SLOTS": "5",
            "COPY_SLOTS": "20",
            "RPO_SECONDS": "43200",
            "PAGE_SIZE": "100",
            "PRIMARY_REGION": PRIMARY,
            "COPY_MACHINE": "copy",
            "BACKUP_MACHINE": f"arn:aws:states:{region}:123456789012:stateMachine:{PREFIX}-backup",
            "SCHEDULE_START": "00:30",
            "SCHEDULE_INTERVAL_SECONDS": "21600",
            "SCHEDULE_TIME_ZONE": "Europe/Berlin",
        }
        for name, value in variables.items():
            self.monkeypatch.setenv(name, value)
        runtime.client.cache_clear()
        room.here.cache_clear()
        self.monkeypatch.setattr(runtime.Clients, "states", self.states[region])
        return module.handler(event, None)

    @contextmanager
    def naming_the_source(self, source):
        """RDS says what a copy was copied from; moto 5.2 does not."""
        described_snapshot = described.snapshot
        with self.monkeypatch.context() as patch:
            patch.setattr(
                described,
                "snapshot",
                lambda *arguments: {**described_snapshot(*arguments), "SourceDBSnapshotIdentifier": source},
            )
            yield

    def ask(self, method, path, body=None, **query):
        """Status and document of a request to the API."""
        event = gateway.request(method, path, body, key="k", query=query)
        answer = self.invoke(serve_catalogue, event)
        return answer["statusCode"], gateway.body(answer)

    def wait(self, module, region=PRIMARY, **event):
        """Output of a task that waits for its token."""
        token = f"token-{module.__name__}-{len(self.states[region].answers)}"
        self.states[region].waiting.add(token)
        self.invoke(module, {**event, "token": token}, region)
        return self.states[region].answers.get(token)


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Aws(monkeypatch)
    runtime.client.cache_clear()
    room.here.cache_clear()


def test_a_run_goes_from_selection_to_a_copy_in_the_recovery_region(aws):
    (run,) = aws.invoke(select_databases, {"input": {"scheduled_at": NOON}})["runs"]
    execution = f"arn:aws:states:{PRIMARY}:123456789012:execution:x:{run['name']}"
    aws.states[PRIMARY].executions[execution] = {"status": "RUNNING"}
    point = aws.invoke(claim_recovery_point, {**run, "execution": execution})
    snapshot = aws.wait(take_snapshot, point=point)
    assert snapshot["key"] == aws.keys[PRIMARY]
    assert aws.invoke(record_taken, {"point": point, "snapshot": snapshot})["level"] == 0
    assert aws.wait(await_slot, quota="exports", point=point) == {"slot": "exports"}
    assert aws.wait(export_snapshot, point=point, snapshot=snapshot) is not None

    request = {"point": point, "snapshot": snapshot}
    assert aws.wait(request_copy, **request, check={"manifest": "m"}) is None
    there = {"status": "RUNNING"}
    aws.states[RECOVERY].executions["copy-1"] = there
    assert aws.invoke(claim_copy, {"request": request, "execution": "copy-1"}, RECOVERY) == {"claimed": True}
    assert aws.wait(await_slot, RECOVERY, quota="copies", point=point) == {"slot": "copies"}
    with aws.naming_the_source(snapshot["arn"]):
        copied = aws.wait(copy_snapshot, RECOVERY, **request)
    assert copied["key"] == aws.keys[RECOVERY]
    vault = {"objects": 1, "bytes": 1, "locked_until": NOON, "problems": [], "problem_count": 0}
    outcome = aws.invoke(conclude_copy, {"point": point, "copy": copied, "vault": vault}, RECOVERY)
    assert outcome["state"] == "succeeded"

    check = {"whole": True, "problems": 0, "first_problems": []}
    verdict = aws.invoke(conclude_recovery_point, {"point": point, "check": check, "copy": outcome["facts"]})
    assert verdict["status"] == "verified"
    assert aws.invoke(settle_operation, {"Records": []}) == {"batchItemFailures": []}
    assert aws.invoke(sweep_operations, {})["failed"] == 0
    assert aws.invoke(sweep_operations, {}, RECOVERY)["failed"] == 0


def test_a_failed_run_takes_its_snapshot_away(aws):
    aws.states[PRIMARY].executions["run-1"] = {"status": "RUNNING"}
    run = {"database": "orders", "scheduled_at": NOON, "execution": "run-1"}
    point = aws.invoke(claim_recovery_point, run)
    aws.wait(take_snapshot, point=point)
    failure = aws.invoke(record_failure, {**run, "error": {"Error": "ExportFailed", "Cause": "why"}})
    assert failure == {"error": "ExportFailed", "cause": "why"}
    rds = boto3.client("rds", region_name=PRIMARY)
    assert rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"] == []
    row = Ledger(boto3.client("dynamodb", region_name=PRIMARY), LEDGER, PRIMARY).point(point["id"])
    assert row["status"] == "failed"
    assert "open" not in row


def test_the_catalogue_shows_what_was_measured_and_what_became_of_a_request(aws):
    aws.monkeypatch.setattr(
        measure_protection, "_manual_snapshots", lambda _rds: None
    )  # moto 5.2 knows no quotas of RDS
    assert aws.invoke(measure_protection, {})["databases"] == 1
    status, found = aws.ask("GET", "/databases")
    assert (status, found["databases"][0]["status"]) == (200, "unprotected")

    assert aws.ask("POST", "/recovery-points", {"database": "orders"})[0] == 202
    status, asked = aws.ask("POST", "/recovery-points", {"database": "orders"})
    ((name, run),) = aws.states[PRIMARY].started
    assert (status, asked["id"]) == (202, name)

    execution = f"arn:aws:states:{PRIMARY}:123456789012:execution:{PREFIX}-backup:{name}"
    aws.states[PRIMARY].executions[execution] = {"status": "RUNNING"}
    assert aws.ask("GET", f"/recovery-points/{name}")[1]["status"] == "requested"
    point = aws.invoke(claim_recovery_point, {**run, "execution": execution})
    aws.wait(take_snapshot, point=point)
    assert aws.ask("GET", f"/recovery-points/{name}")[1]["stages"][0]["state"] == "succeeded"
    assert aws.ask("GET", "/databases")[1]["databases"][0]["newest"]["status"] == "running"
    for query in ({}, {"database": "orders"}):
        _, page = aws.ask("GET", "/recovery-points", **query)
        assert [each["id"] for each in page["recovery_points"]] == [name]
