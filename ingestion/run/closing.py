"""Close the ledger of a run: write its last state and its report, then delete what is no longer needed.

Repeating a step does no harm: after a crash half-way, the next caller does the rest.
"""

from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from azure.core.exceptions import ResourceNotFoundError

from ingestion.contracts import FinishRequest, Run, RunState
from ingestion.run import open_runs, run_index, run_report, timeline
from ingestion.run.carrying import carry
from ingestion.run.clean_up import clean_up
from ingestion.run.command import accepted_change
from ingestion.run.ledger import Ledger
from ingestion.run.open_runs import OpenRun
from ingestion.run.pinned import description_in, queues_in
from ingestion.run.request import read_request, reads_of, run_of
from ingestion.run.run_state import chunks_in_window
from ingestion.storage.checkpoint import settle
from ingestion.wire import JsonObject


class Closed(NamedTuple):
    """The result of closing the ledger of a run: its report, and how many blobs were deleted."""

    run: Run
    source: str
    report: JsonObject
    deleted_blobs: int


async def close(ledger: Ledger, finished: FinishRequest, now: datetime) -> Closed | None:
    """Close the ledger of a run; return None if a newer attempt has the run, or the run is deleted.

    Settle unfinished chunks first, so that no copy sends them any more. The report counts their messages on the queue.
    The state does not, because a redrive will count their receipts.
    """
    # Find the entry first: a redrive records its state before it writes a new entry, so this is not the redrive's.
    entry = await open_runs.find(ledger.container, ledger.run.id)
    state = finished.state
    if not await ledger.record_state(state, now.isoformat()):
        return None
    request = await read_request(ledger.container, ledger.run.id)
    if request is None or run_of(request) != ledger.run:
        return None
    left_open = []
    for chunk in chunks_in_window(state):
        with suppress(ResourceNotFoundError):  # the messages of a deleted chunk stay pending
            left_open.append(await settle(ledger.container, ledger.run, chunk, state.attempt))
    accepted = await accepted_change(ledger)
    pinned = accepted.get("fields") or request.get("pinned", {})
    described = description_in(pinned, state.request.source)
    has_total = "total" in described and "incremental.window" not in described  # a window's total is not the run's
    carried = await carry(ledger, request, state, finished.outcome, now)
    report = run_report.report(
        finished, left_open, accepted.get("what"), queues_in(pinned), carried, reads_of(request), has_total
    )
    await ledger.record_report(report, state.attempt, state.window)
    await run_index.note(ledger.container, state, report)
    ended = timeline.event("ended", f"the run has ended as {report['outcome']}. {report.get('error', '')}".strip())
    await timeline.append(ledger.container, ledger.run, timeline.window(report, report["finished_at"]), ended)
    return Closed(ledger.run, state.request.source, report, await tidy(ledger, state, entry))


async def tidy(ledger: Ledger, state: RunState, entry: OpenRun | None) -> int:
    """Clean up after a run whose ledger is closed, and remove it from the index; return how many blobs were deleted."""
    deleted = await clean_up(ledger, state)
    await open_runs.remove(ledger.container, entry)
    return deleted
