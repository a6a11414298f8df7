"""The end of a run in storage: its last state and its report go to the ledger, then what nobody needs any more goes.

Enters: how the run has ended. Leaves: a closed ledger, and no entry in the index of open runs. All of it may be done
twice, and whoever comes after a crash in the middle does the rest.
"""

from datetime import datetime

from ingestion.contracts import FinishRequest, RunState
from ingestion.run import open_runs, run_report
from ingestion.run.clean_up import clean_up
from ingestion.run.failed import batches
from ingestion.run.ledger import Ledger, is_of
from ingestion.run.open_runs import OpenRun


async def close(ledger: Ledger, finished: FinishRequest, now: datetime) -> int | None:
    """Close the ledger of a run; says how many blobs were cleaned up, None if the run belongs to somebody else now."""
    # In this order: a redrive records its state before it enters the run, so its entry is not taken for this one.
    entry = await open_runs.find(ledger.container, ledger.run_id)
    state = finished.state
    if not await ledger.record_state(state, now.isoformat()):
        return None  # redriven or started again meanwhile: what is there belongs to the newer attempt
    if not is_of(await ledger.request(), state.started_at):
        return None  # deleted meanwhile: what is in the spool, if anything, belongs to a younger run
    await ledger.record_report(run_report.report(finished), state.attempt, state.window)
    return await tidy(ledger, state, entry)


async def tidy(ledger: Ledger, state: RunState, entry: OpenRun | None) -> int:
    """Clean up after a run whose ledger is closed, and take it out of the index; says how many blobs that were."""
    failed = [index async for index in batches(ledger.container, ledger.run_id)]
    deleted = await clean_up(ledger.container, ledger.run_id, state, failed)
    await open_runs.remove(ledger.container, entry)
    return deleted


def terminated(run_id: str, state: RunState, now: datetime) -> FinishRequest:
    """How a run has ended that was terminated."""
    return FinishRequest(
        run_id=run_id, state=state, outcome="terminated", finished_at=now.isoformat(), seconds=seconds_of(state, now)
    )


def ended(run_id: str, state: RunState, now: datetime) -> FinishRequest:
    """How a run has ended whose state has an outcome."""
    return run_report.finish(run_id, state, now.isoformat(), seconds_of(state, now))


def seconds_of(state: RunState, now: datetime) -> float:
    """How long a run took that ends now."""
    return round((now - datetime.fromisoformat(state.started_at)).total_seconds(), 3)
