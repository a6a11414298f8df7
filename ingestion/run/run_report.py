"""What a run tells: its progress while it goes on and its report when it has ended, made from its state.

Step 7 on the way of an id. Enters: a state. Leaves: JSON, its keys in the order in which a person reads them.
"""

from collections.abc import Mapping

from ingestion import recovery, source_wait
from ingestion.contracts import Counted, FinishRequest, RunState
from ingestion.run import run_state, window
from ingestion.wire import JsonObject

STATUS = {
    "Pending": "pending",
    "Running": "running",
    "ContinuedAsNew": "running",
    "Suspended": "suspended",
    "Failed": "failed",
    "Terminated": "terminated",
    "Canceled": "terminated",
}


def status_of(runtime_status: str, progress: object, report: JsonObject | None) -> str:
    """The one word for where a run is: what its instance says, and in the instance what the run says itself."""
    if report is not None:
        return str(report["outcome"])
    status = STATUS.get(runtime_status, runtime_status.lower())
    return str(progress.get("phase", status)) if status == "running" and isinstance(progress, dict) else status


def progress(state: RunState, phase: str = "running") -> JsonObject:
    """The run's custom status.

    `phase` is running while a window is under way, and after it waiting (for the source), paused or ending.
    """
    pending = run_state.pending(state)
    chunks_total = state.totals.chunks_done + run_state.chunks_pending(state)
    shown = {"phase": phase, **_counts(state), "pending": pending, "chunks_total": chunks_total}
    shown["counts_at"] = state.counts_at or state.started_at
    shown["recoveries"] = recovery.shown(state.recoveries)
    return {**shown, **source_wait.shown(state.wait, state.wait_until)}


def under_way(state: RunState, sent: Mapping[int, Counted], counts_at: str) -> JsonObject:
    """The progress inside a window, from what the checkpoints of its chunks said at `counts_at`.

    After the window all of them are counted.
    """
    shown, counted = {**progress(state), "counts_at": counts_at}, {one.chunk_index: one for one in state.counted}
    for index, size in window.chunk_sizes(state).items():
        before = counted.get(index, Counted(index))
        now = sent.get(index, before)
        enqueued, rejected = now.enqueued - before.enqueued, now.rejected - before.rejected
        shown["enqueued"] += enqueued
        shown["rejected"] += rejected
        shown["pending"] -= enqueued + rejected
        shown["chunks_done"] += now.enqueued + now.rejected == size
    return shown


def finish(run_id: str, state: RunState, finished_at: str, seconds: float) -> FinishRequest:
    """What the ledger has to learn of a run that has ended."""
    outcome = run_state.outcome(state)
    assert outcome is not None, "a run is finished when it has an outcome"
    return FinishRequest(
        run_id=run_id, state=state, outcome=outcome, finished_at=finished_at, seconds=round(seconds, 3)
    )


def report(finished: FinishRequest) -> JsonObject:
    """The run's output, and the `report.json` of its ledger."""
    state, totals = finished.state, finished.state.totals
    told: JsonObject = {
        "outcome": finished.outcome,
        **_counts(state),
        "pending": run_state.pending(state),
        "pages": totals.pages,
        "dropped": totals.dropped,
        "chunks_failed": totals.chunks_failed,
        "retries": totals.retries,
        "throttled_seconds": totals.throttled_seconds,
        "possible_duplicates": totals.possible_duplicates,
        "failures": [
            {"batch": f.batch_index, "chunk": f.chunk_index, "failed": f.failed, "error": f.error}
            for f in state.failures
        ],
        "warnings": _warnings(state),
        "redrives": state.attempt,
        "recoveries": recovery.shown(state.recoveries),
        "started_at": state.started_at,
        "finished_at": finished.finished_at,
        "seconds": finished.seconds,
    }
    if finished.outcome == "failed":
        told["error"] = run_state.reason(state)
    return told


def _warnings(state: RunState) -> list[JsonObject]:
    if not run_state.has_other_total(state):
        return []
    given = state.totals.fetched + state.totals.dropped
    return [
        {
            "warning": "source_total_mismatch",
            "message": f"the source said that it has {state.source_total} items, and gave {given}",
        }
    ]


def _counts(state: RunState) -> JsonObject:
    totals = state.totals
    return {
        "fetched": totals.fetched,
        "enqueued": totals.enqueued,
        "rejected": totals.rejected,
        "failed": totals.failed,
        "chunks_done": totals.chunks_done,
        "batches": totals.batches,
        "source_exhausted": state.source_exhausted,
        "source_total": state.source_total,
    }
