"""Rows and columns of a Parquet file from its last bytes. No AWS, no pyarrow: only the footer is read, never a row.

The footer is a ``FileMetaData`` structure in Thrift's compact protocol, followed by its length and the magic ``PAR1``:
https://parquet.apache.org/docs/file-format/ and https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md

* ParquetError
  x NotParquet      - the last bytes are not Parquet's magic
  x EncryptedFooter - the footer can't be read without the key of its columns (magic ``PARE``)
  x TruncatedFile   - the file is shorter than what its own end, or its beginning, promises
  x FooterTooLong   - the footer begins before the bytes that were given; ``needed`` says how many to fetch
  x MalformedFooter - the bytes of the footer are not a ``FileMetaData``
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"PAR1"
MAGIC_ENCRYPTED = b"PARE"
END = 8  # bytes after the footer: its length, the magic
SHORTEST = 12  # bytes of magic, length and magic around an empty footer
PHYSICAL_TYPES = ("BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
DEPTH = 64  # nested values that are followed before the footer counts as malformed; Parquet's own need fewer than 10

# Types of Thrift's compact protocol; low four bits of a header.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_FIXED = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8}  # bytes of a value; a boolean field is in its header
_MORE = 0x80  # bit of a byte of a number that says another follows
_LOW = 0x0F  # the type in a header; as a count, that the true count follows
_NUMBER_BITS = 63  # shift of the last byte that a 64-bit number may have

# Ids of fields: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
_FILE_SCHEMA, _FILE_ROWS, _FILE_ROW_GROUPS = 2, 3, 4
_ELEMENT_TYPE, _ELEMENT_NAME, _ELEMENT_CHILDREN = 1, 4, 5
_GROUP_BYTES, _GROUP_ROWS = 2, 3


class ParquetError(ValueError):
    """Base of all errors below; never raised itself."""


class NotParquet(ParquetError):
    """The file does not end like a Parquet file."""


class EncryptedFooter(ParquetError):
    """The footer is encrypted by Parquet itself, beneath any encryption of S3."""


class TruncatedFile(ParquetError):
    """The file was cut off."""


class MalformedFooter(ParquetError):
    """The footer's bytes don't decode."""


class FooterTooLong(ParquetError):
    """The footer begins before the given bytes; fetch the last ``needed`` bytes of the file."""

    def __init__(self, needed: int) -> None:
        super().__init__(f"the footer needs the last {needed} bytes of the file")
        self.needed = needed


@dataclass(frozen=True, slots=True)
class RowGroup:
    """One horizontal slice of a file: its rows, and its bytes before compression."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says of itself; a column is its dotted path and its physical type."""

    rows: int
    columns: tuple[tuple[str, str], ...]
    row_groups: tuple[RowGroup, ...] = ()


def read_footer(tail: bytes, size: int | None = None, *, row_groups: bool = False) -> Footer:
    """Footer of the file of *size* bytes that ends in *tail*.

    Args:
        tail: The last bytes of the file, 64 KiB suffice nearly always.
        size: Size of the whole file in bytes, if it is known.
        row_groups: Decode the row groups too; they cost more than all the rest and are left out otherwise.

    Raises:
        NotParquet, EncryptedFooter, TruncatedFile, FooterTooLong, MalformedFooter: see the module.
    """
    if tail[-4:] == MAGIC_ENCRYPTED:
        raise EncryptedFooter("the footer is encrypted by Parquet's modular encryption")
    if tail[-4:] != MAGIC:
        if tail[:4] == MAGIC:
            raise TruncatedFile("the file begins like Parquet and does not end like it")
        raise NotParquet(f"the file ends in {tail[-4:]!r}, not in {MAGIC!r}")
    length = int.from_bytes(tail[-END:-4], "little")
    needed = length + END
    if len(tail) < SHORTEST or (size is not None and needed + len(MAGIC) > size):
        raise TruncatedFile(f"the footer alone needs {needed} bytes, the file has {size or len(tail)}")
    if needed > len(tail):
        raise FooterTooLong(needed)
    try:
        return _file_metadata(_Reader(tail[-needed:-END]), row_groups=row_groups)
    except (IndexError, UnicodeDecodeError) as error:
        raise MalformedFooter(f"the footer of {length} bytes does not decode: {error}") from error


class _Reader:
    """Thrift compact protocol over bytes that somebody else wrote: every loop consumes bytes, so it ends."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def varint(self) -> int:
        data, at, value, shift = self.data, self.at, 0, 0
        if data[at] < _MORE:  # nearly all are one byte
            self.at = at + 1
            return data[at]
        while True:
            byte = data[at]
            at += 1
            value |= (byte & ~_MORE) << shift
            if byte < _MORE:
                self.at = at
                return value
            shift += 7
            if shift > _NUMBER_BITS:
                raise MalformedFooter(f"a number at byte {at} does not end")

    def integer(self) -> int:
        """A signed number, stored zigzag."""
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def text(self) -> str:
        length = self.varint()
        begin = self.at
        self.at += length
        if self.at > len(self.data):
            raise IndexError("a text runs over the end")
        return self.data[begin : self.at].decode()

    def fields(self) -> Iterator[tuple[int, int]]:
        """(id, type) of each field of a structure; whoever asks must read or skip the value before the next."""
        field = 0
        while header := self.data[self.at]:
            self.at += 1
            field = field + (header >> 4) if header >> 4 else self.integer()
            yield field, header & _LOW
        self.at += 1

    def count(self, expected: int) -> int:
        """Length of a list whose elements are of the *expected* type."""
        header = self.data[self.at]
        self.at += 1
        count = header >> 4
        if count == _LOW:
            count = self.varint()
        if count and header & _LOW != expected:
            raise MalformedFooter(f"a list at byte {self.at} holds another type than Parquet's definition says")
        return count

    def skip(self, kind: int, depth: int = 0) -> None:
        """Go past a value."""
        if depth > DEPTH:
            raise MalformedFooter(f"values are nested more than {DEPTH} deep")
        if kind in (_I32, _I64, _I16):
            data, at = self.data, self.at
            while data[at] >= _MORE:
                at += 1
            self.at = at + 1
        elif kind in _FIXED:
            self.at += _FIXED[kind]
        elif kind == _BINARY:
            length = self.varint()
            self.at += length
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        elif kind in (_LIST, _SET, _MAP):
            self._skip_many(kind, depth)
        else:
            raise MalformedFooter(f"a value before byte {self.at} has the unknown type {kind}")

    def _skip_many(self, kind: int, depth: int) -> None:
        """Go past a list, set or map; in them even a boolean takes a byte."""
        count = self.varint() if kind == _MAP else -1
        if count == 0:
            return  # an empty map has no header
        header = self.data[self.at]
        self.at += 1
        kinds = (header >> 4, header & _LOW) if kind == _MAP else (header & _LOW,)
        if kind != _MAP:
            count = header >> 4 if header >> 4 != _LOW else self.varint()
        for _ in range(count):
            for inner in kinds:
                self.skip(_BYTE if inner in (_TRUE, _FALSE) else inner, depth + 1)
            if self.at > len(self.data):
                raise IndexError("a list runs over the end")


def _file_metadata(reader: _Reader, *, row_groups: bool) -> Footer:
    columns: tuple[tuple[str, str], ...] | None = None
    rows: int | None = None
    groups: tuple[RowGroup, ...] | None = None
    for field, kind in reader.fields():
        if field == _FILE_SCHEMA and kind == _LIST:
            columns = tuple(_leaves([_schema_element(reader) for _ in range(reader.count(_STRUCT))]))
        elif field == _FILE_ROWS and kind == _I64:
            rows = reader.integer()
        elif field == _FILE_ROW_GROUPS and kind == _LIST and row_groups:
            groups = tuple([_row_group(reader) for _ in range(reader.count(_STRUCT))])
        else:
            reader.skip(kind)
        if columns is not None and rows is not None and (groups is not None or not row_groups):
            break
    if columns is None or rows is None or (groups is None and row_groups):
        raise MalformedFooter("the footer lacks its schema, its number of rows or its row groups")
    if rows < 0:
        raise MalformedFooter(f"the footer says {rows} rows")
    return Footer(rows, columns, groups or ())


def _schema_element(reader: _Reader) -> tuple[str, int | None, int]:
    """Name, physical type (None for a group) and number of children."""
    name, physical, children = "", None, 0
    for field, kind in reader.fields():
        if field == _ELEMENT_TYPE and kind == _I32:
            physical = reader.integer()
        elif field == _ELEMENT_NAME and kind == _BINARY:
            name = reader.text()
        elif field == _ELEMENT_CHILDREN and kind == _I32:
            children = reader.integer()
        else:
            reader.skip(kind)
    return name, physical, children


def _row_group(reader: _Reader) -> RowGroup:
    size = rows = 0
    for field, kind in reader.fields():
        if field == _GROUP_BYTES and kind == _I64:
            size = reader.integer()
        elif field == _GROUP_ROWS and kind == _I64:
            rows = reader.integer()
        else:
            reader.skip(kind)
    return RowGroup(rows, size)


def _leaves(elements: list[tuple[str, int | None, int]]) -> Iterator[tuple[str, str]]:
    """Columns of the schema, which is a tree written depth first with its root at the front."""
    if not elements:
        raise MalformedFooter("the schema is empty")
    open_groups: list[tuple[str, int]] = []  # path of a group, children still to come
    prefix, left = "", elements[0][2]
    for name, physical, children in elements[1:]:
        while left == 0 and open_groups:
            prefix, left = open_groups.pop()
        left -= 1
        if physical is None or children > 0:
            open_groups.append((prefix, left))
            prefix, left = f"{prefix}{name}.", children
        elif 0 <= physical < len(PHYSICAL_TYPES):
            yield prefix + name, PHYSICAL_TYPES[physical]
        else:
            raise MalformedFooter(f"column {prefix}{name} has the unknown type {physical}")
    if left != 0 or any(still for _, still in open_groups):
        raise MalformedFooter("the schema's groups and columns don't add up")
