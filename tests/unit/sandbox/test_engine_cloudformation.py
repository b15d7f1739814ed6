"""One template of every resource type that our stacks use, deployed to two regions of the embedded AWS."""

import json

import pytest
from deploying import deploy_template, resource
from every_type import template
from making import PRIMARY, RECOVERY


@pytest.fixture(scope="module")
def stack(engine):
    """The template deployed in both regions, the vault's region first; its outputs by region."""
    outputs = {region: deploy_template(engine, "smoke", template(), region) for region in (RECOVERY, PRIMARY)}
    yield outputs
    engine.clear_faults()


def test_every_type_of_our_stacks_deploys_in_both_regions(stack):
    for region, outputs in stack.items():
        assert outputs["Key"].startswith(f"arn:aws:kms:{region}:")
        assert outputs["Cidr"] == "10.0.0.0/16"


@pytest.mark.usefixtures("stack")
def test_what_belongs_to_the_primary_region_is_only_there(aws):
    def kinds(region):
        found = aws.client("cloudformation", region).describe_stack_resources(StackName="smoke")["StackResources"]
        return {one["LogicalResourceId"] for one in found}

    assert kinds(PRIMARY) - kinds(RECOVERY) == {"Staging", "Ledger", "Health"}


@pytest.mark.usefixtures("stack")
def test_a_definition_is_deployed_with_its_substitutions_and_runs(aws):
    states = aws.client("stepfunctions")
    machine = f"arn:aws:states:{PRIMARY}:{aws.account}:stateMachine:smoke"
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    assert json.loads(found["output"]) == {"function": f"arn:aws:lambda:{PRIMARY}:{aws.account}:function:smoke"}


@pytest.mark.usefixtures("stack")
def test_a_bucket_has_all_that_its_template_says(aws):
    vault, staging = f"smoke-vault-{PRIMARY}", f"smoke-staging-{PRIMARY}"
    s3 = aws.client("s3")
    encryption = s3.get_bucket_encryption(Bucket=vault)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["BucketKeyEnabled"]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    lock = s3.get_object_lock_configuration(Bucket=vault)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 30}
    rule = s3.get_bucket_lifecycle_configuration(Bucket=vault)["Rules"][0]
    assert (rule["ID"], rule["NoncurrentVersionExpiration"]) == ("old", {"NoncurrentDays": 30})
    assert s3.get_bucket_logging(Bucket=vault)["LoggingEnabled"]["TargetPrefix"] == "vault/"
    assert s3.get_bucket_ownership_controls(Bucket=vault)["OwnershipControls"]["Rules"]
    assert s3.get_bucket_versioning(Bucket=staging)["Status"] == "Enabled"
    replication = s3.get_bucket_replication(Bucket=staging)["ReplicationConfiguration"]["Rules"][0]
    assert replication["Destination"]["Bucket"] == f"arn:aws:s3:::smoke-vault-{RECOVERY}"
    assert s3.get_public_access_block(Bucket=vault)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]


@pytest.mark.usefixtures("stack")
def test_the_rules_of_security_groups_are_there(aws):
    groups = aws.client("ec2").describe_security_groups()["SecurityGroups"]
    databases = next(one for one in groups if one["Description"] == "databases")
    assert databases["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"]


@pytest.mark.usefixtures("stack")
def test_the_ledger_is_in_both_regions(aws):
    for region in (PRIMARY, RECOVERY):
        assert (
            aws.client("dynamodb", region).describe_table(TableName="smoke-ledger")["Table"]["TableStatus"] == "ACTIVE"
        )


def test_an_export_is_imported_in_its_own_region_only(aws, stack, name):
    body = {
        "Resources": {"Topic": resource("SNS::Topic", KmsMasterKeyId={"Fn::ImportValue": "smoke-key-arn"})},
        "Outputs": {"Key": {"Value": {"Fn::ImportValue": "smoke-key-arn"}}},
    }
    for region in (PRIMARY, RECOVERY):
        assert deploy_template(aws, name, body, region)["Key"] == stack[region]["Key"]
    with pytest.raises(AssertionError, match="smoke-key-arn"):
        deploy_template(aws, f"{name}-elsewhere", body, "ap-south-1")
