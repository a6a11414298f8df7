"""The clock of the app: every other module that needs the present moment asks here, so that a test can set it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)
