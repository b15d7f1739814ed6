"""Two regions that remember: fakes of what the backup protocol speaks to, and the machines' order in a few lines.

A ``Fuse`` stands at every call to the outside. It can blow before the call (nothing happened) or after it (it happened,
and nobody learnt of it), which is all that crashes, time-outs and lost answers can do to a handler.
"""

import contextlib
import copy
import itertools
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from botocore.exceptions import ClientError

from handlers import (
    claim_copy,
    claim_recovery_point,
    conclude_copy,
    conclude_recovery_point,
    copy_snapshot,
    export_snapshot,
    record_copy_failure,
    record_failure,
    request_copy,
    settle_operation,
    sweep_operations,
    take_snapshot,
)
from handlers.concluding import Concluding
from handlers.core.errors import Final, HoldfastError, QuotaReached, TemporarilyUnavailable, Transient
from handlers.core.names import execution_name, export_prefix, iso, moment, point_id
from handlers.following import Following
from handlers.ledger import Ledger, _encoded
from handlers.runtime import Clients, translated
from handlers.slots import Slots

PREFIX = "holdfast-test"
PRIMARY, RECOVERY = "eu-west-1", "eu-central-1"
DATA_KEY = f"arn:aws:kms:{PRIMARY}:123456789012:key/data"
BACKUPS_KEY = {r: f"arn:aws:kms:{r}:123456789012:key/backups-{r}" for r in (PRIMARY, RECOVERY)}
COPY_MACHINE = f"arn:aws:states:{RECOVERY}:123456789012:stateMachine:{PREFIX}-copy"
STAGING = f"{PREFIX}-staging"
NOON = "2026-10-06T12:00:00Z"


class Crash(Exception):
    """The process died, or never heard AWS's answer."""


class Killed(BaseException):
    """Somebody aborted the execution: no state runs any more, not even the one that records failures."""


class Fuse:
    """Counts the calls to the outside and blows at the *at*-th (one or several), before or after it.

    With *meanwhile*, nothing blows: somebody else does that at this very moment, undisturbed.
    """

    def __init__(self, at=None, *, after=False, error=Crash, meanwhile=None):
        self.meanwhile = meanwhile
        self.at, self.after, self.error = at if isinstance(at, set) else {at}, after, error
        self.calls = 0
        self.blown = False

    def call(self, function, *args, **kwargs):
        self.calls += 1
        mine = self.calls in self.at
        if mine and not self.after:
            self._blow(f"before call {self.calls}: {function.__name__}")
        answer = function(*args, **kwargs)
        if mine:
            self.at = self.at - {self.calls}
            if self.after:
                self._blow(f"after call {self.calls}: {function.__name__}")
        return answer

    def _blow(self, where):
        self.blown = True
        if self.meanwhile is None:
            raise self.error(where)
        self.at, meanwhile = set(), self.meanwhile
        meanwhile()


class Fused:
    """Any fake with a fuse at each of its methods."""

    def __init__(self, fake, fuse):
        self._fake, self._fuse = fake, fuse

    def __getattr__(self, name):
        method = getattr(self._fake, name)
        return lambda *args, **kwargs: self._fuse.call(method, *args, **kwargs)


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
        _encoded(item)
        if not self._matches((item["pk"], item["sk"]), {"pk": None} if seen is None else seen):
            return False
        self.items[item["pk"], item["sk"]] = copy.deepcopy(item)
        return True

    def change(self, row, values, *, seen, remove=()):
        return self.fuse.call(self._change, row, values, seen, remove)

    def _change(self, row, values, seen, remove):
        _encoded(values)
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
                self.events.append(rds_event(name))
        ends = {"STARTING": "COMPLETE", "IN_PROGRESS": "COMPLETE", "CANCELING": "CANCELED"}
        for task in self.tasks.values():
            if task["Status"] in ends:
                ended = ends[task["Status"]]
                task.update(Status=ended, TaskEndTime=self.clock(), SnapshotTime=self.clock())
                self.events.append(rds_event(task["SourceArn"].rsplit(":", 1)[-1]))


def rds_event(snapshot):
    detail = {"SourceIdentifier": snapshot, "EventID": "RDS-EVENT-0042"}
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


class World:
    """Both regions, and the machines' order in a few lines."""

    def __init__(self, fuse=None, *, lossy=False, doubled=False):
        self.time = datetime(2026, 10, 6, 12, 0, tzinfo=UTC)
        self.fuse = fuse or Fuse()
        self.lossy, self.doubled = lossy, doubled
        self.items = {}
        self.tokens = itertools.count(1)
        self.runs = itertools.count(1)
        self.s3 = S3()
        self.rds = {r: Rds(r, self.clock) for r in (PRIMARY, RECOVERY)}
        self.states = {r: States() for r in (PRIMARY, RECOVERY)}
        self.bus = {r: Bus() for r in (PRIMARY, RECOVERY)}
        self.copying = False
        self.whole = True
        self.add_database("orders")

    def clock(self):
        return self.time

    def add_database(self, name, **changes):
        self.rds[PRIMARY].instances[name] = {
            "DBInstanceIdentifier": name,
            "DBInstanceStatus": "available",
            "Engine": "mysql",
            "StorageEncrypted": True,
            "KmsKeyId": DATA_KEY,
            "DbiResourceId": f"db-{name.upper()}",
            "Endpoint": {"Address": f"{name}.example", "Port": 3307},
            "TagList": [{"Key": "holdfast:protect", "Value": PREFIX}],
            **changes,
        }

    # ---- rooms -------------------------------------------------------------------------------------------------------

    def clients(self, region):
        clients = Clients()
        clients.rds = Fused(self.rds[region], self.fuse)
        clients.states = Fused(self.states[region], self.fuse)
        clients.events = Fused(self.bus[region], self.fuse)
        clients.s3 = Fused(self.s3, self.fuse)
        return clients

    def following(self, region=PRIMARY):
        ledger = MemoryLedger(region, self.items, self.fuse)
        clients = self.clients(region)
        return Following(ledger, Slots(ledger, clients, self.clock), clients, self.clock)

    def concluding(self, region=PRIMARY):
        return Concluding(self.following(region), PREFIX)

    def ledger(self, region=PRIMARY):
        return self.following(region).ledger

    # ---- machines ----------------------------------------------------------------------------------------------------

    def attempt(self, function, *args):
        """What a Task state makes of a handler: retries for the transient, a caught error for the rest."""
        for _ in range(10):
            try:
                with translated():
                    return function(*args)
            except (Crash, TemporarilyUnavailable):
                continue
            except QuotaReached:
                self.pump()
            except (Final, Transient, ClientError) as error:
                raise MachineError(type(error).__name__, str(error)) from error
        raise MachineError("Lambda.Unknown", "gave up")

    def wait(self, region, begin):
        """A task that waits for its token: a new one for every try, and the old one is worth nothing any more."""
        states = self.states[region]
        token = ""

        def invoke():
            nonlocal token
            states.waiting.discard(token)
            token = f"token-{next(self.tokens)}"
            states.waiting.add(token)
            try:
                begin(token)
            except Exception:
                if token not in states.answers:
                    raise

        self.attempt(invoke)
        for _ in range(8):
            if token in states.answers:
                break
            self.pump()
        states.waiting.discard(token)
        answer = states.answers.get(token, MachineError("States.Timeout", ""))
        if isinstance(answer, MachineError):
            raise answer
        return answer

    def backup(self, scheduled_at=NOON, database="orders"):
        """One execution of ``backup``; its verdict, or what it failed with, or nothing if another has the point."""
        point = point_id(database, moment(scheduled_at))
        execution = f"arn:aws:states:{PRIMARY}:123456789012:execution:{PREFIX}-backup:{point}-{next(self.runs)}"
        executions = self.states[PRIMARY].executions
        executions[execution] = {"status": "RUNNING"}
        request = {"database": database, "scheduled_at": scheduled_at, "execution": execution}
        try:
            verdict = self.backup_states(request)
        except Killed:
            executions[execution] = {"status": "ABORTED"}
            raise
        except MachineError as error:
            if error.caught["Error"] == "AlreadyClaimed":
                executions[execution] = {"status": "SUCCEEDED"}
                return None
            try:
                caught = {**request, "error": error.caught}
                failure = self.attempt(lambda: record_failure.record(self.concluding(), caught))
            except (Killed, MachineError):
                executions[execution] = {"status": "ABORTED"}
                raise
            executions[execution] = {"status": "FAILED", "error": failure["error"], "cause": failure["cause"]}
            return failure
        executions[execution] = {"status": "SUCCEEDED"}
        return verdict

    def backup_states(self, request):
        claim = claim_recovery_point.Environment(PREFIX, "", DATA_KEY, 43200)
        take = take_snapshot.Environment(PREFIX, "", DATA_KEY)
        role = "arn:aws:iam::123456789012:role/export"
        export = export_snapshot.Environment("", STAGING, BACKUPS_KEY[PRIMARY], role)
        here = self.following()
        point = self.attempt(
            lambda: claim_recovery_point.claim(here.clients, here.ledger, claim, request, self.clock())
        )
        snapshot = self.wait(PRIMARY, lambda token: take_snapshot.take(here, take, point, token))
        self.attempt(lambda: here.ledger.record_level(point, 0, {"at": iso(self.time), **snapshot}))
        self.wait(PRIMARY, lambda token: here.slots.wait("exports", 1, point, token))
        exported = self.wait(PRIMARY, lambda token: export_snapshot.export(here, export, point, snapshot, token))
        check = self.attempt(lambda: self.check(here.ledger, point, exported))
        event = {"point": point, "snapshot": snapshot, "check": check}
        ask = request_copy.Environment("", PREFIX)
        copied = self.wait(PRIMARY, lambda token: request_copy.request(here, ask, {**event, "token": token}))
        return self.attempt(lambda: conclude_recovery_point.conclude(self.concluding(), point, check, copied))

    def check(self, ledger, point, exported):
        self.s3.objects |= {(STAGING, f"{exported['prefix']}/part-0"), (STAGING, f"manifests/{point['id']}.json")}
        problem = {"subject": "app.users", "reason": "missing", "detail": "app.users is missing"}
        problems = [] if self.whole else [problem]
        if self.whole:
            ledger.record_level(point, 1, {"at": iso(self.time), "tables": 1})
        else:
            ledger.record_problems(point, problems, 1)
        manifest = f"manifests/{point['id']}.json"
        return {"whole": self.whole, "manifest": manifest, "problems": len(problems), "first_problems": problems}

    def copy(self, request, execution):
        """One execution of ``copy`` in the recovery region."""
        executions = self.states[RECOVERY].executions
        executions[execution] = {"status": "RUNNING"}
        here, point = self.following(RECOVERY), request["point"]
        environment = copy_snapshot.Environment(PREFIX, "", BACKUPS_KEY[RECOVERY], PRIMARY)
        try:
            self.attempt(lambda: claim_copy.claim(here.clients, here.ledger, point, execution, self.clock()))
            self.wait(RECOVERY, lambda token: here.slots.wait("copies", 1, point, token))
            copied = self.wait(
                RECOVERY, lambda token: copy_snapshot.copy(here, environment, point, request["snapshot"], token)
            )
            vault = {"objects": 1, "bytes": 10, "locked_until": NOON, "problems": [], "problem_count": 0}
            self.attempt(lambda: conclude_copy.conclude(self.concluding(RECOVERY), point, copied, vault))
        except Killed:
            executions[execution] = {"status": "ABORTED"}
            raise
        except MachineError as error:
            caught = error.caught
            if caught["Error"] != "AlreadyClaimed":
                self.attempt(lambda: record_copy_failure.record(self.concluding(RECOVERY), point, execution, caught))
        executions[execution] = {"status": "SUCCEEDED"}

    # ---- time --------------------------------------------------------------------------------------------------------

    def pump(self):
        """Ten minutes pass: jobs end, events arrive (or get lost), the sweeps run."""
        self.time += timedelta(minutes=10)
        for region in (PRIMARY, RECOVERY):
            self.rds[region].finish()
        for region in (PRIMARY, RECOVERY):
            self.deliver(region)
        self.run_copies()
        for region in (PRIMARY, RECOVERY):
            self.unless_crash(self.sweep, region)
        self.run_copies()

    def deliver(self, region):
        events = [*self.rds[region].events, *self.bus[region].events]
        self.rds[region].events, self.bus[region].events = [], []
        for event in [] if self.lossy else events * (1 + self.doubled):
            if event["detail-type"] == "Copy Requested":
                self.states[RECOVERY].started.append((None, event["detail"]))
            else:
                where = PRIMARY if event["detail-type"] == "Copy Concluded" else region
                self.unless_crash(self.settle, where, event)

    def run_copies(self):
        if self.copying:
            return
        self.copying = True
        try:
            while self.states[RECOVERY].started:
                name, data = self.states[RECOVERY].started.pop(0)
                name = name or execution_name(data["request"]["point"]["id"], 100 + next(self.runs))
                self.copy(data["request"], f"arn:aws:states:{RECOVERY}:123456789012:execution:{PREFIX}-copy:{name}")
        finally:
            self.copying = False

    def unless_crash(self, function, *args):
        with contextlib.suppress(Crash, HoldfastError, ClientError):  # Lambda and the queue try again later
            function(*args)

    def settle(self, region, event):
        record = {"messageId": "1", "body": json.dumps(event)}
        return settle_operation.settle_all(self.concluding(region), PREFIX, [record])

    def sweep(self, region=PRIMARY):
        environment = sweep_operations.Environment("", PREFIX, PRIMARY, COPY_MACHINE)
        return sweep_operations.sweep(self.concluding(region), environment)

    def rest(self):
        """Let everything that is left come to its end."""
        for _ in range(5):
            self.pump()

    # ---- what must hold in the end -----------------------------------------------------------------------------------

    def point(self, point="orders-20261006t1200z"):
        return self.items.get((f"POINT#{point}", "POINT"))

    def operation(self, kind, point="orders-20261006t1200z"):
        return self.items.get((f"POINT#{point}", f"OPERATION#{kind}"))

    def assert_at_rest(self):
        """Nothing open, no slot taken, nobody in a queue, no job running, no snapshot or object without its reason."""
        assert [key for key, row in self.items.items() if "open" in row] == []
        assert [key for key, row in self.items.items() if row.get("holders") or key[1].startswith("WAITER#")] == []
        point = self.point()
        assert point is None or point["status"] in ("verified", "partial", "failed")
        levels = point["levels"] if point else {}
        for task in self.rds[PRIMARY].tasks.values():
            assert task["Status"] in ("COMPLETE", "CANCELED", "FAILED")
        if "0" not in levels:
            assert self.rds[PRIMARY].snapshots == {}
        if point and "1" not in levels and point["status"] == "failed":
            assert {key for _, key in self.s3.objects if key.startswith(("exports/", "manifests/"))} == set()
        if point and point["status"] != "failed":
            folder = export_prefix("orders", point["export_task"])
            assert (STAGING, f"{folder}/part-0") in self.s3.objects
