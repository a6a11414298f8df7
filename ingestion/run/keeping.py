"""What the keeper does about an open run: pure decisions.

At each look the keeper reads the status of the run's instance. If two looks in a row find something wrong, or a person
has ended the instance, the keeper looks again under the run's lock and reads the ledger. Then `next_action` decides.
`docs/runs.md` has the rules.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from ingestion import recovery
from ingestion.contracts import RunState
from ingestion.moment import moment
from ingestion.run import run_state

PATIENCE = timedelta(minutes=10)  # for a request without an instance, and for a run that makes no progress


class Found(StrEnum):
    """What a look finds of an instance."""

    GOES_ON = "goes_on"  # pending, running or suspended
    ENDED = "ended"  # completed or failed
    TERMINATED = "terminated"
    GONE = "gone"


class Action(StrEnum):
    """What the keeper does about a run, under its lock."""

    LEAVE = "leave"
    TIDY = "tidy"  # the ledger is closed: clean up, and remove the run from the index
    CLOSE = "close"  # close the ledger with the outcome of the recorded state
    CLOSE_TERMINATED = "close_terminated"
    START = "start"  # begin the run, as a repeated POST /api/runs would
    RECOVER = "recover"
    GIVE_UP = "give_up"  # close the ledger as failed


class Look(NamedTuple):
    """What a look notes, and whether the keeper must look again (closer) under the lock."""

    noted: Found
    is_closer: bool


def first_look(before: Found, found: Found, *, has_state: bool, age: timedelta) -> Look:
    """Return the result of a look at a run that entered the index `age` ago; the last look noted `before`."""
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
    """Return what to do about a run whose instance is `found` under the lock; the last look noted `before`.

    `state` is the last recorded state; `is_closed` says whether its attempt has closed the ledger.
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
    """Return the state with which a recovered run goes on.

    Unlike a redriven run, it keeps waiting for a source that is away, and its patience does not begin anew.
    """
    again = run_state.redriven(state)
    assert again is not None, "a run with nothing left to do has an outcome"
    recoveries = recovery.added(state.recoveries, cause, now)
    return replace(again, wait_until=state.wait_until, wait=state.wait, recoveries=recoveries)


def given_up(state: RunState, cause: str) -> RunState:
    """Return the last state of a run that is not recovered again; a later state of the attempt may replace it."""
    times, last = recovery.RECOVERIES_AN_HOUR, cause[: recovery.CAUSE_LENGTH]
    problem = f"the run was recovered {times} times within an hour, and its instance ended again ({last})"
    reason = f"{problem}. Remove the cause, then redrive the run"
    return replace(state, error=reason, command=None)


def stands_still(reported: str, moved_at: datetime, *, waits: bool, now: datetime) -> bool:
    """Return whether a run has made no progress for too long, waits for nothing, and was not reported."""
    return not waits and now - moved_at >= PATIENCE and moment(reported) != moved_at
