"""Stacks that take two looks to be made, changed or deleted; they know resources and events, and check imports."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from fake_sets import Sets

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
EARLY = "The following validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]."
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


@dataclass
class Stack:
    region: str
    name: str
    id: str
    text: str
    tags: dict[str, str]
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    protected: bool = False
    changed_at: datetime = EPOCH
    events: list[dict[str, Any]] = field(default_factory=list)  # newest first
    change_sets: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def resources(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)["Resources"] if self.text else {}
        return found


class Stacks:
    """Every stack of the account.

    Attributes:
        broken: Stacks, by their tag and region, one of whose resources can't be made or changed.
        taken: Stacks, in the same way, one of whose names is taken already.
        imported: By id, why a stack is not deleted.
        sets: The StackSets that the resources of a stack may be.
        pending: What happens when time passes.
    """

    sets: Sets

    def __init__(self, error: Callable[..., ClientError], objects: dict[str, dict[str, bytes]]) -> None:
        self.error, self.objects = error, objects
        self.every: dict[tuple[str, str], Stack] = {}
        self.gone: dict[str, Stack] = {}
        self.broken: set[tuple[str, str]] = set()
        self.taken: set[tuple[str, str]] = set()
        self.imported: dict[str, str] = {}
        self.pending: list[Callable[[], bool]] = []  # each answers whether it is over
        self.log: list[tuple[str, str, str]] = []  # what, stack (by its tag), region
        self._numbers = itertools.count(1)

    def tick(self) -> None:
        due, self.pending = self.pending, []
        self.pending += [each for each in due if not each()]

    def find(self, region: str, name: str) -> Stack:
        for stack in [*self.every.values(), *self.gone.values()]:
            if stack.region == region and (stack.id == name or (stack.name == name and stack.id not in self.gone)):
                return stack
        raise self.error("ValidationError", f"Stack with id {name} does not exist")

    # ---- reading

    def describe_stacks(self, region: str, StackName: str | None = None) -> Any:  # noqa: N803
        if StackName:
            return {"Stacks": [described(self.find(region, StackName))]}
        return {"Stacks": [described(each) for each in self.every.values() if each.region == region]}

    def get_template(self, region: str, StackName: str, TemplateStage: str) -> Any:  # noqa: N803
        assert TemplateStage == "Original"
        return {"TemplateBody": json.loads(self.find(region, StackName).text)}

    def list_stack_resources(self, region: str, StackName: str) -> Any:  # noqa: N803
        stack = self.find(region, StackName)
        status = "CREATE_COMPLETE" if stack.status.endswith("COMPLETE") else "CREATE_IN_PROGRESS"
        of = {"ResourceStatus": status, "LastUpdatedTimestamp": stack.changed_at}
        return {
            "StackResourceSummaries": [
                {"LogicalResourceId": name, "ResourceType": each["Type"], **of}
                for name, each in stack.resources.items()
            ]
        }

    def describe_stack_events(self, region: str, StackName: str) -> Any:  # noqa: N803
        return {"StackEvents": self.find(region, StackName).events}

    # ---- change sets

    def create_change_set(self, region: str, **request: Any) -> Any:
        name, kind = request["StackName"], request["ChangeSetType"]
        text, tags = self.body(request), {each["Key"]: each["Value"] for each in request["Tags"]}
        stack = self.every.get((region, name))
        if kind == "CREATE":
            if stack and stack.status != "REVIEW_IN_PROGRESS":
                raise self.error("AlreadyExistsException", f"Stack [{name}] already exists")
            stack = stack or self.add(region, name, tags)
        elif stack is None:
            raise self.error("ValidationError", f"Stack [{name}] does not exist")
        elif not stack.status.endswith("COMPLETE") or stack.status == "ROLLBACK_COMPLETE":
            raise self.error("ValidationError", f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        if request["ChangeSetName"] in stack.change_sets:
            raise self.error("AlreadyExistsException", f"ChangeSet {request['ChangeSetName']} already exists")
        named = request["ChangeSetName"]
        made = {
            "ChangeSetName": named,
            "ChangeSetId": f"arn:aws:cloudformation:{region}:1:changeSet/{named}/{next(self._numbers)}",
            "ExecutionStatus": "UNAVAILABLE",
            "text": text,
            "tags": tags,
            "Changes": list(differences(stack.text, text)),
        }
        stack.change_sets[request["ChangeSetName"]] = made

        same = json.loads(text) == json.loads(stack.text or "{}") and tags == stack.tags
        if same and kind == "UPDATE":
            made.update(Status="FAILED", StatusReason=NO_CHANGES)
        elif (tags["holdfast:stack"], region) in self.taken:
            refused = {
                "LogicalResourceId": "Thing",
                "ResourceType": "AWS::SNS::Topic",
                "ValidationStatusReason": "taken",
            }
            made.update(Status="FAILED", StatusReason=EARLY, events=[refused])
        else:
            made.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE")
        return {"Id": made["ChangeSetId"], "StackId": stack.id}

    def describe_change_set(self, region: str, ChangeSetName: str, StackName: str | None = None) -> Any:  # noqa: N803
        return self._change_set(region, ChangeSetName, StackName)[1]

    def delete_change_set(self, region: str, ChangeSetName: str, StackName: str | None = None) -> Any:  # noqa: N803
        stack, made = self._change_set(region, ChangeSetName, StackName)
        del stack.change_sets[made["ChangeSetName"]]

    def execute_change_set(self, region: str, ChangeSetName: str, ClientRequestToken: str) -> Any:  # noqa: N803
        assert ClientRequestToken
        stack, made = self._change_set(region, ChangeSetName, None)
        if made["ExecutionStatus"] != "AVAILABLE":
            raise self.error("InvalidChangeSetStatus", f"it is {made['ExecutionStatus']}")
        stack.change_sets.clear()
        self.begin(stack, made["text"], made["tags"])

    def _change_set(self, region: str, name: str, of: str | None) -> tuple[Stack, dict[str, Any]]:
        for stack in self.every.values():
            for made in stack.change_sets.values():
                if stack.region == region and (
                    made["ChangeSetId"] == name or (stack.name, made["ChangeSetName"]) == (of, name)
                ):
                    return stack, made
        raise self.error("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")

    def describe_events(self, region: str, ChangeSetName: str, Filters: dict[str, bool]) -> Any:  # noqa: N803
        assert Filters == {"FailedEvents": True}
        return {"OperationEvents": self._change_set(region, ChangeSetName, None)[1].get("events", [])}

    # ---- the rest of a stack's life

    def update_termination_protection(self, region: str, StackName: str, EnableTerminationProtection: bool) -> Any:  # noqa: FBT001, N803
        self.find(region, StackName).protected = EnableTerminationProtection

    def continue_update_rollback(self, region: str, StackName: str) -> Any:  # noqa: N803
        stack = self.find(region, StackName)
        stack.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        again = "UPDATE_ROLLBACK_FAILED" if self._is_broken(stack) else "UPDATE_ROLLBACK_COMPLETE"
        self.pending.append(lambda: bool(setattr(stack, "status", again)) or True)

    def delete_stack(self, region: str, StackName: str) -> Any:  # noqa: N803
        stack = self.find(region, StackName)
        stack.reason = self.imported.get(stack.id, "")
        if not stack.reason:
            self.delete(stack)

    def add(self, region: str, name: str, tags: dict[str, str]) -> Stack:
        made = Stack(region, name, f"arn:aws:cloudformation:{region}:1:stack/{name}/{next(self._numbers)}", "", tags)
        self.every[region, name] = made
        return made

    def begin(self, stack: Stack, text: str, tags: dict[str, str]) -> None:
        """Make *stack* what *text* says; time does it."""
        verb = "CREATE" if stack.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        before = stack.text, stack.tags
        stack.status, stack.tags = f"{verb}_IN_PROGRESS", tags
        stack.changed_at = EPOCH + timedelta(seconds=next(self._numbers))
        self._event(stack, stack.name, "AWS::CloudFormation::Stack", stack.status)
        self.log.append((verb.lower(), tags["holdfast:stack"], stack.region))
        if verb == "CREATE":
            stack.text = text
        steps = self.sets.follow(before[0], text)

        def go_on() -> bool:
            problem = self._problem(stack, text) or next(steps, "")
            if problem == "wait":
                return False
            if not problem:
                stack.text, stack.status = text, f"{verb}_COMPLETE"
                self._make_buckets(stack)
                return True
            self._event(stack, "Thing", "AWS::SNS::Topic", f"{verb}_FAILED", problem)
            self._event(stack, stack.name, "AWS::CloudFormation::Stack", "ROLLBACK_IN_PROGRESS")
            stack.status = "ROLLBACK_COMPLETE" if verb == "CREATE" else "UPDATE_ROLLBACK_IN_PROGRESS"
            if verb == "UPDATE":
                back = self.sets.follow(text, before[0])
                self.pending.append(lambda: self._go_back(stack, before, back))
            return True

        self.pending.append(go_on)

    def delete(self, stack: Stack) -> None:
        if stack.protected:
            raise self.error(
                "ValidationError", f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        stack.status = "DELETE_IN_PROGRESS"

        def done() -> bool:
            stack.status = "DELETE_COMPLETE"
            self.every.pop((stack.region, stack.name), None)
            self.gone[stack.id] = stack
            return True

        self.pending.append(done)

    def body(self, request: dict[str, Any]) -> str:
        if "TemplateBody" in request:
            assert len(request["TemplateBody"]) <= 51_200
            return str(request["TemplateBody"])
        bucket, key = re.fullmatch(r"https://([^.]+)\.s3\.[^.]+\.amazonaws\.com/(.+)", request["TemplateURL"]).groups()  # type: ignore[union-attr]
        if key not in self.objects.get(bucket, {}):
            raise self.error("ValidationError", f"S3 error: {key} is not in {bucket}")
        return self.objects[bucket][key].decode()

    def _go_back(self, stack: Stack, before: tuple[str, dict[str, str]], steps: Iterator[str]) -> bool:
        if next(steps, "") == "wait":
            return False
        stack.text, stack.tags = before
        stack.status = "UPDATE_ROLLBACK_COMPLETE"
        return True

    def _problem(self, stack: Stack, text: str) -> str:
        if self._is_broken(stack):
            return "no\n  such luck"
        exports = {
            each["Export"]["Name"]
            for other in self.every.values()
            if other.region == stack.region
            and other.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
            for each in json.loads(other.text).get("Outputs", {}).values()
        }
        missing = sorted(set(re.findall(r'"Fn::ImportValue": "([^"]+)"', text)) - exports)
        return f"No export named {missing[0]} found" if missing else ""

    def _is_broken(self, stack: Stack) -> bool:
        return (stack.tags["holdfast:stack"], stack.region) in self.broken

    def _make_buckets(self, stack: Stack) -> None:
        for each in stack.resources.values():
            if each["Type"] == "AWS::S3::Bucket":
                self.objects.setdefault(each["Properties"]["BucketName"].replace("REGION", stack.region), {})

    def _event(self, stack: Stack, name: str, kind: str, status: str, reason: str = "") -> None:
        event = {
            "StackId": stack.id,
            "LogicalResourceId": name,
            "PhysicalResourceId": stack.id if name == stack.name else name,
            "ResourceType": kind,
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
        }
        stack.events.insert(0, event)


def described(stack: Stack) -> dict[str, Any]:
    return {
        "StackName": stack.name,
        "StackId": stack.id,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "EnableTerminationProtection": stack.protected,
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
        "LastUpdatedTime": stack.changed_at,
    }


def differences(before: str, after: str) -> Iterator[dict[str, Any]]:
    old, new = (json.loads(text)["Resources"] if text else {} for text in (before, after))
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            action = "Modify" if name in old and name in new else "Remove" if name in old else "Add"
            kind = (new.get(name) or old[name])["Type"]
            change = {"Action": action, "LogicalResourceId": name, "ResourceType": kind, "Details": []}
            yield {
                "Type": "Resource",
                "ResourceChange": change | ({"Replacement": "False"} if action == "Modify" else {}),
            }
