"""Read and write marks, the times or numbers that order the items of a source, in the forms that APIs use.

A mark is a Decimal with all its digits; for a time, the seconds since 1970. `write` rounds a mark down to the precision
of the form.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Literal

Form = Literal[
    "rfc3339", "rfc3339_local", "date", "rfc2822", "epoch_seconds", "epoch_milliseconds", "json_date", "number"
]

EXAMPLES = {
    "rfc3339": "2026-11-25T02:00:00Z",
    "rfc3339_local": "2026-11-25T02:00:00, in UTC",
    "date": "2026-11-25",
    "rfc2822": "Wed, 25 Nov 2026 02:00:00 GMT",
    "epoch_seconds": "1795572000",
    "epoch_milliseconds": "1795572000000",
    "json_date": "/Date(1795572000000)/",
    "number": "1000",
}
DIGITS = 9  # after the decimal point of the seconds
EXACT = Context(prec=100)  # a number may have more digits than the default context keeps
MOST_DIGITS = 50  # of a mark, so that nothing is rounded and the watermark fits into the state of a run
EARLIEST = Decimal(-62_135_596_800)  # the year 1
_NANOSECOND = Decimal(1).scaleb(-DIGITS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = Decimal(253_402_300_800)  # the year 10000
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,30}))?)?\s*([Zz]|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_JSON_DATE = re.compile(r"/Date\((-?\d{1,18})(?:[+-]\d{4})?\)/", re.ASCII)


def parse(value: Any, form: Form) -> Decimal:
    """Return the mark of a value in `form`; a time without a zone is in UTC. Raise ValueError for any other value."""
    match form:
        case "number":
            return _number(value)
        case "epoch_seconds":
            return _in_range(_number(value))
        case "epoch_milliseconds":
            return _in_range(EXACT.divide(_number(value), 1000))
    if not isinstance(value, str):
        raise ValueError(f"{_kind(value)} where a text should be")
    match form:
        case "json_date":
            found = _JSON_DATE.fullmatch(value)
            if found is None:
                raise ValueError("not of the form /Date(milliseconds)/")
            return _in_range(Decimal(found[1]) / 1000)
        case "rfc2822":
            return _seconds(parsedate_to_datetime(value))
    return _time(value)


def write(mark: Decimal, form: Form) -> str | int:
    """Return a mark as a request sends it, rounded down to the precision of the form."""
    match form:
        case "number":
            return int(mark) if mark == int(mark) else format(mark, "f")
        case "epoch_seconds":
            return _whole(mark)
        case "epoch_milliseconds":
            return _whole(mark * 1000)
        case "json_date":
            return f"/Date({_whole(mark * 1000)})/"
    time = _EPOCH + timedelta(seconds=_whole(mark))
    match form:
        case "date":
            return time.date().isoformat()
        case "rfc2822":
            return format_datetime(time, usegmt=True)
    fraction = (mark - _whole(mark)).quantize(_NANOSECOND, ROUND_FLOOR)
    digits = f"{fraction:f}"[1:].rstrip("0").rstrip(".")
    return f"{time.replace(tzinfo=None).isoformat()}{digits}{'Z' if form == 'rfc3339' else ''}"


def floor(mark: Decimal, form: Form) -> Decimal:
    """Return a mark rounded down to the precision of the form."""
    return parse(write(mark, form), form)


def canonical_form(form: Form) -> Form:
    """Return the form in which Sluice stores and shows marks: RFC 3339 in UTC for times, else number."""
    return "number" if form == "number" else "rfc3339"


def canonical(mark: Decimal, form: Form) -> str:
    """Return a mark as Sluice stores and shows it."""
    return str(write(mark, canonical_form(form)))


def from_canonical(text: str, form: Form) -> Decimal:
    """Return the mark in a text that `canonical` returned. Raise ValueError."""
    return parse(text, canonical_form(form))


def _number(value: Any) -> Decimal:
    """Return a number, or the number in a text, with all its digits; a float would hold fewer."""
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        raise ValueError(f"{_kind(value)} where a number should be")
    try:
        number = Decimal(value if isinstance(value, int | str) else repr(value))
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > 40 or len(number.as_tuple().digits) > MOST_DIGITS:
        raise ValueError("a number with more than 50 digits, or too large or too small")
    return number


def _kind(value: Any) -> str:
    """Return the JSON type of a value, in words."""
    words = {type(None): "null", bool: "true or false", dict: "an object", list: "a list", str: "a text"}
    return words.get(type(value), "a number")


def _time(text: str) -> Decimal:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a time of RFC 3339")
    day, minutes, seconds, fraction, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z", "z") else zone
    whole = _seconds(datetime.fromisoformat(f"{day}T{minutes or '00:00'}{offset}"))
    if int(seconds or 0) > 60:  # a leap second counts as the first second of the next minute
        raise ValueError("more than 60 seconds")
    return EXACT.add(whole + int(seconds or 0), Decimal(f"0.{fraction or 0}"))


def _seconds(time: datetime) -> Decimal:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    since = aware - _EPOCH
    return max(EARLIEST, Decimal(since.days * 86_400 + since.seconds))  # the zone may shift a time before year 1


def _in_range(seconds: Decimal) -> Decimal:
    if not EARLIEST <= seconds < _LATEST:
        raise ValueError("not a time between the years 1 and 9999")
    return seconds


def _whole(mark: Decimal) -> int:
    return int(mark.to_integral_value(ROUND_FLOOR))
