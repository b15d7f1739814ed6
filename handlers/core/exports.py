"""Whether an export is whole (level 1). Pure: fed with what S3 and RDS say, answers with tables, rows and problems.

What makes an export partial, by the code of the problem:

=========================  ============================================================================================
``inventory-missing``      a list of tables, before or after the snapshot, was not taken: nothing says what must exist
``export-warning``         RDS ended the task COMPLETE with a warning
``export-restricted``      the task was asked for some databases or tables only
``info-missing``           ``export_info_*.json`` or one of ``export_tables_info_*.json`` is not there
``info-unreadable``        one of them is not what is documented
``export-empty``           there is no object at all
``name-ambiguous``         two tables share one folder, because RDS turns several characters into ``_``
``table-missing``          in both inventories, and not in the export
``table-unexpected``       in the export, and in neither inventory
``table-incomplete``       RDS gives another status than COMPLETE, or not all slices of the table were read
``table-warning``          RDS ended the table COMPLETE with a warning
``table-without-status``   it has objects and RDS says nothing of it
``table-without-objects``  RDS says COMPLETE, and there is neither a row nor a ``_SUCCESS``
``success-missing``        a batch has Parquet files and no ``_SUCCESS``: unfinished, or somebody took it away
``object-deleted``         a delete marker, younger than the end of the export, hides the object
``object-replaced``        the object was written again after the export had ended
``object-misplaced``       a Parquet file outside of every table's folder: nobody can say whose rows these are
``object-unreadable``      S3 refuses it, or its footer is not Parquet's; its rows are not counted
``no-checksum``            S3 stores none and none could be computed
``schema-differs``         its columns are not those of the table's other parts
``wrong-key``              it is encrypted under another key than the one for backups, or under none
=========================  ============================================================================================

What level 1 can't see, because nothing in an export says how many rows or parts a table must have: a part that RDS
itself left out or removed while it reported the table COMPLETE with all slices read, and one that somebody deleted for
good, by its version id. Both leave what looks like an ordinary gap in the part numbers. Level 3 sees them: it counts
the rows of the restored snapshot by SQL and wants exactly the number read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from handlers.core import layout
from handlers.core.inventory import Inventories, is_system
from handlers.core.layout import COMPLETE, Kind, TableStatus
from handlers.core.manifests import Entry, Table
from handlers.core.proof import Problem, StoredObject, about, problem, short

POINT = "point"  # subject of what concerns the recovery point as a whole
_AGAIN = "take the next recovery point; if it repeats, look at the table's entry in export_tables_info"


@dataclass(slots=True)
class _Folder:
    """What was found in the folder of one table."""

    rows: int = 0
    objects: int = 0
    bytes: int = 0
    columns: tuple[tuple[str, str], ...] | None = None
    batches: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)


class Check:
    """Judges one export: add every object, then every tables-info file, then conclude."""

    def __init__(self, *, prefix: str, kms_key: str, ended_at: datetime | None) -> None:
        self.prefix = prefix
        self.kms_key = kms_key
        self.ended_at = ended_at.replace(microsecond=0) if ended_at else None  # S3 gives whole seconds
        self.objects: list[Entry] = []  # as the manifest holds them
        self.infos: dict[Kind, list[str]] = {Kind.TASK_INFO: [], Kind.TABLES_INFO: []}
        self._folders: dict[str, _Folder] = {}
        self._statuses: dict[str, TableStatus] = {}
        self._problems: list[Problem] = []  # of objects and files
        self._unread_infos = False

    def add(
        self,
        found: StoredObject,
        columns: tuple[tuple[str, str], ...] | None = None,
        rows: int = 0,
        *,
        replaced_at: datetime | None = None,
    ) -> None:
        """Take in one object, with the columns and rows of its footer if it has one.

        Args:
            found: What S3 says of it.
            columns: Columns of its Parquet footer.
            rows: Rows of its Parquet footer.
            replaced_at: When its latest version was written, if older ones lie beneath.
        """
        where = layout.place(self.prefix, found.key)
        algorithm, value = next(iter(found.checksums.items()), ("", ""))
        self.objects.append({
            "key": found.key,
            "size": found.size,
            "checksum": {"algorithm": algorithm, "value": value},
            "version_id": found.version,
        })  # fmt: skip
        if where.kind in self.infos:
            self.infos[where.kind].append(found.key)
        self._judge_object(found, where.kind, replaced_at)
        if where.kind in (Kind.ROWS, Kind.SUCCESS):
            table = self._folders.setdefault(where.folder, _Folder())
            if where.kind is Kind.SUCCESS:
                table.finished.add(where.batch)
                return
            table.batches.add(where.batch)
            table.objects += 1
            table.bytes += found.size
            table.rows += rows
            if columns is not None:
                if table.columns is None:
                    table.columns = columns
                elif table.columns != columns:
                    self._note(found.key, "schema-differs", _difference(columns, table.columns))

    def add_deleted(self, key: str, at: datetime) -> None:
        """Take in an object that a delete marker hides since *at*; before the end RDS tidied up after itself."""
        if self.ended_at and at >= self.ended_at and layout.place(self.prefix, key).kind is not Kind.OTHER:
            self._note(
                key,
                "object-deleted",
                f"was deleted at {at.isoformat()}, after the export had ended: find out who did (CloudTrail, "
                "DeleteObject), and remove the delete marker or take the next recovery point",
            )

    def add_info(self, key: str, document: object) -> None:
        """Take in the content of an info file; anything but a JSON object counts as unreadable."""
        if key in self.infos[Kind.TABLES_INFO]:
            try:
                for status in layout.statuses(document):
                    earlier = self._statuses.get(status.table)
                    if earlier is None or earlier.status == COMPLETE:
                        self._statuses[status.table] = status
            except ValueError as error:
                self._unread_infos = True
                self._note(key, "info-unreadable", f"is not as documented ({error}): {_AGAIN}")
        elif not isinstance(document, dict):
            self._note(key, "info-unreadable", f"is no JSON object: {_AGAIN}")
        else:
            if document.get("exportOnly"):
                only = short(", ".join(map(str, document["exportOnly"])))
                detail = f"The task exports only {only}: start it without ExportOnly."
                self._problems.append(problem(POINT, "export-restricted", detail))
            if str(document.get("status", COMPLETE)).upper() != COMPLETE:
                self._note(key, "info-unreadable", f"says the task is {document['status']}, not {COMPLETE}: {_AGAIN}")

    def conclude(self, inventories: Inventories, warning: str | None) -> tuple[list[Table], list[Problem]]:
        """Every table by name, and every problem: of the point, then of tables, then of objects."""
        names = self._names(inventories)
        of_point = list(self._judge_point(inventories, warning))
        of_tables: list[Problem] = []
        tables: list[Table] = []
        for name in sorted(names):
            found, status = self._folders.get(layout.folder(name)), self._statuses.get(name)
            if is_system(name):
                continue
            of_tables += self._judge_table(name, found, status, inventories)
            seen = found or _Folder()
            said = status.status if status else "UNKNOWN" if found else "MISSING"
            tables.append({
                "name": name, "rows": seen.rows, "objects": seen.objects, "bytes": seen.bytes, "status": said
            })  # fmt: skip
        of_tables += self._ambiguous(names)
        of_point += [p for p in self._problems if p["subject"] == POINT]
        of_objects = sorted((p for p in self._problems if p["subject"] != POINT), key=lambda p: p["subject"])
        return tables, of_point + of_tables + of_objects

    def _names(self, inventories: Inventories) -> set[str]:
        """Tables that somebody speaks of; a folder that nobody names stands for itself."""
        names = set(self._statuses) | inventories.certain
        known = {layout.folder(name) for name in names | (inventories.possible or frozenset())}
        possible = {name for name in inventories.possible or () if layout.folder(name) in self._folders}
        return names | possible | (self._folders.keys() - known)

    def _judge_point(self, inventories: Inventories, warning: str | None) -> Iterable[Problem]:
        for phase, reason in sorted(inventories.missing.items()):
            yield problem(
                POINT,
                "inventory-missing",
                f"The list of tables {phase} the snapshot is missing ({short(reason)}): let take_inventory reach the "
                "database, then take the next recovery point.",
            )
        if warning:
            yield problem(
                POINT,
                "export-warning",
                f"RDS completed the export with a warning, {short(warning)}: look at the tables that "
                "export_tables_info names with it.",
            )
        if not self.objects:
            yield problem(POINT, "export-empty", f"There is no object under {self.prefix}/: check prefix and bucket.")
            return
        if not self.infos[Kind.TASK_INFO]:
            yield problem(POINT, "info-missing", f"{self.prefix}/export_info_*.json is not there: {_AGAIN}.")
        knows_of_none = inventories.possible is not None and not inventories.possible and not self._folders
        if not self.infos[Kind.TABLES_INFO] and not knows_of_none:
            yield problem(POINT, "info-missing", f"{self.prefix}/export_tables_info_*.json is not there: {_AGAIN}.")
        if (hole := layout.gap(self.infos[Kind.TABLES_INFO])) is not None:
            yield problem(POINT, "info-missing", f"No export_tables_info_*.json covers table {hole}: {_AGAIN}.")

    def _judge_table(
        self, name: str, found: _Folder | None, status: TableStatus | None, inventories: Inventories
    ) -> Iterable[Problem]:
        if inventories.possible is not None and name not in inventories.possible:
            yield about(
                name,
                "table-unexpected",
                "is exported, and stood in neither list of tables: was it made for a moment only?",
            )
        if status is None:
            if found is None:
                yield about(
                    name, "table-missing", f"existed before and after the snapshot and is not in the export: {_AGAIN}"
                )
            elif self.infos[Kind.TABLES_INFO] and not self._unread_infos:
                yield about(name, "table-without-status", f"has objects, but RDS gives no status for it: {_AGAIN}")
        else:
            yield from _judge_status(status, found)
        if found:
            for batch in sorted(found.batches - found.finished):
                yield about(
                    name, "success-missing", f"has rows but no _SUCCESS in its batch {batch or '(none)'}: {_AGAIN}"
                )

    def _judge_object(self, found: StoredObject, kind: Kind, replaced_at: datetime | None) -> None:
        if found.trouble:
            self._note(
                found.key,
                "object-unreadable",
                f"can't be read ({short(found.trouble)}): allow this function's role to read it and to decrypt with "
                f"{self.kms_key}, or take the next recovery point if the file is damaged",
            )
            return
        if not found.checksums:
            self._note(found.key, "no-checksum", "has no checksum: nothing can vouch for its copy")
        if found.kms_key != self.kms_key:
            self._note(
                found.key,
                "wrong-key",
                f"is encrypted under {found.kms_key or 'no KMS key'}, not {self.kms_key}: export with that key",
            )
        if kind is Kind.STRAY_ROWS:
            self._note(
                found.key, "object-misplaced", "holds rows outside of every table's folder: they are not counted"
            )
        if replaced_at and self.ended_at and replaced_at >= self.ended_at + timedelta(seconds=1):
            self._note(
                found.key,
                "object-replaced",
                f"was written again at {replaced_at.isoformat()}, after the export had ended: find out who did "
                "(CloudTrail, PutObject), and take the next recovery point",
            )

    def _ambiguous(self, names: Iterable[str]) -> Iterable[Problem]:
        sharing: dict[str, list[str]] = {}
        for name in sorted(names):
            sharing.setdefault(layout.folder(name), []).append(name)
        for folder, several in sharing.items():
            if len(several) > 1 and folder in self._folders:
                yield about(
                    several[0],
                    "name-ambiguous",
                    f"shares the folder {folder} with {several[1]}: rename one of the tables",
                )

    def _note(self, subject: str, reason: str, detail: str) -> None:
        self._problems.append(about(subject, reason, detail))


def _judge_status(status: TableStatus, found: _Folder | None) -> Iterable[Problem]:
    why = f": {short(status.warning)}" if status.warning else ""
    if status.status != COMPLETE:
        yield about(status.table, "table-incomplete", f"was exported with status {status.status}{why or f': {_AGAIN}'}")
        return
    if why:
        yield about(status.table, "table-warning", f"was exported with a warning{why}")
    if status.partitions is not None and status.completed is not None and status.completed < status.partitions:
        yield about(
            status.table,
            "table-incomplete",
            f"was read in {status.completed} of {status.partitions} slices although RDS calls it complete: {_AGAIN}",
        )
    if found is None:
        yield about(status.table, "table-without-objects", f"is complete, says RDS, but has no object: {_AGAIN}")


def _difference(columns: tuple[tuple[str, str], ...], others: tuple[tuple[str, str], ...]) -> str:
    first = next((c for c in (*columns, *others) if c not in columns or c not in others), None)
    what = f"column {first[0]} ({first[1]}) is not in both" if first else "their order differs"
    return f"has other columns than the table's first part ({what}): is it in the right folder?"
