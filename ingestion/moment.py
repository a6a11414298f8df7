"""Read times from texts."""

from datetime import UTC, datetime

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def moment(text: str | None) -> datetime:
    """Return the time in a text, in UTC if it has no zone; LONG_AGO for an empty text. Raise ValueError."""
    if not text:
        return LONG_AGO
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
