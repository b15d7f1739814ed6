"""A table of a server as Parquet files, fast: the server writes text, Arrow parses it, nothing loops over rows."""

import binascii
import contextlib
import io
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from pymysql.cursors import DictCursor

from sandbox.engine.rds.columns import Column, column, quoted
from sandbox.mysql import Server

ROWS_PER_PART = 100_000
BLOCK = 8 * 1024 * 1024  # bytes; a row must fit, else the whole file is one block
SYSTEM = ("mysql", "sys", "information_schema", "performance_schema", "innodb")
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-export-snapshot.Considerations.html
FORBIDDEN_IN_COLUMNS = frozenset(",;{}()\n\t= ")
UNDERSCORED = str.maketrans(dict.fromkeys('\\`" ', "_"))


@dataclass(frozen=True)
class Table:
    """A table to export."""

    database: str
    name: str
    columns: tuple[Column, ...]

    @property
    def target(self) -> str:
        """As RDS names it in descriptions and warnings."""
        return f"{self.database}.{self.name}"

    @cached_property
    def path(self) -> str:
        """The folder of its objects, with underscores for characters that RDS does not put into keys."""
        return f"{self.database}/{self.target}".translate(UNDERSCORED)

    @property
    def skipped_because(self) -> str | None:
        """Why RDS would leave this table out; None when it would not."""
        if "/" in self.name:
            return "TABLE_NAME_CONTAINS_UNSUPPORTED_CHARACTERS"
        if any(FORBIDDEN_IN_COLUMNS & set(found.name) for found in self.columns):
            return "COLUMN_NAME_CONTAINS_UNSUPPORTED_CHARACTERS"
        return None


@dataclass(frozen=True)
class Part:
    """One Parquet file of a table."""

    name: str
    content: bytes
    rows: int


def tables_of(server: Server) -> list[Table]:
    """Every table of every database but the system's; views are not exported."""
    marks = ", ".join(["%s"] * len(SYSTEM))
    query = (
        "SELECT c.table_schema AS table_schema, c.table_name AS table_name, c.column_name AS column_name,"  # noqa: S608
        " c.data_type AS data_type, c.column_type AS column_type, c.numeric_precision AS numeric_precision,"
        " c.numeric_scale AS numeric_scale, c.datetime_precision AS datetime_precision,"
        " c.character_maximum_length AS character_maximum_length"
        " FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)"
        f" WHERE t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND c.table_schema NOT IN ({marks})"
        " ORDER BY c.table_schema, c.table_name, c.ordinal_position"
    )
    found: dict[tuple[str, str], list[Column]] = {}
    with server.connect(cursorclass=DictCursor) as connection, connection.cursor() as cursor:
        cursor.execute(query, SYSTEM)
        for row in cursor.fetchall():
            found.setdefault((row["table_schema"], row["table_name"]), []).append(column(row))
    return [Table(database, name, tuple(columns)) for (database, name), columns in found.items()]


def read(cursor: Any, server: Server, table: Table) -> pa.Table:
    """All rows of a table.

    Args:
        cursor: A cursor on the server.
        server: The server, for the directory that both it and we can reach.
        table: The table to read.
    """
    file = server.scratch / f"{uuid.uuid4().hex}.tsv"
    fields = ", ".join(found.expression for found in table.columns)
    cursor.execute(
        f"SELECT {fields} INTO OUTFILE %s FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'"  # noqa: S608
        f" FROM {quoted(table.database)}.{quoted(table.name)}",
        (str(file),),
    )
    try:
        return _typed(_parsed(file, table), table)
    finally:
        with contextlib.suppress(OSError):
            file.unlink()


def _parsed(file: Path, table: Table) -> pa.Table:
    names = [str(number) for number in range(len(table.columns))]
    types = {name: found.parsed for name, found in zip(names, table.columns, strict=True)}
    size = file.stat().st_size
    if size == 0:
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})

    def attempt(block: int) -> pa.Table:
        return pyarrow.csv.read_csv(
            file,
            pyarrow.csv.ReadOptions(column_names=names, block_size=block),
            pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False, escape_char=False, ignore_empty_lines=False),
            pyarrow.csv.ConvertOptions(
                column_types=types, null_values=["\\N"], strings_can_be_null=True, check_utf8=False
            ),
        )

    try:
        return attempt(BLOCK)
    except pa.ArrowInvalid:  # a row longer than a block
        if size <= BLOCK:
            raise
        return attempt(size + 1)


def _typed(raw: pa.Table, table: Table) -> pa.Table:
    """The parsed text in the types of the export."""
    arrays = []
    for position, found in enumerate(table.columns):
        array = raw.column(position)
        if found.hexadecimal:
            array = pa.chunked_array(
                [_from_hexadecimal(chunk, found.exported) for chunk in array.chunks], found.exported
            )
        arrays.append(array.cast(found.exported))
    return pa.Table.from_arrays(arrays, schema=pa.schema([pa.field(f.name, f.exported) for f in table.columns]))


def _from_hexadecimal(digits: pa.Array, kind: pa.DataType) -> pa.Array:
    """The bytes that an array of hexadecimal digits spells, all decoded at once."""
    _, offsets, data = digits.buffers()
    ends = pa.Array.from_buffers(pa.int32(), len(digits) + 1, [None, offsets], offset=digits.offset)
    first, last = ends[0].as_py(), ends[len(digits)].as_py()
    spelt = binascii.unhexlify(memoryview(data)[first:last]) if data else b""
    halves = pc.divide(pc.subtract(ends, first), 2).cast(pa.int32())
    valid = digits.is_valid().buffers()[1] if digits.null_count else None
    return pa.Array.from_buffers(kind, len(digits), [valid, halves.buffers()[1], pa.py_buffer(spelt)])


def parts(rows: pa.Table) -> Iterator[Part]:
    """The table's Parquet files; none when it has no rows.

    RDS reads ranges of the key in parallel and writes no file for an empty range, hence gaps in the numbers:
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.FileNames.html. By that rule an empty
    table has only its ``_SUCCESS``; readers must also accept a file without rows.
    """
    for position, start in enumerate(range(0, rows.num_rows, ROWS_PER_PART)):
        piece = rows.slice(start, ROWS_PER_PART)
        number = position if position == 0 else position + 1  # range 1 is empty, as it were
        sink = io.BytesIO()
        pq.write_table(piece, sink, compression="gzip", compression_level=1, store_decimal_as_integer=True)
        yield Part(f"part-{number:05d}-{uuid.uuid4()}.gz.parquet", sink.getvalue(), piece.num_rows)
