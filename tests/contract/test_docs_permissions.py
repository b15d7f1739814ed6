"""docs/deploy.md: whoever has what it lists may do all that the tool asks of AWS, and no more than it needs."""

import ast
import json
from fnmatch import fnmatchcase

import botocore.session
import pytest
from botocore import xform_name

from tests.papers import DOCS, ROOT, blocks

# Where IAM calls it otherwise than the API does.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html, …/list_amazonapigateway.html
OTHERWISE = {
    "apigateway:GetAccount": {"apigateway:GET"},
    "s3:DeleteObjects": {"s3:DeleteObject"},
    "s3:HeadBucket": {"s3:ListBucket"},
    "s3:HeadObject": {"s3:GetObject"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:ListObjectVersions": {"s3:ListBucketVersions"},
    "service-quotas:GetServiceQuota": {"servicequotas:GetServiceQuota"},
}
UNCHECKED = {"sts:GetCallerIdentity"}  # allowed to everybody


def allowed():
    (policy,) = [json.loads(content) for language, content in blocks(DOCS / "deploy.md") if language == "json"]
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def recorded():
    """What the tests of deployments have seen the tool ask: ``service:Operation``."""
    tree = ast.parse((ROOT / "tests/deployment/test_life.py").read_text())
    (found,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "OPERATIONS"
    ]
    return {each.replace(".", ":") for each in found}


def written():
    """Operations of CloudFormation that the tool's code names, whether or not a test has come to them."""
    model = botocore.session.get_session().get_service_model("cloudformation")
    known = {xform_name(name): name for name in model.operation_names}
    named = set()
    for path in (ROOT / "deployment").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                named.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                named.add(node.value)
    return {f"cloudformation:{known[name]}" for name in named & known.keys()}


@pytest.mark.parametrize("operation", sorted(recorded() | written()))
def test_every_request_of_the_tool_is_allowed(operation):
    for action in OTHERWISE.get(operation, {operation}) - UNCHECKED:
        assert any(fnmatchcase(action, each) for each in allowed()), action


def test_nothing_is_allowed_of_a_service_that_the_tool_does_not_speak_to():
    asked = {next(iter(OTHERWISE.get(each, {each}))).partition(":")[0] for each in recorded() | written()}
    # Of whoever makes the stacks bootstrap and stacksets: CloudFormation acts for them there. And of a domain's zone.
    also = {"iam", "kms", "organizations", "route53", "servicequotas"}

    assert {each.partition(":")[0] for each in allowed()} <= asked | also
