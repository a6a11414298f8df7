"""When a source is due, by a schedule in NCRONTAB (as in Azure Functions) and the clock of a time zone.

Each time of the schedule is due once, even on the two days of the year when the clock changes. A time that the clock
skips is due right after the gap; a time that it shows twice is due the first time. Equal due times count as one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

MOST_COUNTED = 1_000
_SECOND, _MINUTE = timedelta(seconds=1), timedelta(minutes=1)
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)
# NCRONTAB allows less than the library cronsim: no L, no #, and no 7 for Sunday.
_ITEM = r"(?:\*|(?:\d+|[a-z]{3})(?:-(?:\d+|[a-z]{3}))?)(?:/\d+)?"
_FIELD = rf"{_ITEM}(?:,{_ITEM})*"
_NCRONTAB = re.compile(rf"(?:{_FIELD} ){{5}}(?![^/]*7){_FIELD}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A checked schedule, and the name of its time zone."""

    text: str
    time_zone: str = "UTC"

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the due times after `moment`, in UTC."""
        last = moment
        clock = moment.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None, fold=0)
        for shown in _shown(self.text, clock):
            if (due := self._due(shown)) > last:
                yield due
                last = due

    def latest(self, until: datetime) -> datetime:
        """Return the last due time at or before `until`, in UTC."""
        # While the clock shows an hour for the second time, all times in that hour have already been due.
        set_forward = until.astimezone(ZoneInfo(self.time_zone)).replace(fold=0).utcoffset() or timedelta(0)
        clock = (until.astimezone(UTC) + set_forward).replace(tzinfo=None, microsecond=0)
        return next(due for due in map(self._due, _shown(self.text, clock + _SECOND, back=True)) if due <= until)

    def count(self, after: datetime, before: datetime) -> int:
        """Return how many due times are between two times, MOST_COUNTED at most."""
        return sum(1 for _ in islice(takewhile(lambda due: due < before, self.after(after)), MOST_COUNTED))

    def _due(self, shown: datetime) -> datetime:
        """Return when the clock first shows this time, or the first minute after it that the clock does not skip."""
        zone = ZoneInfo(self.time_zone)
        while (due := shown.replace(tzinfo=zone).astimezone(UTC)).astimezone(zone).replace(tzinfo=None) != shown:
            shown += _MINUTE
        return due


def checked_schedule(text: str) -> str:
    """Return a schedule with single spaces.

    Raise ValueError if it is not NCRONTAB, is never due, or is due at other seconds than 0.
    """
    text = " ".join(text.split())
    if not _NCRONTAB.fullmatch(text):
        raise ValueError("not six fields of NCRONTAB")
    if text.split()[0] not in ("0", "00"):
        raise ValueError("the seconds (the first field) must be 0")
    try:
        if next(Schedule(text).after(_ANY_DAY), None) is None:
            raise ValueError("never due")
    except CronSimError as error:
        raise ValueError(f"{str(error).lower()}, or never due") from None
    return text


def checked_zone(name: str) -> str:
    """Return the name of a time zone. Raise ValueError for an unknown name."""
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError):  # an unknown name, a folder of names, or a path outside of it
        raise ValueError("no time zone has this name") from None


def run_id_of(source: str, due: datetime) -> str:
    """Return the id of the run that a source begins at a due time."""
    return f"{source}-{due.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _shown(text: str, moment: datetime, *, back: bool = False) -> Iterator[datetime]:
    """Yield the times that fit the schedule after `moment` or, with `back`, before it. Ignore daylight saving."""
    fitting = CronSim(text, moment, reverse=back)
    fitting.day_and = True  # in NCRONTAB, day of month and day of week must both fit
    return fitting
