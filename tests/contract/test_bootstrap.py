"""The bucket that comes first, and the roles of StackSets: they may do what the templates need, and nothing besides."""

import json
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache

import pytest
from rendering import BOUNDARY, OPTIONS, each, found, listed, rendered, resolved, statements

import build
from blueprints import arns, emit, order, stacksets_roles
from blueprints.settings import PRODUCTION, StackSets
from tests import handler_permissions

# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html
EXECUTION_ROLE_NAME = r"[a-zA-Z_0-9+=,.@-]{1,64}"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
BODY = 51_200  # bytes of a template that is sent as it is: there is no bucket yet
REGION, ACCOUNT = "eu-west-1", "123456789012"
# What the role may do that no type asks for.
BESIDES = {
    "cloudformation:*": "AWS asks for all of CloudFormation",
    "s3:GetObject": "templates and the functions' package",
    "s3:GetObjectVersion": "templates and the functions' package",
    "s3:PutObject": "StackSets tells of its instances, in buckets of AWS",
    "lambda:InvokeFunction": "custom resources",
    "cloudformation:DescribeStackDriftDetectionStatus": "drift",
    "cloudformation:GetTemplateSummary": "reads a template before it is used",
    "cloudformation:ListExports": "imports between stacks",
    "cloudformation:ListImports": "imports between stacks",
    "cloudformation:ListStacks": "finds stacks",
    "cloudformation:ValidateTemplate": "reads a template before it is used",
}
# Physical names, as ARNs: what bears one must be within the role's reach.
NAMED = {
    ("AWS::Budgets::Budget", "BudgetName"): "arn:aws:budgets::{account}:budget/{name}",
    ("AWS::CloudWatch::Alarm", "AlarmName"): "arn:aws:cloudwatch:{region}:{account}:alarm:{name}",
    ("AWS::CloudWatch::Dashboard", "DashboardName"): "arn:aws:cloudwatch::{account}:dashboard/{name}",
    ("AWS::CodeDeploy::Application", "ApplicationName"): "arn:aws:codedeploy:{region}:{account}:application:{name}",
    ("AWS::DynamoDB::GlobalTable", "TableName"): "arn:aws:dynamodb:{region}:{account}:table/{name}",
    ("AWS::Events::EventBus", "Name"): "arn:aws:events:{region}:{account}:event-bus/{name}",
    ("AWS::Events::Rule", "Name"): "arn:aws:events:{region}:{account}:rule/{name}",
    ("AWS::Lambda::Function", "FunctionName"): "arn:aws:lambda:{region}:{account}:function:{name}",
    ("AWS::Logs::LogGroup", "LogGroupName"): "arn:aws:logs:{region}:{account}:log-group:{name}",
    ("AWS::RDS::DBInstance", "DBInstanceIdentifier"): "arn:aws:rds:{region}:{account}:db:{name}",
    ("AWS::S3::Bucket", "BucketName"): "arn:aws:s3:::{name}",
    ("AWS::SNS::Topic", "TopicName"): "arn:aws:sns:{region}:{account}:{name}",
    ("AWS::Scheduler::Schedule", "Name"): "arn:aws:scheduler:{region}:{account}:schedule/default/{name}",
    ("AWS::StepFunctions::StateMachine", "StateMachineName"): "arn:aws:states:{region}:{account}:stateMachine:{name}",
}


@cache
def bootstrap(option):
    return rendered(option)["bootstrap"]["Resources"]


def role(option, title):
    return bootstrap(option)[title]["Properties"]


def policies(option, title):
    """Documents of the policies of a role, by the logical ids of these."""
    return {
        each["Ref"]: bootstrap(option)[each["Ref"]]["Properties"]["PolicyDocument"]["Statement"]
        for each in role(option, title)["ManagedPolicyArns"]
    }


def said(option, title="Execution", effect="Allow"):
    """Statements of a role, names filled in."""
    flat = [statement for document in policies(option, title).values() for statement in document]
    return [statement for statement in resolved(flat, REGION) if statement["Effect"] == effect]


def allowed(option):
    return {action for statement in said(option) for action in statement["Action"]}


# ---- the bucket --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", OPTIONS)
def test_both_regions_have_a_bucket_for_artifacts_and_functions_read_their_code_there(option):
    bucket = bootstrap(option)["Artifacts"]
    codes = [it.properties["Code"]["S3Bucket"] for it in found("AWS::Lambda::Function") if it.option == option]

    assert "Condition" not in bucket
    assert codes
    assert all(code == bucket["Properties"]["BucketName"] for code in codes)


@each("AWS::S3::Bucket")
def test_no_template_and_no_package_is_deleted_by_its_age(it):
    if it.title == "Artifacts":
        for rule in it.properties["LifecycleConfiguration"]["Rules"]:
            assert not {"ExpirationInDays", "ExpirationDate", "Transitions"} & set(rule)
            assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] >= 30


def test_no_role_of_the_pipeline_writes_what_the_next_deployment_runs():
    policy = bootstrap("PRODUCTION")["ArtifactsAccess"]["Properties"]["PolicyDocument"]["Statement"]
    (never,) = [statement for statement in policy if statement["Sid"] == "DenyDestructionByPipeline"]

    assert {"s3:PutObject", "s3:DeleteObject"} <= set(never["Action"])
    assert never["Condition"]["ArnLike"] == {
        "aws:PrincipalArn": {"Fn::Sub": arns.own_roles(PRODUCTION).data["Fn::Sub"]}
    }


@pytest.mark.parametrize("option", OPTIONS)
def test_it_is_small_enough_to_be_sent_before_there_is_a_bucket(option):
    (text,) = emit.texts(OPTIONS[option], "bootstrap", build.STACKS["bootstrap"](OPTIONS[option])).values()

    assert len(text.encode()) <= BODY


# ---- who may be whom ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", OPTIONS)
def test_the_roles_lie_in_the_primary_region_and_bear_the_deployments_name(option):
    settings = OPTIONS[option]
    for title, purpose in (("Administration", "administration"), ("Execution", "execution")):
        p = role(option, title)
        assert bootstrap(option)[title]["Condition"] == "IsPrimaryRegion"
        assert p["RoleName"] == f"{settings.prefix}-stacksets-{purpose}"
        assert re.fullmatch(EXECUTION_ROLE_NAME, p["RoleName"])
        assert "Path" not in p, "StackSets takes a name, and no path"
        assert "Policies" not in p
        assert p.get("PermissionsBoundary") == settings.permissions_boundary
        assert len(p["ManagedPolicyArns"]) <= 10


@pytest.mark.parametrize("option", OPTIONS)
def test_only_cloudformation_administers_and_only_for_the_sets_of_this_deployment(option):
    settings = OPTIONS[option]
    (trust,) = role(option, "Administration")["AssumeRolePolicyDocument"]["Statement"]
    regions = [*settings.regions, "us-east-1"]
    opt_in = [region for region in regions if region == "me-south-1"]

    assert trust["Principal"]["Service"] == [
        "cloudformation.amazonaws.com",
        *(f"cloudformation.{region}.amazonaws.com" for region in opt_in),
    ]
    assert resolved(trust["Condition"], settings.primary_region) == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {
            "aws:SourceArn": f"arn:aws:cloudformation:{settings.primary_region}:{ACCOUNT}:stackset/{settings.prefix}-*"
        },
    }


def test_a_region_that_must_be_switched_on_is_among_the_options():
    assert any("me-south-1" in settings.regions for settings in OPTIONS.values())


@pytest.mark.parametrize("option", OPTIONS)
def test_who_administers_may_only_assume_its_own_execution_role_which_trusts_nobody_else(option):
    (trust,) = role(option, "Execution")["AssumeRolePolicyDocument"]["Statement"]
    (may,) = said(option, "Administration")

    assert trust["Principal"] == {"AWS": [{"Fn::GetAtt": ["Administration", "Arn"]}]}
    assert trust["Action"] == may["Action"] == ["sts:AssumeRole"]
    assert may["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role/{role(option, 'Execution')['RoleName']}"]


def test_an_organization_brings_its_own_roles():
    settings = replace(PRODUCTION, stack_sets=StackSets(organizational_unit="ou-ab12-cdefgh34"))

    assert set(build.STACKS["bootstrap"](settings).resources) == {"Artifacts", "ArtifactsAccess"}


# ---- what the execution role may do ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", handler_permissions.types())
def test_whatever_cloudformation_calls_for_a_type_of_ours_is_allowed(kind):
    excused = handler_permissions.UNUSED.keys()
    asked = {
        permission
        for permission in handler_permissions.permissions(kind) - excused
        if permission.partition(":")[0] not in handler_permissions.UNUSED_SERVICES
    }
    bounded = {"iam:DeleteRolePermissionsBoundary"}  # nobody takes a boundary off

    assert asked
    assert asked <= allowed("PRODUCTION")
    assert asked - bounded <= allowed("BARE_DATABASE")


def test_nothing_is_allowed_that_no_type_asks_for():
    asked = {
        f"{service}:{action}"
        for service, names in handler_permissions.needed(handler_permissions.types()).items()
        for action in names
    }

    assert allowed("PRODUCTION") == asked | BESIDES.keys()


def test_the_list_in_the_blueprints_is_the_one_that_aws_s_schemas_give():
    """Else: ``python -m tests.handler_permissions > blueprints/execution_actions.json``."""
    kept = json.loads(stacksets_roles.ACTIONS.read_text())

    assert kept == handler_permissions.needed(handler_permissions.types())


def test_every_excuse_excuses_something():
    asked = set().union(*map(handler_permissions.permissions, handler_permissions.types()))

    assert handler_permissions.UNUSED.keys() <= asked
    assert handler_permissions.UNUSED_SERVICES.keys() <= {permission.partition(":")[0] for permission in asked}
    assert handler_permissions.ALSO.keys() <= set(handler_permissions.types())


def test_every_type_of_every_deployment_was_asked():
    kinds = {it.resource["Type"] for it in found() if it.stack in order.sets(build.STACKS)}

    assert {kind for kind in kinds if kind.startswith("AWS::")} <= set(handler_permissions.types())


@pytest.mark.parametrize("option", OPTIONS)
def test_what_bears_a_name_is_within_reach(option):
    settings = OPTIONS[option]
    region = settings.primary_region
    reach = {statement["Sid"]: statement["Resource"] for statement in resolved(said(option), region)}
    arns_of = [arn for it in found(*{kind for kind, _ in NAMED}) if it.option == option for arn in named(it, region)]

    assert {arn.split(":")[2] for arn in arns_of} == {form.split(":")[2] for form in NAMED.values()} - (
        set() if settings.database else {"rds"}
    )
    for arn in arns_of:
        assert any(fnmatchcase(arn, each) for each in reach[f"Manage{arn.split(':')[2].capitalize()}"]), arn


def named(it, region):
    """ARNs of what bears a name, as far as it follows from the settings."""
    for (kind, attribute), form in NAMED.items():
        if it.resource["Type"] == kind:
            name = re.sub(r"\$\{[\w.]+\}", "x", resolved(it.properties.get("Budget", it.properties)[attribute], region))
            bus = f"{it.settings.prefix}/" if it.properties.get("EventBusName") else ""
            yield form.format(region=region, account=ACCOUNT, name=bus + name)


def test_what_is_allowed_on_named_resources_can_be():
    """AWS lists for each action the kinds of resources that it takes; of another kind, it would allow nothing."""
    for statement in said("PRODUCTION"):
        for action in statement["Action"]:
            if statement["Resource"] != ["*"] and not action.endswith("*"):
                service = handler_permissions.authorization()[action.partition(":")[0]]
                kinds = handler_permissions.actions(action).get("Resources", [])
                forms = [form for kind in kinds for form in service["Resources"][kind.lower()]["ARNFormats"]]
                assert any(covers(pattern, form) for pattern in statement["Resource"] for form in forms), action


def covers(pattern, form):
    """Whether the ARN *pattern* is one of the *form* ``arn:${Partition}:s3:::.*``."""
    kind = re.split(r"\.\*|\$\{", form.split(":", 5)[5])[0]
    return pattern.split(":")[2] == form.split(":")[2] and (
        pattern.split(":", 5)[5].startswith(kind) or kind.startswith(pattern.split(":", 5)[5].rstrip("*"))
    )


def test_identities_are_only_managed_below_the_deployments_path():
    path = "/holdfast-production/"
    linked = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/*"
    for statement in said("PRODUCTION"):
        if any(action.startswith("iam:") for action in statement["Action"]):
            assert all(action.startswith("iam:") for action in statement["Action"])
            for resource in statement["Resource"]:
                own = resource in {f"arn:aws:iam::{ACCOUNT}:{kind}{path}*" for kind in ("role", "policy")}
                assert own or (resource, statement["Action"]) == (linked, ["iam:CreateServiceLinkedRole"])
            if "iam:AttachRolePolicy" in statement["Action"]:
                ours = {"iam:PolicyARN": f"arn:aws:iam::{ACCOUNT}:policy{path}*"}
                assert statement["Condition"]["ArnLike"] == ours


def test_it_can_change_neither_its_own_role_nor_the_other_nor_their_policies():
    (never,) = said("PRODUCTION", effect="Deny")
    writes = {
        action
        for statement in said("PRODUCTION")
        for action in statement["Action"]
        if action.startswith("iam:")
        and not action.startswith(("iam:Get", "iam:List"))
        and "Policy" not in action.replace("RolePolicy", "")
        and action != "iam:CreateServiceLinkedRole"
    }

    assert {name.rsplit("/", 1)[1] for name in never["Resource"]} == {
        role("PRODUCTION", title)["RoleName"] for title in ("Administration", "Execution")
    }
    assert writes - {"iam:UpdateAssumeRolePolicy"} <= set(never["Action"])
    assert "iam:UpdateAssumeRolePolicy" in never["Action"]
    assert "Condition" not in never
    for title, resource in bootstrap("PRODUCTION").items():
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            assert "Path" not in resource["Properties"], f"{title} lies where the role may write"


def test_within_a_boundary_it_makes_no_role_without_it_and_takes_it_off_none():
    grants = {
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
    }
    within = {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}

    assert "iam:DeleteRolePermissionsBoundary" not in allowed("BARE_DATABASE")
    for statement in said("BARE_DATABASE"):
        if grants & set(statement["Action"]):
            assert within["StringEquals"].items() <= statement["Condition"]["StringEquals"].items()


def test_it_hands_roles_only_to_the_services_that_the_templates_hand_them_to():
    (hand,) = [statement for statement in said("PRODUCTION") if statement["Action"] == ["iam:PassRole"]]
    trusted = {
        service
        for it in found("AWS::IAM::Role")
        if it.stack != "bootstrap"
        for statement in it.properties["AssumeRolePolicyDocument"]["Statement"]
        for service in statement["Principal"]["Service"]
    }

    # The export's role is handed over by a function, when it starts one.
    assert set(hand["Condition"]["StringEquals"]["iam:PassedToService"]) == trusted - {"export.rds.amazonaws.com"}


def test_it_deletes_no_key_lifts_no_lock_and_touches_no_object_but_to_read_templates_and_packages():
    never = {"kms:ScheduleKeyDeletion", "kms:DisableKey", "s3:BypassGovernanceRetention", "s3:PutObjectRetention"}

    assert not (never | {"s3:DeleteObject", "s3:DeleteObjectVersion"}) & allowed("PRODUCTION")
    for statement in said("PRODUCTION"):
        if {"s3:GetObject", "s3:PutObject"} & set(statement["Action"]):
            elsewhere = statement.get("Condition") == {"StringNotEquals": {"aws:ResourceAccount": ACCOUNT}}
            assert elsewhere or statement["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
            assert elsewhere or statement["Resource"] == [f"arn:aws:s3:::holdfast-production-artifacts-*-{ACCOUNT}/*"]


def test_a_final_snapshot_which_bears_the_name_of_its_stack_is_within_reach():
    arn = f"arn:aws:rds:eu-west-1:{ACCOUNT}:snapshot:stackset-holdfast-production-database-0f-snapshot-instance-1"
    (manage,) = [statement for statement in said("PRODUCTION") if "rds:CreateDBSnapshot" in statement["Action"]]

    assert "rds:AddTagsToResource" in manage["Action"]
    assert any(fnmatchcase(arn, pattern) for pattern in manage["Resource"])


@pytest.mark.parametrize("option", OPTIONS)
def test_what_names_no_resource_is_confined_to_the_deployments_regions(option):
    settings = OPTIONS[option]
    for statement in said(option):
        if statement["Resource"] == ["*"] and statement["Sid"] not in {"ReadStacks", "NotifyOfInstances"}:
            regions = statement["Condition"]["StringEquals"]["aws:RequestedRegion"]
            assert set(regions) == {*settings.regions, "us-east-1"}


@pytest.mark.parametrize("option", OPTIONS)
def test_it_manages_stacks_of_its_own_sets_only(option):
    (manage,) = [statement for statement in said(option) if "cloudformation:*" in listed(statement["Action"])]

    settings = OPTIONS[option]
    by_sets, *direct = manage["Resource"]
    assert by_sets == f"arn:aws:cloudformation:*:{ACCOUNT}:stack/StackSet-{settings.prefix}-*"
    assert set(direct) == {
        f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{settings.prefix}-*-{region}/*"
        for region in (*settings.regions, "us-east-1")
    }


def test_its_policies_say_why_where_they_name_nothing():
    for it in found("AWS::IAM::ManagedPolicy"):
        if it.stack == "bootstrap":
            unscoped = {s["Sid"] for s in statements(it) if s["Effect"] == "Allow" and listed(s["Resource"]) == ["*"]}
            assert unscoped == set(it.resource.get("Metadata", {}).get("Unscoped", {}))
