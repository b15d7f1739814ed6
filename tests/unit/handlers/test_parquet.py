import datetime as dt
import decimal
import io
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.core import parquet
from handlers.core.parquet import (
    EncryptedFooter,
    FooterTooLong,
    MalformedFooter,
    NotParquet,
    ParquetError,
    TruncatedFile,
    read_footer,
)

MOMENT = dt.datetime(2026, 10, 6, 12, tzinfo=dt.UTC)
ROWS = 40
PLAIN = pa.table({
    "id": pa.array(range(ROWS), pa.int64()),
    "small": pa.array([n % 7 for n in range(ROWS)], pa.int16()),
    "ratio": pa.array([n / 3 for n in range(ROWS)], pa.float64()),
    "single": pa.array([n / 3 for n in range(ROWS)], pa.float32()),
    "flag": pa.array([n % 2 == 0 for n in range(ROWS)]),
    "name": pa.array([f"naïve {n}" if n % 3 else None for n in range(ROWS)]),
    "blob": pa.array([bytes([n, 0, 255, 128]) for n in range(ROWS)], pa.binary()),
    "fixed": pa.array([bytes(16) for _ in range(ROWS)], pa.binary(16)),
    "price": pa.array([decimal.Decimal(n) / 4 for n in range(ROWS)], pa.decimal128(38, 10)),
    "at": pa.array([MOMENT] * ROWS, pa.timestamp("us", "UTC")),
    "day": pa.array([MOMENT.date()] * ROWS, pa.date32()),
    "time": pa.array([MOMENT.time()] * ROWS, pa.time64("us")),
    "nothing": pa.nulls(ROWS),
})  # fmt: skip
NESTED = pa.table({
    "tags": [["a", "b"], [], None] * 10,
    "point": [{"x": 1, "y": {"z": "deep"}}] * 30,
    "attributes": pa.array([[("k", 1)]] * 30, pa.map_(pa.string(), pa.int32())),
    "lists": pa.array([[[{"a": 1, "b": [1.5]}]]] * 30),
    "after": list(range(30)),
})  # fmt: skip

FILES = {
    "plain": (PLAIN, {}),
    "gzip": (PLAIN, {"compression": "gzip"}),
    "zstd": (PLAIN, {"compression": "zstd"}),
    "no compression": (PLAIN, {"compression": "none"}),
    "no dictionary": (PLAIN, {"use_dictionary": False}),
    "no statistics": (PLAIN, {"write_statistics": False}),
    "delta encodings": (
        PLAIN.select(["id", "name"]),
        {"use_dictionary": False, "column_encoding": {"id": "DELTA_BINARY_PACKED", "name": "DELTA_BYTE_ARRAY"}},
    ),
    "INT96 timestamps": (PLAIN.select(["at"]), {"use_deprecated_int96_timestamps": True}),
    "page index": (PLAIN, {"write_page_index": True}),
    "page checksums": (PLAIN, {"write_page_checksum": True}),
    "data pages v2": (PLAIN, {"data_page_version": "2.0"}),
    "format 1.0": (PLAIN, {"version": "1.0"}),
    "sorting columns": (PLAIN, {"sorting_columns": [pq.SortingColumn(0)]}),
    "bloom filters": (PLAIN, {"bloom_filter_options": {"id": True}}),
    "many row groups": (PLAIN, {"row_group_size": 2}),
    "no Arrow schema": (PLAIN, {"store_schema": False}),
    "key-value metadata": (PLAIN.replace_schema_metadata({"org.apache.spark": "x" * 3000, "\x00": ""}), {}),
    "nested": (NESTED, {}),
    "nested, many groups": (NESTED, {"row_group_size": 3, "compression": "gzip"}),
    "empty": (PLAIN.slice(0, 0), {}),
    "no columns": (pa.table({}), {}),
    "one column": (PLAIN.select(["id"]), {}),
    "300 columns": (pa.table({f"column_{n}": [n] for n in range(300)}), {}),
    "umlauts": (pa.table({"grüße": [1], "数": [2], "a.b": [3], " ": [4]}), {}),
}


def written(table, **options):
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def by_pyarrow(content):
    found = pq.read_metadata(io.BytesIO(content))
    columns = [found.schema.column(n) for n in range(found.num_columns)]
    groups = [found.row_group(n) for n in range(found.num_row_groups)]
    return parquet.Footer(
        found.num_rows,
        tuple((column.path, column.physical_type) for column in columns),
        tuple(parquet.RowGroup(group.num_rows, group.total_byte_size) for group in groups),
    )


PLAIN_FILE = written(PLAIN, row_group_size=16, write_page_index=True)
NESTED_FILE = written(NESTED)


@pytest.mark.parametrize("name", FILES)
def test_rows_columns_and_row_groups_equal_pyarrows(name):
    table, options = FILES[name]
    content = written(table, **options)

    assert read_footer(content, len(content), row_groups=True) == by_pyarrow(content)


@pytest.mark.parametrize("name", FILES)
def test_without_row_groups_rows_and_columns_are_the_same(name):
    table, options = FILES[name]
    content = written(table, **options)
    whole = by_pyarrow(content)

    assert read_footer(content) == parquet.Footer(whole.rows, whole.columns)


def test_more_rows_than_fit_into_32_bits_are_counted():
    small = written(PLAIN.select(["id"]), store_schema=False, write_statistics=False)
    length = int.from_bytes(small[-8:-4], "little")
    footer = bytearray(small[-8 - length : -8])
    at = footer.index(bytes([0x16, ROWS * 2]))  # field 3 of FileMetaData: rows, zigzag
    footer[at + 1 : at + 2] = bytes([0x80, 0x80, 0x80, 0x80, 0x80, 0x02])  # 2 * 2^35 as a varint
    tail = b"PAR1" + bytes(footer) + len(footer).to_bytes(4, "little") + b"PAR1"

    assert read_footer(tail, len(tail)).rows == 2**35


def test_the_last_bytes_are_enough():
    length = int.from_bytes(PLAIN_FILE[-8:-4], "little")

    assert read_footer(PLAIN_FILE[-length - 8 :], len(PLAIN_FILE)).rows == ROWS


def test_a_longer_footer_says_how_many_bytes_it_needs():
    length = int.from_bytes(PLAIN_FILE[-8:-4], "little")
    with pytest.raises(FooterTooLong) as raised:
        read_footer(PLAIN_FILE[-length - 7 :], len(PLAIN_FILE))

    assert raised.value.needed == length + 8
    assert read_footer(PLAIN_FILE[-raised.value.needed :], len(PLAIN_FILE)).rows == ROWS


@pytest.mark.parametrize("content", [b"", b"PK", b"id,name\n1,Ann\n", b"\x00" * 100])
def test_what_does_not_end_in_the_magic_is_not_parquet(content):
    with pytest.raises(NotParquet):
        read_footer(content, len(content))


def test_a_file_that_was_cut_off_is_told_from_one_that_never_was_parquet():
    with pytest.raises(TruncatedFile, match="does not end like it"):
        read_footer(PLAIN_FILE[:-20])


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1PAR1", b"PAR1\x00\x01\x00\x00PAR1"])
def test_a_file_shorter_than_its_footer_is_truncated(content):
    with pytest.raises(TruncatedFile):
        read_footer(content, len(content))


def test_an_encrypted_footer_is_named_so():
    with pytest.raises(EncryptedFooter):
        read_footer(PLAIN_FILE[:-4] + b"PARE", len(PLAIN_FILE))


@pytest.mark.parametrize(
    "footer",
    [
        b"\x00",  # nothing in it
        b"\x15\x02\x19\x0f\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a schema of 2^63 elements of no type
        b"\x15\x02\x19\x1c\x00\x16\x01\x00",  # minus one row
        b"\x15" + b"\xff" * 40,  # a number without end
        b"\x1b\xff\xff\xff\xff\x7f\x11",  # a map of 2^35 booleans
        b"\x1c" * 2000,  # structures in structures
        b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a text of 2^63 bytes
        b"\x1d\x00",  # a type that does not exist
        b"\x29\x2c\x48\x01\xff\x15\x02\x00\x15\x02\x48\x01x\x00\x16\x02\x00",  # no UTF-8
        b"\x29\x2c\x48\x01r\x15\x04\x00\x15\x02\x48\x01x\x00\x16\x02\x00",  # two children promised, one there
        b"\x29\x2c\x48\x01r\x15\x02\x00\x15\x40\x48\x01x\x00\x16\x02\x00",  # a physical type that does not exist
    ],
)
def test_a_footer_that_is_no_file_metadata_is_malformed_and_found_so_at_once(footer):
    tail = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    with pytest.raises(MalformedFooter):
        read_footer(tail, len(tail), row_groups=True)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([PLAIN_FILE, NESTED_FILE]), st.data())
def test_flipped_bytes_give_an_answer_or_a_named_error(content, data):
    length = int.from_bytes(content[-8:-4], "little")
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(len(content) - length - 8, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_footer(bytes(damaged), len(damaged), row_groups=True)
    except ParquetError:
        return
    assert found.rows >= 0


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([PLAIN_FILE, NESTED_FILE]), st.data())
def test_a_shortened_footer_gives_the_true_answer_or_a_named_error(content, data):
    length = int.from_bytes(content[-8:-4], "little")
    kept = content[-8 - length : -8][: data.draw(st.integers(0, length - 1))]
    tail = b"PAR1" + kept + len(kept).to_bytes(4, "little") + b"PAR1"
    try:
        found = read_footer(tail, len(tail), row_groups=True)
    except ParquetError:
        return
    assert found == by_pyarrow(content)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_give_an_answer_or_a_named_error(footer, row_groups):
    tail = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    with suppress(ParquetError):
        assert read_footer(tail, len(tail), row_groups=row_groups).rows >= 0
