"""The schema and its users, made on a real server: twice, by two at once, after a change, and on a newer database."""

import re
import threading
from pathlib import Path

import pymysql
import pytest
from gated_database import PASSWORD, GatedDatabase, migrated

from handlers import migrate_database, resources
from handlers.core.errors import InvalidRequest, PermissionMissing, TemporarilyUnavailable
from handlers.core.migrations import Migration, MigrationsBroken, pending
from handlers.runtime import ConfigurationError

VERSIONS = [migration.version for migration in migrate_database.every()]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    found = GatedDatabase(tmp_path_factory.mktemp("migrated"))
    yield found
    found.close()


@pytest.fixture
def bare(made):
    """The server without schema and users."""
    made.server.execute("DROP DATABASE IF EXISTS holdfast")
    made.server.execute("DROP USER IF EXISTS holdfast_app, holdfast_inventory")
    return made


def applied(made):
    return [row[0] for row in made.execute("SELECT version FROM schema_migrations ORDER BY version")]


def test_a_new_database_gets_the_schema_and_the_users(bare, monkeypatch, capsys):
    answer = migrated(bare, monkeypatch)
    assert answer == {"applied": sorted(VERSIONS), "version": max(VERSIONS)}
    assert applied(bare) == sorted(VERSIONS)
    tables = {row[0] for row in bare.execute("SHOW TABLES")}
    assert tables == made_by_migrations() | {"schema_migrations"}
    assert grants(bare, "holdfast_app") == {
        "USAGE ON *.*", "SELECT, INSERT, UPDATE, DELETE ON `holdfast`.*",
    }  # fmt: skip
    assert grants(bare, "holdfast_inventory") == {"SHOW VIEW ON *.*"}
    assert PASSWORD not in capsys.readouterr().out


def made_by_migrations():
    """Tables that all migrations leave."""
    text = "\n".join(statement for each in migrate_database.every() for statement in each.statements)
    found = {do: set(re.findall(rf"\b{do} TABLE (?:IF (?:NOT )?EXISTS )?`?(\w+)", text)) for do in ("CREATE", "DROP")}
    assert found["CREATE"] >= {"idempotency_keys"}
    return found["CREATE"] - found["DROP"]


def grants(made, user):
    found = [row[0] for row in made.server.execute(f"SHOW GRANTS FOR '{user}'@'%'")]
    return {grant.removeprefix("GRANT ").partition(" TO ")[0] for grant in found}


def test_a_second_time_changes_nothing(bare, monkeypatch):
    migrated(bare, monkeypatch)
    before = bare.execute("SELECT * FROM schema_migrations ORDER BY version")
    assert migrated(bare, monkeypatch)["applied"] == []
    assert bare.execute("SELECT * FROM schema_migrations ORDER BY version") == before


def test_a_run_that_broke_between_the_statements_and_its_row_is_run_again(bare, monkeypatch):
    migrated(bare, monkeypatch)
    bare.execute("INSERT INTO items VALUES ('a', 'x', '', 0, 1, '2026-01-01', '2026-01-01')")
    bare.execute("DELETE FROM schema_migrations")
    assert migrated(bare, monkeypatch)["applied"] == sorted(VERSIONS)
    assert bare.execute("SELECT id FROM items") == (("a",),)


def test_two_deployments_at_once_wait_for_each_other(bare, monkeypatch):
    for name, value in bare.migration_variables.items():
        monkeypatch.setenv(name, value)
    slow = Migration(1, "slow", ("DO SLEEP(0.5)", "CREATE TABLE once_only (a INT)"))  # the second run of it would fail
    monkeypatch.setattr(migrate_database, "every", lambda: [slow])
    answers = []
    runs = [threading.Thread(target=lambda: answers.append(migrate_database.handler(bare.owner, None))) for _ in "ab"]
    for run in runs:
        run.start()
    for run in runs:
        run.join(30)
    assert sorted(answer["applied"] for answer in answers) == [[], [1]]


def test_a_deployment_that_another_one_keeps_waiting_says_so(bare, monkeypatch):
    monkeypatch.setattr(migrate_database, "LOCK_TIMEOUT", 0)
    with bare.server.connect() as rival, rival.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 0)", (migrate_database.LOCK,))
        with pytest.raises(TemporarilyUnavailable, match="another deployment"):
            migrated(bare, monkeypatch)


def test_an_applied_migration_that_was_changed_is_refused_with_the_cure(bare, monkeypatch):
    first = Migration(1, "make t", ("CREATE TABLE IF NOT EXISTS t (a INT)",))
    monkeypatch.setattr(migrate_database, "every", lambda: [first])
    migrated(bare, monkeypatch)
    changed = Migration(1, "make t", ("CREATE TABLE IF NOT EXISTS t (a BIGINT)",))
    monkeypatch.setattr(migrate_database, "every", lambda: [changed, Migration(2, "more", ("DO 1",))])
    with pytest.raises(MigrationsBroken, match=r"migration 1 'make t' was applied with other statements: restore them"):
        migrated(bare, monkeypatch)
    assert applied(bare) == [1]
    formatted = Migration(1, "renamed", ("\n  CREATE TABLE   IF NOT EXISTS t\n (a INT)",))
    assert formatted.sha256 == first.sha256


def test_a_database_of_tomorrow_is_left_as_it_is(bare, monkeypatch):
    migrated(bare, monkeypatch)
    bare.execute("INSERT INTO schema_migrations VALUES (2099010101, 'of tomorrow', %s, '2099-01-01')", ("0" * 64,))
    assert migrated(bare, monkeypatch)["applied"] == []
    assert applied(bare)[-1] == 2099010101


def test_a_failed_statement_leaves_no_row_and_those_before_it_stay(bare, monkeypatch):
    both = [Migration(1, "good", ("CREATE TABLE IF NOT EXISTS t (a INT)",)), Migration(2, "bad", ("CREATE NONSENSE",))]
    monkeypatch.setattr(migrate_database, "every", lambda: both)
    with pytest.raises(pymysql.err.ProgrammingError):
        migrated(bare, monkeypatch)
    assert applied(bare) == [1]


def test_versions_are_unique_and_run_in_order():
    late, early = Migration(2, "late", ()), Migration(1, "early", ("x",))
    assert pending([late, early], {}) == [early, late]
    assert pending([late, early], {1: early.sha256}) == [late]
    with pytest.raises(MigrationsBroken, match="'early' and 'same' both have version 1"):
        pending([early, Migration(1, "same", ())], {})


def test_every_resource_has_what_its_folder_asks_for():
    files = {path.stem for path in Path(resources.__file__).parent.glob("*.py")} - {"__init__"}
    assert {module.__name__ for module in resources.modules()} == {f"handlers.resources.{name}" for name in files}
    assert files
    assert len(VERSIONS) == len(set(VERSIONS))
    for module in resources.modules():
        assert module.router
        assert module.SCHEMAS
        assert all(isinstance(migration, Migration) for migration in module.MIGRATIONS)


def test_the_wrong_password_is_said_without_it(bare, monkeypatch):
    for name, value in bare.migration_variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PermissionMissing, match="was its password just rotated") as refused:
        migrate_database.handler({**bare.owner, "password": "wrong-word"}, None)
    texts, error = "", refused.value
    while error:
        texts += str(error)
        error = error.__cause__ or error.__context__
    assert "wrong-word" not in texts


def test_a_database_that_is_not_there_may_be_asked_again(bare, monkeypatch):
    for name, value in bare.migration_variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TemporarilyUnavailable, match=r"127\.0\.0\.1 can't be reached"):
        migrate_database.handler({**bare.owner, "port": 1}, None)
    with pytest.raises(InvalidRequest, match="port"):
        migrate_database.handler({**bare.owner, "port": "x"}, None)


@pytest.mark.parametrize("name", ["x'; DROP USER root; --", "X", "`", "a" * 33])
def test_names_that_would_have_to_be_quoted_are_refused(bare, monkeypatch, name):
    for variable, value in (bare.migration_variables | {"APPLICATION_USER": name}).items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match="no name for a database or a user"):
        migrate_database.handler(bare.owner, None)
