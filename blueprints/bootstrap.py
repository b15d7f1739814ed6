"""Bootstrap stack: what must be there before StackSets can deploy the rest; the one stack that a person deploys.

In both regions a bucket for templates and for the functions' package; in the primary region the two roles of StackSets,
unless an organization brings them. It is small enough to be sent as it is, since there is no bucket to fetch it from.
"""

from __future__ import annotations

import awacs.s3
from awacs.aws import Statement
from troposphere import Template

from blueprints import arns, iam
from blueprints.buckets import DAY, bucket
from blueprints.regions import two_region_template
from blueprints.settings import Settings
from blueprints.stacksets_roles import stacksets_roles
from blueprints.suppressions import accept

OVERWRITTEN_KEPT = 30 * DAY


def blueprint(settings: Settings) -> Template:
    """Template of the bootstrap stack."""
    if settings.stack_sets.organizational_unit:
        t = Template(Description=f"{settings.prefix}: artifact bucket")
    else:
        t = two_region_template(settings, "artifact bucket, and the roles of StackSets")
        stacksets_roles(t, settings)
    _artifacts(t, settings)
    return t


def _artifacts(t: Template, settings: Settings) -> None:
    """Bucket of what the other stacks are made from: small files, each under the digest of what it holds.

    None is deleted by its age: a set, or a function that is scaled out today, may go back to the oldest of them. What
    is overwritten or deleted although nobody should can be fetched back for 30 days.
    """
    made = bucket(
        t,
        settings,
        "Artifacts",
        arns.ARTIFACTS,
        key=None,
        access_logs=None,
        kept=None,
        noncurrent_kept=OVERWRITTEN_KEPT,
        statements=[_never_by_pipeline(settings)],
    )
    accept(made, "checkov", "CKV_AWS_18", "the bucket of the access logs is made from a template in this one")


def _never_by_pipeline(settings: Settings) -> Statement:
    """What the next deployment runs is written by whoever deploys: no function of ours puts anything in its place."""
    actions = [
        awacs.s3.PutObject,
        awacs.s3.DeleteObject,
        awacs.s3.DeleteObjectVersion,
        awacs.s3.PutBucketPolicy,
        awacs.s3.DeleteBucketPolicy,
        awacs.s3.PutLifecycleConfiguration,
    ]
    whole = [arns.bucket(settings, arns.ARTIFACTS), arns.objects(settings, arns.ARTIFACTS)]
    return iam.never_by_us(settings, actions, whole)
