"""How long a source wants to be left alone, from the many forms in which headers and bodies say it."""

import email.utils
from datetime import UTC, datetime
from math import isfinite
from typing import Literal

Unit = Literal["auto", "seconds", "milliseconds", "epoch_seconds", "epoch_milliseconds", "date"]

# A delta of 30 years would be needed to be mistaken for a moment, a moment of 1970 for a delta.
_EPOCH_SECONDS_FROM = 1e9
_EPOCH_MILLISECONDS_FROM = 1e11


def seconds_from(value: object, now: float, unit: Unit = "auto") -> float | None:
    """Return the seconds from `now` (Unix time), never negative; None where nothing readable is said.

    "auto" tells a number's unit by its size, a date by its form: HTTP date or ISO 8601. Milliseconds as a delta have
    to be declared.
    """
    text = str(value).strip()
    if not text or isinstance(value, bool):
        return None
    try:
        number = float(text)
    except ValueError:
        moment = _moment(text) if unit in ("auto", "date") else None
        return None if moment is None else max(0.0, moment - now)
    if not isfinite(number):
        return None
    if unit == "auto":
        unit = "epoch_seconds" if number >= _EPOCH_SECONDS_FROM else "seconds"
        unit = "epoch_milliseconds" if number >= _EPOCH_MILLISECONDS_FROM else unit
    seconds = number / 1000 if unit.endswith("milliseconds") else number
    return max(0.0, seconds - now if unit.startswith("epoch") else seconds)


def _moment(text: str) -> float | None:
    """Return the Unix time of an HTTP date or an ISO 8601 one; without a zone it is taken as UTC."""
    for read in (datetime.fromisoformat, email.utils.parsedate_to_datetime):
        try:
            moment = read(text)
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None
