"""A settings file: a profile, and what this deployment has otherwise."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from blueprints import settings_file
from blueprints.settings import PRODUCTION, SANDBOX, Alerts, Api, Database, Domain, Federation
from blueprints.validation import SettingsError

WHOLE = """
version = 2
profile = "PRODUCTION"
stage = "acme"
primary_region = "eu-north-1"
permissions_boundary = "arn:aws:iam::123456789012:policy/bound"

[network]
zones = 3

[database]
instance_class = "db.r8g.xlarge"
multi_az = false

[backup]
interval = "4h"
copy_timeout = "1h30m"
lock_retention = "90d"
recovery_point_objective = "10h"
lock_mode = "COMPLIANCE"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "acme.toml"
    path.write_text(text)
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(SettingsError) as refused:
        settings_file.load(written(folder, text))
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"{folder / 'acme.toml'}: ")
    return message.removeprefix(f"{folder / 'acme.toml'}: ")


def test_a_file_that_only_names_its_profile_is_that_profile(tmp_path):
    assert settings_file.load(written(tmp_path, 'profile = "sandbox"')) == SANDBOX


def test_what_the_file_says_replaces_what_the_profile_says_and_nothing_else(tmp_path):
    assert settings_file.load(written(tmp_path, WHOLE)) == replace(
        PRODUCTION,
        stage="acme",
        primary_region="eu-north-1",
        permissions_boundary="arn:aws:iam::123456789012:policy/bound",
        network=replace(PRODUCTION.network, zones=3),
        database=replace(PRODUCTION.database, instance_class="db.r8g.xlarge", multi_az=False),
        backup=replace(
            PRODUCTION.backup,
            interval=timedelta(hours=4),
            copy_timeout=timedelta(minutes=90),
            lock_retention=timedelta(days=90),
            recovery_point_objective=timedelta(hours=10),
            lock_mode="COMPLIANCE",
        ),
    )


def test_a_domain_a_provider_and_who_is_told_come_from_tables_of_their_own(tmp_path):
    text = """
profile = "STAGING"
[domain]
name = "example.com"
zone_id = "Z0123456789ABC"
[federation]
name = "Company"
metadata_url = "https://idp.example.com/metadata"
[api]
throttle_rate = 5
[alerts]
email = "operations@example.com"
latency = "2s"
"""

    loaded = settings_file.load(written(tmp_path, text))

    assert loaded.domain == Domain(name="example.com", zone_id="Z0123456789ABC")
    assert loaded.federation == Federation(name="Company", metadata_url="https://idp.example.com/metadata")
    assert loaded.api == Api(throttle_rate=5)
    assert loaded.alerts == Alerts(email="operations@example.com", latency=timedelta(seconds=2))
    assert loaded.site.cloudfront is False  # the profile's


def test_false_does_without_the_database(tmp_path):
    assert settings_file.load(written(tmp_path, 'profile = "PRODUCTION"\ndatabase = false')).database is None


def test_a_database_table_on_a_profile_without_one_starts_from_the_defaults(tmp_path, monkeypatch):
    bare = replace(PRODUCTION, database=None)
    monkeypatch.setitem(settings_file.PROFILES, "BARE", bare)

    loaded = settings_file.load(written(tmp_path, 'profile = "BARE"\n[database]\nport = 3310'))

    assert loaded.database == Database(port=3310)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'profile = "": name the profile to start from: PRODUCTION, STAGING, SANDBOX'),
        ('profile = "PROD"', 'profile = "PROD": use PRODUCTION, STAGING, SANDBOX'),
        ("profile = 3", "profile = 3: use PRODUCTION, STAGING, SANDBOX"),
        (
            'profile = "SANDBOX"\n[backup]\nintervall = "6h"',
            'backup.intervall = "6h": there is no such setting; did you mean backup.interval?',
        ),
        (
            'version = 2\nprofile = "SANDBOX"\n[backup]\nretention = "90d"',
            'backup.retention = "90d": there is no such setting; did you mean backup.lock_retention?',
        ),
        ('versoin = 2\nprofile = "SANDBOX"', "versoin = 2: there is no such setting; did you mean version?"),
        ('profil = "SANDBOX"', 'profile = "": name the profile to start from: PRODUCTION, STAGING, SANDBOX'),
        ('profile = "SANDBOX"\n[network]\nx = 1', "network.x = 1: there is no such setting; use one of cidr, zones"),
        (
            'profile = "SANDBOX"\n[backup]\ninterval = 6',
            'backup.interval = 6: use a duration such as "45m", "6h" or "35d"',
        ),
        (
            'profile = "SANDBOX"\n[backup]\ninterval = "6 hours"',
            'backup.interval = "6 hours": use a duration such as "45m", "6h" or "35d"',
        ),
        (
            'profile = "SANDBOX"\n[backup]\ninterval = ""',
            'backup.interval = "": use a duration such as "45m", "6h" or "35d"',
        ),
        (
            'profile = "SANDBOX"\n[backup]\ninterval = "99999999999d"',
            'backup.interval = "99999999999d": use a duration such as "45m", "6h" or "35d"',
        ),
        (
            'profile = "SANDBOX"\n[database]\nstorage = "20"',
            'database.storage = "20": use a whole number, without quotes',
        ),
        (
            'profile = "SANDBOX"\n[database]\nstorage = true',
            "database.storage = True: use a whole number, without quotes",
        ),
        ('profile = "SANDBOX"\n[database]\nproxy = 1', "database.proxy = 1: use true or false"),
        ('profile = "SANDBOX"\nstage = 1', 'stage = 1: use a string in quotes, for example "eu-west-1"'),
        (
            'profile = "SANDBOX"\nnetwork = false',
            "network = False: use a table, [network], with a line for each setting",
        ),
        (
            'profile = "SANDBOX"\n[backup]\nlock_mode = "NONE"',
            'backup.lock_mode = "NONE": use GOVERNANCE or COMPLIANCE',
        ),
        ('profile = "SANDBOX"\n[network]\nzones = 4', "network.zones = 4: use 2 or 3"),  # refused by the settings
        (
            'profile = "SANDBOX"\n[domain]\nname = "example.com"',
            'domain.zone_id = "": is missing; give it a value, too',
        ),
        (
            'profile = "SANDBOX"\n[site]\nprice_class = "cheap"',
            'site.price_class = "cheap": use PriceClass_100 or PriceClass_200 or PriceClass_All',
        ),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_with_field_value_and_cure(tmp_path, text, message):
    assert refusal(tmp_path, text) == message


def test_what_is_no_toml_is_refused_with_its_place(tmp_path):
    message = refusal(tmp_path, 'profile = "SANDBOX"\nstage acme\n')

    assert message.startswith("not TOML: ")
    assert "line 2" in message


def test_what_is_no_text_is_refused(tmp_path):
    path = tmp_path / "acme.toml"
    path.write_bytes(b'stage = "\xff"')

    with pytest.raises(SettingsError, match=r"acme\.toml: not UTF-8 text at byte 9; save the file as UTF-8"):
        settings_file.load(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.toml: No such file or directory; give the path of a readable TOML"):
        settings_file.load(tmp_path / "none.toml")
