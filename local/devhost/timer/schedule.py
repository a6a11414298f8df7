"""When a timer trigger is due: NCRONTAB with seconds first, in UTC as in Azure by default."""

import re
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

# NCRONTAB has less than cronsim: no L, no #, and no 7 for Sunday.
_ITEM = r"(?:\*|(?:\d+|[a-z]{3})(?:-(?:\d+|[a-z]{3}))?)(?:/\d+)?"
_FIELD = rf"{_ITEM}(?:,{_ITEM})*"
_CRON = re.compile(rf"(?:{_FIELD}\s+){{5}}(?![^/]*7){_FIELD}", re.IGNORECASE)
_MONITORED_FROM = timedelta(minutes=1)


class Schedule:
    """The schedule of one timer trigger."""

    def __init__(self, text: str) -> None:
        """Parse a schedule. Raise ValueError if it is never due, or if devhost does not know its form."""
        self.text = text.strip()
        if not _CRON.fullmatch(self.text):
            raise ValueError("devhost reads NCRONTAB of six fields, the seconds first")
        first = self.next_after(datetime(2026, 1, 1, tzinfo=UTC))
        # The host saves no status of a timer that is due more often than once a minute.
        self.is_monitored = self.next_after(first) - first >= _MONITORED_FROM

    def next_after(self, moment: datetime) -> datetime:
        """Return the first due time after a time."""
        try:
            due = CronSim(self.text, moment)
            due.day_and = True  # day of month and day of week must both fit, in NCRONTAB
            return next(due)
        except (CronSimError, StopIteration) as error:
            raise ValueError(f"no moment fits: {error}") from error
