"""A small CloudFormation that remembers stacks, templates and change sets; what a change set says is given to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from blueprints.order import Stack
from blueprints.settings import Settings, Site
from deployment.survey import Found
from deployment.target import Target

ACCOUNT = "123456789012"
SETTINGS = Settings(stage="test", database=None, site=Site(cloudfront=False))
HOME, RECOVERY = SETTINGS.regions
NAMES = ("bootstrap", "storage", "api", "stacksets")
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


def refusal(code: str, message: str = "", operation: str = "CreateChangeSet") -> Exception:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@dataclass
class CloudFormation:
    """One region's."""

    templates: dict[str, Any] = field(default_factory=dict)  # by name of the stack
    changes: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)  # what change sets will say
    reasons: dict[str, str] = field(default_factory=dict)  # why change sets will fail
    events: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)  # of change sets that failed
    refusals: dict[str, Exception] = field(default_factory=dict)
    left: dict[str, dict[str, str]] = field(default_factory=dict)  # status of a stack's resources
    looks_until_complete: int = 1
    sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: list[dict[str, Any]] = field(default_factory=list)

    def get_template(self, **asked: str) -> dict[str, Any]:
        assert asked["TemplateStage"] == "Original"
        return {"TemplateBody": self.templates[asked["StackName"]]}

    def create_change_set(self, **request: Any) -> dict[str, Any]:
        if request["StackName"] in self.refusals:
            raise self.refusals[request["StackName"]]
        arn = f"arn:{request['StackName']}/{request['ChangeSetName']}"
        if arn in self.sets:
            raise refusal("AlreadyExistsException")
        self.sets[arn] = {"stack": request["StackName"], "looks": 0}
        self.made.append(request)
        return {"Id": arn}

    def describe_change_set(self, **asked: str) -> dict[str, Any]:
        one = self.sets[asked["ChangeSetName"]]
        one["looks"] += 1
        if one["looks"] <= self.looks_until_complete:
            return {"Status": "CREATE_IN_PROGRESS", "Changes": []}
        if one["stack"] in self.reasons:
            about = {"ChangeSetId": asked["ChangeSetName"], "StatusReason": self.reasons[one["stack"]]}
            return {"Status": "FAILED", "Changes": [], **about}
        return {"Status": "CREATE_COMPLETE", "Changes": []}

    def delete_change_set(self, **asked: str) -> dict[str, Any]:
        name = asked["ChangeSetName"]
        arn = f"arn:{asked['StackName']}/{name}" if "StackName" in asked else name
        if arn not in self.sets:
            raise refusal("ChangeSetNotFound", operation="DeleteChangeSet")
        if self.sets[arn]["looks"] <= self.looks_until_complete and not self.sets[arn].get("old"):
            self.sets[arn]["looks"] += 1
            raise refusal("InvalidChangeSetStatus", operation="DeleteChangeSet")
        del self.sets[arn]
        return {}

    def get_paginator(self, operation: str) -> CloudFormation._Pages:
        return CloudFormation._Pages(self, operation)

    @dataclass
    class _Pages:
        cloud: CloudFormation
        operation: str

        def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
            if self.operation == "list_stack_resources":
                for name, status in self.cloud.left[asked["StackName"]].items():
                    yield {"StackResourceSummaries": [{"LogicalResourceId": name, "ResourceStatus": status}]}
                return
            stack = self.cloud.sets[asked["ChangeSetName"]]["stack"]
            if self.operation == "describe_events":
                assert asked["Filters"] == {"FailedEvents": True}
                if stack not in self.cloud.events:
                    raise refusal("AccessDenied", operation="DescribeEvents")
                yield from ({"OperationEvents": [event]} for event in self.cloud.events[stack])
                return
            for change in self.cloud.changes[stack]:  # a page for each
                yield {"Changes": [{"Type": "Resource", "ResourceChange": change}]}


@dataclass
class Account:
    """An account with a CloudFormation in each region."""

    regions: dict[str, CloudFormation]
    account: str = ACCOUNT

    def client(self, service: str, region: str = HOME) -> Any:
        assert service == "cloudformation"
        return self.regions[region]


def resource(kind: str, **more: Any) -> dict[str, Any]:
    return {"Type": kind, **more}


def template(**resources: Any) -> dict[str, Any]:
    return {
        "Conditions": {"IsPrimaryRegion": {"Fn::Equals": [{"Ref": "AWS::Region"}, HOME]}},
        "Resources": resources,
    }


STORAGE = template(
    Vault=resource("AWS::S3::Bucket", DeletionPolicy="RetainExceptOnCreate"),
    Ledger=resource("AWS::DynamoDB::GlobalTable", Condition="IsPrimaryRegion", DeletionPolicy="Retain"),
)
TEMPLATES = {
    "bootstrap": template(Artifacts=resource("AWS::S3::Bucket")),
    "storage": STORAGE,
    "api": template(Serve=resource("AWS::Lambda::Function", Properties={"FunctionName": "test-serve"})),
    "stacksets": template(
        Storage=resource("AWS::CloudFormation::StackSet", Properties={"StackSetName": "holdfast-test-storage"}),
        Api=resource("AWS::CloudFormation::StackSet", Properties={"StackSetName": "holdfast-test-api"}),
    ),
}


class World:
    """A deployment of three stacks, emitted and as it lies in the account."""

    def __init__(self, outputs: Path, names: Sequence[str] = NAMES) -> None:
        self.cloud = {region: CloudFormation() for region in (HOME, RECOVERY)}
        self.target = Target(Account(self.cloud), SETTINGS, outputs, tuple(names))
        self.found: dict[Stack, Found] = {}
        for name in names:
            self.emit(name, TEMPLATES[name])

    def emit(self, name: str, body: Mapping[str, Any]) -> None:
        (self.target.outputs / f"{name}.json").write_text(json.dumps(body, indent=1))

    def deploy(self, stack: Stack, body: Mapping[str, Any], status: str = "CREATE_COMPLETE", reason: str = "") -> str:
        """A stack that is there, with another name than we would give it; the answer is that name."""
        name = f"StackSet-{self.target.settings.prefix}-{stack.name}-1234"
        self.cloud[stack.region].templates[name] = body
        self.found[stack] = Found(stack, name, f"arn:{name}", status, reason)
        return name

    def deploy_everything(self) -> None:
        for region in (HOME, RECOVERY):
            for name in self.target.names:
                if name != "stacksets" or region == HOME:
                    self.deploy(Stack(name, region), TEMPLATES[name])
