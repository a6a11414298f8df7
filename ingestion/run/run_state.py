"""What a run does next: pure functions from state and outcomes to state.

All that decides in which state a run is sits here; `docs/runs.md` draws it. The orchestrator calls these between two
yields, and nothing here knows time, storage or Durable Functions. `with_window` checks at each fan-in that
`fetched = enqueued + rejected + failed + pending`: pending is spooled and not yet enqueued, or waits to be done again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from ingestion import source_wait
from ingestion.contracts import (
    SCHEMA,
    FailedPage,
    FetchOutcome,
    FetchRequest,
    LoadRequest,
    Receipt,
    Redo,
    RunRequest,
    RunState,
)
from ingestion.errors import UnknownSchema
from ingestion.run import window
from ingestion.run.tolerance import is_exceeded
from ingestion.wire import from_wire

PAUSE, CANCEL = "pause", "cancel"  # what somebody may wish of a run
EVENT = "control"  # raised after a wish was written: it wakes a run that waits


class Step(StrEnum):
    """What follows a window."""

    GO_ON = "go_on"  # the next window, at once
    WAIT = "wait"  # the source wants to be left alone until `wait_until`
    HOLD = "hold"  # paused: until somebody wishes something else
    END = "end"


class Source(StrEnum):
    """Where the next batch comes from."""

    FETCH = "fetch"
    REDO = "redo"


def start(request: RunRequest, started_at: str) -> RunState:
    """The state of a run that has done nothing yet."""
    return RunState(request=request, started_at=started_at)


def load(data: Any) -> RunState:
    """The state in `data`, whatever version of the app wrote it. Raises UnknownSchema if that was a newer one."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, int) or schema > SCHEMA:
        raise UnknownSchema(
            f"the state of this run has schema {schema!r}, this version of the app reads up to {SCHEMA}: "
            "deploy the version that started it, or a newer one"
        )
    return from_wire(RunState, data)  # an older schema is migrated here, by a function from each to the next


def next_source(state: RunState, now: datetime) -> Source | None:
    """Where the batch after this window's comes from, None if there is none or not yet.

    What failed before comes first: its spool is the older.
    """
    if state.redo is not None:
        return Source.REDO
    if state.source_exhausted or is_waiting(state, now):
        return None
    return Source.FETCH


def is_waiting(state: RunState, now: datetime) -> bool:
    """Whether the source wants to be left alone at this moment."""
    return state.wait_until is not None and now < datetime.fromisoformat(state.wait_until)


def next_fetch(run_id: str, state: RunState) -> FetchRequest:
    """The request for the batch at the state's cursor."""
    request = state.request
    return FetchRequest(
        run_id=run_id,
        run_started_at=state.started_at,
        source=request.source,
        batch_index=state.batches_fetched,
        cursor=state.cursor,
        chunk_size=request.chunk_size,
        max_messages=request.chunk_size * request.chunks_per_batch,
        wait=state.wait,
    )


def next_redo(run_id: str, state: RunState) -> LoadRequest:
    """The request for the next failed chunks of the ledger, without those that this window does."""
    assert state.redo is not None, "only a redrive has something to do again"
    return LoadRequest(
        run_id=run_id,
        run_started_at=state.started_at,
        attempt=state.attempt,
        next_batch=state.redo.next_batch,
        busy_batch=state.batch.index if state.batch else None,
        busy_chunks=state.remaining,
    )


def with_window(
    state: RunState,
    receipts: Sequence[Receipt],
    wish: str | None,
    brought: FetchOutcome | FailedPage | None,
    now: datetime,
) -> RunState:
    """The state after a window that is in the ledger: every chunk has reported, the next batch is there.

    Chunks that were held back stay in the batch. Then what was brought beside them is dropped: the spool or the ledger
    give it again. Raises ArithmeticError if a message is unaccounted for: a bug must not look like success.
    """
    wishes = {wish, *(receipt.held for receipt in receipts)}
    if isinstance(brought, FetchOutcome):
        wishes.add(brought.held)
    state = replace(
        window.with_receipts(state, receipts),
        wish=CANCEL if CANCEL in wishes else PAUSE if PAUSE in wishes else None,
        error=None,
        window=state.window + 1,
        counts_at=now.isoformat(),
    )
    if state.batch is None and brought is not None and not _is_beyond_tolerance(state):
        state = _with_page(state, brought) if isinstance(brought, FailedPage) else _with_outcome(state, brought, now)
    return _checked(state)


def next_step(state: RunState, now: datetime) -> Step:
    """What follows the window that led to `state`."""
    if outcome(state) is not None:
        return Step.END
    if state.wish == PAUSE:
        return Step.HOLD
    if state.batch is None and state.redo is None and is_waiting(state, now):
        return Step.WAIT
    return Step.GO_ON


def outcome(state: RunState) -> str | None:
    """How the run has ended, None while it goes on.

    Failing comes before being done, and being done before a wish that came too late.
    """
    if state.error is not None or _is_beyond_tolerance(state):
        return "failed"
    if state.source_exhausted and state.batch is None and state.redo is None:
        if _has_all_failed(state) or (state.request.total_is_exact and has_other_total(state)):
            return "failed"
        return "completed_with_failures" if state.totals.failed else "completed"
    return "cancelled" if state.wish == CANCEL else None


def reason(state: RunState) -> str:
    """Why a run has failed, for a person."""
    if state.error is not None:
        return state.error
    totals, tolerance = state.totals, state.request.tolerated_failures
    if _is_beyond_tolerance(state) or _has_all_failed(state):
        listed = "; ".join(f"batch {f.batch_index} chunk {f.chunk_index}: {f.error}" for f in state.failures[:3])
        more = ", ..." if totals.chunks_failed > 3 else ""
        bound = f"tolerated are {tolerance}" if _is_beyond_tolerance(state) else "and not one message got through"
        return (
            f"{totals.chunks_failed} of {totals.chunks_done} chunks failed, {bound} ({listed}{more}). "
            "Mend the cause, then redrive the run"
        )
    given = totals.fetched + totals.dropped
    return f"the source has {state.source_total} items by its own count, and gave {given}"


def has_other_total(state: RunState) -> bool:
    """Whether the source, now read to its end, gave another number of messages than it said it has."""
    given = state.totals.fetched + state.totals.dropped
    return state.source_total is not None and state.source_exhausted and state.source_total != given


def pending(state: RunState) -> int:
    """Messages that are fetched and neither enqueued, rejected nor failed for good."""
    return window.messages_pending(state) + (state.redo.messages if state.redo else 0)


def chunks_pending(state: RunState) -> int:
    """Chunks that wait to be enqueued, or to be taken from the ledger."""
    return window.chunks_pending(state) + (state.redo.chunks if state.redo else 0)


def redriven(state: RunState) -> RunState | None:
    """The state with which a run goes on after it has ended or was lost, None if there is nothing to do again.

    What failed is pending again, what was in flight is still the waiting batch, and the source goes on at the cursor.
    A time that the source named still holds; with one that was away the patience begins anew.
    """
    totals, redo = state.totals, state.redo
    if totals.chunks_failed:
        redo = Redo(
            chunks=totals.chunks_failed + (redo.chunks if redo else 0),
            messages=totals.failed + (redo.messages if redo else 0),
        )
    if state.source_exhausted and state.batch is None and redo is None:
        return None
    wait = source_wait.after_redrive(state.wait)
    return _checked(
        replace(
            state,
            redo=redo and replace(redo, next_batch=0),
            totals=replace(totals, failed=0, chunks_failed=0, chunks_done=totals.chunks_done - totals.chunks_failed),
            failures=(),
            wish=None,
            error=None,
            wait_until=state.wait_until if wait else None,
            wait=wait,
            attempt=state.attempt + 1,
            window=0,
        )
    )


def unrecorded(state: RunState, error: str) -> RunState:
    """The state at the start of a window whose outcome the ledger could not take: as if it had not been."""
    return replace(state, error=error, wish=None, window=state.window + 1)


def _with_outcome(state: RunState, fetched: FetchOutcome, now: datetime) -> RunState:
    """The state in which the batch of `fetched`, if it has one, waits to be enqueued."""
    if fetched.held:
        return state
    batch = fetched.batch
    if batch is None:
        return replace(state, error=fetched.error or "the source could not be fetched")
    totals = state.totals
    return replace(
        state,
        batch=replace(batch, next_cursor=None, wait=None, source_total=None) if batch.count else None,
        batches_fetched=batch.index + 1,
        cursor=batch.next_cursor,
        source_exhausted=batch.next_cursor is None,
        source_total=batch.source_total if batch.source_total is not None else state.source_total,
        wait_until=source_wait.until(batch.wait, now),
        wait=batch.wait,
        totals=replace(
            totals,
            fetched=totals.fetched + batch.count,
            batches=totals.batches + 1,
            pages=totals.pages + batch.pages,
            dropped=totals.dropped + batch.dropped,
        ),
    )


def _with_page(state: RunState, page: FailedPage) -> RunState:
    """The state in which the failed chunks of `page`, if there are any left, wait to be enqueued again."""
    redo = state.redo
    assert redo is not None, "only a redrive loads failed chunks"
    if page.error is not None:
        return replace(state, error=page.error)
    if page.batch is not None:
        state = replace(
            state,
            batch=page.batch,
            remaining=tuple(one.chunk_index for one in page.chunks),
            counted=tuple(one for one in page.chunks if one.enqueued or one.rejected),
        )
    left = redo.messages - window.messages_pending(state)
    if left < 0 or (page.batch is None and left > 0):
        problem = f"the ledger's failed chunks and the state disagree by {abs(left)} messages"
        return replace(state, batch=None, remaining=None, counted=(), error=problem)
    if page.batch is None:
        return replace(state, redo=None)
    chunks = redo.chunks - len(page.chunks)
    return replace(state, redo=Redo(chunks=chunks, messages=left, next_batch=page.batch.index))


def _is_beyond_tolerance(state: RunState) -> bool:
    totals = state.totals
    return is_exceeded(state.request.tolerated_failures, totals.chunks_failed, totals.chunks_done)


def _has_all_failed(state: RunState) -> bool:
    """Whether messages failed and none got through: no tolerance is meant for that."""
    return state.totals.failed > 0 and not state.totals.enqueued


def _checked(state: RunState) -> RunState:
    totals = state.totals
    if totals.fetched != totals.enqueued + totals.rejected + totals.failed + pending(state):
        raise ArithmeticError(
            f"the counts do not add up: {totals.fetched} fetched, {totals.enqueued} enqueued, {totals.rejected} "
            f"rejected, {totals.failed} failed, {pending(state)} pending"
        )
    return state
