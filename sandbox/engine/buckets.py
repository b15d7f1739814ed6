"""``AWS::S3::Bucket``: the properties that MiniStack's type accepts and forgets, put by S3's own API.

MiniStack keeps versioning, notifications, CORS, website and public access; encryption, Object Lock, replication,
lifecycle, access logs and ownership were dropped without a word.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from sandbox.engine.clients import client
from sandbox.engine.shapes import fit

Properties = dict[str, Any]

THEIRS = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]


@dataclass(frozen=True)
class Setting:
    """A property, and the calls that put and remove it; ``shape`` makes the call's parameters of the property."""

    name: str
    put: str
    shape: Callable[[Properties], Properties]
    delete: str | None = None


def encryption(value: Properties) -> Properties:
    """``BucketEncryption`` → ``ServerSideEncryptionConfiguration``."""
    rules = [
        {**rule, "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


def lifecycle(value: Properties) -> Properties:
    """``LifecycleConfiguration``, whose rules the API nests otherwise."""
    return {"LifecycleConfiguration": {"Rules": [lifecycle_rule(rule) for rule in value["Rules"]]}}


def lifecycle_rule(rule: Properties) -> Properties:
    """One rule of a lifecycle."""
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        "ExpiredObjectDeleteMarker": rule.get("ExpiredObjectDeleteMarker"),
    }
    expiration = {key: part for key, part in expiration.items() if part is not None}
    moves = [{"Days": one["TransitionInDays"], **one} for one in rule.get("Transitions", [])]
    old_moves = [
        {"NoncurrentDays": one["TransitionInDays"], **one} for one in rule.get("NoncurrentVersionTransitions", [])
    ]
    return {
        **rule,
        "Filter": {"Prefix": rule.get("Prefix", "")},
        "Prefix": None,
        "Expiration": expiration or None,
        "Transitions": moves or None,
        "NoncurrentVersionTransitions": old_moves or None,
    }


def logging(value: Properties) -> Properties:
    """``LoggingConfiguration`` → ``BucketLoggingStatus``."""
    target = {"TargetBucket": value["DestinationBucketName"], "TargetPrefix": value.get("LogFilePrefix", "")}
    return {"BucketLoggingStatus": {"LoggingEnabled": target}}


SETTINGS = (
    Setting("BucketEncryption", "put_bucket_encryption", encryption, "delete_bucket_encryption"),
    Setting(
        "OwnershipControls",
        "put_bucket_ownership_controls",
        lambda value: {"OwnershipControls": value},
        "delete_bucket_ownership_controls",
    ),
    Setting(
        "ObjectLockConfiguration",
        "put_object_lock_configuration",
        lambda value: {"ObjectLockConfiguration": value},
    ),
    Setting("LifecycleConfiguration", "put_bucket_lifecycle_configuration", lifecycle, "delete_bucket_lifecycle"),
    Setting("LoggingConfiguration", "put_bucket_logging", logging),
    Setting(
        "ReplicationConfiguration",
        "put_bucket_replication",
        lambda value: {"ReplicationConfiguration": value},
        "delete_bucket_replication",
    ),
)


def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    """MiniStack's bucket, and then all its properties."""
    name, attributes = THEIRS["create"](logical_id, properties, stack)
    if properties.get("ObjectLockEnabled"):
        s3._bucket_versioning[name] = "Enabled"
        s3._bucket_object_lock.setdefault(name, {"enabled": True, "default_retention": None})
    apply(name, {}, properties)
    return name, attributes


def update(physical_id: str, old: Properties, new: Properties, stack: str) -> tuple[str, Properties]:
    """MiniStack's change of a bucket, and then what else has changed."""
    name, attributes = THEIRS["update"](physical_id, old, new, stack)
    apply(name, old, new)
    return name, attributes


def apply(bucket: str, old: Properties, new: Properties) -> None:
    """Put every property that is new or has changed, and remove what is no longer there."""
    found = client("s3")
    for setting in SETTINGS:
        value = new.get(setting.name)
        if value and value != old.get(setting.name):
            model = found.meta.service_model.operation_model(found.meta.method_to_api_mapping[setting.put])
            parameters = {"Bucket": bucket, **without_nothing(setting.shape(value))}
            getattr(found, setting.put)(**fit(parameters, model.input_shape, drop_unknown=True))
        elif old.get(setting.name) and not value and setting.delete:
            getattr(found, setting.delete)(Bucket=bucket)


def without_nothing(value: Any) -> Any:
    """The value without members that are None."""
    if isinstance(value, list):
        return [without_nothing(part) for part in value]
    if isinstance(value, dict):
        return {key: without_nothing(part) for key, part in value.items() if part is not None}
    return value
