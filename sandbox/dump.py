"""Load an SQL file as ``mysqldump`` and people write them, statement by statement, so that an error names its line.

The file is mapped, not read: a dump may be larger than the memory. Python's own ``re`` finds the end of each statement.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pymysql
from pymysql.connections import Connection

from sandbox.errors import DumpRefused

NO_DATABASE_SELECTED = 1046  # https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What people hand over by mistake, by the file's first bytes.
MISTAKES = {
    b"\x1f\x8b": "is compressed; unpack it first (gunzip)",
    b"PK\x03\x04": "is a zip archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed; unpack it first (unzstd)",
    b"BZh": "is compressed; unpack it first (bunzip2)",
    b"\xff\xfe": "is UTF-16, as PowerShell's > writes it; use mysqldump --result-file",
    b"\xfe\xff": "is UTF-16; write it as UTF-8",
    b"PGDMP": "is a dump of PostgreSQL; Holdfast protects MySQL",
    b"SQLite format 3": "is a database of SQLite; Holdfast protects MySQL",
}
_QUOTED = rb"""'(?:[^'\\]++|\\.|'')*+'|"(?:[^"\\]++|\\.|"")*+"|`(?:[^`]++|``)*+`"""
_COMMENT = rb"/\*.*?\*/|--(?=\s|\Z)[^\n]*+|\#[^\n]*+"
# Between two statements; comments that a server executes (/*! … */, /*M! … */) are statements.
_GAP = re.compile(rb"(?:\s++|/\*(?!M?!).*?\*/|--(?=\s|\Z)[^\n]*+|\#[^\n]*+)*+", re.DOTALL)
_DELIMITER = re.compile(rb"delimiter[ \t]+([^\s]+)[^\n]*", re.IGNORECASE)
_LINE_IN_STATEMENT = re.compile(r" at line (\d+)\Z")
# Only a replica needs it, and MariaDB does not know it.
_IGNORED = re.compile(rb"set\s+@@global\.gtid_purged\b", re.IGNORECASE)
_SYSTEM = re.compile(
    rb"(?:use|create\s+(?:database|schema)(?:\s*/\*.*?\*/)?(?:\s+if\s+not\s+exists)?)\s+"
    rb"`?(mysql|sys|performance_schema|information_schema)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Statement:
    """One statement of a file, without its delimiter, and the number of its first line."""

    text: bytes
    line: int


def statements(path: Path) -> Iterator[Statement]:
    """The statements of an SQL file in order; understands quotes, comments and ``DELIMITER``.

    Raises:
        DumpRefused: The file can't be read, is no SQL text, or a quote or comment in it never ends.
    """
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise DumpRefused(f"{path}: is empty; there is nothing to protect")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                for start, cure in MISTAKES.items():
                    if text[: len(start)] == start:
                        raise DumpRefused(f"{path}: {cure}")
                yield from _split(path, text)
    except OSError as error:
        raise DumpRefused(f"{path}: {error.strerror or error}") from None


def _split(path: Path, text: mmap.mmap) -> Iterator[Statement]:
    position = len(BYTE_ORDER_MARK) if text[:3] == BYTE_ORDER_MARK else 0
    line, counted = 1, 0
    delimiter = b";"
    while True:
        begin = _end(_GAP, text, position)
        line, counted = line + text[counted:begin].count(b"\n"), begin
        if begin >= len(text):
            return
        if command := _DELIMITER.match(text, begin):
            delimiter, position = command[1], command.end()
            continue
        end = _end(_statement(delimiter), text, begin)
        if end < len(text) and text[end : end + len(delimiter)] != delimiter:
            opened = line + text[begin:end].count(b"\n")
            raise DumpRefused(f"{path}:{opened}: the quote or comment that begins here never ends")
        if end > begin:
            yield Statement(text[begin:end].rstrip(), line)
        position = end + len(delimiter)


def _end(pattern: re.Pattern[bytes], text: mmap.mmap, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


_statement_patterns: dict[bytes, re.Pattern[bytes]] = {}


def _statement(delimiter: bytes) -> re.Pattern[bytes]:
    """Matches up to the delimiter, the end of the text, or a quote or comment that never ends."""
    if delimiter not in _statement_patterns:
        ends, first = re.escape(delimiter), re.escape(delimiter[:1])
        plain = rb"[^'\"`/\-\#" + first + rb"]++|/(?!\*)|-|" + first
        _statement_patterns[delimiter] = re.compile(
            rb"(?:(?!" + ends + rb")(?:" + _QUOTED + rb"|" + _COMMENT + rb"|(?!['\"`]|/\*)(?:" + plain + rb")))*+",
            re.DOTALL,
        )
    return _statement_patterns[delimiter]


def load(connection: Connection[pymysql.cursors.Cursor], path: Path) -> int:
    """Execute every statement of the file and return how many there were.

    What names no database goes into one named after the file.

    Raises:
        DumpRefused: The file can't be read or the server refuses a statement; the message names file and line.
    """
    count = 0
    for statement in statements(path):
        if system := _SYSTEM.match(statement.text):
            name = system[1].decode()
            raise DumpRefused(f"{path}:{statement.line}: {name} is the server's own database; dump yours only")
        if _IGNORED.match(statement.text):
            continue
        try:
            try:
                _execute(connection, statement)
            except pymysql.Error as error:
                if error.args[0] != NO_DATABASE_SELECTED:
                    raise
                _select(connection, re.sub(r"\W+", "_", path.name.split(".")[0]).strip("_").lower()[:64] or "imported")
                _execute(connection, statement)
        except (pymysql.Error, OSError) as error:
            raise DumpRefused(f"{path}:{_line_of(error, statement)}: {_one_line(error)}") from None
        count += 1
    if not count:
        raise DumpRefused(f"{path}: holds no statement; there is nothing to protect")
    connection.commit()
    return count


def _select(connection: Connection[pymysql.cursors.Cursor], schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{schema}`")
        cursor.execute(f"USE `{schema}`")


def _execute(connection: Connection[pymysql.cursors.Cursor], statement: Statement) -> None:
    with connection.cursor() as cursor:
        cursor.execute(cast("str", statement.text))  # bytes go as they are: a dump has binary strings in it
        while cursor.nextset():
            pass


def _line_of(error: Exception, statement: Statement) -> int:
    """The line of the file: a syntax error counts from the statement's first line."""
    inside = _LINE_IN_STATEMENT.search(str(error.args[-1]))
    return statement.line + (int(inside[1]) - 1 if inside else 0)


def _one_line(error: Exception) -> str:
    message = _LINE_IN_STATEMENT.sub("", str(error.args[-1]))
    return f"{' '.join(message.split())} (MySQL error {error.args[0]})"
