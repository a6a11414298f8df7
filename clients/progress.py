"""How far a run is: what its instance says, and what the checkpoints of the chunks in its window say.

`counts_at` is the moment at which the counts were true. Within this process, counts never decrease.
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

LOOK_SECONDS = 5.0  # the longest look at the checkpoints
LAST_LOOKS = LastLooks()  # of this process
HELD = ("paused", "held")  # phases in which chunks may be unfinished and nothing is under way

Look = Callable[[RunState], Awaitable[list[Settled]]]


async def look_at_checkpoints(state: RunState) -> list[Settled]:
    """Return how far each started chunk of the window is: those of this process now, others by their checkpoints.

    Raise what storage raises.
    """
    storage = open_storage(load_settings())
    numbers = [chunk.number for chunk in chunks_in_window(state)]
    return await storage.tally.look(state.run, numbers, partial(read_counts, storage.container, state.run))


async def progress_of(
    state: RunState,
    status: str,
    custom_status: object,
    *,
    look: Look = look_at_checkpoints,
    last_looks: LastLooks = LAST_LOOKS,
) -> JsonObject:
    """Return the progress of a run that is in `state`, or was when the current window began.

    A host may return the custom status of the window before, or none: then the state says more.
    """
    progress = run_report.progress(state)
    if isinstance(custom_status, dict) and "counts_at" in custom_status:
        if all(custom_status[key] >= progress[key] for key in (*NEVER_LESS, "chunks_done")):
            progress = custom_status
    elif status == "pending":
        progress["phase"] = status
    if progress["phase"] in ("running", *HELD) and state.spooled:
        progress = await _inside_window(state, progress, look)
    return last_looks.never_less(state.run, state.attempt, progress)


async def _inside_window(state: RunState, progress: JsonObject, look: Look) -> JsonObject:
    """Return the progress inside a window, or after one that a command has cut short.

    If the checkpoints cannot be read, return that of the window's start, marked `stale`, or what was progress after it.
    """
    counts_at, is_held = clock.now().isoformat(), progress["phase"] in HELD
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            sent = await look(state)
    except Exception:  # a status that lags behind is better than none
        return progress if is_held else {**run_report.progress(state), "stale": True}
    if is_held:
        return run_report.with_open_chunks(progress, state, sent)
    return run_report.under_way(state, sent, counts_at)
