"""Tables as Parquet in RDS's types: every value as the server has it."""

import io
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymysql.cursors import Cursor

from sandbox import dump
from sandbox.engine.rds import parquet
from sandbox.mysql import Server

ZOO = Path(parquet.__file__).parents[2] / "zoo.sql"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Server.start(tmp_path_factory.mktemp("zoo") / "data")
    with started.connect() as connection:
        dump.load(connection, ZOO)
    yield started
    started.delete()


@pytest.fixture(scope="module")
def tables(server):
    return {table.target: table for table in parquet.tables_of(server)}


def exported(server, table) -> list[pa.Table]:
    with server.connect() as connection, connection.cursor() as cursor:
        rows = parquet.read(cursor, server, table)
    return [pq.read_table(io.BytesIO(part.content)) for part in parquet.parts(rows)]


def make(server, name, columns, *values):
    server.execute("CREATE DATABASE IF NOT EXISTS made")
    server.execute(f"CREATE OR REPLACE TABLE made.`{name}` ({columns})")
    for value in values:
        server.execute(f"INSERT INTO made.`{name}` VALUES ({value})")
    return next(table for table in parquet.tables_of(server) if table.target == f"made.{name}")


def clock(value: timedelta) -> str:
    """A TIME as MySQL writes it, without the fraction."""
    seconds = abs(int(value.total_seconds()))
    return (
        f"{'-' if value.total_seconds() < 0 else ''}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    )


AS_EXPORTED = {
    "time": clock,
    "date": str,
    "datetime": lambda value: value.replace(tzinfo=UTC),
    "timestamp": lambda value: value.replace(tzinfo=UTC),
    "char": str.encode,
    # DECIMAL(65, 30) has no Parquet type
    "decimal": lambda value: format(value, "f") if value.as_tuple().exponent == -30 else value,
    "bigint unsigned": Decimal,
    "set": lambda value: value if isinstance(value, str) else ",".join(sorted(value)),
}


def plain(value: object, kind: str) -> object:
    """A value as pymysql gives it, in the form of the export."""
    return None if value is None else AS_EXPORTED.get(kind, lambda same: same)(value)


def test_every_value_of_the_zoo_is_as_the_server_has_it(server, tables):
    zoo = [table for target, table in tables.items() if target.startswith(("zoo.", "group."))]
    assert len(zoo) > 15
    for table in zoo:
        found = [row for part in exported(server, table) for row in part.to_pylist()]
        fields = ", ".join(f"`{column.name}`" for column in table.columns if column.original != "geometry")
        with server.connect(cursorclass=Cursor) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT {fields} FROM `{table.database}`.`{table.name}`")
            true = cursor.fetchall()
        assert len(found) == len(true), table.target
        for row, values in zip(found, true, strict=True):
            for column, value in zip(table.columns, values, strict=True):
                kind = column.original
                if column.exported == pa.decimal128(20, 0) and kind == "bigint":
                    kind = "bigint unsigned"
                shown = row[column.name]
                if kind == "time" and shown:
                    shown = shown.split(".")[0]
                if kind in ("float", "double") and value is not None:
                    assert shown == pytest.approx(value, rel=1e-5)
                else:
                    assert shown == plain(value, kind), (table.target, column.name)


def test_views_are_not_exported_and_tables_of_the_system_neither(tables):
    assert "zoo.totals" not in tables
    assert not any(target.startswith(("mysql.", "sys.", "performance_schema.")) for target in tables)


# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.data-types.html
@pytest.mark.parametrize(
    ("kind", "physical", "logical"),
    [
        ("BIGINT", "INT64", "None"),
        ("BIGINT UNSIGNED", "FIXED_LEN_BYTE_ARRAY", "Decimal(precision=20, scale=0)"),
        ("BIT(12)", "BYTE_ARRAY", "None"),
        ("DECIMAL(9,2)", "INT32", "Decimal(precision=9, scale=2)"),
        ("DECIMAL(18,4)", "INT64", "Decimal(precision=18, scale=4)"),
        ("DECIMAL(30,4)", "FIXED_LEN_BYTE_ARRAY", "Decimal(precision=30, scale=4)"),
        ("DECIMAL(65,30)", "BYTE_ARRAY", "String"),
        ("DOUBLE", "DOUBLE", "None"),
        ("FLOAT", "DOUBLE", "None"),
        ("INT", "INT32", "None"),
        ("INT UNSIGNED", "INT64", "None"),
        ("MEDIUMINT", "INT32", "None"),
        ("MEDIUMINT UNSIGNED", "INT64", "None"),
        ("SMALLINT", "INT32", "None"),
        ("SMALLINT UNSIGNED", "INT32", "None"),
        ("TINYINT", "INT32", "None"),
        ("TINYINT UNSIGNED", "INT32", "Int(bitWidth=16, isSigned=true)"),
        ("BINARY(4)", "BYTE_ARRAY", "None"),
        ("BLOB", "BYTE_ARRAY", "None"),
        ("CHAR(4)", "BYTE_ARRAY", "None"),
        ("ENUM('a','b')", "BYTE_ARRAY", "String"),
        ("SET('a','b')", "BYTE_ARRAY", "String"),
        ("LONGTEXT", "BYTE_ARRAY", "String"),
        ("VARBINARY(9)", "BYTE_ARRAY", "None"),
        ("VARCHAR(9)", "BYTE_ARRAY", "String"),
        ("JSON", "BYTE_ARRAY", "String"),
        ("POINT", "BYTE_ARRAY", "None"),
        ("DATE", "BYTE_ARRAY", "String"),
        ("DATETIME(6)", "INT64", "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds"),
        ("TIME", "BYTE_ARRAY", "String"),
        ("TIMESTAMP", "INT64", "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds"),
        ("YEAR", "INT32", "None"),
    ],
)
def test_types_are_those_that_rds_documents(server, kind, physical, logical):
    table = make(server, "typed", f"c {kind} NULL DEFAULT NULL", "DEFAULT")
    with server.connect() as connection, connection.cursor() as cursor:
        (part,) = parquet.parts(parquet.read(cursor, server, table))
    column = pq.read_metadata(io.BytesIO(part.content)).schema.column(0)
    assert column.physical_type == physical
    assert str(column.logical_type).startswith(logical)
    assert column.path == "c"


def test_floats_and_doubles_come_out_bit_by_bit(server):
    numbers = [0.1, 1 / 3, 1e-300, 1.7976931348623157e308, -2.5, 123456789.123456789]
    table = make(server, "doubles", "d DOUBLE", *(repr(number) for number in numbers))
    assert exported(server, table)[0].column("d").to_pylist() == numbers
    table = make(server, "floats", "f FLOAT", "0.1", "16777217", "3.4028234e38")
    assert exported(server, table)[0].column("f").to_pylist() == [
        0.10000000149011612,
        16777216.0,
        3.4028234663852886e38,
    ]


def test_bits_bytes_and_empty_strings_keep_their_length(server):
    table = make(
        server, "lengths", "b BIT(12), v VARBINARY(5), t VARCHAR(5)", "b'101', x'00ff0a0d', ''", "NULL, '', NULL"
    )
    assert exported(server, table)[0].to_pylist() == [
        {"b": b"\x00\x05", "v": b"\x00\xff\n\r", "t": ""},
        {"b": None, "v": b"", "t": None},
    ]


def test_a_lonely_empty_string_and_a_lonely_null_are_rows(server):
    table = make(server, "lonely", "t VARCHAR(9)", "''", "NULL", "'\\\\N'", "'NULL'")
    assert exported(server, table)[0].column("t").to_pylist() == ["", None, "\\N", "NULL"]


def test_a_value_larger_than_a_block_is_read_whole(server):
    table = make(server, "large", "b LONGBLOB", "REPEAT('ab', 6000000)", "'small'")
    assert exported(server, table)[0].column("b").to_pylist() == [b"ab" * 6_000_000, b"small"]


def test_a_large_table_has_several_parts_with_a_gap_in_their_numbers(server):
    table = make(server, "many", "n INT")
    server.execute("INSERT INTO made.many SELECT seq FROM mysql.help_topic a JOIN (SELECT 1 AS seq) b LIMIT 0")
    server.execute(
        "INSERT INTO made.many WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 1000)"
        " SELECT a.n * 1000 + b.n FROM s a JOIN s b WHERE a.n <= 250"
    )
    with server.connect() as connection, connection.cursor() as cursor:
        parts = list(parquet.parts(parquet.read(cursor, server, table)))
    assert [part.name[:11] for part in parts] == ["part-00000-", "part-00002-", "part-00003-"]
    assert [part.rows for part in parts] == [100_000, 100_000, 50_000]
    assert all(part.name.endswith(".gz.parquet") for part in parts)


def test_an_empty_table_has_no_file(server, tables):
    assert exported(server, tables["zoo.empty"]) == []


@pytest.mark.parametrize("name", ["a,b", "a;b", "a{b", "a}b", "a(b", "a)b", "a\nb", "a\tb", "a=b", "a b"])
def test_a_table_with_such_a_column_is_left_out(server, name):
    assert make(server, "odd", f"`{name}` INT").skipped_because == "COLUMN_NAME_CONTAINS_UNSUPPORTED_CHARACTERS"


def test_a_table_with_a_slash_in_its_name_is_left_out(server):
    assert make(server, "a/b", "c INT").skipped_because == "TABLE_NAME_CONTAINS_UNSUPPORTED_CHARACTERS"


def test_blanks_in_a_tables_name_become_underscores_in_its_folder(tables):
    table = tables["zoo.table with blanks"]
    assert table.skipped_because is None
    assert table.path == "zoo/zoo.table_with_blanks"
