"""One window: the chunks of the waiting batch, what they report, and what the ledger has to learn of them.

Step 4 and 6 on the way of an id. Enters: a state with a batch, then the receipts of its chunks. Leaves: enqueue
requests, then the state that counts the receipts. Pure, like `run_state`, which decides what follows.
"""

from collections.abc import Sequence
from dataclasses import replace

from ingestion.chunking import chunk
from ingestion.contracts import (
    ChunkFailure,
    Counted,
    EnqueueRequest,
    FailedChunks,
    FailureGroup,
    Receipt,
    RunState,
    Settled,
)

LISTED_FAILURES = 5  # in the state and the report; all are counted, and the ledger has them all
GROUPED_ERRORS = 5  # different ones of a window that the ledger is told; the logs have each
ERROR_LENGTH = 160  # characters of an error that travel with the state, so that the state stays under 4 KB


def chunks_of(run_id: str, state: RunState) -> list[EnqueueRequest]:
    """One request for each chunk of the waiting batch that remains to be done, in order; none without a batch."""
    batch = state.batch
    if batch is None:
        return []
    ends = (*batch.offsets[1:], batch.size_bytes)
    ranges = chunk(range(batch.count), state.request.chunk_size)
    wanted = range(len(ranges)) if state.remaining is None else state.remaining
    return [
        EnqueueRequest(
            run_id=run_id,
            source=state.request.source,
            batch_index=batch.index,
            chunk_index=index,
            blob=batch.blob,
            start_byte=batch.offsets[index],
            end_byte=ends[index],
            first_message=ranges[index].start,
            count=len(ranges[index]),
            run_started_at=state.started_at,
            chunks_in_window=len(wanted),
        )
        for index in wanted
    ]


def no_receipt(request: EnqueueRequest, error: str) -> Receipt:
    """The receipt of a chunk whose activity could give none: none of its messages counts as enqueued."""
    return Receipt(
        batch_index=request.batch_index,
        chunk_index=request.chunk_index,
        count=request.count,
        enqueued=0,
        error=error.split("\n", 1)[0].strip(),
    )


def with_receipts(state: RunState, receipts: Sequence[Receipt]) -> RunState:
    """The state in which each receipt is counted; chunks that were held back remain."""
    counted = {one.chunk_index: one for one in state.counted}
    before = [counted.get(receipt.chunk_index, Counted(receipt.chunk_index)) for receipt in receipts]
    done = [receipt for receipt in receipts if not receipt.held]
    failed = [receipt for receipt in done if receipt.failed]
    held = [receipt for receipt in receipts if receipt.held]
    listed = tuple(
        ChunkFailure(
            batch_index=receipt.batch_index,
            chunk_index=receipt.chunk_index,
            failed=receipt.failed,
            error=_shortened(receipt),
        )
        for receipt in failed
    )
    totals = state.totals
    return replace(
        state,
        batch=state.batch if held else None,
        remaining=tuple(receipt.chunk_index for receipt in held) if held else None,
        counted=tuple(
            Counted(receipt.chunk_index, receipt.enqueued, receipt.rejected)
            for receipt in held
            if receipt.enqueued or receipt.rejected
        ),
        totals=replace(
            totals,
            enqueued=totals.enqueued + sum(r.enqueued for r in receipts) - sum(one.enqueued for one in before),
            rejected=totals.rejected + sum(r.rejected for r in receipts) - sum(one.rejected for one in before),
            failed=totals.failed + sum(r.failed for r in failed),
            chunks_done=totals.chunks_done + len(done),
            chunks_failed=totals.chunks_failed + len(failed),
            retries=totals.retries + sum(r.retries for r in done),
            throttled_seconds=round(totals.throttled_seconds + sum(r.throttled_seconds for r in done), 3),
            possible_duplicates=totals.possible_duplicates + sum(r.possible_duplicates for r in done),
        ),
        failures=(*state.failures, *listed)[:LISTED_FAILURES],
    )


def failed_chunks(run_id: str, state: RunState, receipts: Sequence[Receipt]) -> FailedChunks | None:
    """What the ledger has to learn of the chunks of this window, None if it knows.

    A chunk that was not tried for the first time may be listed there already, and has to be taken out again.
    """
    batch, again = state.batch, state.remaining is not None or (state.attempt > 0 and state.window == 0)
    failed = [receipt for receipt in receipts if receipt.failed]
    if batch is None or not (failed or again):
        return None
    errors = list(dict.fromkeys(_shortened(receipt) for receipt in failed))
    by_error: dict[str, list[Counted]] = {error: [] for error in errors[:GROUPED_ERRORS]}
    for receipt in failed:
        error = _shortened(receipt)
        known = error if error in by_error else errors[GROUPED_ERRORS - 1]
        by_error[known].append(Counted(receipt.chunk_index, receipt.enqueued, receipt.rejected))
    held = {receipt.chunk_index for receipt in receipts if receipt.held}
    tried = tuple(receipt.chunk_index for receipt in receipts if not receipt.held)
    return FailedChunks(
        run_id=run_id,
        run_started_at=state.started_at,
        attempt=state.attempt,
        chunk_size=state.request.chunk_size,
        batch=batch,
        tried=tried if held or state.remaining is not None else None,
        groups=tuple(FailureGroup(error=error, chunks=tuple(chunks)) for error, chunks in by_error.items()),
    )


def settled(receipts: Sequence[Receipt], told: Settled) -> list[Receipt]:
    """The receipts with what the ledger found out: a chunk whose worker was lost may have sent some, or all."""
    found = {one.chunk_index: one for one in told.chunks}
    return [_settled(receipt, found.get(receipt.chunk_index)) for receipt in receipts]


def _settled(receipt: Receipt, found: Counted | None) -> Receipt:
    if found is None:
        return receipt
    is_done = found.enqueued + found.rejected == receipt.count
    return replace(receipt, enqueued=found.enqueued, rejected=found.rejected, error=None if is_done else receipt.error)


def chunks_pending(state: RunState) -> int:
    """How many chunks of the waiting batch remain to be done."""
    if state.batch is None:
        return 0
    return len(state.batch.offsets if state.remaining is None else state.remaining)


def messages_pending(state: RunState) -> int:
    """Messages of the waiting batch that no total holds yet."""
    return sum(chunk_sizes(state).values()) - sum(one.enqueued + one.rejected for one in state.counted)


def chunk_sizes(state: RunState) -> dict[int, int]:
    """How many messages each chunk has that remains to be done, by its index."""
    if state.batch is None:
        return {}
    count, size = state.batch.count, state.request.chunk_size
    indexes = range(len(state.batch.offsets)) if state.remaining is None else state.remaining
    return {index: min(size, count - index * size) for index in indexes}


def _shortened(receipt: Receipt) -> str:
    return (receipt.error or "no reason given")[:ERROR_LENGTH]
