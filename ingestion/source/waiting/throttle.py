"""Throttling: read how long a source asks to wait, and pause early enough to avoid that."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from ingestion.source.waiting.wait import Unit, seconds_from
from ingestion.validation import Table

_MILLISECOND_HEADERS = ("retry-after-ms", "x-ms-retry-after-ms")
# Names that APIs use for the same header; the first that is there counts.
_REMAINING = ("x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining")
_RESET = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset", "x-ratelimit-reset-after")

_BUCKET = re.compile(r"\s*([0-9]{1,18})\s*/\s*([0-9]{1,18})\s*")
YEAR_SECONDS = 366 * 24 * 3600.0
Positive = Annotated[float, Field(gt=0)]
Header = Annotated[str, StringConstraints(to_lower=True)]


class BodyThrottle(Table):
    """Throttling in the body, with any status: one of `values` is at `path` (in any element of a list on the way)."""

    path: str
    values: Annotated[tuple[str | int | bool, ...], Field(min_length=1)]
    wait_path: str | None = None
    wait_unit: Unit = "auto"


class Cost(Table):
    """A budget that refills: where a body has the request's cost, the rest of the budget, and its refill per second."""

    requested: str = "extensions.cost.requestedQueryCost"
    available: str = "extensions.cost.throttleStatus.currentlyAvailable"
    restored_per_second: str = "extensions.cost.throttleStatus.restoreRate"


class Throttle(Table):
    """How the source throttles, in addition to the usual signals. All keys are optional.

    The usual signals are 429; 503 and 403 with a wait or with nothing remaining; Retry-After in all its forms; and the
    usual names of the remaining and reset headers.
    """

    statuses: tuple[Annotated[int, Field(ge=400, le=599)], ...] = (429,)  # statuses that always mean throttling
    wait_header: Header | None = None  # in addition to Retry-After
    wait_unit: Unit = "auto"
    remaining_header: Header | None = None
    reset_header: Header | None = None
    reset_unit: Unit = "auto"
    bucket_header: Header | None = None  # "32/40": used and capacity of a leaky bucket
    bucket_restored_per_second: Positive = 2.0
    body: BodyThrottle | None = None
    cost: Cost | None = None
    penalty_seconds: Positive | None = None  # the wait if the source names none; by default a growing back-off
    requests_per_second: Positive | None = None
    reserve: Annotated[int, Field(ge=0)] = 0  # wait for the reset if no more requests than this remain
    max_wait_seconds: Annotated[float, Field(gt=0, le=YEAR_SECONDS)] = 24 * 3600.0  # in all, between two pages


def refused_for_seconds(
    throttle: Throttle, status: int, headers: Mapping[str, str], now: float, backoff_seconds: float
) -> float | None:
    """Return the wait that an answer asks for; None if the answer is no throttling. Header names are in lower case.

    `backoff_seconds` is the wait if the source names none.
    """
    named = _named_wait(throttle, headers, now)
    spent = _remaining(throttle, headers) == 0
    if status not in throttle.statuses and not (status in (403, 429, 503) and (named is not None or spent)):
        return None
    if named is None:
        named = _reset(throttle, headers, now)
    if named is None or named <= 0:  # "0" or a time in the past would lead to a flood of requests
        named = max(named or 0.0, throttle.penalty_seconds or backoff_seconds)
    return named


def refused_by_body_seconds(throttle: Throttle, document: Any, now: float, backoff_seconds: float) -> float | None:
    """Return the wait that the body of an answer asks for; None if the body is no throttling."""
    if throttle.body is None or not set(_all_at(document, throttle.body.path)) & set(throttle.body.values):
        return None
    if throttle.body.wait_path:
        for value in _all_at(document, throttle.body.wait_path):
            if seconds := seconds_from(value, now, throttle.body.wait_unit):
                return seconds
    return _cost_wait(throttle, document) or throttle.penalty_seconds or backoff_seconds


def pause_seconds(throttle: Throttle, headers: Mapping[str, str], document: Any, now: float) -> float:
    """Return how long to wait after a success so that the next request is not refused; usually 0."""
    pauses = [_cost_wait(throttle, document)]
    remaining = _remaining(throttle, headers)
    if remaining is not None and remaining <= throttle.reserve:
        pauses.append(_reset(throttle, headers, now) or 0.0)
    if throttle.bucket_header and (bucket := _BUCKET.fullmatch(headers.get(throttle.bucket_header, ""))):
        over = int(bucket[1]) + 1 + throttle.reserve - int(bucket[2])
        pauses.append(max(0, over) / throttle.bucket_restored_per_second)
    return max(pauses)


def _named_wait(throttle: Throttle, headers: Mapping[str, str], now: float) -> float | None:
    """Return the longest wait that the response names, because all of them must pass."""
    named = [seconds_from(headers.get("retry-after", ""), now)]
    named += [seconds_from(headers.get(name, ""), now, "milliseconds") for name in _MILLISECOND_HEADERS]
    if throttle.wait_header:
        named.append(seconds_from(headers.get(throttle.wait_header, ""), now, throttle.wait_unit))
    return max((seconds for seconds in named if seconds is not None), default=None)


def _remaining(throttle: Throttle, headers: Mapping[str, str]) -> int | None:
    try:
        return int(float(_said(headers, throttle.remaining_header, _REMAINING)))
    except (ValueError, OverflowError):
        return None


def _reset(throttle: Throttle, headers: Mapping[str, str], now: float) -> float | None:
    return seconds_from(_said(headers, throttle.reset_header, _RESET), now, throttle.reset_unit)


def _said(headers: Mapping[str, str], declared: str | None, usual: tuple[str, ...]) -> str:
    """Return the value of the declared header, or of the first of the usual ones that is there."""
    return next((headers[name] for name in ((declared,) if declared else usual) if name in headers), "")


def _cost_wait(throttle: Throttle, document: Any) -> float:
    """Return how long the budget takes to refill for the same request."""
    if throttle.cost is None:
        return 0.0
    paths = (throttle.cost.requested, throttle.cost.available, throttle.cost.restored_per_second)
    numbers = [next(iter(_all_at(document, path)), None) for path in paths]
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
        return 0.0
    try:
        requested, available, restored = (float(number or 0) for number in numbers)
    except OverflowError:
        return 0.0
    return max(0.0, requested - available) / restored if restored > 0 else 0.0


def _all_at(value: Any, path: str) -> list[Any]:
    """Return all plain values at a dotted path; in a list on the way, search each element."""
    values = [value]
    for step in path.split("."):
        values = [inner[step] for inner in _flat(values) if isinstance(inner, dict) and step in inner]
    return [found for found in _flat(values) if not isinstance(found, dict)]


def _flat(values: list[Any]) -> list[Any]:
    return [inner for value in values for inner in (_flat(value) if isinstance(value, list) else [value])]
