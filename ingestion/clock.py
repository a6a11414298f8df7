"""The clock of the app. All other modules get the present time here, so that a test can set it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)
