"""AWS as the backup protocol sees it: fakes that remember."""

import copy
import json
from types import SimpleNamespace

from botocore.exceptions import ClientError

from handlers.expressions import encoded
from handlers.ledger import Ledger

PREFIX = "holdfast-test"
PRIMARY, RECOVERY = "eu-west-1", "eu-central-1"
DATA_KEY = f"arn:aws:kms:{PRIMARY}:123456789012:key/data"
BACKUPS_KEY = {r: f"arn:aws:kms:{r}:123456789012:key/backups-{r}" for r in (PRIMARY, RECOVERY)}
COPY_MACHINE = f"arn:aws:states:{RECOVERY}:123456789012:stateMachine:{PREFIX}-copy"
STAGING = f"{PREFIX}-staging"
NOON = "2026-10-06T12:00:00Z"


def client_error(code, operation="AnOperation", text="", status=400):
    return ClientError(
        {"Error": {"Code": code, "Message": text or code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
    )


class MemoryLedger(Ledger):
    """The ledger's cells in a dictionary; ``test_ledger`` holds it to what DynamoDB does."""

    def __init__(self, region, items, fuse):
        for name, value in {"region": region, "items": items, "fuse": fuse, "table": "", "client": None}.items():
            object.__setattr__(self, name, value)

    def read(self, pk, sk):
        return self.fuse.call(lambda: copy.deepcopy(self.items.get((pk, sk))))

    def put(self, item, *, seen):
        return self.fuse.call(self._put, item, seen)

    def _put(self, item, seen):
        encoded(item)
        if not self._matches((item["pk"], item["sk"]), {"pk": None} if seen is None else seen):
            return False
        self.items[item["pk"], item["sk"]] = copy.deepcopy(item)
        return True

    def change(self, row, values, *, seen, remove=()):
        return self.fuse.call(self._change, row, values, seen, remove)

    def _change(self, row, values, seen, remove):
        encoded(values)
        key = (row["pk"], row["sk"])
        if not self._matches(key, {"pk": row["pk"], **seen}):
            return False
        self.items[key].update(copy.deepcopy(dict(values)))
        for name in remove:
            self.items[key].pop(name, None)
        return True

    def delete(self, row, *, seen):
        return self.fuse.call(self._delete, (row["pk"], row["sk"]), {"pk": row["pk"], **seen})

    def _delete(self, key, seen):
        return self._matches(key, seen) and bool(self.items.pop(key))

    def _matches(self, key, seen):
        item = self.items.get(key, {})
        return all((name not in item) if value is None else item.get(name) == value for name, value in seen.items())

    def partition(self, pk, beginning=""):
        keys = sorted(key for key in self.items if key[0] == pk and key[1].startswith(beginning))
        return self.fuse.call(lambda: [copy.deepcopy(self.items[key]) for key in keys])

    def unfinished(self, region):
        rows = sorted((row["begun_at"], key) for key, row in self.items.items() if row.get("open") == region)
        return self.fuse.call(lambda: [key for _, key in rows])

    def many(self, keys):
        wanted = list(dict.fromkeys(keys))
        return self.fuse.call(lambda: {key: copy.deepcopy(self.items[key]) for key in wanted if key in self.items})

    def newest(self, limit, *, database=None, before=None):
        rows = [row for row in self.items.values() if "scheduled_at" in row and database in (None, row["database"])]
        found = sorted(((row["scheduled_at"], row["id"]) for row in rows), reverse=True)
        rest = [(name, at) for at, name in found if before is None or (at, name) < (before[1], before[0])]
        return self.fuse.call(lambda: rest[:limit])

    def oldest_unfinished(self, region):
        rows = sorted((row["begun_at"], key) for key, row in self.items.items() if row.get("open") == region)
        found = [{"pk": pk, "sk": sk, "begun_at": at} for at, (pk, sk) in rows[:1]]
        return self.fuse.call(lambda: next(iter(found), None))


class Rds:
    """RDS of one region; jobs end when :meth:`finish` says so."""

    def __init__(self, region, clock):
        self.region, self.clock = region, clock
        self.instances, self.snapshots, self.tasks = {}, {}, {}
        self.slots = 5
        self.events = []
        self.fail_next = {}
        self.deleted = []

    def _raise_planned(self, operation):
        if error := self.fail_next.pop(operation, None):
            raise error

    def describe_db_instances(self, *, DBInstanceIdentifier=None, MaxRecords=100, Marker=None):  # noqa: N803
        if DBInstanceIdentifier:
            if DBInstanceIdentifier not in self.instances:
                raise client_error("DBInstanceNotFound", "DescribeDBInstances")
            return {"DBInstances": [self.instances[DBInstanceIdentifier]]}
        assert 20 <= MaxRecords <= 100
        start = int(Marker or 0)
        found = list(self.instances.values())
        more = {"Marker": str(start + MaxRecords)} if start + MaxRecords < len(found) else {}
        return {"DBInstances": found[start : start + MaxRecords], **more}

    def get_paginator(self, name):
        assert name == "describe_db_instances"
        return SimpleNamespace(paginate=self._instances)

    def _instances(self):
        page = {"Marker": None}
        while "Marker" in page:
            page = self.describe_db_instances(Marker=page["Marker"])
            yield page

    def describe_account_attributes(self):
        quotas = {"DBInstances": (len(self.instances), 40), "ManualSnapshots": (len(self.snapshots), 100)}
        return {"AccountQuotas": [{"AccountQuotaName": n, "Used": u, "Max": m} for n, (u, m) in quotas.items()]}

    def _snapshot(self, name, status, tags, **facts):
        if name in self.snapshots:
            raise client_error("DBSnapshotAlreadyExists", text=f"{name} exists")
        self.snapshots[name] = {
            "DBSnapshotIdentifier": name,
            "DBSnapshotArn": f"arn:aws:rds:{self.region}:123456789012:snapshot:{name}",
            "SnapshotCreateTime": self.clock(),
            "Engine": "mysql",
            "EngineVersion": "8.4.3",
            "AllocatedStorage": 20,
            "Status": status,
            "TagList": tags,
            **facts,
        }

    def create_db_snapshot(self, *, DBInstanceIdentifier, DBSnapshotIdentifier, Tags):  # noqa: N803
        self._raise_planned("create")
        instance = self.instances[DBInstanceIdentifier]
        self._snapshot(
            DBSnapshotIdentifier,
            "creating",
            Tags,
            KmsKeyId=instance["KmsKeyId"],
            DBInstanceIdentifier=DBInstanceIdentifier,
        )

    def copy_db_snapshot(self, *, SourceDBSnapshotIdentifier, TargetDBSnapshotIdentifier, KmsKeyId, SourceRegion, Tags):  # noqa: N803
        self._raise_planned("copy")
        assert SourceRegion == PRIMARY
        self._snapshot(
            TargetDBSnapshotIdentifier,
            "copying",
            Tags,
            KmsKeyId=KmsKeyId,
            SourceDBSnapshotIdentifier=SourceDBSnapshotIdentifier,
        )

    def describe_db_snapshots(self, *, DBSnapshotIdentifier):  # noqa: N803
        if DBSnapshotIdentifier not in self.snapshots:
            raise client_error("DBSnapshotNotFound")
        return {"DBSnapshots": [copy.deepcopy(self.snapshots[DBSnapshotIdentifier])]}

    def delete_db_snapshot(self, *, DBSnapshotIdentifier):  # noqa: N803
        if DBSnapshotIdentifier not in self.snapshots:
            raise client_error("DBSnapshotNotFound")
        del self.snapshots[DBSnapshotIdentifier]
        self.deleted.append(DBSnapshotIdentifier)

    def start_export_task(self, *, ExportTaskIdentifier, SourceArn, S3BucketName, S3Prefix, IamRoleArn, KmsKeyId):  # noqa: N803, PLR0913
        self._raise_planned("export")
        going = [t for t in self.tasks.values() if t["Status"] in ("STARTING", "IN_PROGRESS", "CANCELING")]
        if ExportTaskIdentifier in self.tasks or any(t["SourceArn"] == SourceArn for t in going):
            raise client_error("ExportTaskAlreadyExists")
        if len(going) >= self.slots:
            raise client_error("ExportTaskLimitReachedFault", text="You have reached the limit of export tasks")
        self.tasks[ExportTaskIdentifier] = {
            "ExportTaskIdentifier": ExportTaskIdentifier,
            "SourceArn": SourceArn,
            "S3Bucket": S3BucketName,
            "S3Prefix": S3Prefix,
            "IamRoleArn": IamRoleArn,
            "KmsKeyId": KmsKeyId,
            "Status": "STARTING",
            "PercentProgress": 0,
            "TaskStartTime": self.clock(),
        }

    def describe_export_tasks(self, *, ExportTaskIdentifier):  # noqa: N803
        if ExportTaskIdentifier not in self.tasks:
            raise client_error("ExportTaskNotFound")
        return {"ExportTasks": [copy.deepcopy(self.tasks[ExportTaskIdentifier])]}

    def cancel_export_task(self, *, ExportTaskIdentifier):  # noqa: N803
        task = self.tasks[ExportTaskIdentifier]
        if task["Status"] not in ("STARTING", "IN_PROGRESS"):
            raise client_error("InvalidExportTaskStateFault")
        task["Status"] = "CANCELING"

    def finish(self):
        """Let every job end, and tell it as EventBridge would."""
        for name, snapshot in self.snapshots.items():
            if snapshot["Status"] in ("creating", "copying"):
                snapshot["Status"] = "available"
                self.events.append(rds_event(name, "RDS-EVENT-0042"))
        ends = {"STARTING": "COMPLETE", "IN_PROGRESS": "COMPLETE", "CANCELING": "CANCELED"}
        for task in self.tasks.values():
            if task["Status"] in ends:
                ended = ends[task["Status"]]
                task.update(Status=ended, TaskEndTime=self.clock(), SnapshotTime=self.clock())
                told = {"COMPLETE": "RDS-EVENT-0161", "CANCELED": "RDS-EVENT-0160"}[ended]
                self.events.append(rds_event(task["SourceArn"].rsplit(":", 1)[-1], told))


def rds_event(snapshot, event_id):
    detail = {"SourceIdentifier": snapshot, "EventID": event_id}
    return {"detail-type": "RDS DB Snapshot Event", "source": "aws.rds", "detail": detail}


class States:
    """Step Functions of one region: tokens that take one answer, executions that run until told otherwise."""

    def __init__(self):
        self.waiting = set()
        self.answers = {}
        self.executions = {}
        self.started = []
        self.names = set()

    def _answer(self, token, answer):
        if token not in self.waiting:
            raise client_error("TaskTimedOut")
        self.waiting.remove(token)
        assert token not in self.answers
        self.answers[token] = answer

    def send_task_success(self, *, taskToken, output):  # noqa: N803
        self._answer(taskToken, json.loads(output))

    def send_task_failure(self, *, taskToken, error, cause):  # noqa: N803
        self._answer(taskToken, MachineError(error, cause))

    def describe_execution(self, *, executionArn):  # noqa: N803
        if executionArn not in self.executions:
            raise client_error("ExecutionDoesNotExist")
        return self.executions[executionArn]

    def start_execution(self, *, stateMachineArn, name, input):  # noqa: A002, ARG002, N803
        if name in self.names:
            raise client_error("ExecutionAlreadyExists")
        self.names.add(name)
        self.started.append((name, json.loads(input)))


class Bus:
    def __init__(self):
        self.published = []
        self.events = []

    def put_events(self, *, Entries):  # noqa: N803
        for entry in Entries:
            event = {
                "detail-type": entry["DetailType"],
                "source": entry["Source"],
                "detail": json.loads(entry["Detail"]),
            }
            self.published.append(event)
            self.events.append(event)
        return {"FailedEntryCount": 0, "Entries": [{}]}

    def of(self, kind):
        return [event["detail"] for event in self.published if event["detail-type"] == kind]


class S3:
    def __init__(self):
        self.objects = set()

    def get_paginator(self, name):
        assert name == "list_objects_v2"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, *, Bucket, Prefix):  # noqa: ARG002, N803
        yield {"Contents": [{"Key": key} for bucket, key in sorted(self.objects) if key.startswith(Prefix)]}

    def delete_objects(self, *, Bucket, Delete):  # noqa: N803
        for found in Delete["Objects"]:
            self.objects.discard((Bucket, found["Key"]))

    def delete_object(self, *, Bucket, Key):  # noqa: N803
        self.objects.discard((Bucket, Key))


class MachineError(Exception):
    """What a machine catches: the error's name, and the cause."""

    def __init__(self, error, cause):
        super().__init__(error, cause)
        self.caught = {"Error": error, "Cause": cause}
