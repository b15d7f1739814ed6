"""Instances with a real server each: create, restore, change, delete.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

from ministack.services import rds

from sandbox.engine.rds import databases, notices, secrets
from sandbox.engine.rds.common import (
    NOT_FOUND,
    Answer,
    Parameters,
    Record,
    Refused,
    answering,
    background,
    default_key,
    elements,
    logger,
    operation_seconds,
    require_key,
    true,
    value,
    with_values,
)

ENGINES = ("mysql", "mariadb")
_ENDPOINT = re.compile(r"<Endpoint>.*?</Endpoint>", re.DOTALL)
SECRET_FIELDS = ("SecretArn", "SecretStatus", "KmsKeyId")


def is_ours(instance: Record | None) -> bool:
    """Whether an instance has a server of this package; clusters and other engines stay MiniStack's."""
    return bool(instance and instance.get("Engine") in ENGINES and not instance.get("DBClusterIdentifier"))


def require(name: str) -> Record:
    """The instance of that name, ARN or resource id.

    Raises:
        Refused: There is none in this region.
    """
    found: Record | None = rds._resolve_instance(name)
    if found is None:
        raise Refused("DBInstanceNotFound", f"DBInstance {name} not found.", NOT_FOUND)
    return found


@answering
def create(parameters: Parameters) -> Answer:
    """AWS answers ``creating`` without an endpoint and the server follows; MiniStack kept a record only."""
    if value(parameters, "Engine") not in ENGINES or value(parameters, "DBClusterIdentifier"):
        return _metadata_only(parameters)
    managed = true(parameters, "ManageMasterUserPassword")
    if managed and value(parameters, "MasterUserPassword"):
        raise Refused(
            "InvalidParameterCombination", "You can't specify MasterUserPassword with ManageMasterUserPassword."
        )
    if not managed and not value(parameters, "MasterUserPassword"):
        raise Refused(
            "InvalidParameterValue", "The parameter MasterUserPassword must be provided and must not be blank."
        )
    key = _volume_key(parameters)
    secret_key = secrets.key_of(value(parameters, "MasterUserSecretKmsKeyId")) if managed else ""
    password = secrets.new_password() if managed else value(parameters, "MasterUserPassword")
    answer: Answer = rds._create_db_instance(with_values(parameters, MasterUserPassword=password))
    if answer[0] >= 400:  # noqa: PLR2004
        return answer
    instance = require(value(parameters, "DBInstanceIdentifier"))
    instance.update(
        DBInstanceStatus="creating",
        KmsKeyId=key,
        DBName=value(parameters, "DBName"),  # MiniStack invents one
        OptionGroupMemberships=_option_group(parameters, instance),
    )
    if managed:
        secrets.keep(instance, secret_key)
    background(_come_up, instance, None, "RDS-EVENT-0005", "creation", "DB instance created")
    return described("CreateDBInstance", instance)


def _metadata_only(parameters: Parameters) -> Answer:
    found: Answer = rds._create_db_instance(parameters)
    return found


def _volume_key(parameters: Parameters) -> str:
    """The key's ARN, which is what RDS shows whatever form was given; empty without encryption."""
    if not true(parameters, "StorageEncrypted"):
        return ""
    given = value(parameters, "KmsKeyId")
    return require_key(given) if given else default_key()


def _option_group(parameters: Parameters, instance: Record) -> list[Record]:
    name = value(parameters, "OptionGroupName")
    if name and not name.startswith("default:") and name not in rds._option_groups:
        del rds._instances[instance["DBInstanceIdentifier"]]
        raise Refused("OptionGroupNotFoundFault", f"Specified OptionGroupName: {name} not found.", NOT_FOUND)
    series = ".".join(instance["EngineVersion"].split(".")[:2])
    default = f"default:{instance['Engine']}-{series.replace('.', '-')}"
    return [{"OptionGroupName": name or default, "Status": "in-sync"}]


def _come_up(instance: Record, source: Path | None, event: str, category: str, message: str) -> None:
    try:
        databases.boot(instance, source)
    except Exception:  # noqa: BLE001  # whatever it is, the instance failed
        logger.exception("instance %s did not come up", instance["DBInstanceIdentifier"])
        instance["DBInstanceStatus"] = "failed"
        return
    if instance["DBInstanceStatus"] == "creating":
        instance["DBInstanceStatus"] = "available"
        notices.of_instance(instance, event, category, message)


def restore(instance: Record, source: Path, snapshot_name: str) -> Answer:
    """Register a restored instance and bring its server up with the snapshot's data."""
    rds._instances[instance["DBInstanceIdentifier"]] = instance
    background(_come_up, instance, source, "RDS-EVENT-0043", "restoration", f"Restored from snapshot {snapshot_name}")
    return described("RestoreDBInstanceFromDBSnapshot", instance)


@answering
def modify(parameters: Parameters) -> Answer:
    """AWS changes the master password on the server at once; MiniStack's own way needs a container."""
    instance = require(value(parameters, "DBInstanceIdentifier"))
    if not is_ours(instance):
        found: Answer = rds._modify_db_instance(parameters)
        return found
    password = value(parameters, "MasterUserPassword")
    manage = true(parameters, "ManageMasterUserPassword") and "MasterUserSecret" not in instance
    if manage:
        password = secrets.new_password()
    answer: Answer = rds._modify_db_instance(with_values(parameters, MasterUserPassword=""))
    if answer[0] >= 400 or not password:  # noqa: PLR2004
        return answer
    databases.set_master_password(instance, password)
    instance["_MasterUserPassword"] = password
    if manage:
        secrets.keep(instance, secrets.key_of(value(parameters, "MasterUserSecretKmsKeyId")))
    return described("ModifyDBInstance", instance)


@answering
def stop(parameters: Parameters) -> Answer:
    """AWS stops the server; MiniStack only said so.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html
    """
    return _switch(parameters, "Stop", ("available", "stopping", "stopped"), databases.stop)


@answering
def start(parameters: Parameters) -> Answer:
    """AWS starts the server again, at the same address; MiniStack only said so."""
    return _switch(parameters, "Start", ("stopped", "starting", "available"), databases.start)


def _switch(
    parameters: Parameters, verb: str, states: tuple[str, str, str], change: Callable[[Record], None]
) -> Answer:
    """Take an instance from the first state through the second to the third."""
    instance = require(value(parameters, "DBInstanceIdentifier"))
    before, during, after = states
    if instance["DBInstanceStatus"] != before:
        raise Refused(
            "InvalidDBInstanceState", f"Instance {instance['DBInstanceIdentifier']} is not in {before} state."
        )
    instance["DBInstanceStatus"] = during

    def settle() -> None:
        time.sleep(operation_seconds())
        change(instance)
        instance["DBInstanceStatus"] = after

    background(settle)
    return described(f"{verb}DBInstance", instance)


def check_deletable(instance: Record, parameters: Parameters) -> None:
    """Refuse to delete what is protected, or without saying what becomes of the data.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html

    Raises:
        Refused: So.
    """
    if instance.get("DeletionProtection"):
        raise Refused(
            "InvalidParameterCombination",
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        )
    final = value(parameters, "FinalDBSnapshotIdentifier")
    if true(parameters, "SkipFinalSnapshot") == bool(final):
        raise Refused(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier cannot be specified when deleting with SkipFinalSnapshot."
            if final
            else "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )
    if instance["DBInstanceStatus"] == "deleting":
        raise Refused(
            "InvalidDBInstanceState", f"Instance {instance['DBInstanceIdentifier']} is already being deleted."
        )


def delete(instance: Record) -> Answer:
    """Begin to delete; the instance is ``deleting`` for a while and then gone."""
    instance["DBInstanceStatus"] = "deleting"
    background(_go_away, instance)
    return described("DeleteDBInstance", instance)


def _go_away(instance: Record) -> None:
    time.sleep(operation_seconds())
    databases.forget(instance)
    secrets.discard(instance)
    rds._tags.pop(instance["DBInstanceArn"], None)
    rds._instances.pop(instance["DBInstanceIdentifier"], None)
    notices.of_instance(instance, "RDS-EVENT-0003", "deletion", "DB instance deleted")


def described(action: str, instance: Record) -> Answer:
    """The answer that shows one instance."""
    found: Answer = rds._single_instance_response(f"{action}Response", f"{action}Result", instance)
    return found


def xml(instance: Record) -> str:
    """AWS shows no endpoint before there is one, and the managed secret; MiniStack neither."""
    written: str = miniature(instance)
    if not is_ours(instance):
        return written
    if not instance.get("_HasEndpoint"):
        written = _ENDPOINT.sub("", written)
    if "MasterUserSecret" in instance:
        written += f"<MasterUserSecret>{elements(instance['MasterUserSecret'], SECRET_FIELDS)}</MasterUserSecret>"
    return written


miniature = rds._instance_xml  # MiniStack's own
