"""Stacks of the embedded AWS as a deployment meets them: changes of them, change sets, and exports in use."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from deploying import (
    BROKEN,
    CAPABILITIES,
    NEVER,
    att,
    await_stack,
    deploy,
    deploy_template,
    ended,
    failures,
    ref,
    remove,
    resource,
)
from making import PRIMARY, eventually

from sandbox.engine.cloudformation_replacements import name_property, recreation


def changes(client, stack, resources, *, outputs=None, tags=None, **more):
    """The change set that would make a stack's resources so: its description, and the changes by logical id."""
    name = f"c{uuid.uuid4().hex[:8]}"
    body = {"Resources": resources, **more}
    if outputs:
        body["Outputs"] = {key: {"Value": value} for key, value in outputs.items()}
    client.create_change_set(
        StackName=stack,
        ChangeSetName=name,
        TemplateBody=json.dumps(body),
        Capabilities=CAPABILITIES,
        **({"Tags": tags} if tags else {}),
    )
    found = client.describe_change_set(StackName=stack, ChangeSetName=name)
    return found, {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in found["Changes"]}


def exporting(name, display):
    """A template with a topic, whose name it exports."""
    outputs = {"Out": {"Value": att("Topic", "TopicName"), "Export": {"Name": f"{name}:topic"}}}
    return {"Resources": {"Topic": resource("SNS::Topic", TopicName=f"{name}-{display}")}, "Outputs": outputs}


def update(client, name, template):
    """Update a stack; answers the status in which it ends."""
    client.update_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=CAPABILITIES)
    return eventually(lambda: ended(client, name))


def test_an_update_changes_what_has_changed_and_a_delete_removes_all(aws, name):
    deploy(aws, name, {"Queue": resource("SQS::Queue", QueueName=name, VisibilityTimeout=30)})
    changed = {
        "Queue": resource("SQS::Queue", QueueName=name, VisibilityTimeout=60),
        "Group": resource("RDS::OptionGroup", EngineName="mysql", MajorEngineVersion="8.4", OptionGroupDescription="d"),
    }
    deploy(aws, name, changed, operation="update")
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "60"
    remove(aws, name)
    with pytest.raises(ClientError):
        sqs.get_queue_url(QueueName=name)


def test_a_type_that_nobody_knows_is_refused(aws, name):
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        deploy(aws, name, {"X": resource("Backup::BackupSelection")})


def test_a_failed_stack_says_which_resource_and_why(aws, name):
    code = {"S3Bucket": "nowhere", "S3Key": "k"}
    function = resource("Lambda::Function", Runtime="python3.13", Handler="a.b", Role="x", Code=code)
    with pytest.raises(AssertionError, match="ROLLBACK"):
        deploy(aws, name, {"F": function})


# Change sets


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("AWS::DynamoDB::GlobalTable", "TableName", "Always"),
        ("AWS::DynamoDB::GlobalTable", "KeySchema", "Conditionally"),
        ("AWS::DynamoDB::GlobalTable", "Replicas", "Never"),
        ("AWS::RDS::DBInstance", "DBInstanceIdentifier", "Always"),
        ("AWS::RDS::DBInstance", "KmsKeyId", "Always"),
        ("AWS::RDS::DBInstance", "DBInstanceClass", "Never"),
        ("AWS::S3::Bucket", "BucketName", "Always"),
        ("AWS::S3::Bucket", "LifecycleConfiguration", "Never"),
        ("AWS::KMS::Key", "KeyPolicy", "Never"),
        ("AWS::Cognito::UserPool", "Policies", "Never"),
        ("AWS::Budgets::Budget", "Budget", "Conditionally"),
        ("AWS::CloudFormation::StackSet", "StackSetName", "Always"),
        ("AWS::CloudFormation::StackSet", "TemplateURL", "Never"),
        ("AWS::EC2::Subnet", "CidrBlock", "Always"),
        ("Custom::Schema", "Statements", "Conditionally"),
    ],
)
def test_a_schema_decides_which_property_replaces_its_resource(kind, name, expected):
    assert recreation(kind, name) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("AWS::Logs::LogGroup", "LogGroupName"), ("AWS::KMS::Key", None), ("AWS::SNS::Topic", None), ("Custom::X", None)],
)
def test_a_name_is_what_identifies_a_resource_and_can_be_written(kind, expected):
    assert name_property(kind) == expected


def test_a_change_set_tells_changes_in_place_from_replacements_and_removals(aws, cloudformation, name):
    bucket = {**resource("S3::Bucket", BucketName=f"{name}-a"), "UpdateReplacePolicy": "Retain"}
    resources = {"Bucket": bucket, "Topic": resource("SNS::Topic"), "Logs": resource("Logs::LogGroup")}
    deploy(aws, name, {**resources, "Gone": {**resource("SQS::Queue"), "DeletionPolicy": "Retain"}})

    renamed = {**bucket, "Properties": {"BucketName": f"{name}-b"}}
    logs = resource("Logs::LogGroup", RetentionInDays=7)
    _, found = changes(
        cloudformation, name, {**resources, "Bucket": renamed, "Logs": logs, "New": resource("SQS::Queue")}
    )

    assert found.keys() == {"Bucket", "Logs", "Gone", "New"}
    assert (found["Bucket"]["Replacement"], found["Bucket"]["PolicyAction"]) == ("True", "ReplaceAndRetain")
    assert found["Bucket"]["Details"][0]["Target"] | {"Path": None} == {
        "Attribute": "Properties",
        "Name": "BucketName",
        "RequiresRecreation": "Always",
        "Path": None,
    }
    assert found["Logs"]["Replacement"] == "False"
    assert (found["Gone"]["Action"], found["Gone"]["PolicyAction"]) == ("Remove", "Retain")
    assert found["New"]["Action"] == "Add"


def test_a_change_set_without_changes_fails_with_the_reason_of_aws(aws, cloudformation, name):
    resources = {"Topic": resource("SNS::Topic")}
    deploy(aws, name, resources)

    found, _ = changes(cloudformation, name, resources)

    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert found["StatusReason"].startswith("The submitted information didn't contain changes.")
    found, of = changes(cloudformation, name, resources, tags=[{"Key": "a", "Value": "b"}])
    assert (found["Status"], of["Topic"]["Scope"]) == ("CREATE_COMPLETE", ["Tags"])


def test_a_change_of_outputs_alone_can_be_executed(aws, cloudformation, name):
    resources = {"Topic": resource("SNS::Topic")}
    deploy(aws, name, resources)

    found, of = changes(cloudformation, name, resources, outputs={"Arn": ref("Topic")})
    assert (found["Status"], of) == ("CREATE_COMPLETE", {})
    cloudformation.execute_change_set(StackName=name, ChangeSetName=found["ChangeSetName"])

    assert await_stack(cloudformation, name, "update")["Arn"].startswith("arn:aws:sns:")


def test_what_a_condition_keeps_away_is_no_change(aws, cloudformation, name):
    topic = {"Topic": resource("SNS::Topic")}
    deploy(aws, name, topic)

    away = {**resource("SQS::Queue"), "Condition": "Never"}
    found, _ = changes(cloudformation, name, {**topic, "Away": away}, Conditions=NEVER)

    assert found["Status"] == "FAILED"


def test_a_stack_that_failed_at_its_creation_can_only_be_deleted(cloudformation, name):
    broken = {"Broken": BROKEN}
    body = json.dumps({"Resources": broken})
    cloudformation.create_stack(StackName=name, TemplateBody=body)
    assert eventually(lambda: ended(cloudformation, name)) == "ROLLBACK_COMPLETE"

    with pytest.raises(ClientError, match="AlreadyExistsException"):
        cloudformation.create_stack(StackName=name, TemplateBody=body)
    for kind in ("CREATE", "UPDATE"):
        with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
            cloudformation.create_change_set(StackName=name, ChangeSetName="c", ChangeSetType=kind, TemplateBody=body)


def test_a_named_resource_is_not_replaced_under_its_name(aws, cloudformation, name):
    def application(platform):
        return {"Application": resource("CodeDeploy::Application", ApplicationName=name, ComputePlatform=platform)}

    deploy(aws, name, application("Lambda"))

    assert update(cloudformation, name, {"Resources": application("Server")}) == "UPDATE_ROLLBACK_COMPLETE"
    reason = dict(failures(cloudformation, name))["Application"]
    assert reason.startswith("CloudFormation cannot update a stack when a custom-named resource requires replacing.")


def test_a_health_check_is_changed_in_place(aws, cloudformation, name):
    def check(status):
        alarm = {"Name": name, "Region": PRIMARY}
        config = {"Type": "CLOUDWATCH_METRIC", "AlarmIdentifier": alarm, "InsufficientDataHealthStatus": status}
        return {"Check": resource("Route53::HealthCheck", HealthCheckConfig=config)}

    deploy(aws, name, check("Unhealthy"))
    before = cloudformation.describe_stack_resources(StackName=name)["StackResources"][0]["PhysicalResourceId"]
    deploy(aws, name, check("Healthy"), operation="update")

    after = cloudformation.describe_stack_resources(StackName=name)["StackResources"][0]["PhysicalResourceId"]
    assert after == before
    found = aws.client("route53").get_health_check(HealthCheckId=after)["HealthCheck"]["HealthCheckConfig"]
    assert found["InsufficientDataHealthStatus"] == "Healthy"


# Exports


def test_an_export_that_is_in_use_stays_as_it_is(aws, cloudformation, name):
    before = exporting(name, "a")
    deploy_template(aws, name, before)
    user = f"{name}-user"
    imported = {"Fn::ImportValue": f"{name}:topic"}
    deploy(aws, user, {"Parameter": resource("SSM::Parameter", Type="String", Value=imported)})

    assert update(cloudformation, name, exporting(name, "b")) == "UPDATE_ROLLBACK_COMPLETE"
    reason = f"Update canceled. Cannot update export {name}:topic as it is in use by {user}."
    assert dict(failures(cloudformation, name))[name] == reason
    assert update(cloudformation, name, {"Resources": before["Resources"]}) == "UPDATE_ROLLBACK_COMPLETE"
    cloudformation.delete_stack(StackName=name)
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stack["StackStatusReason"].startswith(f"Delete canceled. Cannot delete export {name}:topic as it is in use")

    remove(aws, user)
    remove(aws, name)


def test_an_import_that_a_condition_keeps_away_does_not_count(aws, name):
    deploy_template(aws, name, exporting(name, "a"))
    imported = {"Fn::ImportValue": f"{name}:topic"}
    away = {**resource("SSM::Parameter", Type="String", Value=imported), "Condition": "Never"}
    value = {"Fn::If": ["Never", imported, "none"]}
    body = {
        "Conditions": NEVER,
        "Resources": {"Away": away, "Here": resource("SSM::Parameter", Type="String", Value=value)},
    }
    deploy_template(aws, f"{name}-user", body)

    remove(aws, name)
