"""An instance with what its snapshots and exports need, for the tests of RDS."""

import json
import time
import uuid
from typing import Any

import pymysql
from making import PRIMARY, RECOVERY, Maker
from policies import allow

from sandbox.server import Engine

PASSWORD = "correct horse"
MOVING = {"creating", "STARTING", "IN_PROGRESS", "CANCELING", "starting", "stopping"}


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


class Databases:
    """One encrypted instance in the primary region, with key, bucket and role."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.make = engine, Maker(engine)
        self.rds, self.recovery = engine.client("rds"), engine.client("rds", RECOVERY)
        self.key = self.new_key()
        self.bucket = unique("exports")
        engine.client("s3").create_bucket(Bucket=self.bucket)
        actions = ["s3:PutObject*", "s3:GetObject*", "s3:DeleteObject*", "s3:ListBucket", "s3:GetBucketLocation"]
        arn = f"arn:aws:s3:::{self.bucket}"
        self.role = self.make.role("export.rds", allow(actions, [arn, f"{arn}/*"]))
        self.queues = {region: self._events(region) for region in (PRIMARY, RECOVERY)}
        self.name = unique("db")
        self.instance = self.create(self.name)

    def _events(self, region: str) -> str:
        """A queue that gets RDS's events of a region."""
        url, arn = self.make.open_queue(region)
        events, rule = self.engine.client("events", region), unique("rds")
        events.put_rule(Name=rule, EventPattern=json.dumps({"source": ["aws.rds"]}))
        events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])
        return url

    def new_key(self, region: str = PRIMARY) -> str:
        return str(self.engine.client("kms", region).create_key()["KeyMetadata"]["Arn"])

    def create(self, name: str, **changes: Any) -> dict[str, Any]:
        """A new instance, available."""
        settings = {
            "DBInstanceIdentifier": name,
            "Engine": "mysql",
            "EngineVersion": "8.4.3",
            "DBInstanceClass": "db.t4g.small",
            "AllocatedStorage": 20,
            "MasterUsername": "admin",
            "MasterUserPassword": PASSWORD,
            "StorageEncrypted": True,
            "KmsKeyId": self.key,
            "EnableIAMDatabaseAuthentication": True,
        } | changes
        self.rds.create_db_instance(**{key: value for key, value in settings.items() if value is not None})
        return self.await_instance(name)

    def connect(self, instance: dict[str, Any] | None = None, **options: Any) -> Any:
        where = (instance or self.instance)["Endpoint"]
        ca = str(self.engine.directory / "rds-ca.pem")
        given = {"user": "admin", "password": PASSWORD, "ssl_ca": ca, "autocommit": True} | options
        return pymysql.connect(host=where["Address"], port=where["Port"], **given)

    def query(self, sql: str, instance: dict[str, Any] | None = None, **options: Any) -> Any:
        with self.connect(instance, **options) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def snapshot(self, **changes: Any) -> dict[str, Any]:
        """A new snapshot, available."""
        made = self.rds.create_db_snapshot(
            **{"DBInstanceIdentifier": self.name, "DBSnapshotIdentifier": unique("snap")} | changes
        )["DBSnapshot"]
        return self.await_snapshot(made["DBSnapshotIdentifier"])

    def start_export(self, source: str, **changes: Any) -> dict[str, Any]:
        settings = {
            "ExportTaskIdentifier": unique("export"),
            "SourceArn": source,
            "S3BucketName": self.bucket,
            "IamRoleArn": self.role,
            "KmsKeyId": self.key,
        }
        return self.rds.start_export_task(**settings | changes)

    def export(self, source: str, **changes: Any) -> dict[str, Any]:
        """A new export task, ended."""
        return self.await_export(self.start_export(source, **changes)["ExportTaskIdentifier"])

    def objects(self, prefix: str) -> dict[str, dict[str, Any]]:
        """The objects below a prefix, by the rest of their keys, with their bytes."""
        s3 = self.engine.client("s3")
        keys = [found["Key"] for found in s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])]
        found = {key: s3.get_object(Bucket=self.bucket, Key=key) for key in keys}
        return {key.removeprefix(prefix): {**made, "Body": made["Body"].read()} for key, made in found.items()}

    def events_until(self, last: str, region: str = PRIMARY, about: str | None = None) -> list[dict[str, Any]]:
        """The details of RDS's events of a region up to one of that id, which must come."""
        return [event["detail"] for event in self.whole_events_until(last, region, about)]

    def whole_events_until(self, last: str, region: str = PRIMARY, about: str | None = None) -> list[dict[str, Any]]:
        sqs, url, seen = self.engine.client("sqs", region), self.queues[region], []
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, WaitTimeSeconds=1).get(
                "Messages", []
            ):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                event = json.loads(message["Body"])
                if about and event["detail"]["SourceIdentifier"] != about:
                    continue
                seen.append(event)
                if seen[-1]["detail"]["EventID"] == last:
                    return seen
        raise AssertionError(f"no {last}, only {[event['detail']['EventID'] for event in seen]}")

    def drain(self) -> None:
        """Forget the events of earlier tests."""
        for region, url in self.queues.items():
            self.engine.client("sqs", region).purge_queue(QueueUrl=url)

    def await_instance(self, name: str, rds: Any = None) -> dict[str, Any]:
        describe = (rds or self.rds).describe_db_instances
        return settled(lambda: describe(DBInstanceIdentifier=name)["DBInstances"][0], "DBInstanceStatus")

    def await_snapshot(self, name: str, rds: Any = None) -> dict[str, Any]:
        describe = (rds or self.rds).describe_db_snapshots
        return settled(lambda: describe(DBSnapshotIdentifier=name)["DBSnapshots"][0], "Status")

    def await_export(self, name: str) -> dict[str, Any]:
        describe = self.rds.describe_export_tasks
        return settled(lambda: describe(ExportTaskIdentifier=name)["ExportTasks"][0], "Status")

    def delete(self) -> None:
        self.rds.delete_db_instance(DBInstanceIdentifier=self.name, SkipFinalSnapshot=True)


def settled(describe: Any, field: str) -> dict[str, Any]:
    """What is described, as soon as it moves no more."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = describe()
        if found[field] not in MOVING:
            return found
        time.sleep(0.03)
    raise AssertionError(f"still {found[field]}")
