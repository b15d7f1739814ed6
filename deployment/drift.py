"""Where resources differ from their templates: somebody, or something, has changed them by hand.

Stack by stack, and not by DetectStackSetDrift: that is an operation of the set, which nothing else can use meanwhile,
it knows neither the stacks that no set made nor a region that is deployed to directly, and its verdicts are not in the
stacks' descriptions. The account that would ask is the one that holds the stacks anyway.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-drift.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from blueprints.order import Stack
from deployment.waiting import pauses

if TYPE_CHECKING:
    from blueprints.settings import Settings
    from deployment.progress import Progress
    from deployment.survey import Found
    from deployment.target import Target

AT_ONCE = 6  # stacks; each detection makes CloudFormation ask every service about every resource
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
DETECTABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED")
ADDRESSES = ("/CallbackURLs", "/LogoutURLs")


@dataclass(frozen=True)
class Difference:
    """One property that is not as its template says; an empty value is none."""

    path: str
    expected: str
    actual: str


@dataclass(frozen=True)
class Drifted:
    """One resource that is not as its template says.

    Attributes:
        stack: Whose it is.
        logical_id: Its name in the template.
        type: Its CloudFormation type.
        id: Its physical id.
        deleted: It is gone.
        differences: What differs, if it is there.
    """

    stack: Stack
    logical_id: str
    type: str
    id: str
    deleted: bool
    differences: tuple[Difference, ...] = ()


def detect(target: Target, found: Iterable[Found], progress: Progress) -> dict[Stack, str]:
    """Have CloudFormation look at every stack now, as far as it can; the answer is which ones it could not, and why."""
    asked = [each for each in found if each.status in DETECTABLE]
    with progress.step(f"drift of {len(asked)} stacks", "CloudFormation compares resources with their templates"):
        pool = ThreadPoolExecutor(AT_ONCE, "drift")
        try:
            failed = pool.map(lambda one: _detect(target, one, progress), asked)
            return {each.stack: reason for each, reason in zip(asked, failed, strict=True) if reason}
        finally:
            pool.shutdown(cancel_futures=True)


def _detect(target: Target, found: Found, progress: Progress) -> str:
    """Why the stack could not be looked at; nothing if it could."""
    client = target.aws.client("cloudformation", found.stack.region)
    try:
        started = client.detect_stack_drift(StackName=found.id)["StackDriftDetectionId"]
    except ClientError as error:
        return str(error.response["Error"].get("Message", error))
    for pause in pauses():
        status = client.describe_stack_drift_detection_status(StackDriftDetectionId=started)
        if status["DetectionStatus"] == "DETECTION_FAILED":
            return " ".join(status.get("DetectionStatusReason", "CloudFormation gave no reason").split())
        if status["DetectionStatus"] == "DETECTION_COMPLETE":
            return ""
        progress.pause(pause)
    raise AssertionError  # pauses never end


def drifted(target: Target, found: Iterable[Found]) -> list[Drifted]:
    """Every resource that had drifted when CloudFormation last looked, without what the deployment itself changes."""
    asked = [each for each in found if each.drift == "DRIFTED"]
    with ThreadPoolExecutor(AT_ONCE, "drift") as pool:
        return [each for some in pool.map(lambda one: list(_drifted(target, one)), asked) for each in some]


def _drifted(target: Target, found: Found) -> Iterator[Drifted]:
    client = target.aws.client("cloudformation", found.stack.region)
    answer: Mapping[str, Any] = {}
    while not answer or "NextToken" in answer:
        more = {"NextToken": answer["NextToken"]} if answer else {}
        answer = client.describe_stack_resource_drifts(
            StackName=found.id, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"], **more
        )
        for each in answer["StackResourceDrifts"]:
            kind = each["ResourceType"]
            differences = tuple(
                Difference(one["PropertyPath"], one.get("ExpectedValue", ""), one.get("ActualValue", ""))
                for one in each.get("PropertyDifferences", [])
                if not (_by_us(target.settings, kind, one["PropertyPath"]) or _incomparable(one))
            )
            deleted = each["StackResourceDriftStatus"] == "DELETED"
            if differences or deleted:
                name, physical = each["LogicalResourceId"], each.get("PhysicalResourceId", "")
                yield Drifted(found.stack, name, kind, physical, deleted, differences)


def _by_us(settings: Settings, kind: str, path: str) -> bool:
    """Whether the deployment itself makes that difference: it tells the login page an address that CloudFront gave."""
    known = bool(settings.domain or settings.site.address or not settings.site.cloudfront)
    return not known and kind == "AWS::Cognito::UserPoolClient" and path.startswith(ADDRESSES)


def _incomparable(difference: Mapping[str, Any]) -> bool:
    """Whether a template names a key by its alias, where the service answers with the key's id.

    The ledger's replicas do; CloudFormation takes that for a difference.
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1802
    """
    expected, actual = difference.get("ExpectedValue", ""), difference.get("ActualValue", "")
    return ":alias/" in expected and bool(actual) and ":alias/" not in actual
