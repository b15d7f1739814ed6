"""The one way this project replicates a bucket: from the primary region to the recovery region, timed and measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import awacs.kms
import awacs.s3
from awacs.aws import ForAnyValueStringEquals, Statement, StringEquals, StringLike
from troposphere import AWSHelperFn, If, NoValue, Sub, Template, s3

from blueprints import arns, iam
from blueprints.regions import PRIMARY
from blueprints.settings import Settings

# Only when replication is timed does S3 promise 99.99 % within this time, and tell when it fails.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html
MINUTES = 15


class Route(NamedTuple):
    """What goes where.

    Attributes:
        source: Purpose of the bucket in the primary region.
        target: Purpose of the bucket in the recovery region.
        key: Purpose of the keys at either end.
        deletions: Whether what is deleted at the source is hidden at the target, too; versions are never deleted.
    """

    source: str
    target: str
    key: str
    deletions: bool = False

    @property
    def title(self) -> str:
        """Name of the rule: ``StagingToVault``."""
        return f"{self.source.capitalize()}To{self.target.capitalize()}"


def replication(t: Template, settings: Settings, route: Route, source_key: AWSHelperFn) -> If:
    """Configuration of the source's bucket, in the primary region only; adds the role that S3 assumes for it."""
    title = f"{route.source.capitalize()}ReplicationRole"
    role = iam.role(t, settings, title, "s3", *_permissions(settings, route, source_key), condition=PRIMARY)
    here = s3.ReplicationConfiguration(Role=role.get_att("Arn"), Rules=[_rule(settings, route)])
    return If(PRIMARY, here, NoValue)


def _rule(settings: Settings, route: Route) -> s3.ReplicationConfigurationRules:
    minutes = s3.ReplicationTimeValue(Minutes=MINUTES)
    destination = s3.ReplicationConfigurationRulesDestination(
        Bucket=arns.bucket(settings, route.target, region=settings.recovery_region),
        # S3 takes a wrong key without a word and then replicates nothing: whoever relies on a replica looks for it.
        EncryptionConfiguration=s3.EncryptionConfiguration(
            ReplicaKmsKeyID=arns.key_alias(settings, route.key, region=settings.recovery_region)
        ),
        ReplicationTime=s3.ReplicationTime(Status="Enabled", Time=minutes),
        Metrics=s3.Metrics(Status="Enabled", EventThreshold=minutes),
    )
    return s3.ReplicationConfigurationRules(
        Id=route.title,
        Status="Enabled",
        Priority=1,
        Filter=s3.ReplicationRuleFilter(Prefix=""),
        DeleteMarkerReplication=s3.DeleteMarkerReplication(Status="Enabled" if route.deletions else "Disabled"),
        SourceSelectionCriteria=s3.SourceSelectionCriteria(
            SseKmsEncryptedObjects=s3.SseKmsEncryptedObjects(Status="Enabled")
        ),
        Destination=destination,
    )


def _permissions(settings: Settings, route: Route, source_key: AWSHelperFn) -> Iterator[Statement]:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
    # With bucket keys the encryption context is the bucket's ARN; for objects written before, it is the object's.
    there = settings.recovery_region
    source = arns.bucket(settings, route.source)
    sources = arns.objects(settings, route.source)
    targets = arns.objects(settings, route.target, region=there)
    yield iam.allow("ReadReplication", [awacs.s3.GetReplicationConfiguration, awacs.s3.ListBucket], [source])
    yield iam.allow(
        "ReadForReplication",
        [awacs.s3.GetObjectVersionForReplication, awacs.s3.GetObjectVersionAcl, awacs.s3.GetObjectVersionTagging],
        [sources],
    )
    replicate = [awacs.s3.ReplicateObject, awacs.s3.ReplicateTags]
    if route.deletions:
        replicate.append(awacs.s3.ReplicateDelete)
    yield iam.allow("WriteReplicas", replicate, [targets])
    yield iam.allow(
        "DecryptSource",
        [awacs.kms.Decrypt],
        [source_key],
        StringLike(
            {
                "kms:ViaService": Sub(f"s3.{arns.HERE}.amazonaws.com"),
                "kms:EncryptionContext:aws:s3:arn": [source, sources],
            }
        ),
    )
    # The other region's key has no ARN that this one can compute, only an alias; its bucket key needs a data key.
    yield iam.allow(
        "EncryptReplicas",
        [awacs.kms.Encrypt, awacs.kms.GenerateDataKey],
        [arns.keys(region=there)],
        ForAnyValueStringEquals("kms:ResourceAliases", settings.alias(route.key)),
        StringEquals("kms:ViaService", f"s3.{there}.amazonaws.com"),
        StringLike("kms:EncryptionContext:aws:s3:arn", [arns.bucket(settings, route.target, region=there), targets]),
    )
