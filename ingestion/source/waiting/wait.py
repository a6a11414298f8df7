"""How long a source wants to be left alone, from the many forms in which headers and bodies say it."""

import email.utils
from datetime import UTC, datetime
from math import isfinite
from typing import Literal

Unit = Literal["auto", "milliseconds"]

# A delta of 30 years would be needed to be mistaken for a moment, a moment of 1970 for a delta.
_EPOCH_SECONDS_FROM = 1e9
_EPOCH_MILLISECONDS_FROM = 1e11


def seconds_from(value: object, now: float, unit: Unit = "auto") -> float | None:
    """Return the seconds from `now` (Unix time), never negative; None where nothing readable is said.

    "auto" tells a delta in seconds from Unix time by its size, and takes a date, HTTP's or ISO 8601. Milliseconds as a
    delta have to be declared.
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
    """Return the Unix time of an HTTP date or an ISO 8601 one; without a zone it is taken as UTC."""
    for read in (datetime.fromisoformat, email.utils.parsedate_to_datetime):
        try:
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, TypeError, IndexError):  # whatever is odd about a date
            continue
    return None
