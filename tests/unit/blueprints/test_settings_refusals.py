"""Wrong settings are refused in one line that names the field, the value and the cure."""

from datetime import timedelta

import pytest

from blueprints.regions import regions_of
from blueprints.settings import (
    PRODUCTION,
    PROFILES,
    Alerts,
    Api,
    Backup,
    Database,
    Domain,
    Federation,
    Network,
    Settings,
    Site,
    StackSets,
)
from blueprints.validation import SettingsError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ZONE = {"name": "example.com", "zone_id": "Z0123456789ABC"}
SAML = {"name": "Company", "metadata_url": "https://idp.example.com/metadata"}

REFUSED = [
    # what is made, with what, the field named, the value shown, part of the cure
    (Network, {"zones": 1}, "network.zones = 1", "use 2 or 3"),
    (Network, {"zones": 4}, "network.zones = 4", "use 2 or 3"),
    (Network, {"cidr": "8.8.8.0/24"}, 'network.cidr = "8.8.8.0/24"', "private IPv4 network between /16 and /24"),
    (Network, {"cidr": "10.0.0.0/8"}, 'network.cidr = "10.0.0.0/8"', "private IPv4 network between /16 and /24"),
    (Network, {"cidr": "10.20.0.1/20"}, 'network.cidr = "10.20.0.1/20"', "for example 10.20.0.0/20"),
    (Network, {"cidr": "home"}, 'network.cidr = "home"', "for example 10.20.0.0/20"),
    *(
        (
            StackSets,
            {"organizational_unit": unit},
            f'stack_sets.organizational_unit = "{unit}"',
            "such as ou-ab12-cdefgh34",
        )
        for unit in ("", "r-ab12", "ou-ab1-cdefgh34", "ou-ab12-cdefgh3", "OU-ab12-cdefgh34")
    ),
    (Database, {"instance_class": "large"}, 'database.instance_class = "large"', "such as db.m7g.large"),
    (Database, {"engine_version": "5.7"}, 'database.engine_version = "5.7"', "such as 8.4"),
    (Database, {"storage": 10}, "database.storage = 10", "20 to 65536 GiB"),
    (
        Database,
        {"storage": 100, "storage_limit": 109},
        "database.storage_limit = 109",
        "a tenth more than storage (100)",
    ),
    (Database, {"port": 3306}, "database.port = 3306", "not MySQL's default"),
    (Database, {"port": 80}, "database.port = 80", "1150 to 65535"),
    (Database, {"automated_backups": 1}, "database.automated_backups = 1", "7 to 35 days"),
    (Backup, {"interval": 7 * HOUR}, 'backup.interval = "7:00:00"', "1, 2, 3, 4, 6, 8, 12 or 24 hours"),
    (Backup, {"interval": timedelta(seconds=90)}, 'backup.interval = "0:01:30"', "use 5, 10, 15"),
    (Backup, {"start": "24:00"}, 'backup.start = "24:00"', "such as 00:30"),
    (Backup, {"time_zone": "Mars/Olympus"}, 'backup.time_zone = "Mars/Olympus"', "such as Europe/Berlin"),
    (
        Backup,
        {"interval": DAY},
        'backup.recovery_point_objective = "12:00:00"',
        "can be 1 day, 5:00:00 old (interval + snapshot_timeout + copy_timeout)",
    ),
    (Backup, {"export_timeout": 8 * DAY}, 'backup.export_timeout = "8 days, 0:00:00"', "one minute to seven days"),
    (Backup, {"sweep_interval": timedelta(0)}, 'backup.sweep_interval = "0:00:00"', "one minute to seven days"),
    (Backup, {"concurrent_exports": 0}, "backup.concurrent_exports = 0", "use 1 to 100"),
    (Backup, {"concurrent_copies": 101}, "backup.concurrent_copies = 101", "use 1 to 100"),
    (Backup, {"lock_retention": 36 * HOUR}, 'backup.lock_retention = "1 day, 12:00:00"', "whole days, at least one"),
    (Backup, {"lock_mode": "NONE"}, 'backup.lock_mode = "NONE"', "GOVERNANCE or COMPLIANCE"),
    (Backup, {"staging_retention": HOUR}, 'backup.staging_retention = "1:00:00"', "whole days, at least one"),
    (Settings, {"stage": "Production"}, 'stage = "Production"', "12 lower-case letters"),
    (Settings, {"stage": "test", "project": "a-b"}, 'project = "a-b"', "12 lower-case letters"),
    (Settings, {"stage": "test", "primary_region": "Ireland"}, 'primary_region = "Ireland"', "such as eu-west-1"),
    (Settings, {"stage": "test", "recovery_region": "eu-west-1"}, 'recovery_region = "eu-west-1"', "another region"),
    (Settings, {"stage": "test", "log_retention": 30}, "log_retention = 30", "use one of 365"),
    (
        Settings,
        {"stage": "test", "permissions_boundary": "me"},
        'permissions_boundary = "me"',
        "ARN of a managed",
    ),
    (Settings, {"stage": "test", "project": "laws"}, 'project = "laws"', "Cognito refuses"),
    (Domain, {**ZONE, "name": "example"}, 'domain.name = "example"', "such as example.com"),
    (Domain, {**ZONE, "name": "Example.com"}, 'domain.name = "Example.com"', "lower case"),
    (Domain, {**ZONE, "name": "-a.example.com"}, 'domain.name = "-a.example.com"', "such as example.com"),
    (Domain, {**ZONE, "name": f"{'a' * 53}.com"}, f'domain.name = "{"a" * 53}.com"', "at most 56 characters"),
    (Domain, {**ZONE, "zone_id": "example.com"}, 'domain.zone_id = "example.com"', "begins with Z"),
    (Federation, {**SAML, "name": "Google"}, 'federation.name = "Google"', "none of Cognito's own"),
    (Federation, {**SAML, "name": "Our company"}, 'federation.name = "Our company"', "letters, digits and hyphens"),
    (
        Federation,
        {**SAML, "metadata_url": "http://idp.example.com/metadata"},
        'federation.metadata_url = "http://idp.example.com/metadata"',
        "https:// address",
    ),
    (Api, {"throttle_rate": 0}, "api.throttle_rate = 0", "use 1 to 10000"),
    (Api, {"throttle_burst": 5001}, "api.throttle_burst = 5001", "use 1 to 5000"),
    (Api, {"daily_quota": 0}, "api.daily_quota = 0", "use 1 to"),
    (Api, {"concurrency": 901}, "api.concurrency = 901", "use 1 to 900"),
    (Site, {"price_class": "PriceClass_50"}, 'site.price_class = "PriceClass_50"', "PriceClass_100 or"),
    (Site, {"address": "http://a.example.com"}, 'site.address = "http://a.example.com"', "https:// address"),
    (Site, {"address": "https://a.example.com/"}, 'site.address = "https://a.example.com/"', "without a path"),
    (
        Site,
        {"address": "https://a.example.com", "cloudfront": False},
        'site.address = "https://a.example.com"',
        "leave it out: without CloudFront",
    ),
    (
        Settings,
        {"stage": "test", "domain": Domain(**ZONE), "site": Site(address="https://a.example.com")},
        'site.address = "https://a.example.com"',
        "leave it out: with a domain",
    ),
    (Alerts, {"email": "operations"}, 'alerts.email = "operations"', "such as operations@example.com"),
    (Alerts, {"monthly_budget": 0}, "alerts.monthly_budget = 0", "at least 1 USD"),
    (Alerts, {"latency": timedelta(seconds=30)}, 'alerts.latency = "0:00:30"', "ten milliseconds to 29 seconds"),
]


@pytest.mark.parametrize(("kind", "values", "field", "cure"), REFUSED, ids=[row[2] for row in REFUSED])
def test_a_wrong_setting_is_named_with_its_value_and_its_cure(kind, values, field, cure):
    with pytest.raises(SettingsError) as refused:
        kind(**values)

    message = str(refused.value)
    assert message.startswith(f"{field}: ")
    assert cure in message
    assert "\n" not in message


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_is_named_after_its_stage_and_keeps_a_year_of_logs(name):
    assert PROFILES[name].stage == name.lower()
    assert PROFILES[name].log_retention >= 365


@pytest.mark.parametrize(
    ("interval", "start", "schedule"),
    [
        (6 * HOUR, "00:30", "cron(30 0,6,12,18 * * ? *)"),
        (6 * HOUR, "07:15", "cron(15 1,7,13,19 * * ? *)"),
        (HOUR, "03:05", "cron(5 * * * ? *)"),
        (DAY, "22:00", "cron(0 22 * * ? *)"),
        (timedelta(minutes=20), "00:10", "cron(10,30,50 * * * ? *)"),
    ],
)
def test_runs_are_spread_evenly_over_the_day_from_the_first_one(interval, start, schedule):
    backup = Backup(interval=interval, start=start, recovery_point_objective=2 * DAY)

    assert backup.schedule() == schedule


def test_the_site_stack_lies_in_us_east_1_and_all_others_in_both_regions():
    assert regions_of("site", PRODUCTION) == ("us-east-1",)
    assert regions_of("api", PRODUCTION) == PRODUCTION.regions


def test_subnets_are_quarters_of_the_network_one_per_zone():
    assert Network(cidr="10.20.0.0/20", zones=3).subnets() == ["10.20.0.0/22", "10.20.4.0/22", "10.20.8.0/22"]


def test_names_begin_with_project_and_stage():
    assert PRODUCTION.prefix == "holdfast-production"
    assert PRODUCTION.name("take", "snapshot") == "holdfast-production-take-snapshot"
    assert PRODUCTION.alias("data") == "alias/holdfast-production-data"
    assert PRODUCTION.export("keys", "DataKey") == "holdfast-production:keys:DataKey"
    assert PRODUCTION.regions == ("eu-west-1", "eu-central-1")
