"""What an operation of a stack set does to one stack: make it, change it, remove it, look for drift."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from ministack.core.responses import now_iso, request_scope
from ministack.services.cloudformation import _stack_events, _stacks

from sandbox.engine.clients import Credentials, client
from sandbox.engine.cloudformation_documents import keep
from sandbox.engine.stacksets.store import Instance, StackSet

Json = dict[str, Any]

POLL = 0.02  # seconds between two looks at a stack, which cost nothing: they are no calls
LONGEST = 3600.0  # seconds
WHOLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
UNCHANGED = "No updates are to be performed"


class StackFailed(Exception):
    """A stack is not as the set wants it; the message is the first failure's."""


@dataclass(frozen=True)
class Wanted:
    """What stacks of a set are to be, as it was when the operation began."""

    name: str
    text: str
    parameters: dict[str, str]
    capabilities: list[str]
    tags: list[Json]
    revision: int

    @classmethod
    def of(cls, stack_set: StackSet) -> "Wanted":
        """What the set wants now."""
        return cls(
            stack_set.name,
            stack_set.text,
            dict(stack_set.parameters),
            list(stack_set.capabilities),
            list(stack_set.tags),
            stack_set.revision,
        )


def settle(wanted: Wanted, instance: Instance, who: Credentials) -> None:
    """Make the stack of an instance, or change it; one that is as wanted is left alone.

    Raises:
        StackFailed: It could not be.
    """
    parameters = {**wanted.parameters, **instance.overrides}
    request: Json = {
        "TemplateURL": keep(wanted.text),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Capabilities": wanted.capabilities,
        "Tags": wanted.tags,
    }
    with request_scope(instance.account, instance.region):
        cloudformation = client("cloudformation", credentials=who)
        stack = find(instance.stack_id)
        seen = len(_stack_events.get(instance.stack_id) or [])
        try:
            if stack is None:
                name = f"StackSet-{wanted.name}-{uuid.uuid4()}"
                instance.stack_id, seen = cloudformation.create_stack(StackName=name, **request)["StackId"], 0
            else:
                cloudformation.update_stack(StackName=instance.stack_id, **request)
        except ClientError as error:
            if UNCHANGED in str(error):
                return
            raise StackFailed(error.response["Error"]["Message"]) from error
        if settled(instance.stack_id) not in WHOLE:
            raise StackFailed(first_failure(instance.stack_id, seen))


def remove(instance: Instance, who: Credentials) -> None:
    """Delete the stack of an instance.

    Raises:
        StackFailed: It is protected, or something of it could not be deleted.
    """
    with request_scope(instance.account, instance.region):
        if find(instance.stack_id) is None:
            return
        seen = len(_stack_events.get(instance.stack_id) or [])
        try:
            client("cloudformation", credentials=who).delete_stack(StackName=instance.stack_id)
        except ClientError as error:
            raise StackFailed(error.response["Error"]["Message"]) from error
        if settled(instance.stack_id) != "DELETE_COMPLETE":
            raise StackFailed(first_failure(instance.stack_id, seen))


def detect(instance: Instance, who: Credentials) -> None:
    """Compare what the stack's resources are with what its template says, and note it.

    Raises:
        StackFailed: CloudFormation could not.
    """
    with request_scope(instance.account, instance.region):
        if find(instance.stack_id) is None:
            raise StackFailed(f"Stack of account {instance.account} in {instance.region} does not exist")
        cloudformation = client("cloudformation", credentials=who)
        try:
            begun = cloudformation.detect_stack_drift(StackName=instance.stack_id)["StackDriftDetectionId"]
            while True:
                found = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=begun)
                if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
                    break
                time.sleep(POLL)
        except ClientError as error:
            raise StackFailed(error.response["Error"]["Message"]) from error
    if found["DetectionStatus"] == "DETECTION_FAILED":
        raise StackFailed(found.get("DetectionStatusReason", "drift detection failed"))
    instance.drift, instance.checked = found["StackDriftStatus"], now_iso()


def find(stack_id: str) -> Json | None:
    """The stack of that id in the account and region being served, None when it is gone."""
    for stack in list(_stacks.values()):
        if stack.get("StackId") == stack_id and stack["StackStatus"] != "DELETE_COMPLETE":
            found: Json = stack
            return found
    return None


def settled(stack_id: str) -> str:
    """The status of a stack at which CloudFormation is no longer at work, as soon as it has one.

    Raises:
        StackFailed: It is still at work after an hour.
    """
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        stack = find(stack_id)
        if stack is None:
            return "DELETE_COMPLETE"
        status: str = stack["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            return status
        time.sleep(POLL)
    raise StackFailed(f"{stack_id} is still at work after {LONGEST:.0f} s")


def first_failure(stack_id: str, seen: int) -> str:
    """Resource, type and reason of the first failure after the first *seen* events, in StackSets' form.

    https://docs.aws.amazon.com/cli/latest/reference/cloudformation/list-stack-instances.html (example)
    """
    failed = [one for one in (_stack_events.get(stack_id) or [])[seen:] if one["ResourceStatus"].endswith("_FAILED")]
    own = [one for one in failed if one["ResourceType"] != "AWS::CloudFormation::Stack"]
    for one in own or failed:
        return (
            f"ResourceLogicalId:{one['LogicalResourceId']}, ResourceType:{one['ResourceType']}, "
            f"ResourceStatusReason:{one['ResourceStatusReason']}."
        )
    stack = find(stack_id) or {}
    return stack.get("StackStatusReason") or "CloudFormation named no reason"
