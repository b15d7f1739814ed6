"""What is deployed where, whether it is what the code emits now, and what is amiss. Asks only; changes nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from blueprints import artifacts, text
from blueprints.order import Stack
from deployment import drift as drifts
from deployment import plan, set_template, stack_sets, status_text
from deployment.condition import Code, Operation, Report, State
from deployment.stack_sets import Instance
from deployment.survey import Found, survey
from deployment.target import STACKSETS

if TYPE_CHECKING:
    from deployment.progress import Progress
    from deployment.target import Target

T = TypeVar("T")
AT_ONCE = 8  # requests
GOES_ON = ("QUEUED", "RUNNING", "STOPPING")
# StackSets' words for an instance that is as it should be.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackInstance.html
IN_PLACE = "CURRENT"
DEPLOY = "`build.py deploy`"


def run(target: Target, progress: Progress, *, drift: bool, as_json: bool) -> int:
    """Print the status; the answer is the exit code: 0 all is well, 1 something is amiss."""
    report = look(target, progress, drift=drift)
    sys.stdout.write(f"{report.json()}\n" if as_json else status_text.page(report, sys.stdout))
    sys.stdout.flush()
    return 1 if report.amiss else 0


def look(target: Target, progress: Progress, *, drift: bool = False) -> Report:
    """The deployment as it is; with *drift* every resource is compared with its template first, which takes minutes."""
    if progress.live:  # a region that is down keeps us waiting for a while
        progress.begin("status", "status", f"AWS is asked in {', '.join(target.regions)}")
    found, silent = _survey(target)
    unseen: Mapping[Stack, str] = {}
    if drift:
        unseen = drifts.detect(target, found.values(), progress)
        found, silent = _survey(target)
    differing = drifts.drifted(target, found.values())
    instances, operations = ({}, []) if target.home in silent else _sets(target, found)
    codes = dict(zip(found, _all(lambda one: _code(target, one, silent), found.values()), strict=True))
    wanted = [stack for stack in plan.wanted(target) if stack.region not in silent]
    states = [
        _state(
            stack,
            found.get(stack),
            codes.get(stack),
            instances.get(stack),
            asked_for=stack in wanted,
            drifted=any(each.stack == stack for each in differing),
            unseen=unseen.get(stack, ""),
        )
        for stack in dict.fromkeys([*wanted, *sorted(found)])
    ]
    progress.drop("status")
    prefix, account = target.settings.prefix, target.aws.account
    return Report(prefix, account, target.regions, tuple(states), tuple(operations), tuple(differing), silent)


def _survey(target: Target) -> tuple[dict[Stack, Found], dict[str, str]]:
    """What is there, and which regions don't answer: in a disaster the others still can be asked."""
    found: dict[Stack, Found] = {}
    silent: dict[str, str] = {}

    def ask(region: str) -> None:
        try:
            found.update(survey(target, [region]))
        except (BotoCoreError, ClientError) as error:
            silent[region] = " ".join(str(error).split())

    list(_all(ask, target.regions))
    return {stack: found[stack] for stack in sorted(found)}, silent


def _sets(target: Target, found: Iterable[Stack]) -> tuple[dict[Stack, Instance], list[Operation]]:
    """What StackSets says of each instance, and what it has to do."""
    names = sorted({*target.sets, *(stack.name for stack in found if stack not in plan.wanted(target))})
    each = _all(lambda name: (stack_sets.instances(target, name), list(_operations(target, name))), names)
    instances: dict[Stack, Instance] = {}
    operations: list[Operation] = []
    for of_set, going_on in each:
        instances |= of_set
        operations += going_on
    return instances, operations


def _operations(target: Target, name: str) -> Iterator[Operation]:
    client = target.aws.client("cloudformation", target.home)
    which = {"StackSetName": target.settings.name(name), **target.call_as}
    try:
        newest = client.list_stack_set_operations(**which, MaxResults=20)["Summaries"]
    except client.exceptions.StackSetNotFoundException:
        return
    for each in newest:
        if each["Status"] in GOES_ON:
            since = each.get("CreationTimestamp")
            yield Operation(which["StackSetName"], each["OperationId"], each["Action"], each["Status"], since)


def _code(target: Target, found: Found, silent: Collection[str]) -> Code:
    """Whether a stack's template is the one emitted now, or one that was uploaded earlier."""
    client = target.aws.client("cloudformation", found.stack.region)
    deployed = client.get_template(StackName=found.id, TemplateStage="Original")["TemplateBody"]
    name = found.stack.name
    if (target.outputs / f"{name}.json").exists():
        body = json.dumps(deployed)
        emitted = set_template.wanted(target, body) if name == STACKSETS else target.text(name)
        if deployed == json.loads(emitted):
            return "current"
    # Each template ever uploaded is still there, in both regions, under the digest of its text.
    key = artifacts.template_key(name, text.indented(deployed) + "\n")
    near = (found.stack.region, *target.settings.regions)
    where = next((each for each in near if each in target.settings.regions and each not in silent), None)
    if where is None:
        return "unknown"
    try:
        target.aws.client("s3", where).head_object(Bucket=target.bucket(where), Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:  # noqa: PLR2004 (HTTP's "not found")
            raise
        return "unknown"
    return "older"


def _state(  # noqa: PLR0913 (everything that is known of it)
    stack: Stack,
    found: Found | None,
    code: Code | None,
    instance: Instance | None,
    *,
    asked_for: bool,
    drifted: bool,
    unseen: str,
) -> State:
    if found is None:
        return State(stack, instance=instance.status if instance else "", amiss=(f"is not there; {DEPLOY} makes it",))
    wrong = list(_amiss(found, code, instance, drifted=drifted))
    note = "" if asked_for else "the settings no longer ask for it; `build.py deploy --dry-run` says how to remove it"
    return State(
        stack=stack,
        status=found.status,
        code=code,
        changed_at=found.changed_at,
        protected=found.protected,
        instance=instance.status if instance else "",
        drift="DRIFTED" if drifted else "IN_SYNC" if found.drift == "DRIFTED" else found.drift,
        looked_at=found.looked_at,
        amiss=tuple(wrong) if asked_for else (),
        note=f"its drift can't be told: {unseen}" if unseen and not note else note,
    )


def _amiss(found: Found, code: Code | None, instance: Instance | None, *, drifted: bool) -> Iterator[str]:
    reason = f": {found.reason}" if found.reason else ""
    if found.under_way:
        return
    if found.never_complete:
        yield f"failed when it was first made ({found.status}{reason}); {DEPLOY} makes it again"
        return
    if not found.complete:
        yield f"is {found.status}{reason}; {DEPLOY} goes on, or says how"
    if code == "older":
        yield f"is older than what the code emits; {DEPLOY} brings it up to date"
    elif code == "unknown":
        yield f"has a template that nobody deployed with build.py from here; {DEPLOY} shows how it differs"
    if not found.protected:
        yield f"can be deleted by mistake; {DEPLOY} puts it under termination protection"
    if instance and instance.status != IN_PLACE:
        why = f": {instance.reason}" if instance.reason else ""
        yield f"is {instance.status} to StackSets{why}; {DEPLOY} brings it up to date"
    if drifted:
        yield "has resources that are not as its template says, see below: put them back, or change the code"


def _all(ask: Callable[[Any], T], of: Iterable[Any]) -> list[T]:
    with ThreadPoolExecutor(AT_ONCE, "status") as pool:
        return list(pool.map(ask, of))
