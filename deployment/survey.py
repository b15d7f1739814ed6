"""What of a deployment is there: its stacks, found by their tags, in every region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from blueprints.order import DEPLOYMENT_TAG, STACK_TAG, Stack
from blueprints.regions import GLOBAL

if TYPE_CHECKING:
    from blueprints.settings import Settings
    from deployment.aws import Aws
    from deployment.target import Target

# A stack that never was complete holds nothing that anybody could have used; CloudFormation can only remove it.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html (stack status codes)
REVIEWED = "REVIEW_IN_PROGRESS"  # there are change sets, and none was ever executed
NEVER_COMPLETE = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", REVIEWED)
COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")


@dataclass(frozen=True)
class Found:
    """A stack that is there.

    Attributes:
        stack: Which one it is to us, and where.
        name: What CloudFormation calls it.
        id: Its ARN.
        status: As CloudFormation gives it.
        reason: Why it has that status; often empty.
        protected: Nobody can delete it before this protection is lifted.
        outputs: What it says of itself.
        drift: ``IN_SYNC``, ``DRIFTED`` or ``NOT_CHECKED``, when it was last looked.
        looked_at: When that was, if ever.
        changed_at: When it was made or last changed.
    """

    stack: Stack
    name: str
    id: str
    status: str
    reason: str = ""
    protected: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)
    drift: str = "NOT_CHECKED"
    looked_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def complete(self) -> bool:
        """Whether it is whole and can be changed."""
        return self.status in COMPLETE

    @property
    def never_complete(self) -> bool:
        """Whether it failed when it was first made, so that there is nothing to keep."""
        return self.status in NEVER_COMPLETE

    @property
    def under_way(self) -> bool:
        """Whether CloudFormation is at work on it."""
        return self.status.endswith("_IN_PROGRESS") and self.status not in NEVER_COMPLETE


def survey(target: Target, where: Iterable[str] | None = None) -> dict[Stack, Found]:
    """Every stack of the deployment, in each region of *where*; by default, in all that it may lie in.

    That is also where CloudFront's part lies, if the settings once asked for it; an organization may forbid to look.
    """
    needed = list(target.regions if where is None else where)
    asked = dict.fromkeys([*needed, *([GLOBAL] if where is None else [])])

    def look(region: str) -> list[Found]:
        try:
            return list(_of_region(target.aws, target.settings, region))
        except ClientError:
            if region in needed:
                raise
            return []

    with ThreadPoolExecutor(len(asked) or 1, "survey") as pool:
        return {each.stack: each for found in pool.map(look, asked) for each in found}


def outputs(aws: Aws, settings: Settings, name: str, region: str) -> Mapping[str, str]:
    """What the stack *name* in *region* says of itself; nothing if it isn't there."""
    return next((each.outputs for each in _of_region(aws, settings, region) if each.stack.name == name), {})


def _of_region(aws: Aws, settings: Settings, region: str) -> Iterator[Found]:
    client = aws.client("cloudformation", region)
    for page in client.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
            if tags.get(DEPLOYMENT_TAG) == settings.prefix and STACK_TAG in tags:
                yield _found(Stack(tags[STACK_TAG], region), stack)


def _found(stack: Stack, described: Mapping[str, Any]) -> Found:
    return Found(
        stack=stack,
        name=described["StackName"],
        id=described["StackId"],
        status=described["StackStatus"],
        reason=described.get("StackStatusReason", ""),
        protected=described.get("EnableTerminationProtection", False),
        outputs={each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])},
        drift=described.get("DriftInformation", {}).get("StackDriftStatus", "NOT_CHECKED"),
        looked_at=described.get("DriftInformation", {}).get("LastCheckTimestamp"),
        changed_at=described.get("LastUpdatedTime", described.get("CreationTime")),
    )
