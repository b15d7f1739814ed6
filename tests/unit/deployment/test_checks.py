"""What is looked at before anything is changed, and what a person is told to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from planning import ACCOUNT, HOME, RECOVERY, SETTINGS, World, refusal, resource, template

from blueprints.order import Stack
from blueprints.settings import Database, Settings
from blueprints.stack_set_settings import StackSets
from blueprints.web_settings import Domain
from deployment import checks, prerequisites, quotas
from deployment.asked import Asked, Fault, Note
from deployment.errors import NotReady
from deployment.survey import Found
from deployment.target import Target

ZONE = "Z0123456789ABCDEFGHIJ"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Answers:
    """An account that gives the answers it was told to, each once, and holds them to AWS's models."""

    account = ACCOUNT

    def __init__(self, stubs: ExitStack) -> None:
        self._stubs, self._known = stubs, dict[tuple[str, str], tuple[Any, Stubber]]()

    def client(self, service: str, region: str = "us-east-1") -> Any:
        if (service, region) not in self._known:
            made = boto3.client(service, region, aws_access_key_id="test", aws_secret_access_key="test")
            self._known[service, region] = made, self._stubs.enter_context(Stubber(made))
        return self._known[service, region][0]

    def will(self, service: str, region: str, operation: str, answer: dict[str, Any], **asked: Any) -> None:
        self.client(service, region)
        self._known[service, region][1].add_response(operation, answer, asked or None)

    def refuses(self, service: str, region: str, operation: str, code: str) -> None:
        self.client(service, region)
        self._known[service, region][1].add_client_error(operation, code)

    def everything_was_asked(self) -> None:
        for _, stub in self._known.values():
            stub.assert_no_pending_responses()


@pytest.fixture
def aws() -> Iterator[Answers]:
    with ExitStack() as stubs:
        yield Answers(stubs)


@pytest.fixture
def ask(aws: Answers, tmp_path: Path) -> Callable[..., Asked]:
    world = World(tmp_path)

    def asked(settings: Settings = SETTINGS, *found: Stack, **templates: dict[str, Any]) -> Asked:
        for name, body in templates.items():
            world.emit(name, body)
        target = Target(aws, settings, tmp_path, ("bootstrap", "storage", "api", "network", "stacksets"))
        known = {stack: Found(stack, stack.name, "arn", "CREATE_COMPLETE") for stack in found}
        return Asked(target, target.regions, known)

    return asked


def one(answers: Iterator[Note | Fault], kind: type[str]) -> str:
    (answer,) = list(answers)
    assert isinstance(answer, kind)
    return answer


def test_the_root_user_is_told_to_be_somebody_else(aws: Answers, ask: Callable[..., Asked]) -> None:
    for arn in (f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/me"):
        aws.will("sts", HOME, "get_caller_identity", {"Account": ACCOUNT, "Arn": arn, "UserId": "x"})
    assert "root user" in one(prerequisites.identity(ask()), Note)
    assert list(prerequisites.identity(ask())) == []


BUDGET = "AWS::Budgets::Budget"


def test_a_type_that_a_region_lacks_is_in_the_way_even_if_it_is_not_made_there(
    aws: Answers, ask: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "AT_ONCE", 1)  # answers are given in order
    body = template(
        Own=resource("Custom::Schema"),
        Budget=resource(BUDGET, Condition="IsPrimaryRegion"),
        Topic=resource("AWS::SNS::Topic"),
    )
    here = [Stack(name, region) for name in ("bootstrap", "storage") for region in (HOME, RECOVERY)]
    asked = ask(SETTINGS, *here, Stack("api", HOME), api=body)
    aws.refuses("cloudformation", RECOVERY, "describe_type", "TypeNotFoundException")
    aws.will("cloudformation", RECOVERY, "describe_type", {}, Type="RESOURCE", TypeName="AWS::SNS::Topic")
    told = one(quotas.resource_types(asked), Fault)
    assert told.startswith(f"{RECOVERY}: CloudFormation has no {BUDGET} there")
    aws.everything_was_asked()


SERVING = template(
    One=resource("AWS::Lambda::Function", Properties={"FunctionName": "one", "ReservedConcurrentExecutions": 20}),
    Two=resource("AWS::Lambda::Function", Properties={"FunctionName": "two", "ReservedConcurrentExecutions": 30}),
    Free=resource("AWS::Lambda::Function", Properties={"FunctionName": "free"}),
)


def lambda_has(aws: Answers, region: str, limit: int, unreserved: int) -> None:
    answer = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}
    aws.will("lambda", region, "get_account_settings", {"AccountLimit": answer})


def test_reserved_concurrency_that_leaves_100_is_fine(aws: Answers, ask: Callable[..., Asked]) -> None:
    lambda_has(aws, HOME, 1000, 150)
    lambda_has(aws, RECOVERY, 1000, 1000)
    assert list(quotas.concurrency(ask(api=SERVING))) == []


def test_what_this_deployment_reserves_already_counts_as_free(aws: Answers, ask: Callable[..., Asked]) -> None:
    lambda_has(aws, HOME, 150, 100)
    for name, reserved in (("one", 20), ("two", 30)):
        answer = {"ReservedConcurrentExecutions": reserved}
        aws.will("lambda", HOME, "get_function_concurrency", answer, FunctionName=name)
    aws.will("lambda", HOME, "get_function_concurrency", {}, FunctionName="free")
    lambda_has(aws, RECOVERY, 1000, 1000)
    assert list(quotas.concurrency(ask(api=SERVING))) == []
    aws.everything_was_asked()


def test_too_little_concurrency_is_in_the_way_with_the_quota_to_ask_for(
    aws: Answers, ask: Callable[..., Asked]
) -> None:
    """An account that is new may have ten."""
    lambda_has(aws, HOME, 10, 10)
    for _ in range(3):
        aws.refuses("lambda", HOME, "get_function_concurrency", "ResourceNotFoundException")
    lambda_has(aws, RECOVERY, 1000, 1000)
    told = one(quotas.concurrency(ask(api=SERVING)), Fault)
    assert told.startswith(f"{HOME}: the functions reserve 50 concurrent executions and Lambda keeps 100 free")
    assert "(L-B99A9384) raised to 150" in told


def rds_has(aws: Answers, region: str, used: int) -> None:
    quota = [
        {"AccountQuotaName": "DBInstances", "Used": 40, "Max": 40},
        {"AccountQuotaName": "ManualSnapshots", "Used": used, "Max": 100},
    ]
    aws.will("rds", region, "describe_account_attributes", {"AccountQuotas": quota})


def test_snapshots_that_fill_their_quota_soon_are_worth_a_note_with_the_day(
    aws: Answers, ask: Callable[..., Asked]
) -> None:
    rds_has(aws, HOME, 20)
    rds_has(aws, RECOVERY, 100)
    told = one(quotas.snapshots(ask()), Note)  # four a day
    assert f"{HOME} (20 of 100 used) is full in 20 days and {RECOVERY} (100 of 100 used) is full in 0 days" in told


def vpcs(aws: Answers, region: str, count: int) -> None:
    aws.will("ec2", region, "describe_vpcs", {"Vpcs": [{"VpcId": f"vpc-{number}"} for number in range(count)]})


def test_a_region_full_of_networks_is_in_the_way(aws: Answers, ask: Callable[..., Asked]) -> None:
    vpcs(aws, HOME, 4)
    vpcs(aws, RECOVERY, 5)
    asked = {"ServiceCode": "vpc", "QuotaCode": quotas.VPCS_PER_REGION}
    aws.will("service-quotas", RECOVERY, "get_service_quota", {"Quota": {"Value": 5.0}}, **asked)
    assert one(quotas.networks(ask()), Fault).startswith(f"{RECOVERY}: all 5 VPCs are used")


def test_a_network_of_ours_needs_no_room(aws: Answers, ask: Callable[..., Asked]) -> None:
    vpcs(aws, RECOVERY, 0)
    assert list(quotas.networks(ask(SETTINGS, Stack("network", HOME)))) == []
    aws.everything_was_asked()


def offers(aws: Answers, region: str, *versions: str) -> None:
    options = [{"EngineVersion": each, "DBInstanceClass": "db.m7g.large"} for each in versions]
    asked = {"Engine": "mysql", "DBInstanceClass": "db.m7g.large", "Vpc": True}
    aws.will("rds", region, "describe_orderable_db_instance_options", {"OrderableDBInstanceOptions": options}, **asked)


def test_the_database_class_must_be_offered_with_its_series_in_both_regions(
    aws: Answers, ask: Callable[..., Asked]
) -> None:
    offers(aws, HOME, "8.0.40", "8.4.6")
    offers(aws, RECOVERY, "8.0.40", "8.40.1")
    told = one(quotas.instance_class(ask(replace(SETTINGS, database=Database()))), Fault)
    assert told.startswith(f"{RECOVERY} has no db.m7g.large with MySQL 8.4 (it has it with: 8.0.40, 8.40.1)")
    assert "database.instance_class" in told


def test_without_a_database_nobody_asks_for_classes(ask: Callable[..., Asked]) -> None:
    assert list(quotas.instance_class(ask())) == []


def zone(name: str, *, private: bool = False) -> dict[str, Any]:
    config = {"PrivateZone": private}
    return {"HostedZone": {"Id": f"/hostedzone/{ZONE}", "Name": name, "CallerReference": "x", "Config": config}}


@pytest.mark.parametrize("name", ["app.example.com.", "example.com."])
def test_a_zone_of_the_domain_or_above_it_is_fine(aws: Answers, ask: Callable[..., Asked], name: str) -> None:
    aws.will("route53", HOME, "get_hosted_zone", zone(name), Id=ZONE)
    assert list(prerequisites.zone(ask(replace(SETTINGS, domain=Domain(name="app.example.com", zone_id=ZONE))))) == []


@pytest.mark.parametrize("name", ["example.org.", "p.example.com.", "www.app.example.com."])
def test_another_zone_is_in_the_way(aws: Answers, ask: Callable[..., Asked], name: str) -> None:
    aws.will("route53", HOME, "get_hosted_zone", zone(name))
    asked = ask(replace(SETTINGS, domain=Domain(name="app.example.com", zone_id=ZONE)))
    assert f"is the zone of {name[:-1]}, where app.example.com can't have records" in one(
        prerequisites.zone(asked), Fault
    )


def test_a_private_zone_or_none_is_in_the_way(aws: Answers, ask: Callable[..., Asked]) -> None:
    asked = ask(replace(SETTINGS, domain=Domain(name="example.com", zone_id=ZONE)))
    aws.will("route53", HOME, "get_hosted_zone", zone("example.com.", private=True))
    aws.refuses("route53", HOME, "get_hosted_zone", "NoSuchHostedZone")
    assert "give the public one" in one(prerequisites.zone(asked), Fault)
    assert "aws route53 list-hosted-zones" in one(prerequisites.zone(asked), Fault)


SIMPLE = {"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "WriteOnly"}]}
READS = {"EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "ReadOnly"}]}
MANAGEMENT = {"Field": "eventCategory", "Equals": ["Management"]}
ADVANCED = {"AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT]}]}
ADVANCED_READS = {
    "AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT, {"Field": "readOnly", "Equals": ["true"]}]}]
}


@pytest.mark.parametrize(
    ("selectors", "on", "enough"),
    [
        (SIMPLE, True, True),
        (SIMPLE, False, False),
        (READS, True, False),
        (ADVANCED, True, True),
        (ADVANCED_READS, True, False),
    ],
)
def test_a_trail_counts_if_it_is_on_and_records_management_events_that_write(
    aws: Answers,
    ask: Callable[..., Asked],
    selectors: dict[str, Any],
    on: bool,  # noqa: FBT001
    enough: bool,  # noqa: FBT001
) -> None:
    arn = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/all"
    for region in (HOME, RECOVERY):
        trails = {"trailList": [{"TrailARN": arn, "HomeRegion": HOME}]}
        aws.will("cloudtrail", region, "describe_trails", trails, includeShadowTrails=True)
    for _ in range(2):  # a trail is asked where it lives
        aws.will("cloudtrail", HOME, "get_trail_status", {"IsLogging": on}, Name=arn)
        aws.will("cloudtrail", HOME, "get_event_selectors", selectors, TrailName=arn)
    found = list(prerequisites.trails(ask()))
    assert (found == []) is enough
    assert all(isinstance(each, Note) and f"events of {HOME} and {RECOVERY}" in each for each in found)


def test_an_organizations_unit_needs_trusted_access(aws: Answers, ask: Callable[..., Asked]) -> None:
    asked = ask(replace(SETTINGS, stack_sets=StackSets(organizational_unit="ou-ab12-cdefgh34")))
    for status in ("ENABLED", "DISABLED"):
        answer = {"Status": status}
        aws.will("cloudformation", HOME, "describe_organizations_access", answer, CallAs="DELEGATED_ADMIN")
    assert list(prerequisites.organization(asked)) == []
    told = one(prerequisites.organization(asked), Fault)
    assert "stack_sets.organizational_unit = ou-ab12-cdefgh34" in told
    assert "aws cloudformation activate-organizations-access" in told
    assert list(prerequisites.organization(ask())) == []


STAGE = resource("AWS::ApiGateway::Stage")
LOG_ROLE = resource("AWS::ApiGateway::Account")


def test_a_stage_that_logs_needs_the_accounts_role_if_no_template_brings_it(
    aws: Answers, ask: Callable[..., Asked]
) -> None:
    for region, role in ((HOME, {}), (RECOVERY, {"cloudwatchRoleArn": "arn:aws:iam::1:role/logs"})):
        aws.will("apigateway", region, "get_account", role)
    assert one(prerequisites.api_logs(ask(api=template(Stage=STAGE))), Fault).startswith(
        f"{HOME}: API Gateway has no role"
    )


def test_whose_role_for_logs_gives_way_is_told_once(aws: Answers, ask: Callable[..., Asked]) -> None:
    body = template(Stage=STAGE, Account=LOG_ROLE)
    for region in (HOME, RECOVERY) * 2:
        aws.will("apigateway", region, "get_account", {"cloudwatchRoleArn": "arn:aws:iam::1:role/logs"})
    assert [type(each) for each in prerequisites.api_logs(ask(api=body))] == [Note, Note]
    deployed = ask(SETTINGS, Stack("api", HOME), Stack("api", RECOVERY), api=body)
    assert list(prerequisites.api_logs(deployed)) == []


def test_a_deployment_that_lies_elsewhere_is_not_moved_by_accident(aws: Answers, ask: Callable[..., Asked]) -> None:
    aws.will("cloudformation", HOME, "list_stack_sets", {"Summaries": [{"StackSetName": "holdfast-test-api"}]})
    instances = {"Summaries": [{"Region": HOME}, {"Region": "eu-north-1"}]}
    aws.will("cloudformation", HOME, "list_stack_instances", instances, StackSetName="holdfast-test-api")
    aws.will("cloudformation", RECOVERY, "list_stack_sets", {"Summaries": [{"StackSetName": "holdfast-test-storage"}]})
    first, second = prerequisites.same_regions(ask())
    assert first.startswith("api lies in eu-north-1, which the settings don't name")
    assert second.startswith(f"the stack sets of holdfast-test lie in {RECOVERY}, primary_region is {HOME}")


VAULT = resource("AWS::S3::Bucket", Properties={"BucketName": {"Fn::Sub": "v-${AWS::Region}-${AWS::AccountId}"}})
TABLE = resource("AWS::DynamoDB::GlobalTable", Condition="IsPrimaryRegion", Properties={"TableName": "ledger"})
KEPT = template(Vault=VAULT, Ledger=TABLE)


def test_what_an_earlier_deployment_left_behind_is_in_the_way_of_a_new_one(
    aws: Answers, ask: Callable[..., Asked]
) -> None:
    aws.will("s3", HOME, "head_bucket", {}, Bucket=f"v-{HOME}-{ACCOUNT}")
    aws.will("dynamodb", HOME, "describe_table", {"Table": {"TableName": "ledger"}}, TableName="ledger")
    aws.refuses("s3", RECOVERY, "head_bucket", "404")
    told = one(prerequisites.left_behind(ask(storage=KEPT)), Fault)
    assert told.startswith(f"{HOME}: these buckets and tables are there already: v-{HOME}-{ACCOUNT}, ledger;")
    assert "choose another project or stage than holdfast-test" in told


def test_what_a_first_creation_that_was_rolled_back_has_left_is_in_the_way_of_the_next(
    aws: Answers, ask: Callable[..., Asked]
) -> None:
    """The ledger is retained even then, and the stack that made it can only be made again."""
    deployed = ask(SETTINGS, Stack("storage", HOME), Stack("storage", RECOVERY), storage=KEPT)
    deployed.found[Stack("storage", HOME)] = replace(deployed.found[Stack("storage", HOME)], status="ROLLBACK_COMPLETE")
    aws.refuses("s3", HOME, "head_bucket", "404")
    aws.will("dynamodb", HOME, "describe_table", {"Table": {"TableName": "ledger"}}, TableName="ledger")
    assert one(prerequisites.left_behind(deployed), Fault).startswith(f"{HOME}: these buckets and tables are there")


def test_somebody_elses_bucket_is_in_the_way_too(aws: Answers, ask: Callable[..., Asked]) -> None:
    aws.refuses("s3", HOME, "head_bucket", "404")
    aws.refuses("s3", RECOVERY, "head_bucket", "403")
    aws.refuses("dynamodb", HOME, "describe_table", "ResourceNotFoundException")
    assert f"there already: v-{RECOVERY}-{ACCOUNT};" in one(prerequisites.left_behind(ask(storage=KEPT)), Fault)


def test_what_belongs_to_a_stack_that_is_there_is_in_nobodys_way(ask: Callable[..., Asked]) -> None:
    deployed = ask(SETTINGS, Stack("storage", HOME), Stack("storage", RECOVERY), storage=KEPT)
    assert list(prerequisites.left_behind(deployed)) == []


def known_regions(aws: Answers, **status: str) -> None:
    regions = [
        {"RegionName": name.replace("_", "-"), "OptInStatus": each, "Endpoint": "x"} for name, each in status.items()
    ]
    aws.will("ec2", HOME, "describe_regions", {"Regions": regions}, AllRegions=True)


def test_every_region_that_does_not_exist_or_is_not_enabled_is_named(aws: Answers, ask: Callable[..., Asked]) -> None:
    target = ask(replace(SETTINGS, recovery_region="eu-nowhere-9")).target
    known_regions(aws, eu_west_1="not-opted-in")
    with pytest.raises(NotReady) as refused:
        checks.check(target)
    first, second = str(refused.value).splitlines()
    assert f"aws account enable-region --region-name {HOME}" in first
    assert second.startswith("eu-nowhere-9: AWS knows no such region")


def test_all_that_is_in_the_way_is_told_at_once_and_what_cannot_be_answered_is_a_note(
    aws: Answers, ask: Callable[..., Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(_: Asked) -> Iterator[Note | Fault]:
        yield Note("good to know")
        yield Fault("one is in the way")

    def second(_: Asked) -> Iterator[Note | Fault]:
        yield Fault("and another")

    def silent(_: Asked) -> Iterator[Note | Fault]:
        raise refusal("AccessDenied", operation="GetServiceQuota")

    target = ask().target
    for _ in range(2):
        known_regions(aws, eu_west_1="opt-in-not-required", eu_central_1="opted-in")
        for region in (HOME, RECOVERY):
            aws.will("cloudformation", region, "describe_stacks", {"Stacks": []})
    monkeypatch.setattr(checks, "CHECKS", (("one", first), ("two", second), ("three", silent)))
    with pytest.raises(NotReady, match=r"^one is in the way\nand another$"):
        checks.check(target)
    monkeypatch.setattr(checks, "CHECKS", (("the quota of VPCs", silent),))
    assert checks.check(target) == ["could not check the quota of VPCs: GetServiceQuota gives AccessDenied"]


def test_every_check_has_a_name_and_none_is_forgotten() -> None:
    listed = {answer for _, answer in checks.CHECKS}
    written = {
        each
        for module in (prerequisites, quotas)
        for name, each in vars(module).items()
        if callable(each) and getattr(each, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    assert listed == written
    assert json.dumps([what for what, _ in checks.CHECKS])
