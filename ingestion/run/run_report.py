"""The progress and the report of a run, made from its state (steps 6 and 7 in docs/design.md).

The JSON keys are in an order for people.
"""

from collections.abc import Iterable
from datetime import datetime

from ingestion import recovery, source_wait
from ingestion.contracts import FinishRequest, RunState, Settled, Sums
from ingestion.reads import Reads
from ingestion.run import run_state
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
# Maps a command that the run has not yet obeyed to the status to show, and to the statuses that this one replaces.
GIVEN = {
    run_state.PAUSE: ("pausing", ("pending", "running", "waiting")),
    run_state.CANCEL: ("cancelling", ("pending", "running", "waiting", "paused", "held")),
}

# Maps a command to the status to show in the list of runs; the run reaches it soon.
IN_LIST = {run_state.PAUSE: "paused", run_state.CANCEL: "cancelling", run_state.CHANGED: "held"}

LISTED = frozenset({*run_state.OUTCOMES, "pending", "running", "waiting", *IN_LIST.values()})  # in the list of runs
STATUSES = frozenset({*LISTED, *STATUS.values(), "pausing", "ending", "lost"})


def status_of(runtime_status: str, progress: object, report: JsonObject | None) -> str:
    """Return the status of a run: the outcome of its report, else its phase, else the status of its instance."""
    if report is not None:
        return str(report["outcome"])
    status = STATUS.get(runtime_status, runtime_status.lower())
    return str(progress.get("phase", status)) if status == "running" and isinstance(progress, dict) else status


def after_command(status: str, command: str | None) -> str:
    """Return the status of a run after its last `command`; None if no command holds the run back."""
    given, before = GIVEN.get(command or "", (status, ()))
    return given if status in before else status


def status_in_list(state: RunState, command: str | None, now: datetime) -> str:
    """Return the status of a run at the start of a window; `command` is the one that holds the run back, if any."""
    if command is not None:
        return IN_LIST[command]
    return "waiting" if state.wait_until is not None and now < datetime.fromisoformat(state.wait_until) else "running"


def progress(state: RunState, phase: str = "running") -> JsonObject:
    """Return the progress, which is also the custom status of the run's instance.

    `phase` is running during a window; between windows it is waiting (for the source), paused, held or ending.
    """
    shown = {"phase": phase, **_counts(state, run_state.counted(state)), "pending": run_state.pending(state)}
    shown["chunks_total"] = run_state.chunks_done(state) + run_state.chunks_pending(state)
    shown["counts_at"] = state.counts_at or state.started_at
    shown["recoveries"] = recovery.shown(state.recoveries)
    if state.change is not None:
        shown |= {"changes": state.change.what, "changed_to": state.change.to}
    return {**shown, **source_wait.shown(state.wait, state.wait_until)}


def under_way(state: RunState, sent: Iterable[Settled], counts_at: str) -> JsonObject:
    """Return the progress inside a window, from what the checkpoints of its chunks said at `counts_at`."""
    shown = {**progress(state), "counts_at": counts_at}
    for one in sent:
        shown["enqueued"] += one.enqueued
        shown["rejected"] += one.rejected
        shown["pending"] -= one.enqueued + one.rejected
        shown["chunks_done"] += one.enqueued + one.rejected == one.messages
    return shown


def with_open_chunks(progress: JsonObject, state: RunState, sent: Iterable[Settled]) -> JsonObject:
    """Return the progress of a held run after its window, with the messages that its unfinished chunks had sent."""
    inside = under_way(state, sent, progress["counts_at"])
    left = progress["fetched"] - inside["enqueued"] - inside["rejected"] - progress["failed"]
    return {**progress, **{key: inside[key] for key in ("enqueued", "rejected")}, "pending": left}


def finish(state: RunState, now: datetime, outcome: str | None = None) -> FinishRequest:
    """Return the finish request of a run that has ended, with the outcome of its state unless another is given."""
    outcome = outcome or run_state.outcome(state)
    assert outcome is not None, "a run is finished when it has an outcome"
    seconds = (now - datetime.fromisoformat(state.started_at)).total_seconds()
    return FinishRequest(state=state, outcome=outcome, finished_at=now.isoformat(), seconds=round(seconds, 3))


def report(
    finished: FinishRequest,
    left_open: Iterable[Settled] = (),
    accepted: str | None = None,
    queues: str = "",
    carried: JsonObject | None = None,
    reads: Reads | None = None,
    has_total: bool = False,
) -> JsonObject:
    """Return the run's output, and the `report.json` of its ledger.

    `left_open` are its unfinished chunks; `accepted` is the change that a person accepted since its start; `queues`
    names the queues that it sends to. For an incremental source, `carried` says what became of the watermark, and
    `reads` is the range. `has_total` says whether the description says where the total of all pages is.
    """
    state = finished.state
    sums = sum((one.sums for one in left_open), run_state.counted(state))
    content: JsonObject = {
        "outcome": finished.outcome,
        **_counts(state, sums),
        "pending": state.fetched - sums.enqueued - sums.rejected - state.failed.left,
        "pages": state.pages,
        "dropped": state.dropped,
        **({} if carried is None else {"incremental": carried}),
        "chunks_failed": state.failed.chunks,
        "retries": sums.retries,
        "throttled_seconds": sums.throttled_seconds,
        "possible_duplicates": sums.possible_duplicates,
        "failures": [{"chunk": f.number, "failed": f.failed, "error": f.error} for f in state.failures],
        "warnings": _warnings(
            state, accepted, may_be_empty=bool(carried and reads and reads.watermark != 0), has_total=has_total
        ),
        "redrives": state.attempt,
        "recoveries": recovery.shown(state.recoveries),
        "started_at": state.started_at,
        "finished_at": finished.finished_at,
        "seconds": finished.seconds,
    }
    if queues:
        content["queues"] = queues
    if finished.outcome == "failed":
        content["error"] = run_state.reason(state)
    return content


def _warnings(state: RunState, accepted: str | None, *, may_be_empty: bool, has_total: bool) -> list[JsonObject]:
    uncounted = "unique = true counts doubles in a run of at most 20 million messages, and this one has more"
    is_empty = state.source_exhausted and not state.fetched + state.dropped + state.known + state.outside
    is_uncompared = has_total and state.source_exhausted and state.source_total is None and not is_empty
    no_total = "the description has total, and no page had a number there, so the run did not check its number of items"
    check = f"Check the key total with: sluice plan {state.request.source}"
    not_held = "the next run would have to recognise more than 5 million items; it may send some of them again"
    change = f"the run went on after a change that a person accepted ({accepted})"
    found = {
        "source_total_mismatch": run_state.total_difference(state),
        "total_not_found": f"{no_total}. {check}" if is_uncompared else "",
        "doubles": run_state.doubles_text(state),
        "doubles_not_counted": uncounted if state.doubles is not None and state.doubles < 0 else "",
        "no_items": "the source ended without an item" if is_empty and not may_be_empty else "",
        "items_not_held": not_held if state.mark is not None and state.mark.holds_too_many else "",
        "change_accepted": "" if accepted is None else change,
    }
    return [{"warning": name, "message": message} for name, message in found.items() if message]


def _counts(state: RunState, sums: Sums) -> JsonObject:
    return {
        "fetched": state.fetched,
        "enqueued": sums.enqueued,
        "rejected": sums.rejected,
        "failed": state.failed.left,
        "chunks_done": run_state.chunks_done(state),
        "batches": state.batches,
        "source_exhausted": state.source_exhausted,
        "source_total": state.source_total,
    }
