"""The rules of security.md about identity: who may do what, on what, and on whose behalf.

The roles of StackSets, which no service of ours runs as, have rules of their own: test_bootstrap.py.
"""

import json
from fnmatch import fnmatch

import pytest
from rendering import BOUNDARY, each, found, listed, resolved, statements

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (characters, white space not counted)
MANAGED_POLICY_CHARACTERS = 6144
MANAGED_POLICIES_PER_ROLE = 10


@each("AWS::IAM::Role", without="bootstrap")
def test_every_role_is_unnamed_bounded_when_asked_and_has_no_inline_policy(it):
    p = it.properties

    assert "RoleName" not in p
    assert "Policies" not in p
    assert p.get("PermissionsBoundary") == it.settings.permissions_boundary
    assert p["Path"] == f"/{it.settings.prefix}/"
    assert 1 <= len(p["ManagedPolicyArns"]) <= MANAGED_POLICIES_PER_ROLE
    for policy in p["ManagedPolicyArns"]:
        assert it.template["Resources"][policy["Ref"]]["Type"] == "AWS::IAM::ManagedPolicy"


def test_some_deployment_has_a_boundary():
    assert any(it.properties.get("PermissionsBoundary") == BOUNDARY for it in found("AWS::IAM::Role"))


@each("AWS::IAM::Role", without="bootstrap")
def test_every_role_trusts_one_service_on_behalf_of_this_account(it):
    (trust,) = it.properties["AssumeRolePolicyDocument"]["Statement"]
    (service,) = trust["Principal"]["Service"]

    assert trust["Action"] == ["sts:AssumeRole"]
    # None of these documents such a condition, and one that it doesn't send would lock it out.
    if service.removesuffix(".amazonaws.com") in ("apigateway", "codedeploy", "export.rds", "lambda", "rds", "s3"):
        assert "Condition" not in trust
    else:
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_there_are_no_inline_policies():
    assert not list(found("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::UserPolicy", "AWS::IAM::GroupPolicy"))


@each("AWS::IAM::ManagedPolicy")
def test_a_policy_names_its_resources_or_says_why_it_can_not(it):
    reasons = it.resource.get("Metadata", {}).get("Unscoped", {})
    unscoped = {s["Sid"] for s in statements(it) if s["Effect"] == "Allow" and "*" in listed(s["Resource"])}

    assert unscoped == set(reasons)
    assert all(reasons.values())


@each("AWS::IAM::ManagedPolicy")
def test_a_policy_has_no_wildcard_action_and_no_negation(it):
    for statement in statements(it):
        # AWS asks for all of CloudFormation; here on the stacks of the deployment's sets alone.
        if (it.stack, statement["Sid"]) == ("bootstrap", "ManageOwnStacks"):
            continue
        assert statement["Sid"]
        assert not {"NotAction", "NotResource", "NotPrincipal"} & set(statement)
        assert not any("*" in action for action in statement["Action"]), statement["Sid"]


@each("AWS::IAM::ManagedPolicy")
def test_the_sids_of_a_policy_differ(it):
    sids = [statement["Sid"] for statement in statements(it)]

    assert len(sids) == len(set(sids))


@each("AWS::IAM::ManagedPolicy")
def test_a_policy_fits_into_iams_limit(it):
    document = resolved(it.properties["PolicyDocument"], "ap-southeast-1")

    assert len(json.dumps(document, separators=(",", ":"))) <= MANAGED_POLICY_CHARACTERS


@each("AWS::IAM::ManagedPolicy")
def test_a_role_is_passed_to_a_named_service_only(it):
    for statement in statements(it):
        if statement["Effect"] == "Allow" and "iam:PassRole" in statement["Action"]:
            assert statement["Condition"]["StringEquals"]["iam:PassedToService"]


@each("AWS::IAM::ManagedPolicy", without="bootstrap")
def test_nothing_of_ours_may_destroy_the_vault_or_a_key(it):
    destroys = {
        "s3:BypassGovernanceRetention",
        "s3:DeleteObjectVersion",
        "s3:PutObjectRetention",
        "kms:ScheduleKeyDeletion",
        "kms:DisableKey",
        "kms:PutKeyPolicy",
    }
    for statement in statements(it):
        if statement["Effect"] == "Allow":
            assert not destroys & set(statement["Action"]), statement["Sid"]
            if "s3:DeleteObject" in statement["Action"]:
                assert "-vault-" not in json.dumps(statement["Resource"])


@each("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::Events::EventBusPolicy")
def test_a_resource_lets_in_only_named_services_or_accounts_under_a_condition(it):
    for statement in it.properties.get("PolicyDocument", {}).get("Statement", []):
        if statement["Effect"] == "Allow":
            assert statement["Principal"] != "*"
            # EventBridge doesn't say for whom it publishes to a topic: with a condition nothing would arrive.
            # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
            unsaid = it.resource["Type"] == "AWS::SNS::TopicPolicy" and statement["Sid"] == "AllowEvents"
            assert unsaid or statement["Condition"]


@each("AWS::Lambda::Permission")
def test_a_function_is_invoked_only_for_a_named_source_of_this_account(it):
    """API Gateway is not known to say the account by itself; the source's ARN has it."""
    *_, account, source = resolved(it.properties["SourceArn"], "eu-west-1").split(":", 5)

    assert account == "123456789012"
    assert source == "${Api}/api/*"
    assert it.template["Resources"][it.properties["FunctionName"]["Ref"]]["Type"] == "AWS::Lambda::Alias"


@pytest.mark.parametrize("purpose", ["staging", "vault"])
def test_the_s3_gateway_leads_only_to_the_regions_own_buckets(purpose):
    for it in found("AWS::EC2::VPCEndpoint"):
        if it.title == "S3Gateway":
            (statement,) = statements(it)
            names = resolved(statement["Resource"], "eu-west-1")
            assert f"arn:aws:s3:::{it.settings.prefix}-{purpose}-eu-west-1-123456789012" in names


@each("AWS::StepFunctions::StateMachine")
def test_a_machine_may_invoke_exactly_the_functions_it_names(it):
    resources = it.template["Resources"]
    named = {
        value["Fn::GetAtt"][0]
        for value in it.properties["DefinitionSubstitutions"].values()
        if isinstance(value, dict) and "Fn::GetAtt" in value
    }
    role = resources[it.properties["RoleArn"]["Fn::GetAtt"][0]]
    allowed = {
        resource["Fn::GetAtt"][0]
        for policy in role["Properties"]["ManagedPolicyArns"]
        for statement in resources[policy["Ref"]]["Properties"]["PolicyDocument"]["Statement"]
        if "lambda:InvokeFunction" in statement["Action"]
        for resource in listed(statement["Resource"])
    }

    assert allowed == {title for title in named if resources[title]["Type"] == "AWS::Lambda::Function"}


def allowed(it, role):
    """Statements of the policies of the role that a ``Fn::GetAtt`` names."""
    resources = it.template["Resources"]
    return [
        statement
        for policy in resources[role["Fn::GetAtt"][0]]["Properties"]["ManagedPolicyArns"]
        for statement in resources[policy["Ref"]]["Properties"]["PolicyDocument"]["Statement"]
    ]


@each("AWS::StepFunctions::StateMachine")
def test_a_machine_under_our_key_can_encrypt_its_history_and_its_log(it):
    # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html (steps 3 and 5)
    rights = [
        (action, context)
        for statement in allowed(it, it.properties["RoleArn"])
        if it.properties["EncryptionConfiguration"]["KmsKeyId"] in statement["Resource"]
        for action in statement["Action"]
        for conditions in statement["Condition"].values()
        for context in conditions
    ]

    assert set(rights) == {
        ("kms:Decrypt", "kms:EncryptionContext:aws:states:stateMachineArn"),
        ("kms:GenerateDataKey", "kms:EncryptionContext:aws:states:stateMachineArn"),
        ("kms:GenerateDataKey", "kms:EncryptionContext:SourceArn"),
    }


@each("AWS::Scheduler::Schedule")
def test_a_schedules_role_can_decrypt_it_by_itself(it):
    """Scheduler decrypts as the role: a condition on the service that calls for it would never hold."""
    (statement,) = [s for s in allowed(it, it.properties["Target"]["RoleArn"]) if s["Sid"] == "DecryptSchedules"]
    (pattern,) = resolved(statement["Condition"], "eu-west-1")["ArnLike"].values()

    assert statement["Resource"] == [it.properties["KmsKeyArn"]]
    assert list(statement["Condition"]) == ["ArnLike"]
    assert fnmatch(f"arn:aws:scheduler:eu-west-1:123456789012:schedule/default/{it.properties['Name']}", pattern)


@each("AWS::Lambda::Function")
def test_a_function_can_decrypt_its_own_environment_and_no_others(it):
    (statement,) = [s for s in allowed(it, it.properties["Role"]) if s["Sid"] == "ReadOwnVariables"]
    ((own, *versions),) = resolved(statement["Condition"], "eu-west-1")["ArnEquals"].values()

    assert statement["Resource"] == [it.properties["KmsKeyArn"]]
    assert own == f"arn:aws:lambda:eu-west-1:123456789012:function:{it.properties['FunctionName']}"
    assert versions == ([f"{own}:*"] if "SnapStart" in it.properties else [])


@each("AWS::EC2::FlowLog")
def test_a_flow_log_has_the_rights_that_aws_asks_for(it):
    # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html; the template makes the group itself
    wanted = {"CreateLogStream", "PutLogEvents", "DescribeLogGroups", "DescribeLogStreams"}
    actions = {action for s in allowed(it, it.properties["DeliverLogsPermissionArn"]) for action in s["Action"]}

    assert actions == {f"logs:{name}" for name in wanted}


def test_who_starts_an_export_has_the_rights_on_keys_that_aws_asks_for():
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartExportTask.html (KmsKeyId)
    wanted = {
        f"kms:{name}"
        for name in (
            "Encrypt",
            "Decrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "ReEncryptFrom",
            "ReEncryptTo",
            "CreateGrant",
            "DescribeKey",
            "RetireGrant",
        )
    }
    lent = [s for it in found("AWS::IAM::ManagedPolicy") for s in statements(it) if s["Sid"] == "LendKeys"]

    assert lent
    assert all(set(statement["Action"]) == wanted for statement in lent)
