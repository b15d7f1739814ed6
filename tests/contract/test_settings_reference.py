"""docs/settings.md holds every setting, with the defaults and the bounds that it has."""

import dataclasses
import re
import tomllib
import types
import typing
from datetime import timedelta
from pathlib import Path

import pytest

from blueprints import settings_file, settings_reference
from blueprints.settings import PRODUCTION, PROFILES, Settings
from blueprints.validation import SettingsError

PAGE = (Path(__file__).parents[2] / "docs/settings.md").read_text()
SAMPLES = {
    "domain": {"name": "example.com", "zone_id": "Z0123456789ABCDEFGHIJ"},
    "federation": {"name": "Company", "metadata_url": "https://login.example.com/saml"},
}


def documented():
    """``{"table.setting": cells}`` of every row of the page; settings before the first table have no table."""
    found = {}
    for section in PAGE.split("\n## ")[1:]:
        heading = re.match(r"`\[(\w+)\]`", section)
        table = f"{heading[1]}." if heading else ""
        for line in section.splitlines():
            if line.startswith("| `"):
                cells = [cell.strip() for cell in line.strip("|").split("|")]
                found[table + cells[0].strip("`")] = cells
    return found


def existing():
    """Names of all settings, from the types alone."""
    hints = typing.get_type_hints(Settings)
    for field in dataclasses.fields(Settings):
        hint = hints[field.name]
        kind = hint.__args__[0] if isinstance(hint, types.UnionType) else hint
        if dataclasses.is_dataclass(kind):
            yield from (f"{field.name}.{each.name}" for each in dataclasses.fields(kind))
        else:
            yield field.name


def overlaid(name, value):
    """A deployment with one setting as a TOML file says it: *value* is TOML."""
    table, _, setting = name.rpartition(".")
    said = tomllib.loads(f"{setting} = {value}")
    return settings_file.overlaid(
        {"profile": "PRODUCTION", **({table: {**SAMPLES.get(table, {}), **said}} if table else said)}
    )


def test_the_page_is_what_the_settings_make_it():
    assert settings_reference.reference() == PAGE, "run: python -m blueprints.settings_reference > docs/settings.md"


def test_every_setting_has_its_row_and_no_other():
    assert list(documented()) == [name for name in existing() if "." not in name] + [n for n in existing() if "." in n]


def test_every_row_says_what_is_allowed_and_what_it_does():
    assert all(all(cells) for cells in documented().values())


@pytest.mark.parametrize("name", documented())
@pytest.mark.parametrize("profile", PROFILES)
def test_a_default_is_the_profiles_own_in_the_words_of_a_settings_file(profile, name):
    default = documented()[name][2]
    table, _, setting = name.rpartition(".")
    place = getattr(PROFILES[profile], table) if table else PROFILES[profile]
    said = re.search(rf"{profile} (`[^`]+`)", default) or re.match(r"(`[^`]+`)", default)
    if name == "stage":
        assert PROFILES[profile].stage == profile.lower()
    elif said is None:
        assert place is None or getattr(place, setting) is None
    else:
        shown = settings_file._fields(type(place), place, tomllib.loads(f"{setting} = {said[1].strip('`')}"), "")
        assert shown[setting] == getattr(place, setting)


def bounded():
    for name, cells in documented().items():
        if found := re.match(r"(\d+) to (\d+)", cells[3]):
            yield pytest.param(name, int(found[1]) - 1, id=f"{name} too small")
            yield pytest.param(name, int(found[2]) + 1, id=f"{name} too large")


@pytest.mark.parametrize(("name", "value"), list(bounded()))
def test_beyond_its_bounds_a_setting_is_refused(name, value):
    with pytest.raises(SettingsError, match=rf"^{re.escape(name)} = {value}: "):
        overlaid(name, value)


@pytest.mark.parametrize("name", [name for name, cells in documented().items() if cells[1] == "one of"])
def test_each_of_several_values_is_taken_and_no_other(name):
    for value in re.findall(r'"(\w+)"', documented()[name][3]):
        overlaid(name, f'"{value}"')
    with pytest.raises(SettingsError, match=rf"^{re.escape(name)} = "):
        overlaid(name, '"other"')


def test_the_bounds_that_other_settings_set_are_as_it_says():
    backup, database = PRODUCTION.backup, PRODUCTION.database
    least = backup.interval + backup.snapshot_timeout + backup.copy_timeout
    assert set(settings_reference.RELATIVE) == {"backup.recovery_point_objective", "database.storage_limit"}

    dataclasses.replace(backup, recovery_point_objective=least)
    with pytest.raises(SettingsError, match=r"^backup\.recovery_point_objective"):
        dataclasses.replace(backup, recovery_point_objective=least - timedelta(seconds=1))
    dataclasses.replace(database, storage=30, storage_limit=33)
    dataclasses.replace(database, storage_limit=65536)
    for wrong in (database.storage * 11 // 10 - 1, 65537):
        with pytest.raises(SettingsError, match=r"^database\.storage_limit"):
            dataclasses.replace(database, storage_limit=wrong)


def test_the_settings_file_of_the_example_is_valid():
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]

    assert settings_file.overlaid(tomllib.loads(example)).prefix == "holdfast-acme"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (timedelta(0), "0s"),
        (timedelta(hours=1, minutes=30), "1h30m"),
        (timedelta(days=35), "35d"),
        (timedelta(days=1, seconds=1), "1d1s"),
    ],
)
def test_a_duration_is_written_as_it_is_read(value, said):
    assert settings_reference.duration(value) == said
    assert settings_file._duration(said, "any") == value
