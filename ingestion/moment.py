"""Read moments from texts."""

from datetime import UTC, datetime

LONG_AGO = datetime.min.replace(tzinfo=UTC)


def moment(text: str | None) -> datetime:
    """Return the moment in a text, LONG_AGO for an empty one. Raise ValueError if the text is not a date."""
    if not text:
        return LONG_AGO
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
