"""What a run does next: pure functions from state and outcomes to state (steps 2, 4 and 6 in docs/design.md).

All decisions about the state of a run are here; `docs/runs.md` draws it. The orchestrator calls these functions between
two yields; they use no clock, no storage and nothing of Durable Functions. `with_window` checks after each window that
`fetched = enqueued + rejected + failed + pending`. Pending messages are in unfinished chunks or in the redo list.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple

from ingestion import source_wait
from ingestion.chunking import chunk
from ingestion.contracts import (
    SCHEMA,
    Batch,
    Chunk,
    ChunkFailure,
    Chunks,
    EnqueueRequest,
    FailedChunks,
    FailedPage,
    FetchOutcome,
    FetchRequest,
    LoadRequest,
    Receipt,
    Recorded,
    Redo,
    Run,
    RunRequest,
    RunState,
    SettledChunks,
    Sums,
)
from ingestion.errors import UnknownSchema, cut
from ingestion.run.tolerance import is_exceeded
from ingestion.wire import from_wire

PAUSE, CANCEL = "pause", "cancel"  # the commands that hold a run back
CHANGED = "changed"  # holds the run back, like a command, if what it is pinned to has changed
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
REDO_CHUNKS = 25  # in a window of a redrive: each chunk may have its own token, and a payload holds 4 KB
LISTED_FAILURES = 3  # that the state and the report list; they count all failures, and the ledger lists all
RUN_ERROR_LENGTH = 500  # characters of the reason why a run has failed
ERROR_LENGTH = 160  # characters of an error in the state, which must stay under 4 KB


class Step(StrEnum):
    """What follows a window."""

    GO_ON = "go_on"  # the next window, at once
    WAIT = "wait"  # the source must not be read before `wait_until`
    HOLD = "hold"  # paused, or held by a change: until the next command
    END = "end"


class Window(NamedTuple):
    """The requests of a window: one for each chunk, and if necessary one that supplies the next chunks."""

    supply: FetchRequest | LoadRequest | None
    chunks: list[EnqueueRequest]


class Outcomes(NamedTuple):
    """The outcomes of a window's requests, and of recording its state."""

    supplied: FetchOutcome | FailedPage | None
    recorded: Recorded
    receipts: Sequence[Receipt]


def start(run: Run, request: RunRequest, started_at: str) -> RunState:
    """Return the state of a run that has done nothing yet."""
    return RunState(schema=SCHEMA, run=run, request=request, started_at=started_at)


def load(data: Any) -> RunState:
    """Return the state in `data`. Raise UnknownSchema if another version of the app wrote it in another form."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise UnknownSchema(
            f"the state of this run has schema {schema!r}, and this version of the app reads schema {SCHEMA}: "
            "deploy the version that started the run, or delete the run and start it again"
        )
    return from_wire(RunState, data)


def next_window(state: RunState, now: datetime) -> Window:
    """Return the requests of the next window."""
    request = state.request
    alone = state.at_once is None
    chunks = [
        EnqueueRequest(
            run=state.run, source=request.source, chunk=one, attempt=state.attempt, pin=request.pin, alone=alone
        )
        for one in chunks_in_window(state)
    ]
    return Window(_next_supply(state, now), chunks)


def chunks_in_window(state: RunState) -> list[Chunk]:
    """Return the chunks of the window: the first of the spooled chunks."""
    windows = chunk(spooled_chunks(state), most_in_window(state))
    return windows[0] if windows else []


def most_in_window(state: RunState) -> int:
    """Return how many chunks a window holds: as many as a batch, or fewer if the run shares its workers."""
    most = state.request.chunks_per_batch
    return most if state.at_once is None else min(most, state.at_once)


def spooled_chunks(state: RunState) -> list[Chunk]:
    """Return the chunks that are fetched but not finished."""
    return [Chunk(number, group.token) for group in state.spooled for number in _numbers_in(group.numbers)]


def failures_to_list(state: RunState, window: Window, outcomes: Outcomes) -> list[FailedChunks]:
    """Return the failed chunks of the window by reason, for the ledger; none if the state could not be recorded."""
    if outcomes.recorded.error is not None:
        return []
    failed: dict[str, list[Chunk]] = {}
    for request, receipt in zip(window.chunks, outcomes.receipts, strict=True):
        if receipt.error is not None:
            failed.setdefault(_cut(receipt.error), []).append(request.chunk)
    return [
        FailedChunks(run=state.run, attempt=state.attempt, chunks=tuple(chunks), error=reason)
        for reason, chunks in failed.items()
    ]


def with_window(
    state: RunState, window: Window, outcomes: Outcomes, listed: Iterable[SettledChunks], now: datetime
) -> RunState:
    """Return the state after a window: every chunk has reported, and the ledger has `listed` the failed chunks.

    If a chunk was held back, it stays spooled, and the supplied chunks are dropped: the next window requests them
    again. Raise ArithmeticError if a message is unaccounted for: a bug must not look like success.
    """
    listed = list(listed)
    errors = [outcomes.recorded.error, *(settled.error for settled in listed)]
    if error := next(filter(None, errors), None):  # the window is not in the ledger: keep the state of its start
        return replace(state, error=cut(error, RUN_ERROR_LENGTH), command=None, window=state.window + 1)
    receipts = _by_chunk(window, outcomes.receipts, listed)
    supplied = outcomes.supplied
    commands = {outcomes.recorded.command, *(receipt.held for receipt in receipts.values())}
    changes = [outcomes.recorded.change, *(receipt.change for receipt in receipts.values())]
    if isinstance(supplied, FetchOutcome):
        commands.add(supplied.held)
        changes.append(supplied.change)
    command = next((one for one in (CANCEL, PAUSE, CHANGED) if one in commands), None)
    state = replace(
        _with_receipts(state, receipts),
        command=command,
        change=next(filter(None, changes), None) if command == CHANGED else None,
        error=None,
        window=state.window + 1,
        counts_at=now.isoformat(),
        at_once=_at_once(outcomes, state.at_once),
    )
    if not state.spooled and supplied is not None:
        state = _with_page(state, supplied) if isinstance(supplied, FailedPage) else _with_batch(state, supplied, now)
    return _checked(state)


def next_step(state: RunState, now: datetime) -> Step:
    """Return what follows the window that led to `state`."""
    if outcome(state) is not None:
        return Step.END
    if state.command in (PAUSE, CHANGED):
        return Step.HOLD
    if not state.spooled and state.redo is None and _is_waiting(state, now):
        return Step.WAIT
    return Step.GO_ON


def outcome(state: RunState) -> str | None:
    """Return the outcome of the run, None while it goes on. `docs/glossary.md` lists the outcomes by precedence.

    A cancel has no effect when nothing is left to do.
    """
    if state.error is not None or _is_beyond_tolerance(state):
        return "failed"
    if not _has_nothing_left(state):
        return "cancelled" if state.command == CANCEL else None
    if _has_sent_nothing(state) or (state.request.total_is_exact and (has_other_total(state) or doubles(state))):
        return "failed"
    if state.failed.left:
        return "completed_with_failures"
    if counted(state).rejected:
        return "completed_with_rejects"
    return "completed_with_other_total" if has_other_total(state) else "completed"


def reason(state: RunState) -> str:
    """Return why a run has failed, for people."""
    failed, tolerated = state.failed.chunks, state.request.tolerated_failures
    listed_failures = "; ".join(f"{chunks}: {error}" for error, chunks in _by_error(state.failures).items())
    more = f"; {failed - LISTED_FAILURES} more chunks" if failed > LISTED_FAILURES else ""
    if _is_beyond_tolerance(state):
        done = (state.done + state.failed).messages
        share = f"{state.failed.left} of {done} messages failed, in {failed} of {chunks_done(state)} chunks"
        why = f"more than the {tolerated} tolerated ({listed_failures}{more})"
        return f"{share}, {why}. Remove the cause, then redrive the run"
    if state.error is not None:
        return state.error
    if _has_sent_nothing(state):
        sums = counted(state)
        nothing = f"none of {state.fetched} messages reached the queue: {sums.rejected} were rejected"
        if not failed:
            return f"{nothing}; the blobs in rejected/ say why"
        return (
            f"{nothing}, {state.failed.left} failed ({listed_failures}{more}). Remove the cause, then redrive the run"
        )
    differs = "; ".join(filter(None, (total_difference(state), doubles_text(state))))
    if state.failed.left:
        return differs
    return (
        f"{differs}. Every message was sent or rejected, so a redrive has nothing to do: compare with the source, then "
        "start a new run; consumers see each message again"
    )


def _by_error(failures: Sequence[ChunkFailure]) -> dict[str, str]:
    """Return the chunks that failed by error, so that a text names each error once."""
    numbers: dict[str, list[str]] = {}
    for failure in failures:
        numbers.setdefault(failure.error, []).append(str(failure.number))
    return {error: f"chunk{'s' * (len(them) > 1)} {', '.join(them)}" for error, them in numbers.items()}


def has_other_total(state: RunState) -> bool:
    """Return whether the source, read to its end, gave another number of items than it said, without doubles."""
    return state.source_total is not None and state.source_exhausted and state.source_total != items_given(state)


def items_given(state: RunState) -> int:
    """Return how many items the source gave, including those that the run did not take, but not doubles."""
    return state.fetched + state.known + state.outside - doubles(state)


def doubles(state: RunState) -> int:
    """Return how many messages were doubles, as far as they are counted."""
    return max(0, state.doubles or 0)


def total_difference(state: RunState) -> str:
    """Return how the items differ from the source's own total, for people; empty if they do not."""
    said = f"the source said that it has {state.source_total} items, and gave {items_given(state)}"
    return said if has_other_total(state) else ""


def doubles_text(state: RunState) -> str:
    """Return how many messages were doubles although each should be unique, for people; empty if none were."""
    came = f"{state.doubles} of the {state.fetched} messages came before in the run"
    return f"{came}, and the description says unique = true" if doubles(state) else ""


def counted(state: RunState) -> Sums:
    """Return the sums over all chunks with a receipt, including those that a redrive has yet to send again."""
    sums = state.done + state.failed
    return sums if state.redo is None else sums + state.redo.sums


def pending(state: RunState) -> int:
    """Return how many fetched messages are in unfinished chunks, or have to be sent again."""
    return state.spooled_messages + (state.redo.sums.left if state.redo else 0)


def chunks_pending(state: RunState) -> int:
    """Return how many chunks are spooled and not finished, or have to be sent again."""
    return _chunks_spooled(state) + (state.redo.sums.chunks if state.redo else 0)


def chunks_done(state: RunState) -> int:
    """Return how many chunks are finished, including failed ones."""
    return state.done.chunks + state.failed.chunks


def can_redrive(state: RunState) -> bool:
    """Return whether a run that has ended leaves something to do."""
    return bool(state.failed.chunks) or not _has_nothing_left(state)


def redriven(state: RunState) -> RunState | None:
    """Return the state with which a run continues after it ended or was lost, None if nothing is left to do.

    Failed chunks are sent again, spooled chunks stay, and the source continues at the cursor. A wait that the source
    named still holds; the patience for a source that is away starts again.
    """
    if not can_redrive(state):
        return None
    attempt, again = state.attempt + 1, state.failed if state.redo is None else state.failed + state.redo.sums
    wait = source_wait.after_redrive(state.wait)
    return _checked(
        replace(
            state,
            redo=Redo(attempt=attempt, sums=again) if again.chunks else None,
            failed=Sums(),
            failures=(),
            command=None,
            change=None,
            error=None,
            wait_until=state.wait_until if wait else None,
            wait=wait,
            attempt=attempt,
            window=0,
        )
    )


def _next_supply(state: RunState, now: datetime) -> FetchRequest | LoadRequest | None:
    """Return the request for the chunks after the window.

    None if more chunks are spooled than the window takes, the source has ended, or it is too early to read it. Failed
    chunks come first, because they have been in the spool for longer.
    """
    request = state.request
    most_chunks = most_in_window(state)
    if _chunks_spooled(state) > most_chunks:
        return None
    if state.redo is not None:
        most = min(REDO_CHUNKS, most_chunks)
        return LoadRequest(run=state.run, attempt=state.redo.attempt, next_byte=state.redo.next_byte, most=most)
    if state.source_exhausted or _is_waiting(state, now):
        return None
    return FetchRequest(
        run=state.run,
        source=request.source,
        batch_index=state.batches,
        first_chunk=state.chunks,
        cursor=state.cursor,
        chunk_size=request.chunk_size,
        max_messages=request.chunk_size * most_chunks,
        wait=state.wait,
        pin=request.pin,
        has_reads=request.has_reads,
    )


def _is_waiting(state: RunState, now: datetime) -> bool:
    """Return whether it is too early to read the source."""
    return state.wait_until is not None and now < datetime.fromisoformat(state.wait_until)


def _by_chunk(window: Window, receipts: Sequence[Receipt], listed: Iterable[SettledChunks]) -> dict[Chunk, Receipt]:
    """Return the receipts by chunk. The checkpoint of a failed chunk corrects its receipt: messages may be sent."""
    by_chunk = {request.chunk: receipt for request, receipt in zip(window.chunks, receipts, strict=True)}
    found = {one.number: one for settled in listed for one in settled.chunks}
    for one in by_chunk:
        if one.number in found:
            facts = found[one.number]._asdict()
            del facts["number"]
            complete = replace(by_chunk[one], **facts)
            by_chunk[one] = complete if complete.failed else replace(complete, error=None)
    return by_chunk


def _at_once(outcomes: Outcomes, before: int | None) -> int | None:
    """Return how many chunks the workers of a window send at once, None if the run shared none of these workers.

    Return `before` if the window sent and fetched nothing.
    """
    ended: list[Receipt | FetchOutcome] = [*outcomes.receipts]
    if isinstance(outcomes.supplied, FetchOutcome):
        ended.append(outcomes.supplied)
    return sum(dict(filter(None, (one.share for one in ended))).values()) or None if ended else before


def _with_receipts(state: RunState, receipts: dict[Chunk, Receipt]) -> RunState:
    """Return the state with the receipts of finished chunks counted."""
    finished = {one: receipt for one, receipt in receipts.items() if not receipt.held}
    failed = {one: receipt for one, receipt in finished.items() if receipt.failed}
    failures = [
        ChunkFailure(number=one.number, failed=receipt.failed, error=_cut(receipt.error or "no reason given"))
        for one, receipt in failed.items()
    ]
    sums = sum((receipt.sums for receipt in finished.values()), Sums())
    sums_failed = sum((receipt.sums for receipt in failed.values()), Sums())
    return replace(
        state,
        spooled=_grouped(one for one in spooled_chunks(state) if one not in finished),
        spooled_messages=state.spooled_messages - sums.messages,
        done=state.done + sums - sums_failed,
        failed=state.failed + sums_failed,
        failures=(*state.failures, *failures)[:LISTED_FAILURES],
    )


def _with_batch(state: RunState, fetched: FetchOutcome, now: datetime) -> RunState:
    """Return the state after a fetch, with its batch spooled if there is one."""
    if fetched.held:
        return state
    if fetched.batch is None:
        return replace(state, error=cut(fetched.error or "the source could not be fetched", RUN_ERROR_LENGTH))
    batch: Batch = fetched.batch
    stop = batch.first_chunk + batch.chunks
    wait = timedelta(seconds=min(batch.wait_seconds, source_wait.LONGEST_SECONDS))
    return replace(
        state,
        spooled=(Chunks(batch.token, f"{batch.first_chunk}-{stop - 1}"),) if batch.chunks else (),
        spooled_messages=batch.count,
        cursor=batch.next_cursor,
        source_exhausted=batch.next_cursor is None,
        source_total=batch.source_total if batch.source_total is not None else state.source_total,
        wait_until=(now + wait).isoformat() if wait else None,
        wait=batch.wait,
        batches=batch.index + 1,
        pages=state.pages + batch.pages,
        chunks=stop,
        fetched=state.fetched + batch.count,
        dropped=state.dropped + batch.dropped,
        doubles=batch.doubles,
        known=batch.known,
        outside=batch.outside,
        mark=batch.mark,
    )


def _with_page(state: RunState, page: FailedPage) -> RunState:
    """Return the state with the chunks of `page` spooled again."""
    assert state.redo is not None, "only a redrive loads failed chunks"
    if page.error is not None:
        return replace(state, error=page.error)
    left = state.redo.sums - page.sums
    if page.next_byte is None and (left.chunks or left.messages):
        problem = f"the redo list of attempt {state.redo.attempt} and the state disagree by {left.chunks} chunks"
        return replace(state, error=f"{problem}, {left.messages} messages")
    redo = None if page.next_byte is None else replace(state.redo, next_byte=page.next_byte, sums=left)
    return replace(state, redo=redo, spooled=_grouped(page.chunks), spooled_messages=page.sums.messages)


def _grouped(chunks: Iterable[Chunk]) -> tuple[Chunks, ...]:
    return tuple(
        Chunks(token, _in_short(chunk.number for chunk in same))
        for token, same in groupby(chunks, lambda chunk: chunk.token)
    )


def _in_short(numbers: Iterable[int]) -> str:
    """Return ascending numbers as text, ranges as `first-last`; `_numbers_in` reads it."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        first = ranges.pop()[0] if ranges and ranges[-1][1] == number - 1 else number
        ranges.append((first, number))
    return ",".join(f"{first}-{last}" if first < last else str(first) for first, last in ranges)


def _numbers_in(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _chunks_spooled(state: RunState) -> int:
    return len(spooled_chunks(state))


def _cut(error: str) -> str:
    return cut(error, ERROR_LENGTH)


def _has_nothing_left(state: RunState) -> bool:
    return state.source_exhausted and not state.spooled and state.redo is None


def _is_beyond_tolerance(state: RunState) -> bool:
    done, is_end = state.done + state.failed, _has_nothing_left(state)
    return is_exceeded(state.request.tolerated_failures, state.failed.left, done, state.source_total, is_end=is_end)


def _has_sent_nothing(state: RunState) -> bool:
    """Return whether messages were fetched and none reached the queue. No tolerance allows that."""
    return state.fetched > 0 and not counted(state).enqueued


def _checked(state: RunState) -> RunState:
    sums = counted(state)
    parts = state.spooled_messages + sums.messages
    if state.fetched != parts or (state.spooled_messages > 0) != bool(state.spooled):
        raise ArithmeticError(
            f"the counts do not add up: {state.fetched} fetched, {sums.enqueued} enqueued, {sums.rejected} rejected, "
            f"{state.failed.left} failed, {pending(state)} pending, "
            f"{state.spooled_messages} of them in {_chunks_spooled(state)} spooled chunks"
        )
    return state
