"""Statements and the roles that hold them."""

from dataclasses import replace

import awacs.s3
import pytest
from troposphere import Template

from blueprints import arns, iam
from blueprints.settings import SANDBOX

READ = [awacs.s3.GetObject]


def role(*statements, service="lambda", settings=SANDBOX, **options):
    t = Template()
    iam.role(t, settings, "Reader", service, *statements, **options)
    return t.to_dict()["Resources"]


def read(sid="Read"):
    return iam.allow(sid, READ, [arns.bucket(SANDBOX, "staging")])


def test_a_star_is_refused_where_resources_are_named():
    with pytest.raises(ValueError, match='Read allows actions on "\\*": name the resources'):
        iam.allow("Read", READ, ["*"])


def test_a_star_needs_a_reason():
    with pytest.raises(ValueError, match='"Read" allows actions on "\\*" without a reason'):
        iam.unscoped("Read", READ, "")


def test_the_reason_for_a_star_stands_in_the_template_where_scanners_read_it():
    policy = role(read(), iam.unscoped("ReadAll", READ, "S3 knows no better"))["ReaderPolicy"]

    assert policy["Metadata"]["Unscoped"] == {"ReadAll": "S3 knows no better"}
    (skip,) = policy["Metadata"]["checkov"]["skip"]
    assert skip["comment"] == "ReadAll: S3 knows no better"


def test_whoever_depends_on_a_role_finds_its_policy_attached():
    resources = role(read())

    assert resources["Reader"]["Properties"]["ManagedPolicyArns"] == [{"Ref": "ReaderPolicy"}]
    assert "Roles" not in resources["ReaderPolicy"]["Properties"]


def test_a_role_of_one_region_has_its_policy_there_too():
    resources = role(read(), condition="IsPrimaryRegion")

    assert {resource["Condition"] for resource in resources.values()} == {"IsPrimaryRegion"}


def test_a_boundary_bounds_every_role_when_the_settings_have_one():
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    bounded = replace(SANDBOX, permissions_boundary=boundary)

    assert role(read(), settings=bounded)["Reader"]["Properties"]["PermissionsBoundary"] == boundary
    assert "PermissionsBoundary" not in role(read())["Reader"]["Properties"]


@pytest.mark.parametrize(
    ("service", "source"),
    [
        ("states", "states:${AWS::Region}:${AWS::AccountId}:stateMachine:*"),
        ("scheduler", "scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/*"),
        ("monitoring.rds", "rds:${AWS::Region}:${AWS::AccountId}:db:*"),
    ],
)
def test_a_service_assumes_a_role_only_for_its_own_resources_of_this_account(service, source):
    (trust,) = role(read(), service=service)["Reader"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]

    assert trust["Principal"] == {"Service": [f"{service}.amazonaws.com"]}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert trust["Condition"]["ArnLike"] == {"aws:SourceArn": {"Fn::Sub": f"arn:${{AWS::Partition}}:{source}"}}


def test_a_service_nobody_looked_up_is_refused():
    with pytest.raises(KeyError, match="ec2"):
        role(read(), service="ec2")
