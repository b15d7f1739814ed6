"""What a StackSet says of itself: its instances, and the operations that go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blueprints.order import Stack

if TYPE_CHECKING:
    from deployment.target import Target

SUCCEEDED, FAILED, CANCELLED, INOPERABLE = "SUCCEEDED", "FAILED", "CANCELLED", "INOPERABLE"
RUNNING = ("RUNNING", "QUEUED", "STOPPING")  # of an operation


@dataclass(frozen=True)
class Instance:
    """One stack of a set, as the set knows it.

    Attributes:
        stack: Which one it is to us, and where.
        status: CURRENT, OUTDATED (the last operation failed, or did not come to it), INOPERABLE (a removal failed).
        detail: What the last operation did with it: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED, INOPERABLE.
        reason: Why; often empty.
        stack_id: ARN of its stack, which need not exist (any more); empty if there never was one.
        operation: The last operation that had to do with it.
        drift: IN_SYNC, DRIFTED, NOT_CHECKED or UNKNOWN, when StackSets last looked.
    """

    stack: Stack
    status: str
    detail: str = ""
    reason: str = ""
    stack_id: str = ""
    operation: str = ""
    drift: str = "NOT_CHECKED"

    @property
    def failed(self) -> bool:
        """Whether the last operation left it as it should not be."""
        return self.detail in (FAILED, CANCELLED, INOPERABLE) or self.status == INOPERABLE


def instances(target: Target, name: str) -> dict[Stack, Instance]:
    """Instances of the set *name*, wherever they lie; none if there is no such set."""
    client = target.aws.client("cloudformation", target.home)
    pages = client.get_paginator("list_stack_instances").paginate(
        StackSetName=target.settings.name(name), StackInstanceAccount=target.aws.account, **target.call_as
    )
    try:
        found = [_instance(name, each) for page in pages for each in page["Summaries"]]
    except client.exceptions.StackSetNotFoundException:
        return {}
    return {each.stack: each for each in found}


def under_way(target: Target, name: str) -> list[str]:
    """Operations of the set *name* that go on or wait for their turn; none if there is no such set."""
    client = target.aws.client("cloudformation", target.home)
    pages = client.get_paginator("list_stack_set_operations").paginate(
        StackSetName=target.settings.name(name), **target.call_as
    )
    try:
        every = [each for page in pages for each in page["Summaries"]]
    except client.exceptions.StackSetNotFoundException:
        return []
    return [each["OperationId"] for each in every if each["Status"] in RUNNING]


def _instance(name: str, summary: Mapping[str, Any]) -> Instance:
    return Instance(
        stack=Stack(name, summary["Region"]),
        status=summary.get("Status", ""),
        detail=summary.get("StackInstanceStatus", {}).get("DetailedStatus", ""),
        reason=summary.get("StatusReason", ""),
        stack_id=summary.get("StackId", ""),
        operation=summary.get("LastOperationId", ""),
        drift=summary.get("DriftStatus", "NOT_CHECKED"),
    )
