"""How an operation of a stack set goes through regions and accounts: its order, its failures, its end.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-concepts.html (operation options)
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import now_iso

from sandbox.engine.stacksets.drift import drift_details
from sandbox.engine.stacksets.roles import RolesMissing, credentials
from sandbox.engine.stacksets.stacks import StackFailed, Wanted, detect, remove, settle
from sandbox.engine.stacksets.store import Instance, Key, Operation, Result, StackSet
from sandbox.engine.stacksets.wire import Refusal

EXCEEDED = "Cancelled since failure tolerance has exceeded"
STOPPED = "Cancelled since the operation was stopped"


def submit(stack_set: StackSet, operation: Operation) -> None:
    """Begin an operation, or queue it if the set manages its execution and it cannot begin yet.

    Raises:
        Refusal: Another one is under way, and the set does not manage its execution.
    """
    with stack_set.lock:
        others = stack_set.open_operations()
        if others and not stack_set.managed:
            raise Refusal(
                "OperationInProgressException",
                f"Another Operation on StackSet {stack_set.arn} is in progress: {others[0].id}",
            )
        stack_set.operations[operation.id] = operation
        advance(stack_set)


def advance(stack_set: StackSet) -> None:
    """Begin what is queued, in the order of the requests, up to the first that conflicts with one under way.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ManagedExecution.html
    """
    with stack_set.lock:
        busy: set[Key] = set()
        for operation in stack_set.open_operations():
            if operation.status == "QUEUED":
                if not busy.isdisjoint(operation.results):
                    return
                operation.status = "RUNNING"
                run = Run(stack_set, operation, Wanted.of(stack_set))
                threading.Thread(target=run.whole, name=f"stackset-{operation.id}", daemon=True).start()
            busy.update(operation.results)


def stop(stack_set: StackSet, operation: Operation) -> None:
    """Let an operation end after the stacks that it is at.

    Raises:
        Refusal: It has ended.
    """
    with stack_set.lock:
        if operation.status == "QUEUED":
            cancel(stack_set, operation)
        elif operation.status == "RUNNING":
            operation.status = "STOPPING"
        else:
            raise Refusal("InvalidOperationException", f"Operation {operation.id} is in {operation.status} state")


def cancel(stack_set: StackSet, operation: Operation) -> None:
    """End an operation that has not begun."""
    for key, result in operation.results.items():
        result.status, result.reason = "CANCELLED", STOPPED
        if key in stack_set.instances:
            note(stack_set.instances[key], "OUTDATED", "CANCELLED", STOPPED)
    end(stack_set, operation, "STOPPED")


def end(stack_set: StackSet, operation: Operation, status: str) -> None:
    """Write down that an operation has ended, and begin what waited for it."""
    with stack_set.lock:
        operation.status, operation.ended = status, now_iso()
        operation.finished.set()
        advance(stack_set)


def note(instance: Instance, status: str, detailed: str, reason: str = "") -> None:
    """Write down how an instance is."""
    instance.status, instance.detailed, instance.reason = status, detailed, reason


def each(function: Callable[[Any], None], items: Iterable[Any], at_a_time: int) -> None:
    """Call a function with each of the items, so many at the same time; its threads do not outlive the server."""
    waiting = list(reversed(list(items)))

    def work() -> None:
        while waiting:
            try:
                item = waiting.pop()
            except IndexError:
                return
            function(item)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(at_a_time, len(waiting)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@dataclass
class Run:
    """An operation under way.

    Attributes:
        failed: How many accounts of each region have failed.
    """

    stack_set: StackSet
    operation: Operation
    wanted: Wanted
    failed: dict[str, int] = field(default_factory=dict)

    def whole(self) -> None:
        """Go through all regions, and end the operation whatever happens."""
        status = "FAILED"
        try:
            order = self.regions()
            each(self.region, order, len(order) if self.parallel else 1)
            if self.operation.status == "STOPPING":
                status = "STOPPED"
            elif not any(self.exceeded(region) for region in order):
                status = "SUCCEEDED"
        finally:
            if self.operation.action == "DETECT_DRIFT":
                self.stack_set.drift = drift_details(self.stack_set, self.operation, status)
            end(self.stack_set, self.operation, status)

    @property
    def parallel(self) -> bool:
        """Whether the regions do not wait for each other."""
        return bool(self.operation.preferences.get("RegionConcurrencyType") == "PARALLEL")

    def regions(self) -> list[str]:
        """In which order: as the request says, the others after them by their names."""
        order = self.operation.preferences.get("RegionOrder", [])
        found = {region for _, region in self.operation.results}
        return sorted(found, key=lambda region: (order.index(region) if region in order else len(order), region))

    def accounts(self, region: str) -> list[str]:
        """The accounts of a region."""
        return sorted(account for account, where in self.operation.results if where == region)

    def region(self, region: str) -> None:
        """Go through the accounts of a region, as many at a time as the request says."""
        accounts = self.accounts(region)
        each(self.one, [(account, region) for account in accounts], self.at_a_time(len(accounts)))

    def at_a_time(self, accounts: int) -> int:
        """How many accounts at the same time: strictly, no more than may fail and one."""
        preferences = self.operation.preferences
        most = preferences.get("MaxConcurrentCount") or accounts * preferences.get("MaxConcurrentPercentage", 0) // 100
        if preferences.get("ConcurrencyMode") != "SOFT_FAILURE_TOLERANCE":
            most = min(most, self.tolerance(accounts) + 1)
        return max(most, 1)

    def tolerance(self, accounts: int) -> int:
        """How many of a region's accounts may fail."""
        preferences = self.operation.preferences
        share: int = accounts * preferences.get("FailureTolerancePercentage", 0) // 100
        return int(preferences.get("FailureToleranceCount", share))

    def exceeded(self, region: str) -> bool:
        """Whether more of a region's accounts have failed than may."""
        return self.failed.get(region, 0) > self.tolerance(len(self.accounts(region)))

    def one(self, key: Key) -> None:
        """Do it to one instance, unless the operation has been stopped or has failed too often by now."""
        result, instance = self.operation.results[key], self.stack_set.instances.get(key)
        with self.stack_set.lock:
            stopped = self.operation.status == "STOPPING"
            regions = [key[1]] if self.parallel else list(self.failed)
            if stopped or any(self.exceeded(region) for region in regions):
                result.status, result.reason = "CANCELLED", STOPPED if stopped else EXCEEDED
                if instance and self.operation.action != "DETECT_DRIFT":
                    note(instance, instance.status, "CANCELLED", result.reason)
                return
            result.status = "RUNNING"
        if instance is None:  # removed meanwhile, or never there: DeleteStackInstances takes that
            result.status = "SUCCEEDED"
            return
        instance.operation = self.operation.id
        try:
            self.perform(instance)
        except (StackFailed, RolesMissing) as error:
            self.fail(instance, result, str(error))
        except Exception as error:
            self.fail(instance, result, f"{type(error).__name__}: {error}")
            raise
        else:
            result.status = "SUCCEEDED"

    def perform(self, instance: Instance) -> None:
        """Do it.

        Raises:
            StackFailed: The stack is not as it should be.
            RolesMissing: StackSets cannot act there.
        """
        action = self.operation.action
        if action == "DELETE" and self.operation.request["RetainStacks"]:
            self.stack_set.instances.pop(instance.key, None)
            return
        who = credentials(self.stack_set, self.operation, instance.account)
        if action == "DETECT_DRIFT":
            detect(instance, who)
            instance.drift_operation = self.operation.id
            return
        if "StackIds" in self.operation.request or (action == "CREATE" and instance.status == "CURRENT"):
            note(instance, "CURRENT", "SUCCEEDED")
            return
        instance.detailed, instance.reason = "RUNNING", ""
        if action == "DELETE":
            remove(instance, who)
            self.stack_set.instances.pop(instance.key, None)
            return
        settle(self.wanted, instance, who)
        with self.stack_set.lock:
            newest = self.wanted.revision == self.stack_set.revision
            note(instance, "CURRENT" if newest else "OUTDATED", "SUCCEEDED" if newest else "PENDING")

    def fail(self, instance: Instance, result: Result, reason: str) -> None:
        """Write down that it failed here."""
        result.status, result.reason = "FAILED", reason
        with self.stack_set.lock:
            self.failed[instance.region] = self.failed.get(instance.region, 0) + 1
        if self.operation.action == "DELETE":
            note(instance, "INOPERABLE", "INOPERABLE", reason)
        elif self.operation.action != "DETECT_DRIFT":
            note(instance, "OUTDATED", "FAILED", reason)
