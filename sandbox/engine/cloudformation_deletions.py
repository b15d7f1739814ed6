"""What is not deleted, and what is left: protected user pools, buckets with objects, snapshots of databases."""

import uuid
from http import HTTPStatus
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import cognito, s3
from ministack.services.cloudformation import provisioners

from sandbox.engine.clients import client
from sandbox.engine.patching import replace

Properties = dict[str, Any]

# https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-deletion-protection.html
PROTECTED_POOL = (
    "The user pool cannot be deleted because deletion protection is activated. "
    "Deletion protection must be inactivated first."
)
LONGEST_SNAPSHOT = 255  # characters of a snapshot's name

_wanted: set[tuple[str, str, str]] = set()
_original: dict[str, Any] = {}


def install() -> None:
    """Replace Cognito's call, which knew no protection."""
    _original["pool"] = replace(cognito, "_delete_user_pool", delete_user_pool, "4a78aff687ef")


def delete_user_pool(request: Properties) -> Any:
    """Delete a user pool, unless it is protected."""
    pool = cognito._user_pools.get(request.get("UserPoolId")) or {}
    if pool.get("DeletionProtection") == "ACTIVE":
        return error_response_json("InvalidParameterException", PROTECTED_POOL, HTTPStatus.BAD_REQUEST)
    return _original["pool"](request)


def delete_pool_of_stack(physical_id: str, properties: Properties) -> None:
    """The same of a stack.

    Raises:
        ValueError: It is protected.
    """
    if (cognito._user_pools.get(physical_id) or {}).get("DeletionProtection") == "ACTIVE":
        raise ValueError(PROTECTED_POOL)
    provisioners._cognito_user_pool_delete(physical_id, properties)


def delete_bucket(physical_id: str, properties: Properties) -> None:
    """Delete a bucket that is empty.

    Raises:
        ValueError: It holds objects, or versions of some.
    """
    bucket = s3._buckets.get(physical_id) or {"objects": {}}
    if bucket["objects"] or any(
        versions for (where, _), versions in s3._object_versions.items() if where == physical_id
    ):
        raise ValueError("The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
    provisioners._s3_delete(physical_id, properties)


def want_snapshot(physical_id: str, _properties: Properties) -> None:
    """Note that a database is to leave a snapshot; CloudFormation asks on a thread that must not wait."""
    _wanted.add((get_account_id(), get_region(), physical_id))


def final_snapshot(physical_id: str) -> str | None:
    """The name of the snapshot that a database leaves, in CloudFormation's form; None when it leaves none."""
    key = (get_account_id(), get_region(), physical_id)
    if key not in _wanted:
        return None
    _wanted.discard(key)
    found = client("rds").describe_db_instances(DBInstanceIdentifier=physical_id)["DBInstances"][0]
    tags = {tag["Key"]: tag["Value"] for tag in found.get("TagList", [])}
    stack, logical = (tags.get(f"aws:cloudformation:{name}") for name in ("stack-name", "logical-id"))
    name = f"{stack or physical_id}-snapshot-{logical or physical_id}".lower()
    end = f"-{uuid.uuid4().hex[:12]}"
    return name[: LONGEST_SNAPSHOT - len(end)] + end
