"""Stacks of the embedded AWS: what they leave and what they do not delete; how what they have is found changed."""

import json

import pytest
from botocore.exceptions import ClientError
from deploying import BROKEN, deploy, ended, failures, remove, resource
from making import PRIMARY, eventually
from policies import allow, document


def protected(name):
    """A table that is not deleted before somebody lifts its protection."""
    return resource(
        "DynamoDB::GlobalTable",
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        Replicas=[{"Region": PRIMARY, "DeletionProtectionEnabled": True}],
    )


def test_a_bucket_with_objects_stays_and_so_does_its_stack(aws, cloudformation, name):
    deploy(aws, name, {"Bucket": resource("S3::Bucket", BucketName=name)})
    aws.client("s3").put_object(Bucket=name, Key="k", Body=b"v")

    cloudformation.delete_stack(StackName=name)

    assert eventually(lambda: ended(cloudformation, name)) == "DELETE_FAILED"
    assert "not empty" in dict(failures(cloudformation, name))["Bucket"]
    aws.client("s3").delete_object(Bucket=name, Key="k")
    remove(aws, name)


def test_a_protected_user_pool_stays(aws, cloudformation, name):
    deploy(aws, name, {"Pool": resource("Cognito::UserPool", UserPoolName=name, DeletionProtection="ACTIVE")})
    pool = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="Pool")["StackResourceDetail"]
    cognito, identifier = aws.client("cognito-idp"), pool["PhysicalResourceId"]

    with pytest.raises(ClientError, match="deletion protection is activated"):
        cognito.delete_user_pool(UserPoolId=identifier)
    cloudformation.delete_stack(StackName=name)
    assert eventually(lambda: ended(cloudformation, name)) == "DELETE_FAILED"

    cognito.update_user_pool(UserPoolId=identifier, DeletionProtection="INACTIVE")
    remove(aws, name)


def test_a_database_leaves_a_snapshot_when_its_policy_says_so(aws, cloudformation, name):
    database = resource(
        "RDS::DBInstance",
        DBInstanceIdentifier=name,
        Engine="mysql",
        DBInstanceClass="db.t4g.micro",
        AllocatedStorage="20",
        MasterUsername="admin",
        ManageMasterUserPassword=True,
        DeletionProtection=True,
    )
    deploy(aws, name, {"Database": {**database, "DeletionPolicy": "Snapshot"}})
    rds = aws.client("rds")

    cloudformation.delete_stack(StackName=name)
    assert eventually(lambda: ended(cloudformation, name), 30) == "DELETE_FAILED"
    assert "deletion protection" in dict(failures(cloudformation, name))["Database"]
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    remove(aws, name)

    (snapshot,) = rds.describe_db_snapshots(DBInstanceIdentifier=name)["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"].startswith(f"{name}-snapshot-database-")
    assert snapshot["Status"] == "available"
    with pytest.raises(ClientError, match="DBInstanceNotFound"):
        rds.describe_db_instances(DBInstanceIdentifier=name)


@pytest.mark.parametrize("way", ["stack", "change set"])
def test_what_a_rollback_could_not_delete_stays_in_the_stack(aws, cloudformation, name, way):
    broken = {**BROKEN, "DependsOn": "Table"}
    template = {
        "StackName": name,
        "TemplateBody": json.dumps({"Resources": {"Table": protected(name), "Broken": broken}}),
    }
    if way == "stack":
        cloudformation.create_stack(**template)
    else:
        cloudformation.create_change_set(ChangeSetName="c", ChangeSetType="CREATE", **template)
        cloudformation.execute_change_set(ChangeSetName="c", StackName=name)
    assert eventually(lambda: ended(cloudformation, name)) == "ROLLBACK_FAILED"

    cloudformation.delete_stack(StackName=name)
    assert eventually(lambda: ended(cloudformation, name)) == "DELETE_FAILED"
    assert "protected against deletion" in dict(failures(cloudformation, name))["Table"]

    aws.client("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
    remove(aws, name)
    assert name not in aws.client("dynamodb").list_tables()["TableNames"]


def test_a_failed_creation_leaves_no_bucket_that_is_retained_except_on_creation(aws, cloudformation, name):
    body = {
        "Resources": {
            "Bucket": {**resource("S3::Bucket", BucketName=name), "DeletionPolicy": "RetainExceptOnCreate"},
            "Broken": {**BROKEN, "DependsOn": "Bucket"},
        }
    }
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(body))
    assert eventually(lambda: ended(cloudformation, name)) == "ROLLBACK_COMPLETE"
    assert name not in {bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]}


def test_drift_of_a_key_and_of_a_ledger_is_found(aws, cloudformation, name):
    policy = document(allow("kms:*", Principal={"AWS": "*"}))
    deploy(aws, name, {"Key": resource("KMS::Key", KeyPolicy=policy, Enabled=True), "Table": protected(name)})

    def drift():
        begun = cloudformation.detect_stack_drift(StackName=name)["StackDriftDetectionId"]
        status = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=begun)
        drifts = cloudformation.describe_stack_resource_drifts(StackName=name)["StackResourceDrifts"]
        return status["StackDriftStatus"], {
            one["LogicalResourceId"]: [part["PropertyPath"] for part in one.get("PropertyDifferences", [])]
            for one in drifts
        }

    assert drift() == ("IN_SYNC", {"Key": [], "Table": []})
    key = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="Key")["StackResourceDetail"]
    aws.client("kms").disable_key(KeyId=key["PhysicalResourceId"])
    aws.client("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
    assert drift() == ("DRIFTED", {"Key": ["/Enabled"], "Table": ["/Replicas/0/DeletionProtectionEnabled"]})
    remove(aws, name)
