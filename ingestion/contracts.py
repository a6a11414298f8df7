"""The records that cross the durable boundary; `ingestion.wire` is the way across.

Durable Functions stores every input and output and hands each to the orchestrator again on each replay, so a record
here is small (the promise, kept by a test: no payload above 4 KB). Ranges are half-open, units are in the names.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from ingestion.recovery import Recovery
from ingestion.source_wait import Wait

SCHEMA = 1  # of RunState; raise it when an old state can no longer be read as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What was asked for: which source, how many messages make a chunk, and which failures end the run."""

    source: str
    chunk_size: int
    chunks_per_batch: int
    tolerated_failures: str = "10"  # chunks, or a percentage of the chunks done such as "5%"
    total_is_exact: bool = False  # whether fetching another number than the source's own total fails the run


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where the source goes on: its own JSON text, or the name of the blob that holds a long one."""

    text: str | None = None
    blob: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """Input of `fetch_batch`: the next batch of a run. `cursor` is None for the start of the source.

    `wait` is what the fetch before had to wait for, if it did not end with a page.
    """

    run_id: str
    run_started_at: str
    source: str
    batch_index: int
    chunk_size: int
    max_messages: int
    cursor: Cursor | None = None
    wait: Wait | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one `fetch_batch` brought, spooled to one blob.

    `offsets` holds the first byte of each chunk, `size_bytes` the end of the last one. `next_cursor` is None when the
    source has ended, and `ended` says what told so. `wait` is what keeps the source from being asked at once.
    `clamped_to` is the page size to which the server cut the one asked for; `dropped` counts messages that the
    description says to drop because the run holds them already.
    """

    index: int
    blob: str
    count: int
    offsets: tuple[int, ...]
    size_bytes: int
    pages: int
    next_cursor: Cursor | None = None
    wait: Wait | None = None
    source_total: int | None = None
    clamped_to: int | None = None
    dropped: int = 0
    ended: str | None = None

    @property
    def wait_seconds(self) -> float:
        """How long the source is left alone before the next request."""
        return self.wait.seconds if self.wait else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOutcome:
    """Output of `fetch_batch`: a batch, the reason why there will be none, or the wish that held the fetch back."""

    batch: Batch | None = None
    error: str | None = None
    held: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueueRequest:
    """Input of `enqueue_chunk`: messages `[first_message, first_message + count)` of a batch, by bytes of its blob."""

    run_id: str
    source: str
    batch_index: int
    chunk_index: int
    blob: str
    start_byte: int
    end_byte: int
    first_message: int
    count: int
    run_started_at: str = ""  # tells the run from an earlier one with the same id
    chunks_in_window: int = 1  # that the run's ceiling of messages a second is split over


OUT_OF_TIME = "out_of_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Output of `enqueue_chunk`. `error` says why `count - enqueued - rejected` messages did not get through.

    The sums are over all attempts at the chunk. `resumed_from` counts the messages that attempts before the last had
    confirmed, `possible_duplicates` the queue messages of which an answer was lost.
    """

    batch_index: int
    chunk_index: int
    count: int
    enqueued: int
    rejected: int = 0
    held: str | None = None  # the wish that holds back what is not enqueued, or OUT_OF_TIME: it is pending, not failed
    resumed_from: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    possible_duplicates: int = 0
    seconds: float = 0.0
    retried_because: str | None = None  # the last reason in the last attempt
    error: str | None = None

    @property
    def failed(self) -> int:
        """Messages that are neither on the queue nor rejected nor held back."""
        return 0 if self.held else self.count - self.enqueued - self.rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFailure:
    """A chunk of which messages failed, as the report lists it."""

    batch_index: int
    chunk_index: int
    failed: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the windows that are done, in messages unless the name says otherwise."""

    fetched: int = 0
    enqueued: int = 0
    rejected: int = 0
    failed: int = 0
    batches: int = 0
    pages: int = 0
    chunks_done: int = 0
    chunks_failed: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    possible_duplicates: int = 0
    dropped: int = 0  # messages that came and that the description says to drop


class Counted(NamedTuple):
    """What earlier attempts at a chunk put into the totals; the next receipt of the chunk includes it.

    Three numbers on the wire, because a state may hold a hundred of them.
    """

    chunk_index: int
    enqueued: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Redo:
    """Failed chunks that a redrive has yet to take from the ledger: so many, from batch `next_batch` on."""

    chunks: int
    messages: int
    next_batch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """What one generation of the orchestrator hands to the next: the only state that a run has.

    `cursor` is where to fetch next (None with `batches_fetched` = 0: the start of the source). `batch` is fetched and
    waits to be enqueued: all its chunks, or those in `remaining`, of which `counted` tells what the totals hold
    already. `wait_until` is when the source may be asked again, `wait` why not before. `failures` is bounded;
    `totals.chunks_failed` counts them all, and the ledger keeps them all. `attempt` counts redrives, `window` the
    windows of an attempt; together they order the states of a run. `recoveries` are the last attempts that the keeper
    began.
    """

    request: RunRequest
    started_at: str
    cursor: Cursor | None = None
    batch: Batch | None = None
    remaining: tuple[int, ...] | None = None
    counted: tuple[Counted, ...] = ()
    batches_fetched: int = 0
    source_exhausted: bool = False
    source_total: int | None = None
    wait_until: str | None = None
    wait: Wait | None = None
    redo: Redo | None = None
    totals: Totals = field(default_factory=Totals)
    failures: tuple[ChunkFailure, ...] = ()
    wish: str | None = None  # what this window met: "pause" or "cancel"
    error: str | None = None  # why the run cannot go on
    attempt: int = 0
    window: int = 0
    counts_at: str | None = None  # when the totals were counted; None: at the start
    recoveries: tuple[Recovery, ...] = ()
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRequest:
    """Input of `record_window`: the state at the start of a window."""

    run_id: str
    state: RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Output of `record_window`: what somebody wishes of the run, or why the state could not be recorded."""

    wish: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroup:
    """Chunks of one batch that failed for the same reason."""

    error: str
    chunks: tuple[Counted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedChunks:
    """Input of `record_failed`: of the chunks `tried` (None: all) of a batch, those that failed, by reason."""

    run_id: str
    run_started_at: str
    attempt: int
    chunk_size: int
    batch: Batch
    groups: tuple[FailureGroup, ...]
    tried: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Output of `record_failed`: what the checkpoints of the failed chunks say that was sent of them."""

    chunks: tuple[Counted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """Input of `load_failed`: failed chunks of earlier attempts, from batch `next_batch` on.

    Those under way in this window, `busy_chunks` (None: all) of `busy_batch`, are left out.
    """

    run_id: str
    run_started_at: str
    attempt: int
    next_batch: int
    busy_batch: int | None = None
    busy_chunks: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPage:
    """Output of `load_failed`: failed chunks of one batch; no batch: there are no more."""

    batch: Batch | None = None
    chunks: tuple[Counted, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRequest:
    """Input of `finish_run`: the last state, and how the run ended."""

    run_id: str
    state: RunState
    outcome: str
    finished_at: str
    seconds: float
