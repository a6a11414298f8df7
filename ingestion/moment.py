"""Moments in texts."""

from datetime import UTC, datetime

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def moment(text: str | None) -> datetime:
    """Return the moment in a text; an empty one was before all others. Raise ValueError for a text that is no date."""
    if not text:
        return LONG_AGO
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
