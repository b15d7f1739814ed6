"""A settings file of an older version is read as ever, and says what to write instead; a newer one is refused."""

from datetime import timedelta

import pytest

from blueprints import settings_file, settings_versions
from blueprints.settings import SANDBOX
from blueprints.settings_versions import CURRENT
from blueprints.validation import SettingsError

OLD = 'profile = "SANDBOX"\n[backup]\nretention = "3d"\nlock_mode = "COMPLIANCE"\n'
NEW = f'version = {CURRENT}\nprofile = "SANDBOX"\n[backup]\nlock_retention = "3d"\nlock_mode = "COMPLIANCE"\n'


@pytest.fixture
def load(tmp_path):
    path = tmp_path / "acme.toml"

    def loaded(text):
        path.write_text(text)
        return settings_file.load(path)

    return loaded


def test_an_old_file_means_what_it_meant_and_one_line_says_what_to_write_instead(load, capsys, tmp_path):
    old = load(OLD)

    assert old.backup.lock_retention == timedelta(days=3)
    assert capsys.readouterr().err == (
        f"{tmp_path / 'acme.toml'}: settings of an older version are read as ever; "
        f"write version = {CURRENT} at the top, and backup.lock_retention instead of backup.retention\n"
    )
    assert load(NEW) == old == load(f"version = 1\n{OLD}")


@pytest.mark.parametrize(
    "text", [NEW, 'profile = "SANDBOX"', 'profile = "SANDBOX"\n[backup]\nstaging_retention = "1d"', "version = 2\n"]
)
def test_a_file_without_an_old_field_is_read_in_silence(load, capsys, text):
    load(text if "profile" in text else f'{text}profile = "SANDBOX"')

    assert capsys.readouterr().err == ""


def test_a_refused_file_is_told_its_error_and_nothing_else(load, capsys):
    with pytest.raises(SettingsError, match="whole days"):
        load(OLD.replace("3d", "90m"))

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (CURRENT + 1, f"version = {CURRENT + 1}: this checkout knows settings up to version {CURRENT}; upgrade it"),
        (0, f"version = 0: use a whole number without quotes; the current one is {CURRENT}"),
        (-1, "version = -1: use a whole number"),
        ('"2"', 'version = "2": use a whole number'),
        ("true", "version = True: use a whole number"),
        ("2.0", "version = 2.0: use a whole number"),
        ("[2]", 'version = "[2]": use a whole number'),
    ],
)
def test_a_newer_version_and_nonsense_are_refused_with_the_cure(load, tmp_path, version, message):
    with pytest.raises(SettingsError) as refused:
        load(f'version = {version}\nprofile = "SANDBOX"')

    assert str(refused.value).startswith(f"{tmp_path / 'acme.toml'}: {message}")


def test_a_new_name_in_an_old_file_is_refused_and_not_guessed(load):
    for text in (NEW.partition("\n")[2], f'{OLD}lock_retention = "2d"\n'):
        with pytest.raises(SettingsError, match=rf"is a setting of version 2.*; write version = {CURRENT} at its top"):
            load(text)


def test_nonsense_in_an_old_file_is_refused_as_in_a_new_one(load):
    with pytest.raises(SettingsError, match=r"backup = 3: use a table, \[backup\]"):
        load('profile = "SANDBOX"\nbackup = 3')


def test_migrating_leaves_the_table_that_was_read_as_it_is():
    table = {"profile": "SANDBOX", "backup": {"retention": "3d", "interval": "6h"}}

    migrated, told = settings_versions.current(table)

    assert migrated == {
        "profile": "SANDBOX", "version": CURRENT, "backup": {"lock_retention": "3d", "interval": "6h"},
    }  # fmt: skip
    assert told == [("backup.retention", "backup.lock_retention")]
    assert table == {"profile": "SANDBOX", "backup": {"retention": "3d", "interval": "6h"}}


def test_each_old_name_is_a_hint_in_a_new_file():
    """Whatever a migration renames, the error in a file of today names, too."""
    for path, names in settings_versions.FORMER.items():
        for old, new in names.items():
            table = {path.rstrip("."): {old: "3d"}}
            assert settings_versions.current(table)[1] == [(f"{path}{old}", f"{path}{new}")]


def test_a_next_version_is_one_function_more(monkeypatch, load, capsys):
    def three(table):
        renamed = {"stage" if name == "name" else name: value for name, value in table.items()}
        return renamed, [("name", "stage")] if "name" in table else []

    monkeypatch.setattr(settings_versions, "MIGRATIONS", (*settings_versions.MIGRATIONS, three))
    monkeypatch.setattr(settings_versions, "CURRENT", CURRENT + 1)

    loaded = load(f'name = "acme"\n{OLD}')

    assert (loaded.stage, loaded.backup.lock_retention) == ("acme", timedelta(days=3))
    assert "backup.lock_retention instead of backup.retention; stage instead of name" in capsys.readouterr().err
    assert load('version = 3\nprofile = "SANDBOX"') == SANDBOX
