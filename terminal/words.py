"""Format numbers, times and texts for people."""

from datetime import UTC, datetime
from typing import Any


def clean(text: object) -> str:
    """Return a text with control characters escaped: a text from a source must not control the terminal."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "backslashreplace").decode() for one in str(text)
    )


def one_line(text: object) -> str:
    """Return a text as one clean line."""
    return clean(" ".join(str(text).split()))


def count(number: int | None) -> str:
    """Return a number with separators, or "?" for None."""
    return "?" if number is None else f"{number:,}"


def duration(seconds: float | None) -> str:
    """Return a time span in its two largest units, or "?" for None."""
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def rate(per_second: float | None) -> str:
    """Return a rate of messages, or an empty text for None."""
    return "" if per_second is None else f"{per_second:,.0f}/s"


def moment(text: str | None) -> str:
    """Return an ISO time in local time, or "-" for None."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M:%S}" if text else "-"


def until(text: str, now: datetime) -> str:
    """Return the time left until an ISO time, and its local time of day."""
    at = datetime.fromisoformat(text)
    left = max(0.0, (at - now).total_seconds())
    return f"{duration(round(left))} ({at.astimezone():%H:%M:%S})"


def named(fields: dict[str, Any]) -> str:
    """Return the fields that are not None as `name value, name value`."""
    return ", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in fields.items() if value is not None)


def shown(value: object) -> str:
    """Return a value as text: a number with separators, a list without brackets."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def now() -> datetime:
    return datetime.now(UTC)
