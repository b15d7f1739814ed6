"""Whether an export's role can be assumed by RDS and may write to the bucket.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Setup.html
"""

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, s3

from sandbox.engine.rds.common import NOT_FOUND, Record, Refused

SERVICE = "export.rds.amazonaws.com"
ON_BUCKET = ("s3:ListBucket", "s3:GetBucketLocation")
ON_OBJECTS = ("s3:PutObject", "s3:GetObject", "s3:DeleteObject")


def check(role_arn: str, bucket: str, folder: str, source_arn: str) -> None:
    """Refuse a role that could not write the export; checked also when nothing else enforces permissions.

    Raises:
        Refused: So.
    """
    name = role_arn.rsplit("/", 1)[-1]
    role: Record | None = iam._roles.get(name)
    if role is None:
        raise Refused("IamRoleNotFound", f"The IAM role {role_arn} is missing.", NOT_FOUND)
    trusting = _context(role_arn, "sts:AssumeRole", "*")
    trusting.service_context["aws:sourcearn"] = source_arn
    trust = role.get("AssumeRolePolicyDocument")
    if iam_evaluator.evaluate_resource_policy(trust, trusting, service=SERVICE).decision != "Allow":
        raise Refused(
            "IamRoleMissingPermissions", f"The principal {SERVICE} isn't allowed to assume the IAM role {role_arn}."
        )
    policies = iam_evaluator._gather_role_policies(name, get_account_id())
    needed = [(action, f"arn:aws:s3:::{bucket}") for action in ON_BUCKET]
    needed += [(action, f"arn:aws:s3:::{bucket}/{folder}/x") for action in ON_OBJECTS]
    bucket_policy = s3._bucket_policies.get(bucket)
    for action, resource in needed:
        context = _context(role_arn, action, resource)
        context.service_context["s3:x-amz-server-side-encryption"] = "aws:kms"
        denied = bucket_policy and iam_evaluator.evaluate_resource_policy(bucket_policy, context).decision == "Deny"
        if denied or iam_evaluator.evaluate(context, policies).decision != "Allow":
            raise Refused(
                "IamRoleMissingPermissions",
                f"The IAM role {role_arn} isn't authorized to call {action} on the S3 bucket {bucket}. "
                "Review your permissions and retry the export.",
            )


def _context(role_arn: str, action: str, resource: str) -> iam_evaluator.EvalContext:
    context = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=get_region(),
        secure_transport=True,
    )
    context.service_context = {"aws:sourceaccount": get_account_id(), "aws:principalservicename": SERVICE}
    return context
