"""What keeps a run from asking its source at once: a time that the source named, or that it is away.

Enters: what a fetch reports. Leaves: when the source may be asked again, and what the status says of it. Pure.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

SOURCE, OUTAGE = "source", "outage"
REASON_CHARACTERS = 160  # that travel with the state, so that the state stays small
LONGEST_SECONDS = 366 * 24 * 3600.0  # a longer wait is no wait but a date, and no calendar holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What has kept a run waiting since its source gave the last page.

    `waiting_for` is SOURCE where the source named the time and OUTAGE where it is away or ill; `reason` says it in
    words. `seconds` is how long the source is left alone now, `patience_seconds` for how much longer after that. The
    sums of both kinds begin at the last page, and so does `attempts`, the requests that brought none.
    """

    waiting_for: str
    reason: str
    seconds: float
    attempts: int = 0
    named_seconds: float = 0.0
    away_seconds: float = 0.0
    patience_seconds: float = 0.0


def until(wait: Wait | None, now: datetime) -> str | None:
    """When a source that wants to be left alone from `now` on may be asked again; None if at once."""
    if wait is None or not wait.seconds:
        return None
    return (now + timedelta(seconds=min(LONGEST_SECONDS, wait.seconds))).isoformat()


def after_redrive(wait: Wait | None) -> Wait | None:
    """The wait of a run that is redriven: a time that the source named still holds, and the patience begins anew."""
    if wait is None or wait.waiting_for != SOURCE:
        return None
    return replace(wait, attempts=0, named_seconds=0.0, away_seconds=0.0)


def shown(wait: Wait | None, wait_until: str | None) -> dict[str, str | int]:
    """Why the source is left alone, when it is asked next, and until when the run goes on with that."""
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
