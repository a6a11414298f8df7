"""How far a run is, from its instance and from the checkpoints of the chunks in its window.

`counts_at` is the time at which the counts were true. Within this process, `fetched` and `enqueued` never decrease.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from ingestion import clock
from ingestion.contracts import RunState, Settled
from ingestion.open_storage import open_storage
from ingestion.run import run_report
from ingestion.run.last_look import NEVER_LESS, LastLooks
from ingestion.run.run_state import chunks_in_window
from ingestion.settings import load_settings
from ingestion.storage.checkpoint import read_counts
from ingestion.wire import JsonObject

LOOK_SECONDS = 5.0  # the longest read of the checkpoints
LAST_LOOKS = LastLooks()  # of this process
STOPPED = ("paused", "held")  # phases without work under way; chunks may be unfinished

Look = Callable[[RunState], Awaitable[list[Settled]]]


async def look_at_checkpoints(state: RunState) -> list[Settled]:
    """Return the counts of the window's started chunks.

    For chunks that this process sends, the counts are live; for the others, they come from checkpoints. Errors of
    storage pass through.
    """
    storage = open_storage(load_settings())
    numbers = [chunk.number for chunk in chunks_in_window(state)]
    return await storage.tally.window_counts(state.run, numbers, partial(read_counts, storage.container, state.run))


async def progress_of(
    state: RunState,
    status: str,
    custom_status: object,
    *,
    look: Look = look_at_checkpoints,
    last_looks: LastLooks = LAST_LOOKS,
) -> JsonObject:
    """Return the progress of a run from the `state` with which its current window began.

    The host may have no custom status yet, or still the one of the previous window; then the counts come from `state`.
    """
    progress = run_report.progress(state)
    if isinstance(custom_status, dict) and "counts_at" in custom_status:
        if all(custom_status[key] >= progress[key] for key in (*NEVER_LESS, "chunks_done")):
            progress = custom_status
    elif status == "pending":
        progress["phase"] = status
    if progress["phase"] in ("running", *STOPPED) and state.spooled:
        progress = await _inside_window(state, progress, look)
    return last_looks.never_less(state.run, state.attempt, progress)


async def _inside_window(state: RunState, progress: JsonObject, look: Look) -> JsonObject:
    """Return the progress inside a window, or after a window that a command cut short.

    If the checkpoints cannot be read: return `progress` unchanged if the run has stopped, or else the progress at the
    start of the window, marked `stale`.
    """
    counts_at, has_stopped = clock.now().isoformat(), progress["phase"] in STOPPED
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            sent = await look(state)
    except Exception:  # a late status is better than none
        return progress if has_stopped else {**run_report.progress(state), "stale": True}
    if has_stopped:
        return run_report.with_open_chunks(progress, state, sent)
    return run_report.under_way(state, sent, counts_at)
