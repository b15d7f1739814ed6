"""The one adapter of the ledger, a DynamoDB global table.

The last writer wins between regions, item by item, so **every item is written by one region only**. Within a region
every write states what it has seen and is refused if that is no longer so: the table is a set of compare-and-set cells.

======================== ====================== ======= ================================================================
pk                       sk                     writer  holds
======================== ====================== ======= ================================================================
``POINT#<id>``           ``POINT``              primary database, scheduled_at, execution, attempt, export_task, status,
                                                        level, levels, problems, problem_count, error?, concluded_at?
``POINT#<id>``           ``OPERATION#<kind>``   region  kind, region, point, attempt, resource, expected, token?, arms,
                                                        state, begun_at, armed_at, ended_at?, outcome | error+cause?,
                                                        answered, abandoned?, cleaning?, unnoticed_since?
``POINT#<id>``           ``CLAIM#copy``         DR      execution, attempt, claimed_at
``POINT#<id>``           ``OUTCOME#copy``       DR      attempt, state, facts | error+cause, at
``LEASE#<region>#<q>``   ``LEASE``              region  capacity, holders {point: {attempt, granted_at}}, version
``LEASE#<region>#<q>``   ``WAITER#<u>#<id>``    region  point, attempt, urgency, token, queued_at
======================== ====================== ======= ================================================================

Access patterns: one point; everything about a point (its partition); a lease and its waiters in order of urgency (its
partition); and **everything unfinished in a region**, oldest first: the sparse index ``open`` (hash ``open`` = region,
range ``begun_at``). A row has ``open`` as long as somebody still has to do something about it: POINT, OPERATION and
CLAIM rows do. Keys are all that the index must project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handlers.core.errors import AlreadyClaimed
from handlers.core.points import RUNNING, highest, with_level

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
OPEN_INDEX = "open"


@dataclass(frozen=True)
class Ledger:
    """The table, seen from one region."""

    client: DynamoDBClient
    table: str
    region: str

    # ---- cells -------------------------------------------------------------------------------------------------------

    def read(self, pk: str, sk: str) -> Item | None:
        """The item as it is now in this region, or nothing."""
        found = self.client.get_item(TableName=self.table, Key=_key(pk, sk), ConsistentRead=True)
        return _decoded(found["Item"]) if "Item" in found else None

    def put(self, item: Item, *, seen: Mapping[str, Any] | None) -> bool:
        """Whether *item* could replace the one whose attributes are as *seen*; ``None`` if there was none."""
        condition = _Condition({"pk": None} if seen is None else seen)
        try:
            self.client.put_item(TableName=self.table, Item=_encoded(item), **condition.arguments())
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def change(
        self, row: Item, values: Mapping[str, Any], *, seen: Mapping[str, Any], remove: Sequence[str] = ()
    ) -> bool:
        """Whether attributes of *row* could be set and removed, its others being as *seen* (``None``: absent)."""
        condition = _Condition({"pk": row["pk"], **seen})
        sets = [f"{condition.name(name)} = {condition.value(value)}" for name, value in values.items()]
        removals = [condition.name(name) for name in remove]
        update = (f"SET {', '.join(sets)} " if sets else "") + (f"REMOVE {', '.join(removals)}" if removals else "")
        try:
            self.client.update_item(
                TableName=self.table,
                Key=_key(row["pk"], row["sk"]),
                UpdateExpression=update.strip(),
                **condition.arguments(),
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete(self, row: Item, *, seen: Mapping[str, Any]) -> bool:
        """Whether *row* could be deleted, its attributes being as *seen*; one that is gone counts as not."""
        condition = _Condition({"pk": row["pk"], **seen})
        try:
            self.client.delete_item(TableName=self.table, Key=_key(row["pk"], row["sk"]), **condition.arguments())
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    # ---- lists -------------------------------------------------------------------------------------------------------

    def partition(self, pk: str, beginning: str = "") -> list[Item]:
        """Every item of a partition as it is now, its sort key with that *beginning*, in order."""
        condition = "pk = :pk" + (" AND begins_with(sk, :sk)" if beginning else "")
        values = {":pk": pk, **({":sk": beginning} if beginning else {})}
        return list(
            self._query(
                KeyConditionExpression=condition, ExpressionAttributeValues=_encoded(values), ConsistentRead=True
            )
        )

    def unfinished(self, region: str) -> list[tuple[str, str]]:
        """Keys of all that *region* still has to do something about, oldest first; a moment behind the cells."""
        rows = self._query(
            IndexName=OPEN_INDEX,
            KeyConditionExpression="#open = :region",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues=_encoded({":region": region}),
        )
        return [(row["pk"], row["sk"]) for row in rows]

    def _query(self, **arguments: Any) -> Iterator[Item]:
        for page in self.client.get_paginator("query").paginate(TableName=self.table, **arguments):
            yield from map(_decoded, page["Items"])

    # ---- points and their operations ---------------------------------------------------------------------------------

    def point(self, point: str) -> Item | None:
        """The row of a recovery point."""
        return self.read(f"POINT#{point}", "POINT")

    def operation(self, point: str, kind: str) -> Item | None:
        """The row of one operation of a recovery point."""
        return self.read(f"POINT#{point}", f"OPERATION#{kind}")

    def operations(self, point: str) -> list[Item]:
        """All operations of a recovery point, in both regions."""
        return self.partition(f"POINT#{point}", "OPERATION#")

    def record_level(self, point: Mapping[str, Any], level: int, facts: Item) -> None:
        """Note that *point*, as ClaimRecoveryPoint gave it, has reached *level*, with *facts* (``at`` among them).

        Raises:
            AlreadyClaimed: A later run has the point, or it is concluded.
        """
        row = self.claimed(point)
        levels = with_level(row["levels"], level, facts)
        self._change_claimed(row, {"levels": levels, "level": highest(levels)})

    def record_problems(self, point: Mapping[str, Any], problems: Sequence[Mapping[str, Any]], count: int) -> None:
        """Note the first *problems* of *count* that keep *point* from being whole.

        Raises:
            AlreadyClaimed: A later run has the point, or it is concluded.
        """
        self._change_claimed(self.claimed(point), {"problems": list(problems), "problem_count": count})

    def claimed(self, point: Mapping[str, Any]) -> Item:
        """The row of *point*, while the run that asks still has it.

        Raises:
            AlreadyClaimed: A later run has the point, or it is concluded.
        """
        row = self.point(point["id"])
        if row is None or row["attempt"] != point["attempt"] or row["status"] != RUNNING:
            raise AlreadyClaimed(f"{point['id']} is no longer this run's (attempt {point['attempt']})")
        return row

    def _change_claimed(self, row: Item, values: Item) -> None:
        if not self.change(row, values, seen={"attempt": row["attempt"], "status": RUNNING}):
            raise AlreadyClaimed(f"{row['pk']} was taken over meanwhile")


class _Condition:
    """Builds an expression; every name is aliased, since DynamoDB reserves half the dictionary."""

    def __init__(self, seen: Mapping[str, Any]) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.expression = " AND ".join(
            f"attribute_not_exists({self.name(name)})" if value is None else f"{self.name(name)} = {self.value(value)}"
            for name, value in seen.items()
        )

    def name(self, name: str) -> str:
        return next((alias for alias, known in self.names.items() if known == name), None) or self._alias(name)

    def _alias(self, name: str) -> str:
        alias = f"#n{len(self.names)}"
        self.names[alias] = name
        return alias

    def value(self, value: object) -> str:
        alias = f":v{len(self.values)}"
        self.values[alias] = value
        return alias

    def arguments(self) -> Any:
        """Keyword arguments of the call."""
        values = {"ExpressionAttributeValues": _encoded(self.values)} if self.values else {}
        return {"ConditionExpression": self.expression, "ExpressionAttributeNames": self.names, **values}


def _key(pk: str, sk: str) -> Any:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _encoded(item: Mapping[str, Any]) -> Any:
    return {name: _typed(value) for name, value in item.items()}


def _typed(value: Any) -> Item:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case str():
            return {"S": value}
        case Mapping():
            return {"M": _encoded(value)}
        case list() | tuple():
            return {"L": [_typed(each) for each in value]}
    raise TypeError(f"the ledger can't hold a {type(value).__name__}")


def _decoded(item: Mapping[str, Any]) -> Item:
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    (kind, inner), *_ = value.items()
    if kind == "M":
        return _decoded(inner)
    if kind == "L":
        return [_plain(each) for each in inner]
    if kind == "N":
        return int(inner) if inner.lstrip("-").isdecimal() else float(inner)
    return None if kind == "NULL" else inner
