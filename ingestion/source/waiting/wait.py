"""Read a wait from the many forms that headers and bodies use."""

import email.utils
from datetime import UTC, datetime
from math import isfinite
from typing import Literal

Unit = Literal["auto", "milliseconds"]

# From these numbers on, a value is Unix time. A wait of 30 years, or a time from 1970 to 2001, would be misread.
_EPOCH_SECONDS_FROM = 1e9
_EPOCH_MILLISECONDS_FROM = 1e11


def seconds_from(value: object, now: float, unit: Unit = "auto") -> float | None:
    """Return the seconds from `now` (Unix time), never negative; None if the value cannot be read.

    "auto" reads a number as seconds or as Unix time, by its size, and reads dates of HTTP and ISO 8601. A wait in
    milliseconds must be declared.
    """
    text = str(value).strip()
    if not text or isinstance(value, bool):
        return None
    try:
        number = float(text)
    except ValueError:
        moment = _moment(text)
        return None if moment is None else max(0.0, moment - now)
    if not isfinite(number):
        return None
    if unit == "milliseconds" or number >= _EPOCH_MILLISECONDS_FROM:
        number /= 1000
    return max(0.0, number - now if number >= _EPOCH_SECONDS_FROM else number)


def _moment(text: str) -> float | None:
    """Return the Unix time of an HTTP or ISO 8601 date, in UTC if it has no zone; None if it is no date."""
    for read in (datetime.fromisoformat, email.utils.parsedate_to_datetime):
        try:
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, TypeError, IndexError):  # the parsers raise all of these
            continue
    return None
