"""Drift of types that MiniStack does not look at: whether they are there, and what of them was changed by hand.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_region
from ministack.services import cognito, dynamodb, kms, rds
from ministack.services.cloudformation import drift

Properties = dict[str, Any]
Reader = Callable[[str, Properties], Properties | None]

DATABASE = (
    "AllocatedStorage",
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DBInstanceClass",
    "DeletionProtection",
    "MaxAllocatedStorage",
    "MultiAZ",
    "StorageEncrypted",
    "StorageType",
)
POOL = ("DeletionProtection", "MfaConfiguration", "UserPoolTier")


def install() -> None:
    """Add our readers; one that MiniStack has stays."""
    for resource_type, reader in READERS.items():
        drift._DRIFT_READERS.setdefault(resource_type, reader)


def of_record(find: Callable[[str], Properties | None], names: tuple[str, ...]) -> Reader:
    """A reader of what the service's own record calls as the template does."""

    def read(physical_id: str, _properties: Properties) -> Properties | None:
        record = find(physical_id)
        return record and {name: record[name] for name in names if record.get(name) is not None}

    return read


def read_global_table(physical_id: str, properties: Properties) -> Properties | None:
    """A global table as it is here: its billing, and the protection of its replica in this region."""
    table = dynamodb._tables.get(physical_id)
    if table is None:
        return None
    protected = bool(table.get("DeletionProtectionEnabled"))
    replicas = [
        {**one, "DeletionProtectionEnabled": protected}
        if one["Region"] == get_region() and "DeletionProtectionEnabled" in one
        else one
        for one in properties.get("Replicas", [])
    ]
    return {"TableName": table["TableName"], "Replicas": replicas}


def read_key(physical_id: str, _properties: Properties) -> Properties | None:
    """A key; one that is to be deleted counts as gone."""
    key = kms._resolve_key(physical_id)
    if key is None or key.get("KeyState") == "PendingDeletion":
        return None
    return {"Enabled": key.get("KeyState") == "Enabled"}


READERS: dict[str, tuple[Reader, frozenset[str]]] = {
    "AWS::Cognito::UserPool": (of_record(cognito._user_pools.get, POOL), frozenset(POOL)),
    "AWS::DynamoDB::GlobalTable": (read_global_table, frozenset({"TableName", "Replicas"})),
    "AWS::KMS::Key": (read_key, frozenset({"Enabled"})),
    "AWS::RDS::DBInstance": (of_record(rds._instances.get, DATABASE), frozenset(DATABASE)),
}
