"""The keeper's decisions: the table in docs/runs.md (The keeper), without storage, Durable Functions or a clock."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingestion.contracts import Chunks, RunState
from ingestion.recovery import CAUSE_LENGTH, Recovery
from ingestion.run import run_state
from ingestion.run.keeping import (
    PATIENCE,
    Action,
    Found,
    Look,
    first_look,
    given_up,
    next_action,
    recovered,
    stands_still,
)
from ingestion.source_wait import Wait
from ingestion.wire import to_wire
from tests.app.kept import DONE, UNDER_WAY

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG_AGO, JUST_NOW = NOW - 2 * PATIENCE, NOW - timedelta(seconds=1)
GOES_ON, ENDED, TERMINATED, GONE = Found


def after(*minutes_ago: float) -> RunState:
    """Return a state with one recovery for each given number of minutes ago."""
    times = (NOW - timedelta(minutes=minutes) for minutes in minutes_ago)
    return replace(UNDER_WAY, recoveries=tuple(Recovery(at=time.isoformat(), cause="a crash") for time in times))


@pytest.mark.parametrize(
    ("before", "found", "has_state", "age", "expected"),
    [
        # the keeper does not touch a running run
        (GOES_ON, GOES_ON, False, PATIENCE, Look(GOES_ON, False)),
        (ENDED, GOES_ON, False, PATIENCE, Look(GOES_ON, False)),
        (TERMINATED, GOES_ON, False, PATIENCE, Look(GOES_ON, False)),
        # an instance must be found ended or gone in two looks in a row
        (GOES_ON, ENDED, False, PATIENCE, Look(ENDED, False)),
        (ENDED, ENDED, False, PATIENCE, Look(ENDED, True)),
        (GOES_ON, GONE, True, PATIENCE, Look(GONE, False)),
        (GONE, GONE, True, PATIENCE, Look(GONE, True)),
        (ENDED, GONE, True, PATIENCE, Look(GONE, True)),
        (GONE, ENDED, False, PATIENCE, Look(ENDED, True)),
        (TERMINATED, ENDED, False, PATIENCE, Look(ENDED, False)),
        # a person terminated it, and a purge afterwards changes nothing
        (GOES_ON, TERMINATED, False, PATIENCE, Look(TERMINATED, True)),
        (ENDED, TERMINATED, False, PATIENCE, Look(TERMINATED, True)),
        (TERMINATED, GONE, True, PATIENCE, Look(TERMINATED, True)),
        (TERMINATED, GONE, False, timedelta(0), Look(TERMINATED, True)),
        # a run without a recorded state may still be starting: for ten minutes a missing instance counts for nothing
        (GOES_ON, GONE, False, PATIENCE - timedelta(seconds=1), Look(GOES_ON, False)),
        (GOES_ON, GONE, False, PATIENCE, Look(GOES_ON, True)),
        (GONE, GONE, False, PATIENCE - timedelta(seconds=1), Look(GONE, False)),
    ],
)
def test_what_follows_from_a_look_at_an_instance(
    before: Found, found: Found, has_state: bool, age: timedelta, expected: Look
) -> None:
    assert first_look(before, found, has_state=has_state, age=age) == expected


@pytest.mark.parametrize(
    ("before", "found", "is_closed", "state", "requested_at", "expected"),
    [
        (ENDED, GOES_ON, False, UNDER_WAY, LONG_AGO, Action.LEAVE),
        (ENDED, GOES_ON, True, DONE, LONG_AGO, Action.LEAVE),
        (ENDED, ENDED, True, DONE, LONG_AGO, Action.TIDY),
        (TERMINATED, TERMINATED, True, UNDER_WAY, LONG_AGO, Action.TIDY),
        (TERMINATED, TERMINATED, False, UNDER_WAY, LONG_AGO, Action.CLOSE_TERMINATED),
        (TERMINATED, TERMINATED, False, None, JUST_NOW, Action.CLOSE_TERMINATED),
        (TERMINATED, GONE, False, UNDER_WAY, LONG_AGO, Action.CLOSE_TERMINATED),
        (ENDED, TERMINATED, False, UNDER_WAY, LONG_AGO, Action.CLOSE_TERMINATED),
        (ENDED, ENDED, False, DONE, LONG_AGO, Action.CLOSE),
        (GONE, GONE, False, replace(UNDER_WAY, error="why"), LONG_AGO, Action.CLOSE),
        (ENDED, ENDED, False, UNDER_WAY, LONG_AGO, Action.RECOVER),
        (GONE, GONE, False, UNDER_WAY, JUST_NOW, Action.RECOVER),
        (ENDED, ENDED, False, None, JUST_NOW, Action.RECOVER),
        (GOES_ON, GONE, False, None, NOW - PATIENCE, Action.START),
        (GOES_ON, GONE, False, None, JUST_NOW, Action.LEAVE),
        (ENDED, ENDED, False, after(59, 30), LONG_AGO, Action.RECOVER),
        (ENDED, ENDED, False, after(59, 30, 1), LONG_AGO, Action.GIVE_UP),
        (ENDED, ENDED, False, after(60, 30, 1), LONG_AGO, Action.RECOVER),
        (TERMINATED, TERMINATED, False, after(59, 30, 1), LONG_AGO, Action.CLOSE_TERMINATED),
    ],
)
def test_what_is_done_about_a_run_under_its_lock(
    before: Found, found: Found, is_closed: bool, state: RunState | None, requested_at: datetime, expected: Action
) -> None:
    asked_at = requested_at.isoformat()
    action = next_action(before, found, is_closed=is_closed, state=state, requested_at=asked_at, now=NOW)
    assert action == expected


def test_a_recovery_is_a_new_attempt_that_continues_where_the_run_stopped_and_records_the_cause() -> None:
    spooled = (Chunks("aa", "7"),)
    until = (NOW + PATIENCE).isoformat()
    wait = Wait(waiting_for="outage", reason="the source is away", seconds=600.0, away_seconds=60.0)
    state = replace(UNDER_WAY, spooled=spooled, spooled_messages=10, fetched=10, wait_until=until, wait=wait)
    again = recovered(state, "a crash", NOW)
    assert (again.attempt, again.window, again.spooled, again.batches) == (1, 0, spooled, 3)
    assert (again.wait_until, again.wait) == (until, wait), "the next request and the patience with the source stay"
    assert again.recoveries == (Recovery(at="2026-01-01T12:00:00+00:00", cause="a crash"),)


def test_a_state_keeps_the_last_three_recoveries_each_with_a_shortened_cause() -> None:
    state = UNDER_WAY
    for number in range(9):
        state = recovered(state, f"{number}" + "x" * 5_000, NOW)
    assert [(one.cause[0], len(one.cause)) for one in state.recoveries] == [(str(n), CAUSE_LENGTH) for n in (6, 7, 8)]
    assert len(json.dumps(to_wire(state)["recoveries"])) < 400


def test_a_run_that_is_given_up_has_failed_for_a_reason_that_says_what_to_do() -> None:
    state = given_up(after(30, 20, 10), "the worker is gone")
    assert run_state.outcome(state) == "failed"
    assert "recovered 3 times within an hour" in run_state.reason(state)
    assert "(the worker is gone). Remove the cause, then redrive the run" in run_state.reason(state)
    assert run_state.redriven(state) is not None


@pytest.mark.parametrize(
    ("reported", "moved_at", "waits", "expected"),
    [
        ("", NOW - PATIENCE, False, True),
        ("", NOW - PATIENCE + timedelta(seconds=1), False, False),
        ("", NOW - PATIENCE, True, False),
        ((NOW - PATIENCE).isoformat(), NOW - PATIENCE, False, False),
        ((NOW - 3 * PATIENCE).isoformat(), NOW - PATIENCE, False, True),
    ],
)
def test_a_standstill_is_reported_once_and_again_only_after_the_run_moved(
    reported: str, moved_at: datetime, waits: bool, expected: bool
) -> None:
    assert stands_still(reported, moved_at, waits=waits, now=NOW) is expected
