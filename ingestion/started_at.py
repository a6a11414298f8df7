"""Which of two runs with one id is which: by the moment at which each was started.

A run id is free again after a deletion, while activities of the deleted run may still be at work. What they meet of a
younger run is not theirs, and what a younger run meets of theirs counts as nothing. Moments are compared, never texts:
a host may write a date in another way when it hands a payload on.
"""

from datetime import UTC, datetime

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def moment(started_at: str | None) -> datetime:
    """The moment in a text; what names none was before all others. Raises ValueError for a text that is no date."""
    if not started_at:
        return LONG_AGO
    time = datetime.fromisoformat(started_at)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def is_same_run(found: str | None, mine: str | None) -> bool:
    """Whether two runs with one id that were started then are one."""
    return moment(found) == moment(mine)


def is_younger_run(found: str | None, mine: str | None) -> bool:
    """Whether the run that was started at `found` has come after mine was deleted."""
    return moment(found) > moment(mine)
