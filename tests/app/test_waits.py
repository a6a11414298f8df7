"""A run waits as long as its source says, although the host fires timers up to a second early.

On the real host the delays of a queue are whole seconds: a timer of 6 s fired after 5.3 s, one of 1.0 s after 0.7 s,
and the time of the next turn was before the requested time. The host splits a timer of more than six days and loses its
cancellation; it does cancel a timer of five days.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contracts import FetchOutcome
from ingestion.run import run_state
from ingestion.source_wait import Wait
from ingestion.wire import to_wire
from tests.app.answers import answering, batch, batch_of
from tests.app.rehearsal import NOW, Generation, first_state, rehearse

LONGEST_TIMER = timedelta(days=5)
QUIET = timedelta(minutes=15)  # after which a run that waits looks for a command by itself


@dataclass
class Waiting:
    """A run from the refusal of its source to its next request; each timer fires `early` seconds too early."""

    seconds: float
    early: list[float]
    woken_after: list[float | None] = field(default_factory=list)  # the share of a wait after which an event ends it
    timers: list[tuple[datetime, datetime]] = field(default_factory=list)  # when each was set, and for when
    asked_at: datetime = NOW

    def go_on(self) -> "Waiting":
        answer = answering(batch(0, 5, last=False, wait_seconds=self.seconds), batch(1, 30, last=True))
        generation = rehearse(answer, first_state())
        now = NOW
        while True:
            assert generation.continued_with is not None
            generation = rehearse(answer, generation.continued_with, now=now, first_to_come=self._first())
            if generation.payloads("fetch_batch"):
                self.asked_at = now
                return self
            fire_at = datetime.fromisoformat(generation.payloads("timer")[0]) if generation.payloads("timer") else now
            if generation.payloads("timer"):
                self.timers.append((now, fire_at))
            now = self._then(now, fire_at)

    def _first(self) -> str:
        return "event" if self.woken_after and self.woken_after[0] is not None else "timer"

    def _then(self, now: datetime, fire_at: datetime) -> datetime:
        share = self.woken_after.pop(0) if self.woken_after else None
        if share is not None:
            return now + (fire_at - now) * share
        return max(now, fire_at - timedelta(seconds=self.early.pop(0) if self.early else 0))

    @property
    def allowed_at(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    @property
    def last_timers(self) -> list[datetime]:
        """Return the timers for the time that the source named, without those that only look for a command."""
        return [fire_at for _, fire_at in self.timers if fire_at >= self.allowed_at]


@pytest.mark.parametrize("early", [0.0, 0.001, 0.3, 0.7, 0.999, 1.0])
@pytest.mark.parametrize("seconds", [5.25, 6.0, 60.0, 899.5, 900.0, 900.4, 7200.0])
def test_a_timer_that_fires_a_second_early_does_not_lead_to_a_request_before_its_time(
    seconds: float, early: float
) -> None:
    waiting = Waiting(seconds, [early] * 100).go_on()
    assert waiting.asked_at >= waiting.allowed_at
    assert waiting.asked_at - waiting.allowed_at <= timedelta(seconds=1)
    assert len(waiting.last_timers) <= 2, "one that is set to the time, and at most one more"


@given(
    seconds=st.floats(5.001, 36 * 3600.0),
    early=st.lists(st.floats(0, 1.0), max_size=200),
    woken_after=st.lists(st.none() | st.floats(0, 1.0), max_size=20),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_a_source_is_never_asked_before_the_time_it_named(
    seconds: float, early: list[float], woken_after: list[float | None]
) -> None:
    waiting = Waiting(seconds, early, list(woken_after)).go_on()
    assert waiting.asked_at >= waiting.allowed_at
    woken = sum(share is not None for share in woken_after)
    assert len(waiting.last_timers) <= 2 + woken, "beside those that an event ended"


def test_no_timer_of_a_long_wait_is_longer_than_five_days() -> None:
    waiting = Waiting(9 * 86_400.0, [0.5] * 2000).go_on()
    assert waiting.asked_at >= waiting.allowed_at
    assert max(fire_at - set_at for set_at, fire_at in waiting.timers) <= min(LONGEST_TIMER, QUIET)
    assert len(waiting.last_timers) <= 2


def waiting_for(what: str) -> Generation:
    """Return a run that waits for its source, twenty seconds at a time."""
    wait = Wait(
        waiting_for=what, reason="HTTP 503", seconds=20.0, attempts=5, away_seconds=27.0, patience_seconds=873.0
    )
    away = FetchOutcome(batch=replace(batch_of(0, 0, last=False), wait=wait))
    return rehearse(answering(to_wire(away), batch(1, 30, last=True)), first_state())


def test_the_progress_of_a_run_that_waits_says_for_what_why_and_until_when() -> None:
    shown = waiting_for("outage").progress[-1]
    assert {
        key: shown[key] for key in ("phase", "waiting_for", "reason", "attempts", "wait_until", "patience_until")
    } == {
        "phase": "waiting",
        "waiting_for": "outage",
        "reason": "HTTP 503",
        "attempts": 5,
        "wait_until": "2026-01-01T00:10:20+00:00",
        "patience_until": "2026-01-01T00:24:53+00:00",
    }


def test_the_next_fetch_goes_on_with_the_patience_that_is_left() -> None:
    waiting = waiting_for("outage")
    answer = answering(batch(0, 0, last=False), batch(1, 30, last=True))
    asked = rehearse(answer, waiting.continued_with, now=NOW + timedelta(seconds=21)).payloads("fetch_batch")[0]
    assert (asked["wait"]["away_seconds"], asked["wait"]["attempts"]) == (27.0, 5)


@pytest.mark.parametrize("what", ["outage", "source"])
def test_a_redrive_keeps_a_time_that_the_source_named_and_else_begins_the_patience_anew(what: str) -> None:
    redriven = run_state.redriven(run_state.load(waiting_for(what).continued_with))
    assert redriven is not None
    assert (run_state.next_window(redriven, NOW).supply is None) == (what == "source")
    assert (0.0 if redriven.wait is None else redriven.wait.away_seconds) == 0.0
