"""What the keeper does about an open run: pure decisions, from what it sees and what it has seen to what follows.

A look sees the run's instance. What is wrong in two looks in a row, or was ended on purpose, is looked at again under
the run's lock, with the ledger at hand; `next_action` says what is done then. `docs/runs.md` has the rules as a table.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from ingestion import recovery
from ingestion.contracts import RunState
from ingestion.moment import moment
from ingestion.run import run_state

PATIENCE = timedelta(minutes=10)  # with a request without an instance, and with a run that stands still


class Found(StrEnum):
    """What a look finds of an instance."""

    GOES_ON = "goes_on"  # pending, running or suspended
    ENDED = "ended"  # completed or failed
    TERMINATED = "terminated"
    GONE = "gone"


class Action(StrEnum):
    """What is done about a run, under its lock."""

    LEAVE = "leave"
    TIDY = "tidy"  # the ledger is closed: clean up, and take the run out of the index
    CLOSE = "close"  # close the ledger with the outcome of the recorded state
    CLOSE_TERMINATED = "close_terminated"
    START = "start"  # as the same start, sent again, would
    RECOVER = "recover"
    GIVE_UP = "give_up"  # close the ledger as failed


class Look(NamedTuple):
    """What is noted of a look, and whether the run is looked at again under its lock."""

    noted: Found
    is_closer: bool


def first_look(before: Found, found: Found, *, has_state: bool, age: timedelta) -> Look:
    """What follows from a look, after one that noted `before`, at a run that was entered into the index `age` ago."""
    if found is Found.GOES_ON:
        return Look(found, False)
    if found is Found.TERMINATED or (found is Found.GONE and before is Found.TERMINATED):
        return Look(Found.TERMINATED, True)
    if found is Found.GONE and not has_state:  # perhaps its start is still under way
        return Look(before, age >= PATIENCE)
    return Look(found, before in (Found.ENDED, Found.GONE))


def next_action(
    before: Found, found: Found, *, is_closed: bool, state: RunState | None, requested_at: str, now: datetime
) -> Action:
    """What is done about a run whose instance is `found` so under the lock, after a look that noted `before`.

    `state` is the last recorded one, `is_closed` whether its attempt has closed the ledger with a report.
    """
    if found is Found.GOES_ON:
        return Action.LEAVE
    if is_closed:
        return Action.TIDY
    if found is Found.TERMINATED or (found is Found.GONE and before is Found.TERMINATED):
        return Action.CLOSE_TERMINATED
    if state is None:
        if found is Found.GONE:
            return Action.START if now - moment(requested_at) >= PATIENCE else Action.LEAVE
        return Action.RECOVER
    if run_state.outcome(state) is not None:
        return Action.CLOSE
    return Action.GIVE_UP if recovery.are_too_many(state.recoveries, now) else Action.RECOVER


def recovered(state: RunState, cause: str, now: datetime) -> RunState:
    """The state with which a run goes on that the keeper recovers.

    Unlike one that a person redrives it still waits for a source that is away, and no longer than it would have.
    """
    again = run_state.redriven(state)
    assert again is not None, "a run with nothing left to do has an outcome"
    recoveries = recovery.added(state.recoveries, cause, now)
    return replace(again, wait_until=state.wait_until, wait=state.wait, recoveries=recoveries)


def given_up(state: RunState, cause: str) -> RunState:
    """The last state of a run that is not recovered any more; one that its last attempt records late replaces it."""
    times, last = recovery.RECOVERIES_AN_HOUR, cause[: recovery.CAUSE_LENGTH]
    problem = f"the run was recovered {times} times within an hour, and its instance ended again ({last})"
    reason = f"{problem}. Remove the cause, then redrive the run"
    return replace(state, error=reason, command=None)


def stands_still(reported: str, moved_at: datetime, *, waits: bool, now: datetime) -> bool:
    """Whether a run that goes on has not moved for too long, has not said what it waits for, and was not reported."""
    return not waits and now - moved_at >= PATIENCE and moment(reported) != moved_at
