"""What a run does next and what it tells: pure functions from state and outcomes to state, progress and report.

The orchestrator calls these between two yields; nothing here knows time, storage or Durable Functions. At every point
`fetched = enqueued + rejected + failed + pending`, where pending is what is spooled and not yet enqueued.
"""

from collections.abc import Sequence
from dataclasses import replace

from ingestion.chunking import chunk
from ingestion.contracts import (
    Batch,
    ChunkFailure,
    EnqueueRequest,
    FetchRequest,
    JsonObject,
    Receipt,
    RunRequest,
    RunState,
    Totals,
)

LISTED_FAILURES = 10  # in the state and the report; all are counted, each is in the logs
ERROR_LENGTH = 160  # characters of an error that travel with the state, so that the state stays under 4 KB


def start(request: RunRequest, started_at: str) -> RunState:
    """The state of a run that has done nothing yet."""
    return RunState(request=request, started_at=started_at)


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
    )


def with_batch(state: RunState, batch: Batch) -> RunState:
    """The state in which `batch` is fetched and waits to be enqueued."""
    totals = state.totals
    return replace(
        state,
        batch=batch,
        batches_fetched=batch.index + 1,
        cursor=batch.next_cursor,
        source_exhausted=batch.next_cursor is None,
        source_total=batch.source_total if batch.source_total is not None else state.source_total,
        totals=replace(
            totals,
            fetched=totals.fetched + batch.count,
            batches=totals.batches + 1,
            pages=totals.pages + batch.pages,
        ),
    )


def chunks_of(run_id: str, state: RunState) -> list[EnqueueRequest]:
    """One request for each chunk of the waiting batch, in order."""
    batch = state.batch
    assert batch is not None, "chunks are cut from a fetched batch"
    ends = (*batch.offsets[1:], batch.size_bytes)
    return [
        EnqueueRequest(
            run_id=run_id,
            source=state.request.source,
            batch_index=batch.index,
            chunk_index=index,
            blob=batch.blob,
            start_byte=batch.offsets[index],
            end_byte=ends[index],
            first_message=messages.start,
            count=len(messages),
            run_started_at=state.started_at,
            chunks_in_window=len(batch.offsets),
        )
        for index, messages in enumerate(chunk(range(batch.count), state.request.chunk_size))
    ]


def with_receipts(state: RunState, receipts: Sequence[Receipt]) -> RunState:
    """The state after every chunk of the waiting batch has reported."""
    failed = [receipt for receipt in receipts if receipt.failed]
    listed = tuple(
        ChunkFailure(
            batch_index=receipt.batch_index,
            chunk_index=receipt.chunk_index,
            failed=receipt.failed,
            error=(receipt.error or "no reason given")[:ERROR_LENGTH],
        )
        for receipt in failed
    )
    totals = state.totals
    return replace(
        state,
        batch=None,
        totals=replace(
            totals,
            enqueued=totals.enqueued + sum(receipt.enqueued for receipt in receipts),
            rejected=totals.rejected + sum(receipt.rejected for receipt in receipts),
            failed=totals.failed + sum(receipt.failed for receipt in receipts),
            chunks_done=totals.chunks_done + len(receipts),
            chunks_failed=totals.chunks_failed + len(failed),
            retries=totals.retries + sum(receipt.retries for receipt in receipts),
            throttled_seconds=round(totals.throttled_seconds + sum(r.throttled_seconds for r in receipts), 3),
        ),
        failures=(*state.failures, *listed)[:LISTED_FAILURES],
    )


def no_receipt(request: EnqueueRequest, error: str) -> Receipt:
    """The receipt of a chunk whose activity could give none: none of its messages counts as enqueued."""
    return Receipt(
        batch_index=request.batch_index,
        chunk_index=request.chunk_index,
        count=request.count,
        enqueued=0,
        error=error.split("\n", 1)[0].strip(),
    )


def pending(state: RunState) -> int:
    """Messages that are spooled and not yet enqueued."""
    return state.batch.count if state.batch else 0


def progress(state: RunState) -> JsonObject:
    """The run's custom status: what is done, in the order in which a person reads it."""
    waiting = len(chunk(range(pending(state)), state.request.chunk_size))
    return {**_counts(state), "pending": pending(state), "chunks_total": state.totals.chunks_done + waiting}


def with_finished_chunks(progress: JsonObject, receipts: Sequence[Receipt]) -> JsonObject:
    """The progress with the chunks of the window under way that have reported already."""
    if progress["pending"] == 0:
        return progress
    enqueued = sum(receipt.enqueued for receipt in receipts)
    rejected = sum(receipt.rejected for receipt in receipts)
    failed = sum(receipt.failed for receipt in receipts)
    return {
        **progress,
        "enqueued": progress["enqueued"] + enqueued,
        "rejected": progress["rejected"] + rejected,
        "failed": progress["failed"] + failed,
        "pending": progress["pending"] - enqueued - rejected - failed,
        "chunks_done": progress["chunks_done"] + len(receipts),
    }


def report(state: RunState, finished_at: str, seconds: float) -> JsonObject:
    """The run's output. Raises ArithmeticError if a message is unaccounted for: a bug must not look like success."""
    totals = state.totals
    if totals.fetched != totals.enqueued + totals.rejected + totals.failed + pending(state):
        raise ArithmeticError(f"the counts do not add up: {_counts(state)}, pending {pending(state)}")
    return {
        "outcome": outcome(totals),
        **_counts(state),
        "pages": totals.pages,
        "chunks_failed": totals.chunks_failed,
        "retries": totals.retries,
        "throttled_seconds": totals.throttled_seconds,
        "failures": [
            {"batch": f.batch_index, "chunk": f.chunk_index, "failed": f.failed, "error": f.error}
            for f in state.failures
        ],
        "started_at": state.started_at,
        "finished_at": finished_at,
        "seconds": round(seconds, 3),
    }


def outcome(totals: Totals) -> str:
    """How a run that came to its end ended."""
    return "completed_with_failures" if totals.failed else "completed"


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
