"""Storage stack: export staging, the locked vault, the console's site, access logs, and the ledger.

Deployed to the recovery region first: the primary's buckets replicate into the recovery region's, and S3 wants to see
those. Only the primary region makes the ledger, with a replica in each.
"""

from __future__ import annotations

from datetime import timedelta

import awacs.s3
from awacs.aws import Allow, ArnLike, Condition, Statement
from troposphere import Template, dynamodb

from blueprints import arns, iam
from blueprints.buckets import Lock, access_log_bucket, bucket
from blueprints.last import make_last
from blueprints.outputs import KeysOutputs, StorageOutputs
from blueprints.regions import PRIMARY, two_region_template
from blueprints.replication import Route, replication
from blueprints.settings import Settings

STAGING, VAULT, SITE = "staging", "vault", "site"
TO_VAULT = Route(STAGING, VAULT, key="backups")
TO_OTHER_SITE = Route(SITE, SITE, key="data", deletions=True)
SITE_KEPT = timedelta(days=30)  # time to notice that an upload of the console was a bad one, and to fetch the last back


def blueprint(settings: Settings, keys: KeysOutputs) -> Template:
    """Template of the storage stack."""
    t = two_region_template(settings, "staging, vault, site, access logs and the ledger")
    kept = settings.backup.staging_retention

    access = access_log_bucket(t, settings, kept=timedelta(days=settings.log_retention), logged=[STAGING, VAULT, SITE])
    staging = bucket(
        t,
        settings,
        "Staging",
        STAGING,
        key=keys.backups_key,
        access_logs=access,
        kept=kept,
        noncurrent_kept=kept,
        replication=replication(t, settings, TO_VAULT, keys.backups_key),
    )
    vault = bucket(
        t,
        settings,
        "Vault",
        VAULT,
        key=keys.backups_key,
        access_logs=access,
        kept=None,  # how long a recovery point lives is decided by the retention machine, never by age alone
        noncurrent_kept=settings.backup.lock_retention,
        lock=Lock(mode=settings.backup.lock_mode, retention=settings.backup.lock_retention),
        statements=[_pipeline_never_destroys(settings)],
    )
    site = bucket(
        t,
        settings,
        "Site",
        SITE,
        key=keys.data_key,
        access_logs=access,
        kept=None,
        noncurrent_kept=SITE_KEPT,
        replication=replication(t, settings, TO_OTHER_SITE, keys.data_key),
        # Without CloudFront the API's role reads it, by that role's own policy.
        statements=[_read_by_cloudfront(settings)] if settings.site.cloudfront else [],
    )
    # It outlives its stack and refuses to be deleted: what else can fail in this stack's creation, fails before it.
    make_last(t, _ledger(t, settings))

    StorageOutputs(
        staging=staging.ref(),
        staging_arn=staging.get_att("Arn"),
        vault=vault.ref(),
        vault_arn=vault.get_att("Arn"),
        access_logs=access.ref(),
        site=site.ref(),
        site_arn=site.get_att("Arn"),
        ledger=settings.name("ledger"),
        ledger_arn=arns.ledger(settings),
    ).publish(t, settings)
    return t


def _pipeline_never_destroys(settings: Settings) -> Statement:
    """Whatever a role of ours may be given by mistake, it deletes nothing in the vault and lifts no lock.

    Not even the newest version is hidden behind a delete marker. In GOVERNANCE mode people with the permission can
    still lift a lock; nobody can in COMPLIANCE mode.
    """
    actions = [
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
    ]
    return iam.never_by_us(settings, actions, [arns.bucket(settings, VAULT), arns.objects(settings, VAULT)])


def _read_by_cloudfront(settings: Settings) -> Statement:
    """CloudFront reads files, and nothing else, for a distribution of this account; it can't list them.

    The distribution is younger than the bucket and in another region, so its id can't stand here. Its ARN holds the
    account; ``aws:SourceAccount`` would add nothing, and AWS does not say that CloudFront sends it.
    """
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    return Statement(
        Sid="AllowCloudFront",
        Effect=Allow,
        Principal=iam.service_principal("cloudfront"),
        Action=[awacs.s3.GetObject],
        Resource=[arns.objects(settings, SITE)],
        Condition=Condition(ArnLike("aws:SourceArn", arns.distributions())),
    )


def _ledger(t: Template, settings: Settings) -> dynamodb.GlobalTable:
    """Recovery points, operations, leases, databases; sparse indexes of what is open and of points by their time."""
    return t.add_resource(
        dynamodb.GlobalTable(
            "Ledger",
            Condition=PRIMARY,
            # Not RetainExceptOnCreate: the table's own protection would refuse, and the stack would stay half deleted.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            TableName=settings.name("ledger"),
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                dynamodb.AttributeDefinition(AttributeName=name, AttributeType="S")
                for name in ("pk", "sk", "open", "begun_at", "database", "scheduled_at")
            ],
            KeySchema=_key_schema("pk", "sk"),
            # CloudFormation adds or removes one index with an update: a table that is there needs one update for each.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
            GlobalSecondaryIndexes=[
                _index("open", "open", "begun_at", "KEYS_ONLY"),
                _index("points", "database", "scheduled_at", "ALL"),
                _index("timeline", "sk", "scheduled_at", "KEYS_ONLY"),  # what has a time is a point
            ],
            # A request is remembered for a day; nothing else in the ledger has this attribute.
            TimeToLiveSpecification=dynamodb.TimeToLiveSpecification(AttributeName="expires_at", Enabled=True),
            SSESpecification=dynamodb.GlobalTableSSESpecification(SSEEnabled=True, SSEType="KMS"),
            # Replication reads the stream; a table with two replicas can't be without.
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-globaltable.html
            StreamSpecification=dynamodb.StreamSpecification(StreamViewType="NEW_AND_OLD_IMAGES"),
            Replicas=[_replica(settings, region) for region in settings.regions],
        )
    )


def _index(name: str, partition: str, sort: str, projected: str) -> dynamodb.GlobalTableGlobalSecondaryIndex:
    return dynamodb.GlobalTableGlobalSecondaryIndex(
        IndexName=name,
        KeySchema=_key_schema(partition, sort),
        Projection=dynamodb.Projection(ProjectionType=projected),
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
