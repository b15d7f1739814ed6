"""The one way this project declares a bucket: private, versioned, encrypted, logged, TLS only, policy beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, NamedTuple

import awacs.s3
from awacs.aws import Allow, ArnLike, Condition, PolicyDocument, Statement, StringEquals
from troposphere import AccountId, AWSHelperFn, Template, s3

from blueprints import arns, iam
from blueprints.settings import Settings
from blueprints.suppressions import accept

DAY = timedelta(days=1)
ACCESS_LOGS = "access"
# Long enough for the largest part of the slowest export; what is older is the waste of a broken one.
INCOMPLETE_UPLOAD_DAYS = 7


class Lock(NamedTuple):
    """Default retention that Object Lock gives every new version."""

    mode: Literal["GOVERNANCE", "COMPLIANCE"]
    retention: timedelta


def bucket(  # noqa: PLR0913 (what differs between buckets)
    t: Template,
    settings: Settings,
    title: str,
    purpose: str,
    *,
    key: AWSHelperFn | None,
    access_logs: s3.Bucket | None,
    kept: timedelta | None,
    noncurrent_kept: timedelta,
    lock: Lock | None = None,
    replication: s3.ReplicationConfiguration | AWSHelperFn | None = None,
    statements: Sequence[Statement] = (),
) -> s3.Bucket:
    """Add the bucket ``{prefix}-{purpose}-{region}-{account}``, encrypted under *key* (ARN), and its policy.

    Only what is there before any key and any other bucket does without *key* (S3's own, then) and *access_logs*.
    The lifecycle deletes an object at the age *kept*, or never if somebody else decides that; an overwritten or deleted
    version can be fetched back for *noncurrent_kept*. *statements* are what the policy says beyond "only over TLS".
    """
    options: dict[str, object] = {}
    if lock:
        options |= {"ObjectLockEnabled": True, "ObjectLockConfiguration": _locked(lock)}
    if replication:
        options["ReplicationConfiguration"] = replication
    made = t.add_resource(
        s3.Bucket(
            title,
            **_kept(),
            BucketName=arns.bucket_name(settings, purpose),
            BucketEncryption=_encrypted(key),
            **_logged(access_logs, purpose),
            LifecycleConfiguration=_lifecycle(kept, noncurrent_kept),
            # Everything that happens to an object is an event; it costs nothing until a rule matches.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
            NotificationConfiguration=s3.NotificationConfiguration(
                EventBridgeConfiguration=s3.EventBridgeConfiguration(EventBridgeEnabled=True)
            ),
            **_private_and_versioned(),
            **options,
        )
    )
    _policy(t, settings, made, purpose, statements)
    return made


def access_log_bucket(t: Template, settings: Settings, *, kept: timedelta, logged: Sequence[str]) -> s3.Bucket:
    """Add the bucket into which S3 writes the access logs of the buckets of the *logged* purposes."""
    made = t.add_resource(
        s3.Bucket(
            "AccessLogs",
            **_kept(),
            BucketName=arns.bucket_name(settings, ACCESS_LOGS),
            # S3 can't deliver access logs into a bucket whose default encryption is SSE-KMS.
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
            BucketEncryption=_encrypted(None),
            LifecycleConfiguration=_lifecycle(kept, kept),
            **_private_and_versioned(),
        )
    )
    accept(made, "checkov", "CKV_AWS_18", "the bucket of the access logs: logging itself would never end")
    deliver = Statement(
        Sid="AllowAccessLogDelivery",
        Effect=Allow,
        Principal=iam.service_principal("logging.s3"),
        Action=[awacs.s3.PutObject],
        Resource=[arns.objects(settings, ACCESS_LOGS)],
        Condition=Condition(
            [
                StringEquals("aws:SourceAccount", AccountId),
                ArnLike("aws:SourceArn", [arns.bucket(settings, purpose) for purpose in logged]),
            ]
        ),
    )
    _policy(t, settings, made, ACCESS_LOGS, [deliver])
    return made


def _policy(t: Template, settings: Settings, made: s3.Bucket, purpose: str, statements: Sequence[Statement]) -> None:
    whole = [arns.bucket(settings, purpose), arns.objects(settings, purpose)]
    document = PolicyDocument(Version=iam.VERSION, Statement=[iam.only_over_tls(whole, "s3"), *statements])
    t.add_resource(s3.BucketPolicy(f"{made.title}Access", Bucket=made.ref(), PolicyDocument=document))


def _kept() -> dict[str, object]:
    # A bucket stays when its stack goes. But were it to stay when the stack's very first deployment fails, the second
    # one would find its name taken.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    return {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


def _private_and_versioned() -> dict[str, object]:
    return {
        "PublicAccessBlockConfiguration": s3.PublicAccessBlockConfiguration(
            BlockPublicAcls=True, BlockPublicPolicy=True, IgnorePublicAcls=True, RestrictPublicBuckets=True
        ),
        "OwnershipControls": s3.OwnershipControls(
            Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
        ),
        "VersioningConfiguration": s3.VersioningConfiguration(Status="Enabled"),
    }


def _encrypted(key: AWSHelperFn | None) -> s3.BucketEncryption:
    if key is None:
        rule = s3.ServerSideEncryptionRule(
            ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
        )
    else:
        default = s3.ServerSideEncryptionByDefault(SSEAlgorithm="aws:kms", KMSMasterKeyID=key)
        rule = s3.ServerSideEncryptionRule(ServerSideEncryptionByDefault=default, BucketKeyEnabled=True)
    return s3.BucketEncryption(ServerSideEncryptionConfiguration=[rule])


def _logged(access_logs: s3.Bucket | None, purpose: str) -> dict[str, object]:
    if access_logs is None:
        return {}
    target = s3.LoggingConfiguration(DestinationBucketName=access_logs.ref(), LogFilePrefix=f"{purpose}/")
    return {"LoggingConfiguration": target}


def _locked(lock: Lock) -> s3.ObjectLockConfiguration:
    default = s3.DefaultRetention(Mode=lock.mode, Days=lock.retention // DAY)
    return s3.ObjectLockConfiguration(ObjectLockEnabled="Enabled", Rule=s3.ObjectLockRule(DefaultRetention=default))


def _lifecycle(kept: timedelta | None, noncurrent_kept: timedelta) -> s3.LifecycleConfiguration:
    # A delete marker with nothing behind it goes too; S3 refuses to be told both that and an age in one rule.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
    expire = {"ExpirationInDays": kept // DAY} if kept else {"ExpiredObjectDeleteMarker": True}
    return s3.LifecycleConfiguration(
        Rules=[
            s3.LifecycleRule(
                Id="Expire",
                Status="Enabled",
                AbortIncompleteMultipartUpload=s3.AbortIncompleteMultipartUpload(
                    DaysAfterInitiation=INCOMPLETE_UPLOAD_DAYS
                ),
                NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=noncurrent_kept // DAY),
                **expire,
            )
        ]
    )
