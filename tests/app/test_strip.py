"""The strip of chunks: one cell for each of up to 400 chunks; with more, a cell shows the worst of several."""

import time
from dataclasses import replace

from ingestion.contracts import Chunks, Settled, Sums
from ingestion.run.strip import MOST_CELLS, strip
from tests.app.kept import FRESH

WINDOW = replace(FRESH, chunks=8, spooled=(Chunks("aa", "3-4"), Chunks("bb", "6-7")), done=Sums(chunks=3))


def test_each_chunk_is_done_failed_under_way_or_not_yet() -> None:
    sent = [Settled(3, 10, 9, 1), Settled(4, 10, 4)]
    drawn = strip(WINDOW, is_at_work=True, sent=sent, failed=[1], again=[5])
    assert drawn == {"total": 8, "per_cell": 1, "cells": "dfddwppp"}, "a window of this run has two chunks"
    assert strip(WINDOW, is_at_work=False)["cells"] == "dddppdpp"


def test_a_run_that_has_fetched_nothing_has_no_cell() -> None:
    assert strip(FRESH, is_at_work=True) == {"total": 0, "per_cell": 1, "cells": ""}


def test_the_worst_chunk_of_a_cell_counts() -> None:
    state = replace(WINDOW, chunks=1_200, spooled=(Chunks("aa", "0-1,600-1199"),))
    drawn = strip(state, is_at_work=True, failed=[7, 1_199])
    assert (drawn["per_cell"], len(drawn["cells"])) == (3, 400)
    assert drawn["cells"][:4] == "wdfd"
    assert (drawn["cells"][200], drawn["cells"][-1]) == ("p", "f")


def test_ten_thousand_chunks_have_at_most_400_cells_and_take_milliseconds() -> None:
    state, began = replace(FRESH, chunks=10_000, spooled=(Chunks("aa", "9990-9999"),)), time.process_time()
    drawn = strip(state, is_at_work=True)
    assert time.process_time() - began < 0.1
    assert len(drawn["cells"]) <= MOST_CELLS
    assert drawn["per_cell"] * (len(drawn["cells"]) - 1) < drawn["total"] <= drawn["per_cell"] * len(drawn["cells"])
