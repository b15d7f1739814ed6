"""``dynamodb:LeadingKeys``: the partition keys of a call, which MiniStack's evaluator did not know.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_actions
from ministack.services import dynamodb

from sandbox.engine.patching import replace

EQUALITY = re.compile(r"(#?[\w.-]+)\s*=\s*(:\w+)")

_original: dict[str, Any] = {}


def install() -> None:
    """Wrap the condition keys of a call to DynamoDB."""
    _original["context"] = replace(iam_actions, "dynamodb_service_context", context, "0f0021bdc8a3")


def context(body: bytes) -> dict[str, Any]:
    """MiniStack's condition keys, and the leading keys."""
    found: dict[str, Any] = _original["context"](body)
    try:
        leading = sorted({str(key) for key in leading_keys(json.loads(body or b"{}"))})
    except (ValueError, TypeError, KeyError, AttributeError):
        return found  # a malformed call, which the service itself refuses
    return {**found, "dynamodb:LeadingKeys": leading} if leading else found


def leading_keys(request: dict[str, Any]) -> Iterator[str]:
    """The partition key of every item that a call names."""
    if "TableName" in request:
        yield from of_items(request["TableName"], request.get("Key"), request.get("Item"))
        yield from of_query(request)
    for table, wanted in request.get("RequestItems", {}).items():
        for item in wanted if isinstance(wanted, list) else wanted["Keys"]:
            written = item.get("PutRequest") or item.get("DeleteRequest") or {"Key": item}
            yield from of_items(table, written.get("Key"), written.get("Item"))
    for member in request.get("TransactItems", []):
        for action in member.values():
            yield from leading_keys(action)


def of_items(table: str, *items: dict[str, Any] | None) -> Iterator[str]:
    """The partition keys of items or keys of a table."""
    name = partition_key(table)
    for item in items:
        if item and name in item:
            yield from item[name].values()


def of_query(request: dict[str, Any]) -> Iterator[str]:
    """The partition key that a query asks for."""
    names = request.get("ExpressionAttributeNames", {})
    for name, value in EQUALITY.findall(request.get("KeyConditionExpression", "")):
        if names.get(name, name) == partition_key(request["TableName"]):
            yield from request["ExpressionAttributeValues"][value].values()


def partition_key(table: str) -> str:
    """The name of a table's partition key, empty when there is no such table."""
    record = dynamodb._tables.get(table.rpartition("/")[2]) or {}
    return str(record.get("pk_name", ""))
