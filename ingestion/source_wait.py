"""Why a run waits before its next request to the source: the source named a time, or the source is away."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

SOURCE, OUTAGE = "source", "outage"
REASON_CHARACTERS = 160  # of a reason, so that the state stays small
LONGEST_SECONDS = 366 * 24 * 3600.0  # a longer wait may lead to a date beyond the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The waits of a run since the last page of its source.

    `waiting_for` is SOURCE if the source named the time, OUTAGE if it is away or failing; `reason` says why in words.
    `seconds` is how long to wait now, `patience_seconds` how much longer the run keeps trying after that. Since the
    last page, `attempts` counts requests without a page, and `named_seconds` and `away_seconds` sum up both kinds of
    wait.
    """

    waiting_for: str
    reason: str
    seconds: float
    attempts: int = 0
    named_seconds: float = 0.0
    away_seconds: float = 0.0
    patience_seconds: float = 0.0


def spent_seconds(wait: Wait) -> float:
    """Return the sum of the waits of the present kind."""
    return wait.named_seconds if wait.waiting_for == SOURCE else wait.away_seconds


def after_redrive(wait: Wait | None) -> Wait | None:
    """Return the wait of a redriven run: a time that the source named still holds, and the patience starts again."""
    if wait is None or wait.waiting_for != SOURCE:
        return None
    return replace(wait, attempts=0, named_seconds=0.0, away_seconds=0.0)


def shown(wait: Wait | None, wait_until: str | None) -> dict[str, str | int]:
    """Return why the run waits, when it sends the next request, and until when it keeps trying."""
    if wait is None or wait_until is None:
        return {}
    patience_until = datetime.fromisoformat(wait_until) + timedelta(seconds=wait.patience_seconds)
    return {
        "waiting_for": wait.waiting_for,
        "reason": wait.reason,
        "attempts": wait.attempts,
        "wait_until": wait_until,
        "patience_until": patience_until.isoformat(),
    }
