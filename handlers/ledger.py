"""The one adapter of the ledger, a DynamoDB global table.

The last writer wins between regions, item by item, so **every item is written by one region only**. Within a region
every write states what it has seen and is refused if that is no longer so: the table is a set of compare-and-set cells.

======================== ====================== ======= ================================================================
pk                       sk                     writer  holds
======================== ====================== ======= ================================================================
``POINT#<id>``           ``POINT``              primary id, database, scheduled_at, execution, attempt, export_task,
                                                        status, level, levels, problems, problem_count, begun_at,
                                                        error+cause?, concluded_at?
``POINT#<id>``           ``OPERATION#<kind>``   region  kind, region, point, attempt, resource, expected, token?, arms,
                                                        state, begun_at, armed_at, ended_at?, outcome | error+cause?,
                                                        answered, abandoned?, cleaning?, unnoticed_since?
``POINT#<id>``           ``CLAIM#copy``         DR      execution, attempt, claimed_at
``POINT#<id>``           ``OUTCOME#copy``       DR      attempt, state, facts | error+cause, at
``LEASE#<region>#<q>``   ``LEASE``              region  capacity, holders {point: {attempt, granted_at}}, version
``LEASE#<region>#<q>``   ``WAITER#<u>#<id>``    region  point, attempt, urgency, token, queued_at
``DATABASES``            ``DATABASE#<db>``      primary id, first_seen_at, seen_at (to the hour), gone_at?
``DATABASES``            ``PROTECTION#<db>``    primary database, version, newest {id, scheduled_at, attempt, status,
                                                        level} and verified {id, level, taken_at}? of its ended points
``REQUEST#<who>#<key>``  ``REQUEST``            primary fingerprint, point, expires_at (DynamoDB deletes it then)
``LEDGER``               ``VERSION``            primary version, readable_since, migrated_at, progress {to, id,
                                                        scheduled_at}? (core/ledger_versions.py)
======================== ====================== ======= ================================================================

Access patterns: one point; everything about a point (its partition) or about a page of points (keys in hundreds); a
lease and its waiters in order of urgency (its partition); every database with what it has (one partition); and, by
index, each one call however many points there are:

* ``open`` (hash ``open`` = region, range ``begun_at``; keys): **everything unfinished in a region**, oldest first. A
  row has ``open`` as long as somebody still has to do something about it: POINT, OPERATION and CLAIM rows do.
* ``points`` (hash ``database``, range ``scheduled_at``; all attributes): the points of a database, newest first.
* ``timeline`` (hash ``sk``, range ``scheduled_at``; keys): the points of all databases, newest first. Only POINT rows
  have a ``scheduled_at``, and the index is written once for each: keys never change.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handlers.core.errors import AlreadyClaimed, TemporarilyUnavailable
from handlers.core.points import RUNNING, highest, with_level
from handlers.expressions import Condition, decoded, encoded, key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
Key = tuple[str, str]
OPEN_INDEX, POINTS_INDEX, TIMELINE_INDEX = "open", "points", "timeline"
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html (100 items; some may come later)
BATCH = 100
_BATCH_TRIES = 5
_BATCH_DELAY = 0.05  # seconds before the first repetition, doubled each time


@dataclass(frozen=True)
class Ledger:
    """The table, seen from one region."""

    client: DynamoDBClient
    table: str
    region: str

    # ---- cells -------------------------------------------------------------------------------------------------------

    def read(self, pk: str, sk: str) -> Item | None:
        """The item as it is now in this region, or nothing."""
        found = self.client.get_item(TableName=self.table, Key=key(pk, sk), ConsistentRead=True)
        return decoded(found["Item"]) if "Item" in found else None

    def put(self, item: Item, *, seen: Mapping[str, Any] | None) -> bool:
        """Whether *item* could replace the one whose attributes are as *seen*; ``None`` if there was none."""
        condition = Condition({"pk": None} if seen is None else seen)
        try:
            self.client.put_item(TableName=self.table, Item=encoded(item), **condition.arguments())
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def change(
        self, row: Item, values: Mapping[str, Any], *, seen: Mapping[str, Any], remove: Sequence[str] = ()
    ) -> bool:
        """Whether attributes of *row* could be set and removed, its others being as *seen* (``None``: absent)."""
        condition = Condition({"pk": row["pk"], **seen})
        sets = [f"{condition.name(name)} = {condition.value(value)}" for name, value in values.items()]
        removals = [condition.name(name) for name in remove]
        update = (f"SET {', '.join(sets)} " if sets else "") + (f"REMOVE {', '.join(removals)}" if removals else "")
        try:
            self.client.update_item(
                TableName=self.table,
                Key=key(row["pk"], row["sk"]),
                UpdateExpression=update.strip(),
                **condition.arguments(),
            )
        except self.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def delete(self, row: Item, *, seen: Mapping[str, Any]) -> bool:
        """Whether *row* could be deleted, its attributes being as *seen*; one that is gone counts as not."""
        condition = Condition({"pk": row["pk"], **seen})
        try:
            self.client.delete_item(TableName=self.table, Key=key(row["pk"], row["sk"]), **condition.arguments())
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
                KeyConditionExpression=condition, ExpressionAttributeValues=encoded(values), ConsistentRead=True
            )
        )

    def many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Those of the items with *keys* that there are, as they are now.

        Raises:
            TemporarilyUnavailable: DynamoDB did not give them all in time.
        """
        wanted, found = list(dict.fromkeys(keys)), {}
        for start in range(0, len(wanted), BATCH):
            for row in self._batch([key(*each) for each in wanted[start : start + BATCH]]):
                found[row["pk"], row["sk"]] = row
        return found

    def _batch(self, keys: list[Any]) -> Iterator[Item]:
        for attempt in range(_BATCH_TRIES):
            page = self.client.batch_get_item(RequestItems={self.table: {"Keys": keys, "ConsistentRead": True}})
            yield from map(decoded, page["Responses"].get(self.table, []))
            keys = list(page.get("UnprocessedKeys", {}).get(self.table, {"Keys": []})["Keys"])
            if not keys:
                return
            time.sleep(_BATCH_DELAY * 2**attempt)
        raise TemporarilyUnavailable(f"DynamoDB still owes {len(keys)} items of {self.table}")

    def newest(
        self, limit: int, *, database: str | None = None, before: tuple[str, str] | None = None
    ) -> list[tuple[str, str]]:
        """Id and ``scheduled_at`` of the newest *limit* points, of one *database* or of all; a moment behind the cells.

        Args:
            limit: Most to find.
            database: Id.
            before: The last point of the page before, from which to go on; newer ones may have come in the meantime.
        """
        name, value, index = ("database", database, POINTS_INDEX) if database else ("sk", "POINT", TIMELINE_INDEX)
        start: Item = {}
        if before:
            start = {"pk": f"POINT#{before[0]}", "sk": "POINT", name: value, "scheduled_at": before[1]}
        found: list[tuple[str, str]] = []
        while len(found) < limit:
            page = self.client.query(
                TableName=self.table,
                IndexName=index,
                KeyConditionExpression="#hash = :hash",
                ExpressionAttributeNames={"#hash": name},
                ExpressionAttributeValues=encoded({":hash": value}),
                ProjectionExpression="pk, scheduled_at",
                ScanIndexForward=False,
                Limit=limit - len(found),
                **({"ExclusiveStartKey": encoded(start)} if start else {}),
            )
            rows = map(decoded, page["Items"])
            found += [(row["pk"].removeprefix("POINT#"), row["scheduled_at"]) for row in rows]
            start = decoded(page.get("LastEvaluatedKey", {}))
            if not start:
                break
        return found

    def oldest_unfinished(self, region: str) -> Item | None:
        """``{pk, sk, begun_at}`` of what *region* has had to do something about for longest."""
        page = self.client.query(
            TableName=self.table,
            IndexName=OPEN_INDEX,
            KeyConditionExpression="#open = :region",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues=encoded({":region": region}),
            Limit=1,
        )
        return next(map(decoded, page["Items"]), None)

    def unfinished(self, region: str) -> list[tuple[str, str]]:
        """Keys of all that *region* still has to do something about, oldest first; a moment behind the cells."""
        rows = self._query(
            IndexName=OPEN_INDEX,
            KeyConditionExpression="#open = :region",
            ExpressionAttributeNames={"#open": "open"},
            ExpressionAttributeValues=encoded({":region": region}),
        )
        return [(row["pk"], row["sk"]) for row in rows]

    def _query(self, **arguments: Any) -> Iterator[Item]:
        for page in self.client.get_paginator("query").paginate(TableName=self.table, **arguments):
            yield from map(decoded, page["Items"])

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
