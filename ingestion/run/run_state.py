"""What a run does next: pure functions from state and outcomes to state. Steps 4 and 6 on the way of an id.

Every decision about the state of a run is here; `docs/runs.md` draws it. The orchestrator calls these functions between
two yields; nothing here knows the clock, storage or Durable Functions. `with_window` checks after each window that
`fetched = enqueued + rejected + failed + pending`. Pending messages are in unfinished chunks or in the redo list.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from ingestion import source_wait
from ingestion.chunking import chunk
from ingestion.contracts import (
    SCHEMA,
    Batch,
    Chunk,
    ChunkFailure,
    Chunks,
    EnqueueRequest,
    FailedPage,
    FetchOutcome,
    FetchRequest,
    LoadRequest,
    Receipt,
    Redo,
    Run,
    RunRequest,
    RunState,
    Settled,
    Spooled,
    Sums,
    grouped,
    listed,
    sums_of,
)
from ingestion.errors import UnknownSchema
from ingestion.run.tolerance import is_exceeded
from ingestion.wire import from_wire

PAUSE, CANCEL = "pause", "cancel"  # the commands that hold a run back
EVENT = "control"  # raised after a command is written, to wake a run that waits
OUTCOMES = (  # how a run may end; if several hold, the first one counts
    "failed",
    "cancelled",
    "terminated",
    "completed_with_failures",
    "completed_with_rejects",
    "completed_with_other_total",
    "completed",
)
REDO_CHUNKS = 25  # in a window of a redrive: each may have its own token, and a payload holds 4 KB
LISTED_FAILURES = 3  # in the state and the report; all are counted, and the ledger has them all
RUN_ERROR_LENGTH = 500  # characters of the reason why a run has failed
ERROR_LENGTH = 160  # characters of an error that travel with the state, so that the state stays under 4 KB


class Step(StrEnum):
    """What follows a window."""

    GO_ON = "go_on"  # the next window, at once
    WAIT = "wait"  # the source must not be asked before `wait_until`
    HOLD = "hold"  # paused: until the next command
    END = "end"


class Supply(StrEnum):
    """Where the chunks of the window after this one come from."""

    FETCH = "fetch"
    REDO = "redo"


def start(run: Run, request: RunRequest, started_at: str) -> RunState:
    """Return the state of a run that has done nothing yet."""
    return RunState(run=run, request=request, started_at=started_at)


def load(data: Any) -> RunState:
    """Return the state in `data`. Raise UnknownSchema if another version of the app wrote it in another form."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise UnknownSchema(
            f"the state of this run has schema {schema!r}, and this version of the app reads schema {SCHEMA}: "
            "deploy the version that started the run, or delete the run and start it again"
        )
    return from_wire(RunState, data)


def window_requests(state: RunState) -> list[EnqueueRequest]:
    """Return one request for each chunk of the window, in order."""
    source, window = state.request.source, listed(state.spooled.window)
    return [EnqueueRequest(run=state.run, source=source, chunk=one) for one in window]


def next_supply(state: RunState, now: datetime) -> Supply | None:
    """Return where the next chunks come from, None if some are spooled, none are left, or the source must wait.

    Failed chunks come first: they have been in the spool for longer.
    """
    if state.spooled.next_chunk < state.spooled.stop_chunk:
        return None
    if state.redo is not None:
        return Supply.REDO
    if state.source_exhausted or is_waiting(state, now):
        return None
    return Supply.FETCH


def is_waiting(state: RunState, now: datetime) -> bool:
    """Return whether it is too early to ask the source."""
    return state.wait_until is not None and now < datetime.fromisoformat(state.wait_until)


def next_fetch(state: RunState) -> FetchRequest:
    """Return the request for the batch at the state's cursor."""
    request = state.request
    return FetchRequest(
        run=state.run,
        source=request.source,
        batch_index=state.batches,
        first_chunk=state.chunks,
        cursor=state.cursor,
        chunk_size=request.chunk_size,
        max_messages=request.chunk_size * request.chunks_per_batch,
        wait=state.wait,
    )


def next_redo(state: RunState) -> LoadRequest:
    """Return the request for the next chunks of the redo list."""
    assert state.redo is not None, "only a redrive has a redo list"
    most = min(REDO_CHUNKS, state.request.chunks_per_batch)
    return LoadRequest(run=state.run, attempt=state.redo.attempt, next_byte=state.redo.next_byte, most=most)


def no_receipt(chunk: Chunk, error: str) -> Receipt:
    """Return a receipt for a chunk whose activity failed; `settled` completes it."""
    return Receipt(number=chunk.number, messages=0, enqueued=0, error=error)


def failures_by_reason(state: RunState, receipts: Sequence[Receipt]) -> dict[str, tuple[Chunks, ...]]:
    """Return the failed chunks of the window by reason, for the ledger."""
    reasons = {receipt.number: _reason(receipt) for receipt in receipts if receipt.error}
    chunks = [one for one in listed(state.spooled.window) if one.number in reasons]
    return {
        reason: grouped(one for one in chunks if reasons[one.number] == reason)
        for reason in dict.fromkeys(reasons.values())
    }


def settled(receipts: Sequence[Receipt], found: Iterable[Settled]) -> list[Receipt]:
    """Return the receipts completed from checkpoints: a chunk whose worker was lost may have sent some, or all."""
    by_number = {one.number: one for one in found}
    return [_settled(receipt, by_number.get(receipt.number)) for receipt in receipts]


def with_window(
    state: RunState,
    receipts: Sequence[Receipt],
    command: str | None,
    brought: FetchOutcome | FailedPage | None,
    now: datetime,
) -> RunState:
    """Return the state after a window that is in the ledger and of which every chunk has reported.

    Chunks that were held back stay in the window. Then `brought` is dropped: the spool or the ledger returns it again.
    Raise ArithmeticError if a message is unaccounted for: a bug must not look like success.
    """
    commands = {command, *(receipt.held for receipt in receipts)}
    if isinstance(brought, FetchOutcome):
        commands.add(brought.held)
    state = replace(
        _with_receipts(state, receipts),
        command=CANCEL if CANCEL in commands else PAUSE if PAUSE in commands else None,
        error=None,
        window=state.window + 1,
        counts_at=now.isoformat(),
    )
    if not state.spooled.window and brought is not None and not _is_beyond_tolerance(state):
        state = _with_page(state, brought) if isinstance(brought, FailedPage) else _with_outcome(state, brought, now)
    return _checked(state)


def next_step(state: RunState, now: datetime) -> Step:
    """Return what follows the window that led to `state`."""
    if outcome(state) is not None:
        return Step.END
    if state.command == PAUSE:
        return Step.HOLD
    if not state.spooled.window and state.redo is None and is_waiting(state, now):
        return Step.WAIT
    return Step.GO_ON


def outcome(state: RunState) -> str | None:
    """Return how the run has ended, None while it goes on. `docs/glossary.md` lists the outcomes by precedence.

    A cancel has no effect when nothing is left to do.
    """
    if state.error is not None or _is_beyond_tolerance(state):
        return "failed"
    if not _has_nothing_left(state):
        return "cancelled" if state.command == CANCEL else None
    if _has_sent_nothing(state) or (state.request.total_is_exact and has_other_total(state)):
        return "failed"
    if state.failed.left:
        return "completed_with_failures"
    if counted(state).rejected:
        return "completed_with_rejects"
    return "completed_with_other_total" if has_other_total(state) else "completed"


def reason(state: RunState) -> str:
    """Return for a person why a run has failed."""
    if state.error is not None:
        return state.error
    failed, tolerance = state.failed.chunks, state.request.tolerated_failures
    listed_failures = "; ".join(f"chunk {f.number}: {f.error}" for f in state.failures)
    more = ", ..." if failed > LISTED_FAILURES else ""
    if _is_beyond_tolerance(state):
        failures = f"{failed} of {chunks_done(state)} chunks failed, more than the {tolerance} tolerated"
        return f"{failures} ({listed_failures}{more}). Remove the cause, then redrive the run"
    if _has_sent_nothing(state):
        sums = counted(state)
        nothing = f"none of {state.fetched} messages reached the queue: {sums.rejected} were rejected"
        if not failed:
            return f"{nothing}; the blobs in rejected/ say why"
        return (
            f"{nothing}, {state.failed.left} failed ({listed_failures}{more}). Remove the cause, then redrive the run"
        )
    return f"the source said that it has {state.source_total} items, and gave {state.fetched + state.dropped}"


def has_other_total(state: RunState) -> bool:
    """Return whether the source, read to its end, gave a different number of messages than it said."""
    given = state.fetched + state.dropped
    return state.source_total is not None and state.source_exhausted and state.source_total != given


def counted(state: RunState) -> Sums:
    """Return the sums over all chunks with a receipt, including those that a redrive has yet to send again."""
    sums = state.done.plus(state.failed)
    return sums if state.redo is None else sums.plus(state.redo.sums)


def pending(state: RunState) -> int:
    """Return how many fetched messages are neither enqueued, rejected nor failed."""
    return state.spooled.messages + (state.redo.sums.left if state.redo else 0)


def chunks_pending(state: RunState) -> int:
    """Return how many chunks are spooled and not finished, or have to be sent again."""
    spooled = state.spooled
    in_window = sum(len(group.numbers) for group in spooled.window)
    return in_window + spooled.stop_chunk - spooled.next_chunk + (state.redo.sums.chunks if state.redo else 0)


def chunks_done(state: RunState) -> int:
    """Return how many chunks are finished, failed ones included."""
    return state.done.chunks + state.failed.chunks


def redriven(state: RunState) -> RunState | None:
    """Return the state with which a run continues after it ended or was lost, None if nothing is left to do.

    Failed chunks are sent again, the window stays, and the source continues at the cursor. A wait that the source named
    still holds; the patience for a source that is away starts anew.
    """
    attempt, again = state.attempt + 1, state.failed if state.redo is None else state.failed.plus(state.redo.sums)
    if not again.chunks and _has_nothing_left(state):
        return None
    wait = source_wait.after_redrive(state.wait)
    return _checked(
        replace(
            state,
            redo=Redo(attempt=attempt, sums=again) if again.chunks else None,
            failed=Sums(),
            failures=(),
            command=None,
            error=None,
            wait_until=state.wait_until if wait else None,
            wait=wait,
            attempt=attempt,
            window=0,
        )
    )


def unrecorded(state: RunState, error: str) -> RunState:
    """Return the state after a window that the ledger could not record: that of its start, with the error."""
    return replace(state, error=error[:RUN_ERROR_LENGTH], command=None, window=state.window + 1)


def _with_receipts(state: RunState, receipts: Sequence[Receipt]) -> RunState:
    """Return the state with the receipts of finished chunks counted, and the next window of the batch."""
    finished = [receipt for receipt in receipts if not receipt.held]
    failed = [receipt for receipt in finished if receipt.failed]
    failures = tuple(
        ChunkFailure(number=receipt.number, failed=receipt.failed, error=_reason(receipt)) for receipt in failed
    )
    done = {receipt.number for receipt in finished}
    left = grouped(one for one in listed(state.spooled.window) if one.number not in done)
    messages = state.spooled.messages - sum(receipt.messages for receipt in finished)
    return replace(
        state,
        spooled=_with_next_window(replace(state.spooled, window=left, messages=messages), state.request),
        done=state.done.plus(sums_of(receipt for receipt in finished if not receipt.failed)),
        failed=state.failed.plus(sums_of(failed)),
        failures=(*state.failures, *failures)[:LISTED_FAILURES],
    )


def _with_next_window(spooled: Spooled, request: RunRequest) -> Spooled:
    """Return `spooled` with the next chunks of the batch as its window, if it has none."""
    windows = chunk(range(spooled.next_chunk, spooled.stop_chunk), request.chunks_per_batch)
    if spooled.window or not windows:
        return spooled
    numbers = windows[0]
    return replace(spooled, window=(Chunks(spooled.token, tuple(numbers)),), next_chunk=numbers.stop)


def _with_outcome(state: RunState, fetched: FetchOutcome, now: datetime) -> RunState:
    """Return the state after a fetch: its batch, if any, is spooled."""
    if fetched.held:
        return state
    if fetched.batch is None:
        return replace(state, error=(fetched.error or "the source could not be fetched")[:RUN_ERROR_LENGTH])
    batch: Batch = fetched.batch
    stop = batch.first_chunk + batch.chunks
    spooled = Spooled(messages=batch.count, token=batch.token, next_chunk=batch.first_chunk, stop_chunk=stop)
    return replace(
        state,
        spooled=_with_next_window(spooled, state.request),
        cursor=batch.next_cursor,
        source_exhausted=batch.next_cursor is None,
        source_total=batch.source_total if batch.source_total is not None else state.source_total,
        wait_until=source_wait.until(batch.wait, now),
        wait=batch.wait,
        batches=batch.index + 1,
        pages=state.pages + batch.pages,
        chunks=stop,
        fetched=state.fetched + batch.count,
        dropped=state.dropped + batch.dropped,
    )


def _with_page(state: RunState, page: FailedPage) -> RunState:
    """Return the state with the chunks of `page` as its window."""
    assert state.redo is not None, "only a redrive loads failed chunks"
    if page.error is not None:
        return replace(state, error=page.error)
    left = state.redo.sums.minus(page.sums)
    if page.next_byte is None and (left.chunks or left.messages):
        problem = f"the redo list of attempt {state.redo.attempt} and the state disagree by {left.chunks} chunks"
        return replace(state, error=f"{problem}, {left.messages} messages")
    redo = None if page.next_byte is None else replace(state.redo, next_byte=page.next_byte, sums=left)
    return replace(state, redo=redo, spooled=Spooled(window=page.chunks, messages=page.sums.messages))


def _settled(receipt: Receipt, found: Settled | None) -> Receipt:
    if found is None:
        return receipt
    complete = replace(receipt, **found._asdict())
    return complete if complete.failed else replace(complete, error=None)


def _reason(receipt: Receipt) -> str:
    return (receipt.error or "no reason given")[:ERROR_LENGTH]


def _has_nothing_left(state: RunState) -> bool:
    return state.source_exhausted and not state.spooled.window and state.redo is None


def _is_beyond_tolerance(state: RunState) -> bool:
    return is_exceeded(state.request.tolerated_failures, state.failed.chunks, chunks_done(state))


def _has_sent_nothing(state: RunState) -> bool:
    """Return whether messages were fetched and none reached the queue. No tolerance covers that."""
    return state.fetched > 0 and not counted(state).enqueued


def _checked(state: RunState) -> RunState:
    sums = counted(state)
    parts = state.spooled.messages + sums.messages
    if state.fetched != parts or (state.spooled.messages > 0) != bool(state.spooled.window):
        raise ArithmeticError(
            f"the counts do not add up: {state.fetched} fetched, {sums.enqueued} enqueued, {sums.rejected} rejected, "
            f"{state.failed.left} failed, {pending(state)} pending, "
            f"{state.spooled.messages} of them in {chunks_pending(state)} chunks"
        )
    return state
