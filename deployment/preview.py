"""What CloudFormation says a new template would change in a stack: a change set, made, read and deleted again."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment import changes
from deployment.changes import Change, Template
from deployment.target import CAPABILITIES
from deployment.waiting import pauses

if TYPE_CHECKING:
    from deployment.survey import Found
    from deployment.target import Target

# Bytes of a template that fits into a call; a longer one must lie in a bucket.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LONGEST_BODY = 51_200
# What CloudFormation says of a change set that would change nothing (the second, since 2023, of some stacks).
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html
NOTHING = ("didn't contain changes", "No updates are to be performed")
PATIENCE = 60.0  # seconds to wait until a change set that is still being made can be deleted


class NoPreview(Exception):
    """CloudFormation can't tell what would change; the message is its reason."""


class Interrupted(Exception):
    """Somebody wants to stop."""


def preview(target: Target, found: Found, text: str, deployed: Template, stop: threading.Event) -> list[Change] | None:
    """What another template would change in a stack; None if CloudFormation sees no difference.

    An empty list is a difference, too: other outputs, of the same resources.

    Args:
        target: What goes where.
        found: The stack.
        text: The other template; a long one must be in the artifact bucket.
        deployed: Its present template.
        stop: Set when somebody wants to stop; the change set is deleted all the same.

    Raises:
        NoPreview: CloudFormation can't say, for example since a value that is imported is not exported yet.
        Interrupted: *stop* was set.
    """
    client = target.aws.client("cloudformation", found.stack.region)
    made = _make(client, _request(target, found, text))
    try:
        if not _complete(client, made, stop):
            return None
        pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=made)
        every = [each["ResourceChange"] for page in pages for each in page["Changes"] if "ResourceChange" in each]
        return [changes.from_change_set(each, deployed) for each in every]
    except ClientError as error:
        if _code(error).startswith("ChangeSetNotFound"):
            raise NoPreview("another run deleted the change set") from error
        raise
    finally:
        _delete(client, made)


def _request(target: Target, found: Found, text: str) -> dict[str, Any]:
    """Arguments of CreateChangeSet."""
    short = len(text.encode()) <= LONGEST_BODY
    source = {"TemplateBody": text} if short else {"TemplateURL": target.url(found.stack.name, found.stack.region)}
    return {
        "StackName": found.name,
        "ChangeSetName": f"holdfast-preview-{hashlib.sha256(text.encode()).hexdigest()[:16]}",
        "ChangeSetType": "UPDATE",
        "Capabilities": list(CAPABILITIES),
        "Tags": target.tags(found.stack.name),
        "Description": "What build.py deploy would change; it is never executed, and may be deleted",
        **source,
    }


def _make(client: Any, request: dict[str, Any]) -> str:
    """ARN of the new change set; one of that name is what a run that was killed left behind.

    Raises:
        NoPreview: CloudFormation refuses the template as it is, or can't read it.
    """
    for again in (False, True):
        try:
            return str(client.create_change_set(**request)["Id"])
        except ClientError as error:
            if _code(error) == "ValidationError":
                raise NoPreview(error.response["Error"]["Message"]) from error
            if again or not _code(error).startswith("AlreadyExists"):
                raise
            _delete(client, request["ChangeSetName"], request["StackName"])
    raise AssertionError  # the second time has answered or raised


def _complete(client: Any, name: str, stop: threading.Event) -> bool:
    """Wait for the change set; whether it would change anything.

    Raises:
        NoPreview: It failed for another reason.
        Interrupted: *stop* was set.
    """
    for pause in pauses():
        described = client.describe_change_set(ChangeSetName=name)
        if described["Status"] == "CREATE_COMPLETE":
            return True
        reason = described.get("StatusReason", "")
        if described["Status"] == "FAILED":
            if any(words in reason for words in NOTHING):
                return False
            raise NoPreview(reason_of(client, described) or "CloudFormation gave no reason")
        if stop.wait(pause):
            raise Interrupted
    raise AssertionError  # pauses never end


def reason_of(client: Any, described: Mapping[str, Any]) -> str:
    """Why a change set failed: each resource that CloudFormation's early validation refused, or else its own reason.

    The change set itself says only that something was refused; what that was is forgotten with it.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    with suppress(BotoCoreError, ClientError):
        which = {"ChangeSetName": described["ChangeSetId"], "Filters": {"FailedEvents": True}}
        told = [
            f"{each['LogicalResourceId']} ({each.get('ResourceType', '?')}): {each['ValidationStatusReason']}"
            for page in client.get_paginator("describe_events").paginate(**which)
            for each in page.get("OperationEvents", [])
            if each.get("ValidationStatusReason") and each.get("LogicalResourceId")
        ]
        if told:
            return " ".join("; ".join(dict.fromkeys(told)).split())
    return " ".join(str(described.get("StatusReason", "")).split())


def _delete(client: Any, name: str, stack: str | None = None) -> None:
    """Delete a change set, as soon as CloudFormation has done making it; gone already is as good."""
    waited = 0.0
    which = {"ChangeSetName": name, **({"StackName": stack} if stack else {})}
    for pause in pauses():
        try:
            client.delete_change_set(**which)
        except ClientError as error:
            if _code(error).startswith("ChangeSetNotFound"):
                return
            if not _code(error).startswith("InvalidChangeSetStatus"):
                raise
            if waited > PATIENCE:
                return  # it does no harm, and the next run deletes it
        else:
            return
        time.sleep(pause)
        waited += pause


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
