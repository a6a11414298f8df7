"""The chunks of a run as a strip of cells: one cell for each chunk, or for several chunks if the run has many."""

from collections.abc import Iterable
from math import ceil

from ingestion.contracts import RunState, Settled
from ingestion.run.run_state import chunks_in_window, spooled_chunks
from ingestion.wire import JsonObject

MOST_CELLS = 400
FAILED, UNDER_WAY, NOT_YET, DONE = WORST_FIRST = "fwpd"  # a cell of several chunks shows the worst


def strip(
    state: RunState,
    *,
    is_at_work: bool,
    sent: Iterable[Settled] = (),
    failed: Iterable[int] = (),
    again: Iterable[int] = (),
) -> JsonObject:
    """Return `{"total", "per_cell", "cells"}` for the chunks that have been fetched.

    `is_at_work` says whether the window of the state is under way; `sent` has the counts of its chunks. `failed` are
    the numbers of failed chunks, `again` those of chunks that a redrive has yet to send.
    """
    finished = {one.number for one in sent if one.enqueued + one.rejected == one.messages}
    marked = [DONE] * state.chunks
    under_way = {one.number for one in chunks_in_window(state)} if is_at_work else set()
    marks = dict.fromkeys((*again, *(one.number for one in spooled_chunks(state))), NOT_YET)
    marks |= dict.fromkeys(under_way, UNDER_WAY) | dict.fromkeys(failed, FAILED) | dict.fromkeys(finished, DONE)
    for number, mark in marks.items():
        if number < len(marked):
            marked[number] = mark
    chunks, per_cell = "".join(marked), max(1, ceil(len(marked) / MOST_CELLS))
    parts = [chunks[at : at + per_cell] for at in range(0, len(chunks), per_cell)]
    cells = [next(mark for mark in WORST_FIRST if mark in part) for part in parts]
    return {"total": len(chunks), "per_cell": per_cell, "cells": "".join(cells)}
