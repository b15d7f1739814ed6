"""Two regions, and the machines' order in a few lines: what the tests of the backup protocol run in."""

import contextlib
import itertools
import json
from datetime import UTC, datetime, timedelta

from backup_fakes import (
    BACKUPS_KEY,
    COPY_MACHINE,
    DATA_KEY,
    NOON,
    PREFIX,
    PRIMARY,
    RECOVERY,
    S3,
    STAGING,
    Bus,
    MachineError,
    MemoryLedger,
    Rds,
    States,
)
from backup_faults import Crash, Fuse, Fused, Killed
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
from handlers.runtime import Clients, translated
from handlers.slots import Slots


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
        for rds in self.rds.values():
            rds.finish()
        for region in self.rds:
            self.deliver(region)
        self.run_copies()
        for region in self.rds:
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
        environment = sweep_operations.Environment(PREFIX, "", PREFIX, PRIMARY, COPY_MACHINE)
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
        busy = [key for key, row in self.items.items() if "open" in row or row.get("holders") or "WAITER#" in key[1]]
        assert busy == []
        point = self.point()
        assert point is None or point["status"] in ("verified", "partial", "failed")
        if point:  # what the database has is told as its point ended
            known = self.items["DATABASES", f"PROTECTION#{point['database']}"]
            assert known["newest"]["status"] == point["status"]
            assert known.get("verified", {}).get("id") == (point["id"] if point["status"] == "verified" else None)
        levels = point["levels"] if point else {}
        assert {task["Status"] for task in self.rds[PRIMARY].tasks.values()} <= {"COMPLETE", "CANCELED", "FAILED"}
        assert "0" in levels or self.rds[PRIMARY].snapshots == {}
        if point and "1" not in levels and point["status"] == "failed":
            assert {key for _, key in self.s3.objects if key.startswith(("exports/", "manifests/"))} == set()
        if point and point["status"] != "failed":
            assert (STAGING, f"{export_prefix('orders', point['export_task'])}/part-0") in self.s3.objects
