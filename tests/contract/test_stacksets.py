"""The sets: one for each stack, in the order of blueprints/order.py, each with the template that is emitted."""

import hashlib
import json
import re
from dataclasses import replace
from functools import cache

import pytest
from rendering import OPTIONS, resolved, walk

import build
from blueprints import artifacts, emit, order
from blueprints.regions import regions_of
from blueprints.settings import PRODUCTION, SANDBOX, StackSets

UNIT = "ou-ab12-cdefgh34"
BODY = 51_200  # bytes; https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html (StackSetName)
NAME = r"[a-zA-Z][-a-zA-Z0-9]{0,127}"


@cache
def texts(option):
    """Every template of *option* by its stack, as it is emitted."""
    settings = OPTIONS[option]
    return {
        stack: emit.texts(settings, stack, template)[f"{settings.stage}/{stack}.json"]
        for stack, template in build.templates(settings).items()
    }


def sets(option):
    """Properties and dependencies of every set, by the name of its stack, in the order of the template."""
    prefix = f"{OPTIONS[option].prefix}-"
    resources = json.loads(texts(option)["stacksets"])["Resources"]
    assert {resource["Type"] for resource in resources.values()} == {"AWS::CloudFormation::StackSet"}
    found = {}
    for title, resource in resources.items():
        stack = resource["Properties"]["StackSetName"].removeprefix(prefix)
        assert title == stack.capitalize()
        found[stack] = resource["Properties"], [each.lower() for each in resource.get("DependsOn", [])]
    return found


each_option = pytest.mark.parametrize("option", OPTIONS)


@each_option
def test_every_stack_has_a_set_but_the_two_that_sets_need(option):
    assert list(sets(option)) == [stack for stack in texts(option) if stack not in {"bootstrap", "stacksets"}]
    assert next(iter(texts(option))) == "bootstrap"
    assert list(texts(option))[-1] == "stacksets"
    assert all(re.fullmatch(NAME, properties["StackSetName"]) for properties, _ in sets(option).values())


@each_option
def test_a_sets_template_is_the_emitted_one_by_its_digest(option):
    settings = OPTIONS[option]
    bucket = f"{settings.prefix}-artifacts-{settings.primary_region}-123456789012"
    for stack, (properties, _) in sets(option).items():
        digest = hashlib.sha256(texts(option)[stack].encode()).hexdigest()[:16]
        url = resolved(properties["TemplateURL"], settings.primary_region)
        assert url == (f"https://{bucket}.s3.{settings.primary_region}.amazonaws.com/templates/{stack}-{digest}.json")
        assert url.endswith(f"/{artifacts.template_key(stack, texts(option)[stack])}")
        assert "TemplateBody" not in properties


def test_the_bucket_is_the_one_that_bootstrap_makes():
    (bucket,) = [
        resource["Properties"]["BucketName"]
        for resource in json.loads(texts("PRODUCTION")["bootstrap"])["Resources"].values()
        if resource["Type"] == "AWS::S3::Bucket"
    ]
    region = PRODUCTION.primary_region
    for properties, _ in sets("PRODUCTION").values():
        assert resolved(properties["TemplateURL"], region).startswith(f"https://{resolved(bucket, region)}.s3.")


@each_option
def test_a_set_waits_for_those_it_needs_and_no_two_wait_for_each_other(option):
    settings, done = OPTIONS[option], set()
    for stack, (_, before) in sets(option).items():
        assert before == order.set_needs(stack, texts(option), settings)
        assert set(before) <= done, f"{stack} stands before what it waits for"
        done.add(stack)
    assert {stack for wave in order.set_waves(texts(option), settings) for stack in wave} == done


@each_option
def test_whatever_a_stack_needs_is_there_when_its_turn_comes(option):
    """Set by set, and within a set the recovery region first: that order must serve what each stack needs."""
    settings, names = OPTIONS[option], list(texts(option))
    done = order.everything(["bootstrap", "stacksets"], settings)
    for wave in order.set_waves(names, settings):
        turns = [[order.Stack(name, region) for region in order.region_order(name, settings)] for name in wave]
        for name, stacks in zip(wave, turns, strict=True):
            together = set() if order.in_turn(name, settings) else set(stacks)
            before = set(done)
            for stack in stacks:
                assert order.needs(stack, names, settings) <= before - (together - {stack})
                before.add(stack)
        done |= {stack for stacks in turns for stack in stacks}
    assert done == order.everything(names, settings)


@each_option
def test_regions_take_turns_only_where_the_primary_needs_the_recovery_region_which_comes_first(option):
    settings = OPTIONS[option]
    turns = {"storage", "backup"} | ({"api"} if settings.domain else set())
    for stack, (properties, _) in sets(option).items():
        preferences = properties["OperationPreferences"]
        assert preferences["RegionOrder"] == list(reversed(regions_of(stack, settings)))
        assert (preferences["RegionConcurrencyType"] == "SEQUENTIAL") == (stack in turns)
        assert preferences["FailureToleranceCount"] == 0
        assert preferences["MaxConcurrentCount"] == 1
        assert properties["ManagedExecution"] == {"Active": True}


@each_option
def test_a_set_has_no_instances_of_its_own(option):
    """To delete this stack by mistake then deletes nothing: CloudFormation refuses to delete a set with instances."""
    assert not [node for node in walk(json.loads(texts(option)["stacksets"])) if node == "StackInstancesGroup"]
    for properties, _ in sets(option).values():
        assert not {"StackInstancesGroup", "Parameters"} & set(properties)


@each_option
def test_stacks_are_found_by_tags_which_the_set_gives_them(option):
    for stack, (properties, _) in sets(option).items():
        assert {tag["Key"]: tag["Value"] for tag in properties["Tags"]} == {
            "holdfast:deployment": OPTIONS[option].prefix,
            "holdfast:stack": stack,
        }


@each_option
def test_a_set_acknowledges_roles_exactly_where_its_template_makes_some_and_none_has_a_name(option):
    for stack, (properties, _) in sets(option).items():
        resources = json.loads(texts(option)[stack])["Resources"].values()
        identities = [resource for resource in resources if resource["Type"].startswith("AWS::IAM::")]
        assert properties.get("Capabilities", []) == (["CAPABILITY_IAM"] if identities else [])
        assert not {"RoleName", "ManagedPolicyName"} & {name for each in identities for name in each["Properties"]}


def test_without_an_organization_the_roles_are_those_of_bootstrap():
    roles = json.loads(texts("PRODUCTION")["bootstrap"])["Resources"]
    for properties, _ in sets("PRODUCTION").values():
        assert properties["PermissionModel"] == "SELF_MANAGED"
        assert not {"CallAs", "AutoDeployment"} & set(properties)
        name = resolved(properties["AdministrationRoleARN"], "eu-west-1").removeprefix(
            "arn:aws:iam::123456789012:role/"
        )
        assert name == roles["Administration"]["Properties"]["RoleName"]
        assert properties["ExecutionRoleName"] == roles["Execution"]["Properties"]["RoleName"]


def test_in_an_organization_a_delegated_administrator_calls_and_nothing_is_deployed_by_itself():
    settings = replace(SANDBOX, stack_sets=StackSets(organizational_unit=UNIT))
    for made in build.templates(settings)["stacksets"].to_dict()["Resources"].values():
        properties = made["Properties"]
        assert properties["PermissionModel"] == "SERVICE_MANAGED"
        assert properties["CallAs"] == "DELEGATED_ADMIN"
        assert properties["AutoDeployment"] == {"Enabled": False}
        assert not {"AdministrationRoleARN", "ExecutionRoleName"} & set(properties)


@each_option
def test_it_is_small_enough_to_be_sent_as_it_is(option):
    assert len(texts(option)["stacksets"].encode()) <= BODY


@each_option
def test_every_template_is_ascii_since_cloudformation_gives_nothing_else_back(option):
    # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1220 (a question mark for the rest)
    for text in texts(option).values():
        assert all(node.isascii() for node in walk(json.loads(text)) if isinstance(node, str))


def test_a_changed_template_changes_its_own_set_and_no_other():
    before = build.STACKS["stacksets"](PRODUCTION, texts("PRODUCTION")).to_dict()["Resources"]
    changed = texts("PRODUCTION") | {"backup": texts("PRODUCTION")["backup"] + "\n"}
    after = build.STACKS["stacksets"](PRODUCTION, changed).to_dict()["Resources"]

    assert [title for title in before if before[title] != after[title]] == ["Backup"]


def test_sets_that_wait_for_each_other_are_refused(monkeypatch):
    monkeypatch.setitem(order.HERE, "keys", ("api",))

    with pytest.raises(ValueError, match="wait for each other"):
        order.set_waves(list(build.STACKS), PRODUCTION)


# ---- what a first deployment that fails leaves behind ------------------------------------------------------------


def later(template, title):
    """What CloudFormation makes after the resource *title*: whatever refers to it, or to what does."""
    found, grown = set(), {title}
    while grown != found:
        found = grown
        grown = found | {
            name
            for name, resource in template["Resources"].items()
            if found & set(named(resource)) or found & set(resource.get("DependsOn", []))
        }
    return found - {title}


def named(resource):
    for node in walk(resource):
        if isinstance(node, dict):
            yield from [node["Ref"]] if isinstance(node.get("Ref"), str) else []
            yield from node["Fn::GetAtt"][:1] if "Fn::GetAtt" in node else []
            yield from re.findall(r"\$\{(\w+)", str(node.get("Fn::Sub", "")))
    yield from [resource["DependsOn"]] if isinstance(resource.get("DependsOn"), str) else []


@pytest.mark.parametrize(
    ("stack", "title", "expected"),
    [("storage", "Ledger", set()), ("database", "Instance", {"Schema", "ProxyTarget"})],
)
def test_what_would_refuse_to_be_taken_back_is_made_when_little_else_can_fail(stack, title, expected):
    template = json.loads(texts("PRODUCTION")[stack])
    waits = set(template["Resources"][title]["DependsOn"]) | set(named(template["Resources"][title]))

    assert later(template, title) == expected
    assert waits >= template["Resources"].keys() - expected - {title}


@each_option
def test_what_outlives_a_failed_creation_has_no_name_that_the_next_one_needs(option):
    """But for the ledger, which comes last; user pools may share a name."""
    for stack, text in texts(option).items():
        for title, resource in json.loads(text)["Resources"].items():
            if resource.get("DeletionPolicy") == "Retain" and (stack, title) not in {
                ("storage", "Ledger"),
                ("api", "UserPool"),
            }:
                fixed = {name for name in resource["Properties"] if re.fullmatch(r"\w*(Name|Identifier)", name)}
                assert fixed <= {"EngineName"}, f"{stack}.{title}"
