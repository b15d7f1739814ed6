"""Storage stack: export staging, the locked vault, access logs, and the ledger.

Deployed to the recovery region first: the primary's staging bucket replicates into the recovery region's vault, and
S3 wants to see that bucket. Only the primary region makes the ledger, with a replica in each.
"""

from __future__ import annotations

from datetime import timedelta

import awacs.kms
import awacs.s3
from awacs.aws import (
    ArnLike,
    Condition,
    Deny,
    ForAnyValueStringEquals,
    Principal,
    Statement,
    StringEquals,
    StringLike,
)
from troposphere import AWSHelperFn, If, NoValue, Sub, Template, dynamodb, s3

from blueprints import arns, iam
from blueprints.buckets import Lock, access_log_bucket, bucket
from blueprints.outputs import KeysOutputs, StorageOutputs
from blueprints.regions import PRIMARY, two_region_template
from blueprints.settings import Settings

STAGING, VAULT = "staging", "vault"
# Only when replication is timed does S3 promise 99.99 % within this time, and tell when it fails.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html
REPLICATION_MINUTES = 15


def blueprint(settings: Settings, keys: KeysOutputs) -> Template:
    """Template of the storage stack."""
    t = two_region_template(settings, "staging, vault, access logs and the ledger")
    kept = settings.backup.staging_retention

    access = access_log_bucket(t, settings, kept=timedelta(days=settings.log_retention), logged=[STAGING, VAULT])
    replication_role = _replication_role(t, settings, keys.backups_key)
    staging = bucket(
        t,
        settings,
        "Staging",
        STAGING,
        key=keys.backups_key,
        access_logs=access,
        kept=kept,
        noncurrent_kept=kept,
        replication=If(PRIMARY, _replication(settings, replication_role.get_att("Arn")), NoValue),
    )
    vault = bucket(
        t,
        settings,
        "Vault",
        VAULT,
        key=keys.backups_key,
        access_logs=access,
        kept=None,  # how long a recovery point lives is decided by the retention machine, never by age alone
        noncurrent_kept=settings.backup.retention,
        lock=Lock(mode=settings.backup.lock_mode, retention=settings.backup.retention),
        statements=[_pipeline_never_destroys(settings)],
    )
    _ledger(t, settings)

    StorageOutputs(
        staging=staging.ref(),
        staging_arn=staging.get_att("Arn"),
        vault=vault.ref(),
        vault_arn=vault.get_att("Arn"),
        access_logs=access.ref(),
        ledger=settings.name("ledger"),
        ledger_arn=arns.ledger(settings),
    ).publish(t, settings)
    return t


def _pipeline_never_destroys(settings: Settings) -> Statement:
    """Whatever a role of ours may be given by mistake, it deletes nothing in the vault and lifts no lock.

    Not even the newest version is hidden behind a delete marker. In GOVERNANCE mode people with the permission can
    still lift a lock; nobody can in COMPLIANCE mode.
    """
    return Statement(
        Sid="DenyDestructionByPipeline",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[
            awacs.s3.DeleteObject,
            awacs.s3.DeleteObjectVersion,
            awacs.s3.BypassGovernanceRetention,
            awacs.s3.PutObjectRetention,
            awacs.s3.PutObjectLegalHold,
            awacs.s3.PutBucketObjectLockConfiguration,
            awacs.s3.PutLifecycleConfiguration,
            awacs.s3.PutBucketPolicy,
            awacs.s3.DeleteBucketPolicy,
            awacs.s3.ReplicateDelete,
        ],
        Resource=[arns.bucket(settings, VAULT), arns.objects(settings, VAULT)],
        Condition=Condition(ArnLike("aws:PrincipalArn", arns.own_roles(settings))),
    )


def _replication(settings: Settings, role: AWSHelperFn) -> s3.ReplicationConfiguration:
    """Every object of staging, to the recovery region's vault under that region's key; never a deletion."""
    minutes = s3.ReplicationTimeValue(Minutes=REPLICATION_MINUTES)
    destination = s3.ReplicationConfigurationRulesDestination(
        Bucket=arns.bucket(settings, VAULT, region=settings.recovery_region),
        # S3 takes a wrong key without a word and then replicates nothing; level 2 finds it out for every object.
        EncryptionConfiguration=s3.EncryptionConfiguration(
            ReplicaKmsKeyID=arns.key_alias(settings, "backups", region=settings.recovery_region)
        ),
        ReplicationTime=s3.ReplicationTime(Status="Enabled", Time=minutes),
        Metrics=s3.Metrics(Status="Enabled", EventThreshold=minutes),
    )
    rule = s3.ReplicationConfigurationRules(
        Id="StagingToVault",
        Status="Enabled",
        Priority=1,
        Filter=s3.ReplicationRuleFilter(Prefix=""),
        DeleteMarkerReplication=s3.DeleteMarkerReplication(Status="Disabled"),
        SourceSelectionCriteria=s3.SourceSelectionCriteria(
            SseKmsEncryptedObjects=s3.SseKmsEncryptedObjects(Status="Enabled")
        ),
        Destination=destination,
    )
    return s3.ReplicationConfiguration(Role=role, Rules=[rule])


def _replication_role(t: Template, settings: Settings, source_key: AWSHelperFn) -> AWSHelperFn:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
    # With bucket keys the encryption context is the bucket's ARN; for objects written before, it is the object's.
    there = settings.recovery_region
    read_bucket = iam.allow(
        "ReadReplicationOfStaging",
        [awacs.s3.GetReplicationConfiguration, awacs.s3.ListBucket],
        [arns.bucket(settings, STAGING)],
    )
    read_objects = iam.allow(
        "ReadStagingForReplication",
        [
            awacs.s3.GetObjectVersionForReplication,
            awacs.s3.GetObjectVersionAcl,
            awacs.s3.GetObjectVersionTagging,
        ],
        [arns.objects(settings, STAGING)],
    )
    write = iam.allow(
        "WriteReplicasToVault",
        [awacs.s3.ReplicateObject, awacs.s3.ReplicateTags],
        [arns.objects(settings, VAULT, region=there)],
    )
    decrypt = iam.allow(
        "DecryptStaging",
        [awacs.kms.Decrypt],
        [source_key],
        StringLike(
            {
                "kms:ViaService": Sub(f"s3.{arns.HERE}.amazonaws.com"),
                "kms:EncryptionContext:aws:s3:arn": [arns.bucket(settings, STAGING), arns.objects(settings, STAGING)],
            }
        ),
    )
    # The other region's key has no ARN that this one can compute, only an alias; its bucket key needs a data key.
    encrypt = iam.allow(
        "EncryptReplicas",
        [awacs.kms.Encrypt, awacs.kms.GenerateDataKey],
        [arns.keys(region=there)],
        ForAnyValueStringEquals("kms:ResourceAliases", settings.alias("backups")),
        StringEquals("kms:ViaService", f"s3.{there}.amazonaws.com"),
        StringLike(
            "kms:EncryptionContext:aws:s3:arn",
            [arns.bucket(settings, VAULT, region=there), arns.objects(settings, VAULT, region=there)],
        ),
    )
    return iam.role(
        t, settings, "ReplicationRole", "s3", read_bucket, read_objects, write, decrypt, encrypt, condition=PRIMARY
    )


def _ledger(t: Template, settings: Settings) -> None:
    """Recovery points, operations, leases: one item per key pair, a sparse index of what is still open."""
    t.add_resource(
        dynamodb.GlobalTable(
            "Ledger",
            Condition=PRIMARY,
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            TableName=settings.name("ledger"),
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                dynamodb.AttributeDefinition(AttributeName=name, AttributeType="S")
                for name in ("pk", "sk", "open", "begun_at")
            ],
            KeySchema=_key_schema("pk", "sk"),
            GlobalSecondaryIndexes=[
                dynamodb.GlobalTableGlobalSecondaryIndex(
                    IndexName="open",
                    KeySchema=_key_schema("open", "begun_at"),
                    Projection=dynamodb.Projection(ProjectionType="KEYS_ONLY"),
                )
            ],
            SSESpecification=dynamodb.GlobalTableSSESpecification(SSEEnabled=True, SSEType="KMS"),
            # Replication reads the stream; a table with two replicas can't be without.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-globaltable.html
            StreamSpecification=dynamodb.StreamSpecification(StreamViewType="NEW_AND_OLD_IMAGES"),
            Replicas=[_replica(settings, region) for region in settings.regions],
        )
    )


def _key_schema(partition: str, sort: str) -> list[dynamodb.KeySchema]:
    return [
        dynamodb.KeySchema(AttributeName=partition, KeyType="HASH"),
        dynamodb.KeySchema(AttributeName=sort, KeyType="RANGE"),
    ]


def _replica(settings: Settings, region: str) -> dynamodb.ReplicaSpecification:
    return dynamodb.ReplicaSpecification(
        Region=region,
        DeletionProtectionEnabled=True,
        PointInTimeRecoverySpecification=dynamodb.PointInTimeRecoverySpecification(PointInTimeRecoveryEnabled=True),
        SSESpecification=dynamodb.ReplicaSSESpecification(
            KMSMasterKeyId=arns.key_alias(settings, "data", region=region)
        ),
    )
