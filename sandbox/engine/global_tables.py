"""DynamoDB global tables: the CloudFormation type, and writes that a fault lets reach the other regions late."""

import contextvars
import threading
import time
from typing import Any

from ministack.core.responses import get_region
from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from sandbox.engine import faults
from sandbox.engine.clients import client
from sandbox.engine.patching import replace
from sandbox.engine.shapes import fit

Properties = dict[str, Any]

_original: dict[str, Any] = {}


def install() -> None:
    """Wrap the replication of writes."""
    _original["replicate"] = replace(dynamodb, "_replicate_write", replicate_write, "3dc2a4ec09c5")


def replicate_write(table: Properties, event: str, old: Properties | None, new: Properties | None) -> None:
    """Apply a write to the other regions, at once or after the fault ``replication.table_delay_seconds``.

    The last writer wins
    (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html): a late write
    does not displace an item that its own region has written since.
    """
    delay = (faults.get("replication") or {}).get("table_delay_seconds", 0)
    item = new if new is not None else old or {}
    key = (table["TableName"], str(item.get(table["pk_name"])), str(item.get(table["sk_name"] or "")))
    written_at = time.time()
    _written[get_region(), *key] = written_at
    if not delay:
        _original["replicate"](table, event, old, new)
        return

    def apply() -> None:
        regions = dynamodb._replica_group(table)
        newer = any(_written.get((region, *key), 0) > written_at for region in regions)
        if not newer:
            _original["replicate"](table, event, old, new)

    threading.Timer(delay, contextvars.copy_context().run, (apply,)).start()


_written: dict[tuple[str, ...], float] = {}


def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    """Create the table here, then its replica in every other region of ``Replicas``.

    MiniStack ignored ``Replicas``.
    """
    name = properties.get("TableName") or provisioners._physical_name(stack, logical_id, max_len=255)
    here = replica_of(properties, get_region())
    stream = properties.get("StreamSpecification") or {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    parameters = {
        **properties,
        "TableName": name,
        "StreamSpecification": {**stream, "StreamEnabled": True},
        "SSESpecification": encryption(properties, here),
        "DeletionProtectionEnabled": here.get("DeletionProtectionEnabled", False),
        "Tags": here.get("Tags", []),
    }
    table = client("dynamodb")
    model = table.meta.service_model.operation_model("CreateTable")
    table.create_table(**fit(parameters, model.input_shape, drop_unknown=True))
    others = [one["Region"] for one in properties.get("Replicas", []) if one["Region"] != get_region()]
    for region in others:
        table.update_table(TableName=name, ReplicaUpdates=[{"Create": {"RegionName": region}}])
    for replica in properties.get("Replicas", []):
        settle(name, properties, replica)
    return name, attributes(name)


def update(physical_id: str, old: Properties, new: Properties, stack: str) -> tuple[str, Properties]:
    """Add and remove replicas, and settle the settings of the others.

    Raises:
        ValueError: The change is one that replaces the table.
    """
    del stack
    for fixed in ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes"):
        if old.get(fixed) != new.get(fixed):
            raise ValueError(
                f"the embedded AWS cannot change {fixed} of the global table {physical_id}; delete the stack"
            )
    before, after = regions_of(old), regions_of(new)
    table = client("dynamodb")
    for region in sorted(after - before):
        table.update_table(TableName=physical_id, ReplicaUpdates=[{"Create": {"RegionName": region}}])
    for region in sorted(before - after):
        table.update_table(TableName=physical_id, ReplicaUpdates=[{"Delete": {"RegionName": region}}])
    for replica in new.get("Replicas", []):
        settle(physical_id, new, replica)
    return physical_id, attributes(physical_id)


def delete(physical_id: str, properties: Properties) -> None:
    """Delete the replicas, then the table.

    Raises:
        ValueError: Deletion protection is on.
    """
    table = dynamodb._tables.get(physical_id)
    if table is None:
        return
    if table.get("DeletionProtectionEnabled"):
        raise ValueError(f"Resource cannot be deleted as it is currently protected against deletion: {physical_id}")
    for region in sorted(regions_of(properties) - {get_region()}):
        client("dynamodb").update_table(TableName=physical_id, ReplicaUpdates=[{"Delete": {"RegionName": region}}])
    client("dynamodb").delete_table(TableName=physical_id)


def settle(name: str, properties: Properties, replica: Properties) -> None:
    """Set what each replica has of its own: backups, expiry, encryption, protection."""
    here = client("dynamodb", replica["Region"])
    if (replica.get("PointInTimeRecoverySpecification") or {}).get("PointInTimeRecoveryEnabled"):
        here.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    expiry = properties.get("TimeToLiveSpecification")
    known = here.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if expiry and known.get("AttributeName") != expiry.get("AttributeName"):
        here.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
    here.update_table(
        TableName=name,
        SSESpecification=encryption(properties, replica),
        DeletionProtectionEnabled=bool(replica.get("DeletionProtectionEnabled", False)),
    )


def encryption(properties: Properties, replica: Properties) -> Properties:
    """The encryption of a replica: the table's switch, the replica's key."""
    table = properties.get("SSESpecification") or {}
    key = (replica.get("SSESpecification") or {}).get("KMSMasterKeyId")
    if not table.get("SSEEnabled"):
        return {"Enabled": False}
    return {"Enabled": True, "SSEType": "KMS", **({"KMSMasterKeyId": key} if key else {})}


def replica_of(properties: Properties, region: str) -> Properties:
    """The entry of ``Replicas`` for a region.

    Raises:
        ValueError: There is none; AWS wants one for the stack's own region.
    """
    for replica in properties.get("Replicas", []):
        if replica["Region"] == region:
            found: Properties = replica
            return found
    raise ValueError(f"Replicas must have an entry for the region of the stack, {region}")


def regions_of(properties: Properties) -> set[str]:
    """The regions of a global table."""
    return {replica["Region"] for replica in properties.get("Replicas", [])}


def attributes(name: str) -> Properties:
    """What ``Fn::GetAtt`` gives."""
    table = client("dynamodb").describe_table(TableName=name)["Table"]
    return {"Arn": table["TableArn"], "StreamArn": table.get("LatestStreamArn", ""), "TableId": table["TableId"]}
