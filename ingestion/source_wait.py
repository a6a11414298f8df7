"""Why a run waits before it asks its source again: the source named a time, or it is away."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

SOURCE, OUTAGE = "source", "outage"
REASON_CHARACTERS = 160  # of a reason, so that the state stays small
LONGEST_SECONDS = 366 * 24 * 3600.0  # a longer wait may lead to a date beyond the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What has kept a run waiting since its source gave the last page.

    `waiting_for` is SOURCE if the source named the time and OUTAGE if it is away or failing; `reason` says it in words.
    `seconds` is how long to wait now, `patience_seconds` how much longer the run keeps trying after that. The sums of
    both kinds begin at the last page, and so does `attempts`, the requests without a page.
    """

    waiting_for: str
    reason: str
    seconds: float
    attempts: int = 0
    named_seconds: float = 0.0
    away_seconds: float = 0.0
    patience_seconds: float = 0.0


def spent_seconds(wait: Wait) -> float:
    """Return how long the source has kept the run waiting in the way in which it does now."""
    return wait.named_seconds if wait.waiting_for == SOURCE else wait.away_seconds


def after_redrive(wait: Wait | None) -> Wait | None:
    """Return the wait of a redriven run: a time that the source named still holds, and the patience starts anew."""
    if wait is None or wait.waiting_for != SOURCE:
        return None
    return replace(wait, attempts=0, named_seconds=0.0, away_seconds=0.0)


def shown(wait: Wait | None, wait_until: str | None) -> dict[str, str | int]:
    """Return why the run waits, when it asks the source next, and until when it keeps trying."""
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
