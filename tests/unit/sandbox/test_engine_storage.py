import base64
import io
import json

import boto3
import pytest
from botocore.exceptions import ClientError
from making import PRIMARY, RECOVERY, eventually
from policies import allow, document_text


@pytest.fixture
def keys(aws, name):
    """A key with an alias in each region; their ARNs."""
    arns = {}
    for region in (PRIMARY, RECOVERY):
        kms = aws.client("kms", region)
        arns[region] = kms.create_key()["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=arns[region])
    return arns


@pytest.fixture
def buckets(aws, make, name, keys):  # noqa: ARG001  # the buckets' keys must be there
    """A staging bucket that replicates to a locked vault in the other region; ``replica_key`` can name a wrong key."""

    def create(replica_key=f"arn:aws:kms:{RECOVERY}:{aws.account}:alias/{name}", *, statements=None):
        staging, vault = f"{name}-staging", f"{name}-vault"
        s3, other = aws.client("s3"), aws.client("s3", RECOVERY)
        s3.create_bucket(Bucket=staging)
        place = {"LocationConstraint": RECOVERY}
        other.create_bucket(Bucket=vault, CreateBucketConfiguration=place, ObjectLockEnabledForBucket=True)
        retention = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
        other.put_object_lock_configuration(
            Bucket=vault, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
        )
        s3.put_bucket_versioning(Bucket=staging, VersioningConfiguration={"Status": "Enabled"})
        default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": f"alias/{name}"}}
        s3.put_bucket_encryption(Bucket=staging, ServerSideEncryptionConfiguration={"Rules": [default]})
        rule = {
            "ID": "vault",
            "Status": "Enabled",
            "Priority": 1,
            "Filter": {},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
            "Destination": {
                "Bucket": f"arn:aws:s3:::{vault}",
                "EncryptionConfiguration": {"ReplicaKmsKeyID": replica_key},
                "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
            },
        }
        role = make.role("s3", *(statements if statements is not None else [allow(["s3:*", "kms:*"])]))
        s3.put_bucket_replication(Bucket=staging, ReplicationConfiguration={"Role": role, "Rules": [rule]})
        return staging, vault

    return create


def status(aws, bucket, key):
    found = aws.client("s3").head_object(Bucket=bucket, Key=key)["ReplicationStatus"]
    return None if found == "PENDING" else found


def test_a_replica_has_the_version_size_checksum_and_lock_and_the_key_of_its_region(aws, buckets, keys):
    staging, vault = buckets()
    put = aws.client("s3").put_object(Bucket=staging, Key="a/part-0", Body=b"PAR1" * 100, ChecksumAlgorithm="SHA256")
    assert eventually(lambda: status(aws, staging, "a/part-0")) == "COMPLETED"
    head = aws.client("s3", RECOVERY).head_object(Bucket=vault, Key="a/part-0", ChecksumMode="ENABLED")
    assert head["ReplicationStatus"] == "REPLICA"
    assert (head["VersionId"], head["ContentLength"]) == (put["VersionId"], 400)
    assert head["ChecksumSHA256"] == put["ChecksumSHA256"]
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", keys[RECOVERY])
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"] > head["LastModified"]


def test_a_locked_version_cannot_be_deleted(aws, buckets):
    staging, vault = buckets()
    aws.client("s3").put_object(Bucket=staging, Key="k", Body=b"1")
    eventually(lambda: status(aws, staging, "k"))
    other = aws.client("s3", RECOVERY)
    version = other.head_object(Bucket=vault, Key="k")["VersionId"]
    with pytest.raises(ClientError) as refusal:
        other.delete_object(Bucket=vault, Key="k", VersionId=version)
    assert refusal.value.response["Error"]["Code"] == "AccessDenied"


def test_a_wrong_replica_key_fails_silently(aws, buckets):
    staging, vault = buckets(f"arn:aws:kms:{RECOVERY}:{aws.account}:alias/nowhere")
    aws.client("s3").put_object(Bucket=staging, Key="k", Body=b"1")
    assert eventually(lambda: status(aws, staging, "k")) == "FAILED"
    assert "Contents" not in aws.client("s3", RECOVERY).list_objects_v2(Bucket=vault)


def test_a_replication_role_without_the_key_fails_silently(aws, buckets):
    staging, _ = buckets(statements=[allow("s3:*")])
    aws.client("s3").put_object(Bucket=staging, Key="k", Body=b"1")
    assert eventually(lambda: status(aws, staging, "k")) == "FAILED"


def test_replication_can_be_late_and_can_forget_objects(aws, buckets):
    staging, vault = buckets()
    aws.set_faults({"replication": {"delay_seconds": 0.5, "skip": ["*/lost"]}})
    for key in ("a/kept", "a/lost"):
        aws.client("s3").put_object(Bucket=staging, Key=key, Body=b"1")
    assert status(aws, staging, "a/kept") is None
    assert eventually(lambda: status(aws, staging, "a/kept")) == "COMPLETED"
    assert status(aws, staging, "a/lost") is None
    found = aws.client("s3", RECOVERY).list_objects_v2(Bucket=vault)["Contents"]
    assert [one["Key"] for one in found] == ["a/kept"]


def test_an_object_without_a_checksum_gets_crc64nvme(aws, name):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    plain = boto3.session.Session().client(
        "s3",
        endpoint_url=aws.endpoint,
        region_name=PRIMARY,
        aws_access_key_id=aws.account,
        aws_secret_access_key="test",
        config=boto3.session.Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"}),
    )
    plain.put_object(Bucket=name, Key="k", Body=b"123456789")
    head = s3.head_object(Bucket=name, Key="k", ChecksumMode="ENABLED")
    assert base64.b64decode(head["ChecksumCRC64NVME"]).hex() == "ae8b14860a799888"


def test_the_end_of_an_object_can_be_read_alone(aws, name):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=io.BytesIO(b"0123456789"))
    found = s3.get_object(Bucket=name, Key="k", Range="bytes=-4")
    assert (found["Body"].read(), found["ContentRange"]) == (b"6789", "bytes 6-9/10")
    assert s3.get_object(Bucket=name, Key="k", Range="bytes=-100")["Body"].read() == b"0123456789"


def test_an_unknown_key_is_refused_and_an_alias_is_shown_as_the_key(aws, name, keys):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=f"alias/{name}")
    assert s3.head_object(Bucket=name, Key="k")["SSEKMSKeyId"] == keys[PRIMARY]
    with pytest.raises(ClientError) as refusal:
        s3.put_object(Bucket=name, Key="k", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId="alias/nowhere")
    assert refusal.value.response["Error"]["Code"] == "KMS.NotFoundException"


def test_a_role_needs_the_key_to_read_an_object_and_to_be_told_its_checksum(aws, make, name, keys):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId=keys[PRIMARY])
    source = """
        import boto3
        def handler(event, context):
            s3, answers = boto3.client("s3"), {}
            for call, more in (("get_object", {}), ("head_object", {}), ("head_object", {"ChecksumMode": "ENABLED"})):
                try:
                    getattr(s3, call)(Bucket=event, Key="k", **more)
                    answers[f"{call} {len(more)}"] = "allowed"
                except Exception as error:
                    answers[f"{call} {len(more)}"] = error.response["Error"]["Code"]
            return answers
        """
    reads = allow("s3:GetObject", f"arn:aws:s3:::{name}/*")
    without, _ = make.invoke(make.function(source, make.role("lambda", reads)), name)
    assert without == {"get_object 0": "AccessDenied", "head_object 0": "allowed", "head_object 1": "403"}
    by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{name}"}}
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{PRIMARY}.amazonaws.com"}}
    decrypts = allow("kms:Decrypt", f"arn:aws:kms:{PRIMARY}:{aws.account}:key/*", Condition={**by_alias, **through_s3})
    with_key, _ = make.invoke(make.function(source, make.role("lambda", reads, decrypts)), name)
    assert set(with_key.values()) == {"allowed"}


def test_a_tls_only_policy_lets_roles_in(aws, make, name):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"1")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*"}
    s3.put_bucket_policy(
        Bucket=name, Policy=document_text({**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}})
    )
    source = """
        import boto3
        def handler(event, context):
            return boto3.client("s3").get_object(Bucket=event, Key="k")["ContentLength"]
        """
    assert make.invoke(make.function(source, make.role("lambda", allow("s3:GetObject"))), name) == (1, None)


# Global tables


@pytest.fixture
def table(aws, name, keys):  # noqa: ARG001  # the replicas' keys must be there
    replica = {
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "DeletionProtectionEnabled": False,
        "SSESpecification": {"KMSMasterKeyId": f"alias/{name}"},
    }
    properties = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": part, "AttributeType": "S"} for part in ("pk", "sk", "state")],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by-state",
                "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
        "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
        "Replicas": [{"Region": region, **replica} for region in (PRIMARY, RECOVERY)],
    }
    template = {"Resources": {"Ledger": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": properties}}}
    client = aws.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps(template))
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": 600})
    return name


def item(value, state="open"):
    return {"pk": {"S": "point"}, "sk": {"S": "1"}, "state": {"S": state}, "value": {"S": value}}


def read(aws, table, region):
    found = aws.client("dynamodb", region).get_item(TableName=table, Key={"pk": {"S": "point"}, "sk": {"S": "1"}})
    return found.get("Item", {}).get("value", {}).get("S")


def test_a_write_in_either_region_appears_in_the_other_and_in_its_index(aws, table):
    aws.client("dynamodb").put_item(TableName=table, Item=item("here"))
    assert eventually(lambda: read(aws, table, RECOVERY)) == "here"
    aws.client("dynamodb", RECOVERY).put_item(TableName=table, Item=item("there", "closed"))
    assert read(aws, table, PRIMARY) == "there"
    for region in (PRIMARY, RECOVERY):
        found = aws.client("dynamodb", region).query(
            TableName=table,
            IndexName="by-state",
            KeyConditionExpression="#s = :s",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={":s": {"S": "closed"}},
        )
        assert found["Count"] == 1


def test_each_replica_has_its_own_backups_and_expiry(aws, table):
    for region in (PRIMARY, RECOVERY):
        client = aws.client("dynamodb", region)
        backups = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        assert client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["AttributeName"] == "expires"


def test_a_late_write_does_not_displace_a_newer_one(aws, table):
    aws.set_faults({"replication": {"table_delay_seconds": 0.4}})
    aws.client("dynamodb").put_item(TableName=table, Item=item("older"))
    aws.client("dynamodb", RECOVERY).put_item(TableName=table, Item=item("newer"))
    assert read(aws, table, PRIMARY) == "older"
    assert eventually(lambda: read(aws, table, PRIMARY) == "newer")
    assert read(aws, table, RECOVERY) == "newer"
