"""Which resource types CloudFormation knows in a region: not every region knows every type."""

import functools
import json
from typing import Any

from ministack.core.responses import get_region
from ministack.services.cloudformation import handlers

from sandbox.engine.cloudformation_replacements import directory
from sandbox.engine.stacksets.api import served
from sandbox.engine.stacksets.wire import Refusal

Json = dict[str, Any]


def install() -> None:
    """Add the action to CloudFormation's."""
    handlers._ACTION_HANDLERS["DescribeType"] = served("DescribeType", describe_type)


def describe_type(request: Json) -> Json:
    """A resource type of AWS's, if the region has it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeType.html

    Raises:
        Refusal: The region does not know it.
    """
    name = request.get("TypeName", "")
    if name not in types(get_region()):
        raise Refusal("TypeNotFoundException", f"The type '{name}' cannot be found.")
    return {"Type": "RESOURCE", "TypeName": name, "Visibility": "PUBLIC", "DeprecatedStatus": "LIVE"}


@functools.cache
def types(region: str) -> frozenset[str]:
    """Every type of a region, from AWS's schemas as cfn-lint brings them."""
    path = directory() / "providers" / f"{region}.json"
    return frozenset(json.loads(path.read_text())) if path.exists() else frozenset()
