"""The times at which the keeper let a run go on: as many as are counted, with their causes in short.

Enters: what ended the instance of a run. Leaves: what the state, the progress and the report show of it. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.moment import moment

AN_HOUR = timedelta(hours=1)
RECOVERIES_AN_HOUR = 3
CAUSE_LENGTH = 80  # characters of a cause that travel with the state, so that the state stays under 4 KB


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """A time at which the keeper let a run go on, and what it had found."""

    at: str
    cause: str


def added(recoveries: tuple[Recovery, ...], cause: str, now: datetime) -> tuple[Recovery, ...]:
    """The last recoveries, with one more."""
    recovery = Recovery(at=now.isoformat(timespec="seconds"), cause=cause[:CAUSE_LENGTH])
    return (*recoveries, recovery)[-RECOVERIES_AN_HOUR:]


def are_too_many(recoveries: Iterable[Recovery], now: datetime) -> bool:
    """Whether there were as many within the last hour as a run is allowed."""
    return sum(now - moment(one.at) < AN_HOUR for one in recoveries) >= RECOVERIES_AN_HOUR


def shown(recoveries: Iterable[Recovery]) -> list[dict[str, str]]:
    """What a person sees of them."""
    return [{"at": one.at, "cause": one.cause} for one in recoveries]
