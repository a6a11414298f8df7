"""When a timer trigger is due: NCRONTAB with the seconds first, or a fixed interval; in UTC, as in Azure unless set."""

import os
import re
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

_INTERVAL = re.compile(r"(?:(\d+)\.)?([01]?\d|2[0-3]):([0-5]?\d):([0-5]?\d)")
# NCRONTAB knows less than cronsim: no L, no #, and no 7 for Sunday.
_ITEM = r"(?:\*|(?:\d+|[a-z]{3})(?:-(?:\d+|[a-z]{3}))?)(?:/\d+)?"
_FIELD = rf"{_ITEM}(?:,{_ITEM})*"
_CRON = re.compile(rf"(?:{_FIELD}\s+)?(?:{_FIELD}\s+){{4}}(?![^/]*7){_FIELD}", re.IGNORECASE)
_MONITORED_FROM = timedelta(minutes=1)


class Schedule:
    """The moments at which one timer trigger is due."""

    def __init__(self, text: str) -> None:
        """Read a schedule; ValueError when it can never be due or is written in a way the host does not know."""
        self.text = re.sub("%([^%]+)%", lambda name: os.environ.get(name[1], name[0]), text.strip())
        interval = _INTERVAL.fullmatch(self.text)
        self._interval = interval and timedelta(
            **dict(zip(("days", "hours", "minutes", "seconds"), map(int, interval.groups("0")), strict=True))
        )
        self.adjusts_for_dst = not self._interval
        if not self._interval and not _CRON.fullmatch(self.text):
            raise ValueError("neither NCRONTAB, seconds first, nor hh:mm:ss")
        first = self.next_after(datetime(2026, 1, 1, tzinfo=UTC))
        # The host keeps nothing about a timer that is due more often.
        self.is_monitored = self.next_after(first) - first >= _MONITORED_FROM

    def next_after(self, moment: datetime) -> datetime:
        """Give the first due time after a moment."""
        if self._interval:
            return moment + self._interval
        try:
            due = CronSim(self.text, moment)
            due.day_and = True  # day of month and day of week must both fit, in NCRONTAB
            return next(due)
        except (CronSimError, StopIteration) as error:
            raise ValueError(f"no moment fits: {error}") from error
