"""When the next scheduled run begins, told from the settings as EventBridge Scheduler tells it from their cron line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_HOUR = timedelta(hours=1)
_LOOK_AHEAD = 4  # days; a zone that crosses the date line skips one, and a change of the clock one more run
_UTC = {"Etc/UTC", "UTC"}  # need no data of time zones, which are slow to load


class ZoneUnknown(LookupError):
    """This machine has no data of the time zone."""


@dataclass(frozen=True)
class Schedule:
    """Scheduled runs.

    Attributes:
        start: Local time of the first run of the day, ``HH:MM``.
        interval: Time between two runs: divides an hour, or is whole hours that divide a day.
        time_zone: IANA name of the zone that *start* is in.
    """

    start: str
    interval: timedelta
    time_zone: str

    def next_run(self, after: datetime) -> datetime:
        """UTC time of the first run later than *after*.

        A run at a local time that the clock skips is skipped; at one that it shows twice, there is one run.
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html (Daylight savings time), which does
        not say which of the two times it is; the first is taken here.

        Raises:
            ZoneUnknown: This machine has no data of the time zone.
        """
        zone = _zone(self.time_zone)
        today = after.astimezone(zone).date()
        runs = (at for ahead in range(_LOOK_AHEAD) for at in self._of_day(today + timedelta(days=ahead), zone))
        return next(at for at in runs if at > after)

    def _of_day(self, day: date, zone: tzinfo) -> Iterator[datetime]:
        for local in self._times():
            wall = datetime.combine(day, local, zone)
            at = wall.astimezone(UTC)
            if at.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
                yield at

    def _times(self) -> Iterator[time]:
        hour, minute = map(int, self.start.split(":"))
        if self.interval >= _HOUR:
            step = self.interval // _HOUR
            yield from (time(each, minute) for each in range(hour % step, 24, step))
        else:
            step = self.interval // timedelta(minutes=1)
            yield from (time(each, of) for each in range(24) for of in range(minute % step, 60, step))


def _zone(name: str) -> tzinfo:
    if name in _UTC:
        return UTC
    import zoneinfo  # noqa: PLC0415  # most deployments keep to UTC

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ZoneUnknown(f"there is no data of the time zone {name!r} here") from error
