"""One ordinary stack: made, changed or removed by change sets, waited for, and what is said of one that failed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from deployment.bars import Bar
from deployment.errors import StackFailed
from deployment.preview import NOTHING, reason_of
from deployment.survey import REVIEWED
from deployment.target import CAPABILITIES
from deployment.waiting import pauses

if TYPE_CHECKING:
    from blueprints.order import Stack
    from deployment.progress import Progress
    from deployment.survey import Found
    from deployment.target import Target

Outcome = Literal["made", "changed", "unchanged"]
GONE = "DELETE_COMPLETE"
UNKNOWN = "CloudFormation named no reason"
ROLLBACK_STUCK = "UPDATE_ROLLBACK_FAILED"
UNFINISHED = "DELETE_FAILED"
BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")


def apply(
    target: Target, found: Found | None, source: str, bar: Bar, look: Callable[[], None] = lambda: None
) -> Outcome:
    """Make a stack what *source* says, and wait until it is.

    A run that was interrupted is taken up: its change set is executed, a stack that is under way is waited for.

    Args:
        target: What goes where.
        found: The stack as it is; nothing if it isn't there.
        source: Its template, or the template's URL.
        bar: Which stack it is, and what shows how far it is.
        look: Called at every look at the stack.

    Raises:
        StackFailed: It did not become complete.
    """
    stack, progress = bar.stack, bar.progress
    client = target.aws.client("cloudformation", stack.region)
    found = _ready(target, found, progress)
    # A stack is made by CREATE as long as nothing was ever executed on it.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html (ChangeSetType)
    fresh = found is None or found.status == REVIEWED
    name = found.name if found else target.direct_name(stack)
    made = _change_set(client, stack, _request(target, stack, name, source, fresh=fresh), progress)
    if made is None:
        return "unchanged"
    bar.begin()
    # The token is the change set's own id: a repeated request executes it once.
    client.execute_change_set(ChangeSetName=made, ClientRequestToken=made.rpartition("/")[2][:128])

    def see() -> None:
        bar.look(client, name)
        look()

    status = wait(target, stack, name, progress, see)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        bar.end("failed")
        raise StackFailed(stack, status, cause(client, name))
    bar.end()
    return "made" if fresh else "changed"


def remove(target: Target, found: Found, progress: Progress, bar: Bar | None = None) -> None:
    """Delete a stack and wait until it is gone; its termination protection must have been lifted.

    Raises:
        StackFailed: Something in it could not be deleted.
    """
    client = target.aws.client("cloudformation", found.stack.region)
    bar = bar or Bar(progress, found.stack, "CloudFormation removes it", 0, fresh=False)
    bar.begin()
    client.delete_stack(StackName=found.id)
    status = wait(target, found.stack, found.id, progress, lambda: bar.look(client, found.id))
    if status != GONE:
        bar.end("failed")
        raise StackFailed(found.stack, status, cause(client, found.id))
    bar.end("removed")


def protect(target: Target, found: Found, *, protected: bool = True) -> None:
    """Put a stack under termination protection, or lift that."""
    client = target.aws.client("cloudformation", found.stack.region)
    client.update_termination_protection(StackName=found.name, EnableTerminationProtection=protected)


def wait(target: Target, stack: Stack, name: str, progress: Progress, look: Callable[[], object] = lambda: None) -> str:
    """Wait until CloudFormation has done with the stack called *name*; the answer is its status then.

    Raises:
        Stopped: Whoever waits was told to stop.
    """
    client = target.aws.client("cloudformation", stack.region)
    for pause in pauses():
        status = status_of(client, name)
        look()
        if not status.endswith("_IN_PROGRESS"):
            return status
        progress.pause(pause)
    raise AssertionError  # pauses never end


def status_of(client: Any, name: str) -> str:
    """The status of a stack; one that isn't there is as good as deleted."""
    try:
        return str(client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return GONE
        raise


def cause(client: Any, name: str) -> str:
    """The first failure of the stack's last operation, from which the others follow; or why the stack is as it is."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=name)
    found = first_failure(_last_operation(event for page in pages for event in page["StackEvents"]))
    if found != UNKNOWN:
        return found
    # A deletion that is refused since another stack imports from this one fails in no resource.
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    return " ".join(stack.get("StackStatusReason", "").split()) or UNKNOWN


def first_failure(events: Iterable[Mapping[str, Any]]) -> str:
    """Resource, type and reason of the oldest failed event; CloudFormation lists the newest first."""
    failed = [event for event in events if event.get("ResourceStatus", "").endswith("_FAILED")]
    own = [event for event in failed if event.get("ResourceType") != "AWS::CloudFormation::Stack"]
    if not (own or failed):
        return UNKNOWN
    event = (own or failed)[-1]
    reason = " ".join(event.get("ResourceStatusReason", "no reason given").split())
    return f"{event['LogicalResourceId']} ({event.get('ResourceType', 'unknown type')}): {reason}"


def _last_operation(events: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The newest events, back to where the last operation began; that a failed stack was removed is not its story."""
    failed = False
    for event in events:
        yield event
        status = event.get("ResourceStatus", "")
        failed |= status.endswith("_FAILED")
        began = status in BEGINNINGS and event.get("PhysicalResourceId") == event.get("StackId")
        if began and (failed or status != "DELETE_IN_PROGRESS"):
            return


def resume_rollback(target: Target, found: Found, progress: Progress) -> str:
    """Have CloudFormation go on with a rollback that failed, once; the answer is the stack's status then.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html
    """
    client = target.aws.client("cloudformation", found.stack.region)
    with progress.step(f"{found.stack.name} stack in {found.stack.region}", "CloudFormation continues its rollback"):
        client.continue_update_rollback(StackName=found.name)
        return wait(target, found.stack, found.name, progress)


def _ready(target: Target, found: Found | None, progress: Progress) -> Found | None:
    """The stack as something that a change set can be made for; nothing if it must be made anew.

    Raises:
        StackFailed: A rollback that had failed failed again, or what never was complete can't be removed.
    """
    if found is None or found.complete or found.status == REVIEWED:
        return found
    if found.status == ROLLBACK_STUCK:
        status = resume_rollback(target, found, progress)
        if status == "UPDATE_ROLLBACK_COMPLETE":
            return found
        client = target.aws.client("cloudformation", found.stack.region)
        raise StackFailed(found.stack, status, cause(client, found.name))
    if found.never_complete or found.status == UNFINISHED:
        remove(target, found, progress)
        return None
    return found


def _request(target: Target, stack: Stack, name: str, source: str, *, fresh: bool) -> dict[str, Any]:
    """Arguments of CreateChangeSet; its name follows from what it would do, so that it is found again."""
    tags = target.tags(stack.name)
    digest = hashlib.sha256(json.dumps([source, tags]).encode()).hexdigest()[:16]
    return {
        "StackName": name,
        "ChangeSetName": f"holdfast-{digest}",
        "ChangeSetType": "CREATE" if fresh else "UPDATE",
        "Capabilities": list(CAPABILITIES),
        "Tags": tags,
        **({"TemplateURL": source} if source.startswith("https://") else {"TemplateBody": source}),
    }


def _change_set(client: Any, stack: Stack, request: Mapping[str, Any], progress: Progress) -> str | None:
    """ARN of a change set that can be executed; nothing if it would change nothing.

    Raises:
        StackFailed: CloudFormation can't make it.
    """
    which = {"StackName": request["StackName"], "ChangeSetName": request["ChangeSetName"]}
    described = _left_behind(client, request, which, progress)
    if described is None:
        described = _settled(client, which, progress)
    if described["Status"] == "CREATE_COMPLETE":
        return str(described["ChangeSetId"])
    nothing = any(words in described.get("StatusReason", "") for words in NOTHING)
    reason = "" if nothing else reason_of(client, described)
    client.delete_change_set(**which)
    if nothing:
        return None
    raise StackFailed(stack, "as it was", reason or "CloudFormation can't say what would change")


def _left_behind(
    client: Any, request: Mapping[str, Any], which: Mapping[str, str], progress: Progress
) -> dict[str, Any] | None:
    """Ask for the change set; the answer is one that an interrupted run made, if it can still be executed."""
    try:
        client.create_change_set(**request)
    except client.exceptions.AlreadyExistsException as error:
        try:
            described = _settled(client, which, progress)
        except client.exceptions.ChangeSetNotFoundException:
            raise error from None  # it is the stack that exists, and it is not ours
        if described["Status"] == "CREATE_COMPLETE" and described.get("ExecutionStatus") == "AVAILABLE":
            return described
        client.delete_change_set(**which)  # of an earlier time: failed, executed, or overtaken by another
        client.create_change_set(**request)
    return None


def _settled(client: Any, which: Mapping[str, str], progress: Progress) -> dict[str, Any]:
    """The change set, as soon as CloudFormation has done making it."""
    for pause in pauses():
        described: dict[str, Any] = client.describe_change_set(**which)
        if described["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return described
        progress.pause(pause)
    raise AssertionError  # pauses never end
