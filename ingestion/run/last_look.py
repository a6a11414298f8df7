"""The last counts that this process returned for each run, so that `fetched` and `enqueued` never decrease.

Newer counts may be lower if a look at the checkpoints failed or was late, or if the instance was read before a new
window. `rejected` may decrease: with other settings, a later attempt may send what an earlier one rejected.
"""

from typing import NamedTuple

from ingestion.contracts import Run
from ingestion.latest import Latest
from ingestion.moment import moment
from ingestion.wire import JsonObject

KEPT_RUNS = 500
NEVER_LESS = ("fetched", "enqueued")
COUNTS = (
    *NEVER_LESS,
    "rejected",
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
    """The counts that were returned last, and the attempt of the run at that time."""

    attempt: int
    counts: JsonObject


class LastLooks:
    """The last look at each of the most recently requested runs."""

    def __init__(self, most: int = KEPT_RUNS) -> None:
        self._kept = Latest[Run, LastLook](most)

    def never_less(self, run: Run, attempt: int, progress: JsonObject) -> JsonObject:
        """Return `progress`, with the counts that were returned last if its own are behind them."""
        last = self._kept.get(run)
        if last is not None and is_behind(progress, attempt, last):
            self._kept.keep(run, last)
            return {**{key: value for key, value in progress.items() if key != "stale"}, **last.counts}
        self._kept.keep(run, LastLook(attempt, {key: progress[key] for key in COUNTS}))
        return progress


def is_behind(progress: JsonObject, attempt: int, last: LastLook) -> bool:
    """Return whether `progress` has lower counts than the last look, or no higher ones from an earlier moment.

    A redrive lowers `chunks_done`, so compare that count only within one attempt.
    """
    if attempt < last.attempt or any(progress[key] < last.counts[key] for key in NEVER_LESS):
        return True
    if attempt > last.attempt:
        return False
    if progress["chunks_done"] != last.counts["chunks_done"]:
        return bool(progress["chunks_done"] < last.counts["chunks_done"])
    is_ahead = any(progress[key] > last.counts[key] for key in NEVER_LESS)
    return not is_ahead and moment(progress["counts_at"]) < moment(last.counts["counts_at"])
