"""``AWS::Lambda::Function``: MiniStack's type left out code, dead letters, concurrency, network and key."""

from typing import Any

from botocore.exceptions import ClientError
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from sandbox.engine.clients import client
from sandbox.engine.cloudformation import wait_for
from sandbox.engine.patching import replace

Properties = dict[str, Any]

THEIRS = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]


def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    """MiniStack's function, with an archive that exists and all that its template says.

    Raises:
        ValueError: The archive is not there, or SnapStart cannot be had.
    """
    require_archive(properties)
    require_snapshot(properties)
    name, attributes = THEIRS["create"](logical_id, properties, stack)
    settle(name, properties)
    return name, attributes


def update(physical_id: str, old: Properties, new: Properties, *more: str) -> tuple[str, Properties]:
    """MiniStack's change of a function, with an archive that exists and all that its template says.

    Raises:
        ValueError: The archive is not there, or SnapStart cannot be had.
    """
    require_archive(new)
    require_snapshot(new)
    name, attributes = THEIRS["update"](physical_id, old, new, *more)
    settle(name, new)
    return name, attributes


def require_archive(properties: Properties) -> None:
    """Check that a function's archive is in its bucket.

    Raises:
        ValueError: It is not.
    """
    code = properties.get("Code") or {}
    if not code.get("S3Bucket"):
        return
    version = {"VersionId": code["S3ObjectVersion"]} if code.get("S3ObjectVersion") else {}
    try:
        client("s3").head_object(Bucket=code["S3Bucket"], Key=code["S3Key"], **version)
    except ClientError as error:
        place = f"{code['S3Bucket']}/{code['S3Key']}"
        raise ValueError(
            f"Error occurred while GetObject of {place}. S3 Error Code: {error.response['Error']['Code']}"
        ) from error


def require_snapshot(properties: Properties) -> None:
    """Check that SnapStart can be had (https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html).

    Raises:
        ValueError: Not for this runtime, or not with so much storage.
    """
    refusal = lambda_svc._validate_snapstart(
        properties.get("SnapStart"),
        runtime=properties.get("Runtime", ""),
        package_type=properties.get("PackageType", "Zip"),
        ephemeral_size=(properties.get("EphemeralStorage") or {}).get("Size"),
    )
    if refusal is not None:
        raise ValueError(f"AWS::Lambda::Function: {refusal[2].decode()}")


def settle(name: str, properties: Properties) -> None:
    """Set what MiniStack's type leaves out."""
    function = lambda_svc._functions[name]
    config = function["config"]
    config["VpcConfig"] = lambda_svc._vpc_config_with_id(properties.get("VpcConfig"))
    config["KMSKeyArn"] = properties.get("KmsKeyArn", "")
    config.pop("DeadLetterConfig", None)
    if properties.get("DeadLetterConfig"):
        config["DeadLetterConfig"] = properties["DeadLetterConfig"]
    reserved = properties.get("ReservedConcurrentExecutions")
    function["concurrency"] = None if reserved is None else int(reserved)


def reserved_concurrency(function: Properties, config: Properties) -> int | None:
    """What is reserved for a function, all its versions together.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html; MiniStack asked the version's record.
    """
    whole = lambda_svc._functions.get(config.get("FunctionName", "")) or function
    found: int | None = whole.get("concurrency")
    return found


def install() -> None:
    """Replace the reading of what is reserved."""
    replace(lambda_svc, "_reserved_concurrency", reserved_concurrency, "ebec4b4bba77")


def publish(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    """MiniStack's version, as soon as its snapshot is taken.

    Raises:
        ValueError: There is no snapshot, because the function does not start.
    """
    arn, attributes = VERSION["create"](logical_id, properties, stack)
    name = arn.partition(":function:")[2].partition(":")[0]
    config = lambda_svc._functions[name]["versions"][attributes["Version"]]["config"]
    wait_for(lambda: config, lambda found: found.get("State", "Active") != "Pending", arn)
    if config.get("State") == "Failed":  # https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
        raise ValueError(f"Version {attributes['Version']} of {name} failed: {config['StateReason']}")
    return arn, attributes


VERSION = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Version"]
TYPES = {
    "AWS::Lambda::Function": {**THEIRS, "create": create, "update": update},
    "AWS::Lambda::Version": {**VERSION, "create": publish},
}
