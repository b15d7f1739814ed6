"""What must be so before anything is changed; each check is a small function of ``quotas`` or ``prerequisites``.

A check yields what is in the way (a fault, with its cure) and what a person should know (a note). One that AWS can't or
won't answer becomes a note, since many of these questions need permissions that deploying does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from deployment import prerequisites, quotas, survey
from deployment.asked import Asked, Check, Fault, Note
from deployment.errors import NotReady

if TYPE_CHECKING:
    from deployment.target import Target

__all__ = ["CHECKS", "Fault", "Note", "check"]

AT_ONCE = 16  # checks

CHECKS: tuple[tuple[str, Check], ...] = (
    ("who you are", prerequisites.identity),
    ("that no other regions are deployed to", prerequisites.same_regions),
    ("what an earlier deployment left behind", prerequisites.left_behind),
    ("that each region has the templates' resource types", quotas.resource_types),
    ("Lambda's concurrency", quotas.concurrency),
    ("the quota of RDS snapshots", quotas.snapshots),
    ("the quota of VPCs", quotas.networks),
    ("the database's instance class", quotas.instance_class),
    ("the domain's hosted zone", prerequisites.zone),
    ("CloudTrail", prerequisites.trails),
    ("StackSets' access to the organization", prerequisites.organization),
    ("API Gateway's role for logs", prerequisites.api_logs),
)


def check(target: Target, regions: Sequence[str] | None = None) -> list[Note]:
    """What a person should know before a deployment.

    Args:
        target: What goes where.
        regions: Look nowhere else.

    Raises:
        NoAccess: AWS does not know us.
        NotReady: something is in the way; the message names all of it, and what to do.
    """
    where = tuple(regions or target.regions)
    _ = target.aws.account  # without it no other question makes sense
    faults = list(_regions(target, where))
    if faults:
        raise NotReady("\n".join(faults))
    asked = Asked(target, where, survey.survey(target, where))
    with ThreadPoolExecutor(AT_ONCE, "checks") as pool:
        answers = [each for one in pool.map(partial(_ask, asked), CHECKS) for each in one]
    faults = [answer for answer in answers if isinstance(answer, Fault)]
    if faults:
        raise NotReady("\n".join(faults))
    return [answer for answer in answers if isinstance(answer, Note)]


def _ask(asked: Asked, one: tuple[str, Check]) -> list[Note | Fault]:
    what, answer = one
    try:
        return list(answer(asked))
    except ClientError as error:
        return [Note(f"could not check {what}: {error.operation_name} gives {error.response['Error']['Code']}")]
    except BotoCoreError as error:
        return [Note(f"could not check {what}: {error}")]


def _regions(target: Target, regions: Iterable[str]) -> Iterator[Fault]:
    """Every region exists, and the account may use it."""
    # https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
    try:
        client = target.aws.client("ec2", next(iter(regions)))
        known = {each["RegionName"]: each for each in client.describe_regions(AllRegions=True)["Regions"]}
    except (BotoCoreError, ClientError):
        return  # the survey says more clearly what a region does not answer
    for region in regions:
        if region not in known:
            yield Fault(f"{region}: AWS knows no such region; `aws ec2 describe-regions --all-regions` names them")
        elif known[region].get("OptInStatus") == "not-opted-in":
            yield Fault(
                f"{region} is not enabled in account {target.aws.account}; "
                f"run `aws account enable-region --region-name {region}` and wait until it is"
            )
