"""The latest recoveries of a run by the keeper, each with a short cause, and the limit on them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.moment import moment

AN_HOUR = timedelta(hours=1)
RECOVERIES_AN_HOUR = 3
CAUSE_LENGTH = 80  # characters of a cause in the state, which must stay under 4 KB


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """When the keeper recovered a run, and why its instance had ended."""

    at: str
    cause: str


def added(recoveries: tuple[Recovery, ...], cause: str, now: datetime) -> tuple[Recovery, ...]:
    """Return the latest recoveries, with one more."""
    recovery = Recovery(at=now.isoformat(timespec="seconds"), cause=cause[:CAUSE_LENGTH])
    return (*recoveries, recovery)[-RECOVERIES_AN_HOUR:]


def are_too_many(recoveries: Iterable[Recovery], now: datetime) -> bool:
    """Return whether a run has had all the recoveries that it may have within an hour."""
    return sum(now - moment(one.at) < AN_HOUR for one in recoveries) >= RECOVERIES_AN_HOUR


def shown(recoveries: Iterable[Recovery]) -> list[dict[str, str]]:
    """Return the recoveries for progress and report."""
    return [{"at": one.at, "cause": one.cause} for one in recoveries]
