"""What this process last told of each run, so that what it tells next is never less.

Enters: a progress. Leaves: it, or its counts as they were told before, where it lies behind: a look at the checkpoints
failed or was late, or the instance was read before another window began and is told after it.
"""

from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple

from ingestion.started_at import moment
from ingestion.wire import JsonObject

KEPT_RUNS = 500
NEVER_LESS = ("fetched", "enqueued", "rejected")  # as long as the run is the one that was started then
COUNTS = (
    *NEVER_LESS,
    "failed",
    "pending",
    "chunks_done",
    "chunks_total",
    "batches",
    "source_exhausted",
    "source_total",
    "counts_at",
)


class LastLook(NamedTuple):
    """The counts that were told last, of which run and of which of its attempts."""

    started_at: datetime
    attempt: int
    counts: JsonObject


class LastLooks:
    """The last look at each run; of very many runs those that were asked for last."""

    def __init__(self, most: int = KEPT_RUNS) -> None:
        self._most = most
        self._kept: OrderedDict[str, LastLook] = OrderedDict()

    def never_less(self, run_id: str, started_at: str, attempt: int, progress: JsonObject) -> JsonObject:
        """`progress`, with the counts that were told last if its own lie behind them."""
        started = moment(started_at)
        last = self._kept.get(run_id)
        if last is not None and last.started_at > started:
            return progress  # of a deleted run: a younger one has its id
        if last is not None and last.started_at == started and is_behind(progress, attempt, last):
            self._kept.move_to_end(run_id)
            return {**{key: told for key, told in progress.items() if key != "stale"}, **last.counts}
        self._kept[run_id] = LastLook(started, attempt, {key: progress[key] for key in COUNTS})
        self._kept.move_to_end(run_id)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return progress


def is_behind(progress: JsonObject, attempt: int, last: LastLook) -> bool:
    """Whether a progress knows less than the last look, or the same of an earlier moment.

    A redrive does chunks that had failed again, so `chunks_done` is compared within one attempt only.
    """
    if attempt < last.attempt or any(progress[key] < last.counts[key] for key in NEVER_LESS):
        return True
    if attempt > last.attempt:
        return False
    if progress["chunks_done"] != last.counts["chunks_done"]:
        return bool(progress["chunks_done"] < last.counts["chunks_done"])
    is_same = all(progress[key] == last.counts[key] for key in NEVER_LESS)
    return is_same and moment(progress["counts_at"]) < moment(last.counts["counts_at"])
