"""Master passwords that RDS keeps in Secrets Manager.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
"""

import json
import secrets
import uuid

from ministack.services import kms, secretsmanager

from sandbox.engine.rds.common import Record, require_key

DEFAULT_KEY = "alias/aws/secretsmanager"
PASSWORD_BYTES = 21  # 28 characters, as RDS generates


def new_password() -> str:
    """A password within RDS's rules."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def keep(instance: Record, key: str) -> None:
    """Store the instance's master password in a secret of RDS's own and show it in ``MasterUserSecret``."""
    content = json.dumps({"username": instance["MasterUsername"], "password": instance["_MasterUserPassword"]})
    tags = [
        {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
        {"Key": "aws:rds:primaryDBInstanceArn", "Value": instance["DBInstanceArn"]},
    ]
    arn, _ = secretsmanager._store_new_secret(
        f"rds!db-{uuid.uuid4()}",
        secret_string=content,
        description=f"The secret associated with the primary RDS DB instance: {instance['DBInstanceArn']}",
        tags=tags,
        kms_key_id=key,
    )
    instance["MasterUserSecret"] = {"SecretArn": arn, "SecretStatus": "active", "KmsKeyId": key}


def key_of(given: str) -> str:
    """The ARN of the key that a secret is to be kept under."""
    return require_key(given) if given else str(kms._alias_arn(DEFAULT_KEY))


def discard(instance: Record) -> None:
    """Remove the secret with its instance, at once as RDS does."""
    secret = instance.pop("MasterUserSecret", None)
    if secret:
        secretsmanager._delete_secret({"SecretId": secret["SecretArn"], "ForceDeleteWithoutRecovery": True})
