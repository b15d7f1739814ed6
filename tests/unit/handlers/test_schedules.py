"""When the next run begins: as the schedule's own cron line says, on every day of the year."""

import re
import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blueprints.settings import Backup
from handlers.core.schedules import Schedule, ZoneUnknown

INTERVALS = [timedelta(minutes=n) for n in (5, 10, 15, 20, 30)] + [
    timedelta(hours=n) for n in (1, 2, 3, 4, 6, 8, 12, 24)
]
ZONES = [
    "Etc/UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",  # changes at midnight
    "Asia/Kolkata",  # half an hour off
    "Australia/Lord_Howe",  # changes by half an hour
    "Pacific/Apia",
    "Africa/Casablanca",  # changes around Ramadan
]


def cron_fires(expression, zone, after, horizon=timedelta(days=4)):
    """First firing of a cron line later than *after*, minute by minute: skipped minutes never come, a second one is no
    second firing."""
    minutes, hours = re.fullmatch(r"cron\((\S+) (\S+) \* \* \? \*\)", expression).groups()
    wanted = [set(range(most)) if field == "*" else set(map(int, field.split(","))) for field, most in
              ((minutes, 60), (hours, 24))]  # fmt: skip
    at = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while at < after + horizon:
        wall = at.astimezone(zone)
        if wall.minute in wanted[0] and wall.hour in wanted[1] and not wall.fold:
            return at
        at += timedelta(minutes=1)
    raise AssertionError(f"{expression} does not fire within {horizon}")


def backup(start, interval, zone):
    return Backup(
        start=start, interval=interval, time_zone=zone, recovery_point_objective=interval + timedelta(hours=5)
    )


def schedule(start, interval, zone):
    return Schedule(start, interval, zone)


moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
starts = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))


@settings(max_examples=150, deadline=None)
@given(moments, starts, st.sampled_from(INTERVALS), st.sampled_from(ZONES))
def test_the_next_run_is_when_the_cron_line_of_the_settings_fires(after, start, interval, zone):
    expression = backup(start, interval, zone).schedule()

    assert schedule(start, interval, zone).next_run(after) == cron_fires(expression, zoneinfo.ZoneInfo(zone), after)


# https://en.wikipedia.org/wiki/Daylight_saving_time_by_country: one change forward and one back, in each zone
CHANGES = {
    "Europe/Berlin": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "America/Havana": ("2026-03-08T05:00", "2026-11-01T05:00"),
    "Australia/Lord_Howe": ("2026-10-03T15:30", "2026-04-04T15:00"),
}


@pytest.mark.parametrize("change", [(zone, at) for zone, both in CHANGES.items() for at in both], ids=str)
@pytest.mark.parametrize("interval", INTERVALS, ids=str)
def test_the_next_run_is_right_at_every_quarter_of_an_hour_around_a_change_of_the_clock(change, interval):
    zone, at = change[0], datetime.fromisoformat(change[1]).replace(tzinfo=UTC)
    expression = backup("02:30", interval, zone).schedule()
    for quarter in range(-14, 10):
        after = at + timedelta(minutes=15 * quarter)
        expected = cron_fires(expression, zoneinfo.ZoneInfo(zone), after)
        assert schedule("02:30", interval, zone).next_run(after) == expected


def test_a_run_at_a_local_time_that_the_clock_skips_is_skipped():
    daily = schedule("02:30", timedelta(days=1), "Europe/Berlin")
    assert daily.next_run(datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_at_a_local_time_that_the_clock_shows_twice_there_is_one_run():
    daily = schedule("02:30", timedelta(days=1), "Europe/Berlin")
    first = daily.next_run(datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert daily.next_run(first) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_run_that_begins_this_very_moment_is_not_the_next():
    at = datetime(2026, 10, 6, 6, 30, tzinfo=UTC)
    assert schedule("00:30", timedelta(hours=6), "Etc/UTC").next_run(at) == at + timedelta(hours=6)


def test_a_day_that_a_zone_has_left_out_is_left_out():
    daily = schedule("12:00", timedelta(days=1), "Pacific/Apia")  # which had no 30 December 2011
    before = datetime(2011, 12, 29, 23, tzinfo=UTC)
    assert daily.next_run(before) == datetime(2011, 12, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../etc/passwd", "Europe"])
def test_a_zone_without_data_is_named(zone):
    with pytest.raises(ZoneUnknown, match=zone):
        schedule("00:30", timedelta(hours=6), zone).next_run(datetime(2026, 10, 6, tzinfo=UTC))
