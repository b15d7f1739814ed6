"""Checks of what a deployment finds in the account: who asks, zones, trails, roles, and what was deployed before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from blueprints.order import Stack
from deployment.asked import Asked, Fault, Note


def identity(asked: Asked) -> Iterator[Note | Fault]:
    """Who we are: not the root user."""
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-best-practices.html
    caller = asked.client("sts").get_caller_identity()["Arn"]
    if caller.endswith(":root"):
        yield Note("you are the account's root user; better log in as a role that may deploy")


def zone(asked: Asked) -> Iterator[Note | Fault]:
    """The hosted zone is there, public, and that of the domain or of one above it."""
    domain = asked.target.settings.domain
    if domain is None:
        return
    try:
        found = asked.client("route53").get_hosted_zone(Id=domain.zone_id)["HostedZone"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchHostedZone":
            raise
        yield Fault(
            f"domain.zone_id = {domain.zone_id}: this account has no such hosted zone; "
            "`aws route53 list-hosted-zones` names them"
        )
        return
    name = found["Name"].rstrip(".")
    if domain.name != name and not domain.name.endswith(f".{name}"):
        yield Fault(
            f"domain.zone_id = {domain.zone_id} is the zone of {name}, where {domain.name} can't have records; "
            "give the zone of domain.name"
        )
    if found.get("Config", {}).get("PrivateZone"):
        yield Fault(f"domain.zone_id = {domain.zone_id} is a private zone; give the public one")


def trails(asked: Asked) -> Iterator[Note | Fault]:
    """CloudTrail records management events in each region: the alarm on keys in danger listens to them."""
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
    blind = [region for region in asked.pair() if not any(_records(asked, region))]
    if blind:
        yield Note(
            f"no CloudTrail trail records management events of {' and '.join(blind)}, so nobody is told when somebody "
            "disables a key there; make a trail of all regions"
        )


def _records(asked: Asked, region: str) -> Iterator[bool]:
    """Whether each trail of *region* is on and records management events that write."""
    # With those of other regions that record this one, too: "shadow trails".
    for trail in asked.client("cloudtrail", region).describe_trails(includeShadowTrails=True)["trailList"]:
        client, which = asked.client("cloudtrail", trail.get("HomeRegion", region)), trail["TrailARN"]
        on = client.get_trail_status(Name=which).get("IsLogging", False)
        # https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html
        selectors = client.get_event_selectors(TrailName=which)
        simple = any(
            each.get("IncludeManagementEvents") and each.get("ReadWriteType", "All") != "ReadOnly"
            for each in selectors.get("EventSelectors", [])
        )
        advanced = any(
            "Management" in fields.get("eventCategory", []) and fields.get("readOnly") != ["true"]
            for each in selectors.get("AdvancedEventSelectors", [])
            for fields in [{field["Field"]: field.get("Equals", []) for field in each["FieldSelectors"]}]
        )
        yield on and (simple or advanced)


def organization(asked: Asked) -> Iterator[Note | Fault]:
    """If an organization's unit is deployed to: StackSets may work in the organization, and we may ask it to."""
    unit = asked.target.settings.stack_sets.organizational_unit
    if unit is None:
        return
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeOrganizationsAccess.html
    access = asked.client("cloudformation").describe_organizations_access(**asked.target.call_as)
    if access.get("Status") != "ENABLED":
        yield Fault(
            f"stack_sets.organizational_unit = {unit}: StackSets has no access to the organization; let its management "
            "account run `aws cloudformation activate-organizations-access` and register this account as a delegated "
            "administrator, or leave the setting out"
        )


def api_logs(asked: Asked) -> Iterator[Note | Fault]:
    """API Gateway has a role to write logs with, which is one for the account and region."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    for region in asked.pair():
        brought = list(asked.resources(region, "AWS::ApiGateway::Account"))
        if not any(True for _ in asked.resources(region, "AWS::ApiGateway::Stage")):
            continue
        known = asked.client("apigateway", region).get_account().get("cloudwatchRoleArn")
        if not brought and not known:
            yield Fault(
                f"{region}: API Gateway has no role to write logs with; "
                "set one with `aws apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,…`"
            )
        if brought and known and not any(stack in asked.found for stack, _ in brought):
            yield Note(f"{region}: API Gateway's role for logs ({known}) is one for the account; ours takes its place")


def same_regions(asked: Asked) -> Iterator[Note | Fault]:
    """A living deployment lies in the regions that the settings name: to move one takes more than a deployment."""
    target = asked.target
    for region in asked.pair():
        client = asked.client("cloudformation", region)
        pages = client.get_paginator("list_stack_sets").paginate(Status="ACTIVE", **target.call_as)
        sets = {each["StackSetName"] for page in pages for each in page["Summaries"]}
        ours = [name for name in target.sets if target.settings.name(name) in sets]
        if ours and region != target.home:
            yield Fault(
                f"the stack sets of {target.settings.prefix} lie in {region}, primary_region is {target.home}; "
                "give the regions it was deployed with, and see docs/add-a-region.md"
            )
        for name in ours if region == target.home else []:
            instances = client.get_paginator("list_stack_instances")
            pages = instances.paginate(StackSetName=target.settings.name(name), **target.call_as)
            strange = {each["Region"] for page in pages for each in page["Summaries"]} - set(target.regions_of(name))
            if strange:
                yield Fault(
                    f"{name} lies in {' and '.join(sorted(strange))}, which the settings don't name; "
                    "give the regions it was deployed with, and see docs/add-a-region.md"
                )


def left_behind(asked: Asked) -> Iterator[Note | Fault]:
    """Nothing of an earlier deployment is in the way: buckets and tables are retained, and keep their names."""
    for region in asked.pair():
        buckets = (each for stack, each in asked.resources(region, "AWS::S3::Bucket") if not _owns(asked, stack))
        names = [_bucket(asked, region, each) for each in buckets]
        there = [name for name in names if name and _has_bucket(asked.client("s3", region), name)]
        tables = asked.resources(region, "AWS::DynamoDB::GlobalTable")
        names = [each.get("TableName", "") for stack, each in tables if not _owns(asked, stack)]
        there += [name for name in names if name and _has_table(asked.client("dynamodb", region), name)]
        if there:
            yield Fault(
                f"{region}: these buckets and tables are there already: {', '.join(there)}; an earlier deployment may "
                "have left them, or they are somebody else's: remove them if nobody needs what they hold (a table once "
                "its deletion protection is lifted), or choose another project or stage than "
                f"{asked.target.settings.prefix}"
            )


def _owns(asked: Asked, stack: Stack) -> bool:
    """Whether what the template names belongs to the stack that is there.

    A first creation that was rolled back owns nothing any more: what it has still left was retained.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    return stack in asked.found and asked.found[stack].status != "ROLLBACK_COMPLETE"


def _bucket(asked: Asked, region: str, properties: dict[str, Any]) -> str:
    """Name of a bucket, if it can be told before it is made."""
    given = properties.get("BucketName", "")
    pattern = str(given.get("Fn::Sub", "")) if isinstance(given, dict) else str(given)
    name = pattern.replace("${AWS::Region}", region).replace("${AWS::AccountId}", asked.target.aws.account)
    return "" if "${" in name else name


def _has_bucket(client: Any, name: str) -> bool:
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        # Somebody else's answers 403, one in another region 301.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            return False
        if error.response["Error"]["Code"] not in ("301", "403"):
            raise
    return True


def _has_table(client: Any, name: str) -> bool:
    try:
        client.describe_table(TableName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return False
        raise
    return True
