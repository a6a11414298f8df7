"""The end of a run in storage: its last state and its report go to the ledger, then what nobody needs any more goes.

Enters: how the run has ended. Leaves: a closed ledger, and no entry in the index of open runs. All of it may be done
twice, and whoever comes after a crash in the middle does the rest.
"""

from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from azure.core.exceptions import ResourceNotFoundError

from ingestion.contracts import FinishRequest, RunState, Settled, listed
from ingestion.run import open_runs, run_index, run_report
from ingestion.run.clean_up import clean_up
from ingestion.run.ledger import Ledger
from ingestion.run.open_runs import OpenRun
from ingestion.run.request import read_request, run_of
from ingestion.sending.checkpoint import settle


class Closed(NamedTuple):
    """What closing a ledger came to: the chunks that the run has not finished, and the blobs that were deleted."""

    left_open: tuple[Settled, ...]
    deleted_blobs: int


async def close(ledger: Ledger, finished: FinishRequest, now: datetime) -> Closed | None:
    """Close the ledger of a run; return None if the run belongs to a newer attempt, or is deleted.

    The chunks that the run leaves open are settled first: nobody sends them any more, and the report counts what of
    them is on the queue. The state does not: their receipts will, after a redrive.
    """
    # In this order: a redrive records its state before it enters the run, so its entry is not taken for this one.
    entry = await open_runs.find(ledger.container, ledger.run.id)
    state = finished.state
    if not await ledger.record_state(state, now.isoformat()):
        return None
    request = await read_request(ledger.container, ledger.run.id)
    if request is None or run_of(request) != ledger.run:
        return None
    left_open = []
    for chunk in listed(state.spooled.window):
        with suppress(ResourceNotFoundError):  # a chunk that somebody has deleted stays pending
            left_open.append(await settle(ledger.container, ledger.run, chunk))
    report = run_report.report(finished, left_open)
    await ledger.record_report(report, state.attempt, state.window)
    await run_index.note(ledger.container, state, finished.outcome)
    return Closed(tuple(left_open), await tidy(ledger, state, entry))


async def tidy(ledger: Ledger, state: RunState, entry: OpenRun | None) -> int:
    """Clean up after a run whose ledger is closed, and take it out of the index; return how many blobs are gone."""
    deleted = await clean_up(ledger, state)
    await open_runs.remove(ledger.container, entry)
    return deleted


def terminated(state: RunState, now: datetime) -> FinishRequest:
    """Return how a run has ended that was terminated."""
    return FinishRequest(state=state, outcome="terminated", finished_at=now.isoformat(), seconds=seconds_of(state, now))


def ended(state: RunState, now: datetime) -> FinishRequest:
    """Return how a run has ended whose state has an outcome."""
    return run_report.finish(state, now.isoformat(), seconds_of(state, now))


def seconds_of(state: RunState, now: datetime) -> float:
    """Return how long a run took that ends now."""
    return round((now - datetime.fromisoformat(state.started_at)).total_seconds(), 3)
