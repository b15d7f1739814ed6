"""What KMS knows when a service uses a key for somebody: the condition keys that key policies and roles name.

https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
"""

from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import kms

# The encryption context of each service: where its documentation says which name the resource has there.
CONTEXT_NAMES = {
    "s3": "aws:s3:arn",  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    "sns": "aws:sns:topicArn",  # https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html
    "sqs": "aws:sqs:arn",  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    "secretsmanager": "SecretARN",  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
}


def arn_of(key: str, region: str) -> str | None:
    """The ARN of the customer-managed key behind an id, ARN or alias; None of an AWS-managed or unknown one."""
    if not key or "alias/aws/" in key:
        return None
    with request_scope(get_account_id(), region):
        record = kms._resolve_key(key)
        return str(record["Arn"]) if record else None


def conditions(arn: str, service: str | None = None, resource: str = "", region: str = "") -> dict[str, Any]:
    """The condition keys of a use of the key ``arn``, through a service if one is named, for ``resource``."""
    with request_scope(get_account_id(), arn.split(":")[3] or get_region()):
        aliases = [alias.rpartition(":")[2] for alias, key in kms._aliases.items() if arn.endswith(f":key/{key}")]
    found: dict[str, Any] = {"kms:ResourceAliases": aliases, "kms:CallerAccount": get_account_id()}
    if service is not None:
        found["kms:ViaService"] = f"{service}.{region or get_region()}.amazonaws.com"
    name = CONTEXT_NAMES.get(service or "")
    if name and resource:
        found[f"kms:EncryptionContext:{name}"] = resource
        found["kms:EncryptionContextKeys"] = [name]
    return found
