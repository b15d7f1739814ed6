"""Drift: every stack is looked at, page by page; what the deployment itself changes is none."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from blueprints.order import Stack
from blueprints.settings import SANDBOX, Settings, Site
from deployment import drift
from deployment.progress import Progress
from deployment.survey import Found
from deployment.target import Target

HOME, _ = SANDBOX.regions
FOUND = Found(Stack("api", HOME), "a-stack", "arn:api", "CREATE_COMPLETE", drift="DRIFTED")


def resource(kind: str, status: str = "MODIFIED", **differences: tuple[str, str]) -> dict[str, Any]:
    return {
        "LogicalResourceId": "One",
        "PhysicalResourceId": "an-id",
        "ResourceType": kind,
        "StackResourceDriftStatus": status,
        "PropertyDifferences": [
            {"PropertyPath": f"/{path}", "ExpectedValue": was, "ActualValue": now, "DifferenceType": "NOT_EQUAL"}
            for path, (was, now) in differences.items()
        ],
    }


class Account:
    """CloudFormation, as far as it looks for drift: the second look ends a detection."""

    account = "123456789012"

    def __init__(self, *pages: list[dict[str, Any]], ends: str = "DETECTION_COMPLETE") -> None:
        self.pages, self.ends = pages, ends
        self.looks: dict[str, int] = {}

    def client(self, *_: str) -> Any:
        return self

    def detect_stack_drift(self, *, StackName: str) -> dict[str, str]:  # noqa: N803 (boto3's names)
        if StackName == "arn:busy":
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "it is busy"}}, "DetectStackDrift")
        self.looks[StackName] = 0
        return {"StackDriftDetectionId": StackName}

    def describe_stack_drift_detection_status(self, *, StackDriftDetectionId: str) -> dict[str, str]:  # noqa: N803
        self.looks[StackDriftDetectionId] += 1
        if self.looks[StackDriftDetectionId] < 2:
            return {"DetectionStatus": "DETECTION_IN_PROGRESS"}
        return {"DetectionStatus": self.ends, "DetectionStatusReason": "no permission  to read"}

    def describe_stack_resource_drifts(self, **asked: Any) -> dict[str, Any]:
        number = int(asked.pop("NextToken", "0"))
        assert asked == {"StackName": "arn:api", "StackResourceDriftStatusFilters": ["MODIFIED", "DELETED"]}
        more = {"NextToken": str(number + 1)} if number + 1 < len(self.pages) else {}
        return {"StackResourceDrifts": self.pages[number], **more}


def target(aws: Account, settings: Settings = SANDBOX) -> Target:
    return Target(aws, settings, Path("nowhere"), ())


def detect(aws: Account, *found: Found) -> dict[Stack, str]:
    return drift.detect(target(aws), found, Progress(io.StringIO(), live=False))


def test_every_stack_that_can_be_looked_at_is_looked_at_to_the_end() -> None:
    aws = Account()
    other = dataclasses.replace(FOUND, stack=Stack("keys", HOME), id="arn:keys", status="UPDATE_ROLLBACK_COMPLETE")
    failed = dataclasses.replace(FOUND, stack=Stack("site", HOME), id="arn:site", status="ROLLBACK_COMPLETE")
    assert detect(aws, FOUND, other, failed) == {}
    assert aws.looks == {"arn:api": 2, "arn:keys": 2}


def test_what_could_not_be_looked_at_is_told_with_the_reason() -> None:
    assert detect(Account(ends="DETECTION_FAILED"), FOUND) == {FOUND.stack: "no permission to read"}
    busy = dataclasses.replace(FOUND, id="arn:busy")
    assert detect(Account(), busy) == {FOUND.stack: "it is busy"}


def test_the_drifted_resources_of_all_pages_are_found() -> None:
    aws = Account([resource("AWS::SQS::Queue", Delay=("0", "9"))], [resource("AWS::SNS::Topic", "DELETED")])
    first, second = drift.drifted(target(aws), [FOUND])
    assert (first.type, first.deleted, first.differences) == (
        "AWS::SQS::Queue",
        False,
        (drift.Difference("/Delay", "0", "9"),),
    )
    assert (second.type, second.deleted) == ("AWS::SNS::Topic", True)


def test_a_stack_that_is_in_sync_is_not_asked() -> None:
    assert drift.drifted(target(Account()), [dataclasses.replace(FOUND, drift="IN_SYNC")]) == []


LOGIN = resource("AWS::Cognito::UserPoolClient", **{"CallbackURLs/1": ("", "https://d1.cloudfront.net/index.html")})


def test_an_address_that_cloudfront_gave_and_the_deployment_told_the_login_page_is_no_drift() -> None:
    assert drift.drifted(target(Account([LOGIN])), [FOUND]) == []


def test_where_the_template_knows_the_address_another_one_is_drift() -> None:
    known = dataclasses.replace(SANDBOX, site=Site(address="https://console.example.com"))
    for settings in (known, dataclasses.replace(SANDBOX, site=Site(cloudfront=False))):
        assert len(drift.drifted(target(Account([LOGIN]), settings), [FOUND])) == 1


def test_anything_else_about_the_login_page_is_drift() -> None:
    other = resource("AWS::Cognito::UserPoolClient", **{"AllowedOAuthFlows/0": ("code", "implicit")})
    assert len(drift.drifted(target(Account([other])), [FOUND])) == 1


ALIAS = "arn:aws:kms:eu-west-1:123456789012:alias/holdfast-sandbox-data"


def key(was: str, now: str) -> list[dict[str, Any]]:
    return [resource("AWS::DynamoDB::GlobalTable", KMSMasterKeyId=(was, now))]


def test_a_key_that_is_named_by_its_alias_can_not_be_compared_and_is_no_drift() -> None:
    assert drift.drifted(target(Account(key(ALIAS, "1234abcd-12ab-34cd-56ef-1234567890ab"))), [FOUND]) == []


def test_a_missing_key_and_another_alias_are_drift() -> None:
    for now in ("", ALIAS.replace("data", "other")):
        assert len(drift.drifted(target(Account(key(ALIAS, now))), [FOUND])) == 1
