"""StackSets whose operations go through their regions one after the other, as time passes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from fake_stacks import Stack, Stacks

RUNNING = ("RUNNING", "QUEUED")


@dataclass
class Instance:
    region: str
    stack: Stack | None = None
    status: str = "OUTDATED"
    detail: str = "PENDING"
    reason: str = ""
    operation: str = ""


@dataclass
class Operation:
    id: str
    action: str
    regions: list[str]
    retain: bool = False
    status: str = "RUNNING"
    results: dict[str, tuple[str, str]] = field(default_factory=dict)  # by region


@dataclass
class StackSet:
    name: str
    text: str
    tags: dict[str, str]
    instances: dict[str, Instance] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)


class Sets:
    """Every StackSet of the account.

    Attributes:
        lagging: How many operations will fail since the roles are not known everywhere yet.
    """

    def __init__(self, stacks: Stacks, error: Callable[..., ClientError]) -> None:
        self.stacks, self.error, self.lagging = stacks, error, 0
        self.every: dict[str, StackSet] = {}

    def busy(self) -> bool:
        return any(each.status in RUNNING for found in self.every.values() for each in found.operations)

    def tick(self) -> None:
        for found in self.every.values():
            for operation in [each for each in found.operations if each.status in RUNNING][:1]:
                self._go_on(found, operation)

    # ---- as resources of a stack

    def follow(self, before: str, after: str) -> Iterator[str]:
        """Make the sets what a stack's template says: yields ``wait``, or a problem, after which it is over."""
        old, new = (resources(text) for text in (before, after))
        for logical_id in in_order(new):
            properties, known = new[logical_id]["Properties"], old.get(logical_id)
            name, text = properties["StackSetName"], self.stacks.body({"TemplateURL": plain(properties["TemplateURL"])})
            tags = {each["Key"]: each["Value"] for each in properties["Tags"]}
            if known is None:
                if name in self.every:
                    yield f"StackSet {name} already exists"
                    return
                self.every[name] = StackSet(name, text, tags)
            elif known["Properties"] != properties:
                self.every[name].text = text
                operation = self._add(
                    name, f"by-resource-{len(self.every[name].operations)}", "UPDATE", [*self.every[name].instances]
                )
                while operation.status in RUNNING:
                    yield "wait"
                if operation.status != "SUCCEEDED":
                    yield f"operation of {name} failed"
                    return
        for logical_id, each in old.items():
            name = each["Properties"]["StackSetName"]
            if logical_id not in new and not self.every[name].instances:  # else CloudFormation forgets it
                del self.every[name]

    # ---- the API

    def list_stack_instances(self, region: str, StackSetName: str, **_: Any) -> Any:  # noqa: N803
        del region
        return {
            "Summaries": [
                {
                    "Region": each.region,
                    "Status": each.status,
                    "StatusReason": each.reason,
                    "StackInstanceStatus": {"DetailedStatus": each.detail},
                    "LastOperationId": each.operation,
                    **({"StackId": each.stack.id} if each.stack else {}),
                }
                for each in self._find(StackSetName).instances.values()
            ]
        }

    def list_stack_set_operations(self, region: str, StackSetName: str) -> Any:  # noqa: N803
        del region
        found = self._find(StackSetName).operations
        return {"Summaries": [{"OperationId": each.id, "Status": each.status} for each in found]}

    def describe_stack_set_operation(self, region: str, StackSetName: str, OperationId: str) -> Any:  # noqa: N803
        del region
        found = next(each for each in self._find(StackSetName).operations if each.id == OperationId)
        return {"StackSetOperation": {"OperationId": found.id, "Status": found.status}}

    def list_stack_set_operation_results(self, region: str, StackSetName: str, OperationId: str) -> Any:  # noqa: N803
        del region
        found = next(each for each in self._find(StackSetName).operations if each.id == OperationId)
        every = [
            {"Region": where, "Status": status, "StatusReason": why} for where, (status, why) in found.results.items()
        ]
        return {"Summaries": every}

    def create_stack_instances(self, region: str, StackSetName: str, OperationId: str, **request: Any) -> Any:  # noqa: N803
        del region
        found = self._find(StackSetName)
        for where in request["Regions"]:
            found.instances.setdefault(where, Instance(where))
        self._add(StackSetName, OperationId, "CREATE", request["OperationPreferences"]["RegionOrder"])

    def update_stack_instances(self, region: str, StackSetName: str, OperationId: str, **request: Any) -> Any:  # noqa: N803
        del region
        self._require(StackSetName, request["Regions"])
        self._add(StackSetName, OperationId, "UPDATE", request["OperationPreferences"]["RegionOrder"])

    def delete_stack_instances(self, region: str, StackSetName: str, OperationId: str, **request: Any) -> Any:  # noqa: N803
        del region
        self._require(StackSetName, request["Regions"])
        order, retain = request["OperationPreferences"]["RegionOrder"], request["RetainStacks"]
        self._add(StackSetName, OperationId, "DELETE", order, retain=retain)

    def import_stacks_to_stack_set(self, region: str, StackSetName: str, OperationId: str, StackIds: list[str]) -> Any:  # noqa: N803
        del region
        found = self._find(StackSetName)
        taken = [stack for stack in self.stacks.every.values() if stack.id in StackIds]
        assert len(taken) == len(StackIds)
        for stack in taken:
            found.instances[stack.region] = Instance(stack.region, stack, "CURRENT", "SUCCEEDED", operation=OperationId)
        self._add(StackSetName, OperationId, "CREATE", [])

    # ---- operations

    def _go_on(self, found: StackSet, operation: Operation) -> None:
        """One look further: the stack of the next region is begun, or what became of it is noted."""
        for region in operation.regions:
            if region in operation.results:
                continue
            instance = found.instances[region]
            if any(status == "FAILED" for status, _ in operation.results.values()):
                self._note(operation, instance, "CANCELLED", "Cancelled since failure tolerance has exceeded")
                continue
            if instance.operation != operation.id or instance.detail != "RUNNING":
                instance.operation, instance.detail = operation.id, "RUNNING"
                problem = self._begin(found, operation, instance)
                if problem:
                    self._note(operation, instance, "FAILED", problem)
                return
            self._look(found, operation, instance)
            return
        failed = any(status == "FAILED" for status, _ in operation.results.values())
        operation.status = "FAILED" if failed else "SUCCEEDED"

    def _begin(self, found: StackSet, operation: Operation, instance: Instance) -> str:
        if self.lagging:
            self.lagging -= 1
            return "Account 1 should have 'e' role with trust relationship to Role 'a'."
        stack = instance.stack
        if operation.action == "DELETE":
            if stack and not operation.retain and stack.id not in self.stacks.gone:
                if stack.protected:
                    return "TerminationProtection is enabled"
                self.stacks.delete(stack)
        elif stack is None:
            name = f"StackSet-{found.name}-{len(self.stacks.every) + len(self.stacks.gone)}"
            instance.stack = self.stacks.add(instance.region, name, found.tags)
            self.stacks.begin(instance.stack, found.text, found.tags)
        elif stack.id in self.stacks.gone:
            return "the stack is gone"
        elif stack.status == "ROLLBACK_COMPLETE":
            return f"Stack:{stack.id} is in ROLLBACK_COMPLETE state and can not be updated."
        elif (json.loads(stack.text), stack.tags) != (json.loads(found.text), found.tags):
            self.stacks.begin(stack, found.text, found.tags)
        return ""

    def _look(self, found: StackSet, operation: Operation, instance: Instance) -> None:
        stack = instance.stack
        if stack and stack.status.endswith("_IN_PROGRESS"):
            return
        if operation.action == "DELETE":
            operation.results[instance.region] = ("SUCCEEDED", "")
            del found.instances[instance.region]
            operation.regions.remove(instance.region)
        elif stack and json.loads(stack.text) == json.loads(found.text) and stack.status != "ROLLBACK_COMPLETE":
            self._note(operation, instance, "SUCCEEDED")
        else:
            self._note(operation, instance, "FAILED", "ResourceLogicalId:Thing, ResourceStatusReason:no such luck.")

    def _note(self, operation: Operation, instance: Instance, result: str, reason: str = "") -> None:
        operation.results[instance.region] = (result, reason)
        instance.detail, instance.reason, instance.operation = result, reason, operation.id
        instance.status = "CURRENT" if result == "SUCCEEDED" else "OUTDATED"
        if result == "FAILED" and operation.action == "DELETE":
            instance.status = instance.detail = "INOPERABLE"

    def _add(self, name: str, identifier: str, action: str, regions: list[str], *, retain: bool = False) -> Operation:
        found = self._find(name)
        if any(each.id == identifier for each in found.operations):
            raise self.error("OperationIdAlreadyExistsException")
        made = Operation(identifier, action, list(regions), retain)
        found.operations.append(made)
        return made

    def _find(self, name: str) -> StackSet:
        if name not in self.every:
            raise self.error("StackSetNotFoundException", f"StackSet {name} not found")
        return self.every[name]

    def _require(self, name: str, regions: list[str]) -> None:
        if not set(regions) <= self._find(name).instances.keys():
            raise self.error("StackInstanceNotFoundException")


def resources(text: str) -> dict[str, Any]:
    every = json.loads(text)["Resources"] if text else {}
    return {name: each for name, each in every.items() if each["Type"] == "AWS::CloudFormation::StackSet"}


def in_order(every: dict[str, Any]) -> list[str]:
    done: list[str] = []
    while len(done) < len(every):
        ready = [name for name in every if name not in done and {*every[name].get("DependsOn", [])} <= {*done}]
        assert ready, "a set waits for what is not in the template"
        done += ready
    return done


def plain(value: Any) -> str:
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    return re.sub(r"\$\{AWS::AccountId\}", "111122223333", text)
