"""Splitting and loading SQL files, without a server: what is a statement, and which line an error is on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pymysql
import pytest

from sandbox import dump
from sandbox.errors import DumpRefused


def split(tmp_path: Path, text: str | bytes) -> list[tuple[bytes, int]]:
    path = tmp_path / "dump.sql"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [(statement.text, statement.line) for statement in dump.statements(path)]


@pytest.mark.parametrize(
    "inside",
    [
        "'a;b'",
        "'it''s; so'",
        r"'back\'slash;'",
        '"double;"',
        '"dou""ble;"',
        "`tick;s`",
        "`ti``ck;`",
        "'two\nlines;'",
        "/* comment; */ 1",
        "/*!40101 1; */",
        "1 -- comment;\n",
        "1 # comment;\n",
        "1 - 2 / 3",
        "'größer; 🐘'",
    ],
)
def test_a_delimiter_in_quotes_or_comments_ends_nothing(tmp_path: Path, inside: str) -> None:
    found = split(tmp_path, f"SELECT {inside};\nSELECT 2;")
    assert len(found) == 2
    assert found[0][0].startswith(b"SELECT ")
    assert found[1] == (b"SELECT 2", 2 + inside.count("\n"))


def test_comments_between_statements_are_left_out_and_count_as_lines(tmp_path: Path) -> None:
    found = split(tmp_path, "-- a; b\n# c; d\n/* e;\n f */\nSELECT 1;\n\n--\nSELECT 2")
    assert found == [(b"SELECT 1", 5), (b"SELECT 2", 8)]


def test_what_a_server_executes_in_comments_is_a_statement(tmp_path: Path) -> None:
    found = split(tmp_path, "/*!40101 SET NAMES utf8mb4 */;\n/*M!999999 SELECT 1 */;")
    assert [line for _, line in found] == [1, 2]


def test_the_delimiter_can_be_changed(tmp_path: Path) -> None:
    text = "DELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 'a;;b'; END;;\ndelimiter ;\nSELECT 2;"
    assert [line for _, line in split(tmp_path, text)] == [2, 4]
    assert split(tmp_path, "DELIMITER //\nSELECT 4 / 2//\nDELIMITER ;\n")[0] == (b"SELECT 4 / 2", 2)
    assert split(tmp_path, "DELIMITER $$\nSELECT 1$$")[0] == (b"SELECT 1", 2)


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    assert split(tmp_path, b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n") == [(b"SELECT 1", 1), (b"SELECT 2", 2)]


@pytest.mark.parametrize("opening", ["'", '"', "`", "/*"])
def test_a_quote_that_never_ends_is_found_with_its_line(tmp_path: Path, opening: str) -> None:
    with pytest.raises(DumpRefused, match=r"dump\.sql:3: .* never ends"):
        split(tmp_path, f"SELECT 1;\nSELECT\n{opening}open;\n\n")


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "empty"),
    (b"\x1f\x8b\x08rest", "gunzip"),
    (b"PK\x03\x04rest", "zip archive"),
    ("SELECT 1".encode("utf-16"), "UTF-16"),
])  # fmt: skip
def test_what_is_no_sql_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(DumpRefused, match=reason):
        split(tmp_path, content)


def test_a_file_that_is_missing_or_a_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.sql", tmp_path):
        with pytest.raises(DumpRefused) as caught:
            list(dump.statements(path))
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


class Server:
    """A connection that remembers, and refuses what a test wants refused."""

    def __init__(self, refuse: dict[str, Exception] | None = None) -> None:
        self.executed: list[str] = []
        self.refuse = refuse or {}

    def cursor(self) -> Server:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def execute(self, text: bytes | str) -> None:
        sql = text if isinstance(text, str) else text.decode("latin-1")
        for beginning, error in list(self.refuse.items()):
            if sql.startswith(beginning):
                if error.args[0] == dump.NO_DATABASE_SELECTED:
                    del self.refuse[beginning]
                raise error
        self.executed.append(sql)

    def nextset(self) -> bool:
        return False

    def commit(self) -> None:
        self.executed.append("(commit)")


def load(tmp_path: Path, text: str, server: Any) -> int:
    path = tmp_path / "My dump-1.sql"
    path.write_text(text)
    return dump.load(server, path)


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    error = pymysql.err.ProgrammingError(1064, "You have an error in your SQL syntax; near 'wrong' at line 3")
    with pytest.raises(DumpRefused) as caught:
        load(tmp_path, "SELECT 1;\n\nCREATE TABLE a\n(\nwrong);", Server({"CREATE": error}))
    assert f"{tmp_path / 'My dump-1.sql'}:5: You have an error" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_names_no_database_goes_into_one_named_after_the_file(tmp_path: Path) -> None:
    server = Server({"CREATE TABLE": pymysql.err.OperationalError(1046, "No database selected")})
    assert load(tmp_path, "CREATE TABLE a (b INT);", server) == 1
    assert server.executed[0] == "CREATE DATABASE IF NOT EXISTS `my_dump_1`"
    assert server.executed[-2:] == ["CREATE TABLE a (b INT)", "(commit)"]


@pytest.mark.parametrize("statement", ["USE mysql", "use `sys`", "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `mysql`"])
def test_the_servers_own_databases_are_not_overwritten(tmp_path: Path, statement: str) -> None:
    with pytest.raises(DumpRefused, match="dump yours only"):
        load(tmp_path, f"{statement};", Server())


def test_what_only_a_replica_needs_is_passed_over(tmp_path: Path) -> None:
    server = Server()
    load(tmp_path, "SET @@GLOBAL.GTID_PURGED='';\nUSE mine;", server)
    assert server.executed == ["USE mine", "(commit)"]


def test_binary_strings_go_to_the_server_as_they_are(tmp_path: Path) -> None:
    path, server = tmp_path / "dump.sql", Server()
    path.write_bytes(b"INSERT INTO a VALUES (_binary '\x00\xff\xfe;');")
    dump.load(server, path)  # type: ignore[arg-type]
    assert server.executed[0].encode("latin-1") == b"INSERT INTO a VALUES (_binary '\x00\xff\xfe;')"


def test_a_file_of_comments_protects_nothing(tmp_path: Path) -> None:
    with pytest.raises(DumpRefused, match="no statement"):
        load(tmp_path, "-- nothing\n", Server())
