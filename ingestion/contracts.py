"""The records that cross the durable boundary; `ingestion.wire` encodes and decodes them.

Each output of an activity has an `error`: why the work is impossible, or why all attempts failed. None: no error.

Durable Functions stores every input and output and passes each to the orchestrator again at each replay. So records are
small: a test keeps every payload under 4 KB. Ranges are half-open, and names contain units. A default must never
change, because a field with its default value is not sent.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from ingestion.recovery import Recovery
from ingestion.source_wait import Wait
from ingestion.wire import JsonObject

SCHEMA = 3  # of RunState; raise it when an old state can no longer be read as it is


class Run(NamedTuple):
    """One start of a run: the run's id, and the name of this start. A redrive or a recovery keeps the start.

    After the run was deleted, the same id can start again; this is another start.
    """

    id: str
    start: str

    @property
    def folder(self) -> str:
        """The prefix of all blobs of this start. Two starts of one id share no blob."""
        return f"runs/{self.id}/{self.start}/"


class Chunk(NamedTuple):
    """One chunk of a run: its number, counted from 0 over the whole run, and the token of the fetch that wrote it."""

    number: int
    token: str


class Share(NamedTuple):
    """A worker that a run shares with other runs, and how many chunks that worker sends at once."""

    worker: str
    at_once: int


class Chunks(NamedTuple):
    """Chunks with one token; `numbers` lists them with ranges, such as "7,9-1200"."""

    token: str
    numbers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What the client requested: the source, the size of chunks and windows, and how many failures are tolerated."""

    source: str
    chunk_size: int
    chunks_per_batch: int
    tolerated_failures: str = "0%"  # of the messages of the run
    pin: str | None = None  # the fingerprint of what the run is pinned to; see `ingestion.run.pinned`
    total_is_exact: bool = False  # whether a difference from the source's own total fails the run
    has_reads: bool = False  # whether request.json says what the run reads of its source
    backfill: bool = False  # whether a person has given the range that the run reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of what a run is pinned to, which holds the run until a person accepts it."""

    to: str  # the fingerprint after the change
    what: str  # the fields that differ, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where to continue in the source: the position as JSON text or, if it is long, the name of the blob with it."""

    text: str | None = None
    blob: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """Input of `fetch_batch`: the next batch of a run. `cursor` is None for the start of the source.

    The first chunk of the batch gets the number `first_chunk`. `wait` sums up the waits since the last page.
    """

    run: Run
    source: str
    batch_index: int
    first_chunk: int
    chunk_size: int
    max_messages: int
    cursor: Cursor | None = None
    wait: Wait | None = None
    pin: str | None = None
    has_reads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where the next run of an incremental source begins: at a time, a number or a token, as `kind` says.

    `value` is a time or a number, in the form that `ingestion.reads` describes; None if no item came. A token is in a
    `blob` of the run, with names in place of secrets. `held` names the blob with digests of items: the next run drops
    these items if they come again.
    """

    kind: str
    value: str | None = None
    blob: str | None = None
    held: str | None = None
    holds_too_many: bool = False  # there were too many digests, so none are held


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one `fetch_batch` fetched: `chunks` chunks with `count` messages, from number `first_chunk` on.

    This record is also the commit record of the batch: only chunks with its token belong to the batch. `next_cursor` is
    None when the source has ended, and `ended` says why. `wait` says why the run must wait before the next request.
    `clamped_to` is the page size that the server used instead of the larger one requested. `dropped` counts the
    messages that the description says to drop, because the run already has them. The last batch of a source with
    `unique = true` has its `doubles`: the messages that came before, or -1 if there were too many to count. For an
    incremental source, `known` counts the items so far that the previous run already had, and `outside` the items
    outside of the run's range; the last batch has the `mark` where the next run begins.
    """

    index: int
    token: str
    first_chunk: int
    chunks: int
    count: int
    size_bytes: int
    pages: int
    next_cursor: Cursor | None = None
    wait: Wait | None = None
    source_total: int | None = None
    clamped_to: int | None = None
    dropped: int = 0
    ended: str | None = None
    doubles: int | None = None
    known: int = 0
    outside: int = 0
    mark: Mark | None = None

    @property
    def wait_seconds(self) -> float:
        """The seconds to wait before the next request to the source."""
        return self.wait.seconds if self.wait else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOutcome:
    """Output of `fetch_batch`: a batch, the reason why there is none, or the command that held the fetch back."""

    batch: Batch | None = None
    error: str | None = None
    held: str | None = None
    change: Change | None = None  # the change that holds the fetch back
    share: Share | None = None  # the worker that fetched, if the run shares it


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueueRequest:
    """Input of `enqueue_chunk`: the chunk to send, in an attempt of the run.

    `alone` says whether the run shared no worker with another run when the window was made.
    """

    run: Run
    source: str
    chunk: Chunk
    attempt: int = 0
    pin: str | None = None
    alone: bool = False


OUT_OF_TIME, GIVES_WAY = "out_of_time", "gives_way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Output of `enqueue_chunk`: the counts of a chunk over all attempts.

    `held` is the command that holds the chunk back, OUT_OF_TIME, or GIVES_WAY (to another run): then the chunk is
    unfinished, a later window continues it, and it does not count yet. `error` says why `failed` messages were not
    sent. `resumed_from` counts the messages that earlier attempts had confirmed. `possible_duplicates` is the most
    queue messages that may be on the queue twice, because an answer or a worker was lost. `share` is the worker that
    sent the chunk, if the run shares it.
    """

    messages: int = 0
    enqueued: int = 0
    rejected: int = 0
    held: str | None = None
    resumed_from: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    possible_duplicates: int = 0
    seconds: float = 0.0
    retried_because: str | None = None  # the last reason in the last attempt
    change: Change | None = None  # the change that holds the chunk back
    share: Share | None = None
    error: str | None = None

    @property
    def failed(self) -> int:
        """Messages of a finished chunk that are neither on the queue nor rejected."""
        return 0 if self.held else self.messages - self.enqueued - self.rejected

    @property
    def sums(self) -> "Sums":
        """The sums over this chunk alone."""
        return _sums_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFailure:
    """A chunk with failed messages, for the report."""

    number: int
    failed: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums over the receipts of some chunks."""

    chunks: int = 0
    messages: int = 0
    enqueued: int = 0
    rejected: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    possible_duplicates: int = 0

    @property
    def left(self) -> int:
        """Messages that are neither on the queue nor rejected."""
        return self.messages - self.enqueued - self.rejected

    def __add__(self, other: "Sums") -> "Sums":
        return self._plus(other, 1)

    def __sub__(self, other: "Sums") -> "Sums":
        return self._plus(other, -1)

    def _plus(self, other: "Sums", sign: int) -> "Sums":
        return Sums(
            chunks=self.chunks + sign * other.chunks,
            messages=self.messages + sign * other.messages,
            enqueued=self.enqueued + sign * other.enqueued,
            rejected=self.rejected + sign * other.rejected,
            retries=self.retries + sign * other.retries,
            throttled_seconds=round(self.throttled_seconds + sign * other.throttled_seconds, 3),
            possible_duplicates=self.possible_duplicates + sign * other.possible_duplicates,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Redo:
    """Failed chunks that a redrive has yet to send again: the redo list of `attempt`, from `next_byte` on."""

    attempt: int
    next_byte: int = 0
    sums: Sums = field(default_factory=Sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """The only state of a run; one generation of the orchestrator passes it to the next.

    `cursor` is where to fetch next (None with `batches` = 0: the start of the source). `spooled` are the chunks that
    are fetched but not finished; the window takes the first of them. A chunk counts when it is finished: in `failed` if
    messages of it failed, else in `done`. `wait_until` is when the source may be read again, and `wait` says why not
    before. `failures` is bounded; `failed` counts all failures, and the ledger lists them. `attempt` counts redrives,
    `window` the windows of an attempt; together they order the states of a run. `recoveries` are the latest attempts
    that the keeper began. `at_once` is how many chunks the workers of the last window send at once, if the run shares
    one of them with another run.
    """

    schema: int
    run: Run
    request: RunRequest
    started_at: str
    cursor: Cursor | None = None
    source_exhausted: bool = False
    source_total: int | None = None
    wait_until: str | None = None
    wait: Wait | None = None
    batches: int = 0
    pages: int = 0
    chunks: int = 0  # chunks that have a number so far
    fetched: int = 0
    dropped: int = 0  # messages that the description says to drop
    doubles: int | None = None  # for a source with `unique`: messages that came before; -1: too many to count
    known: int = 0  # for an incremental source: items that the previous run already had
    outside: int = 0  # items outside of the range that the run reads
    mark: Mark | None = None  # where the next run begins; set when the source was read to its end
    spooled: tuple[Chunks, ...] = ()
    spooled_messages: int = 0  # messages in the spooled chunks
    redo: Redo | None = None
    done: Sums = field(default_factory=Sums)
    failed: Sums = field(default_factory=Sums)
    failures: tuple[ChunkFailure, ...] = ()
    command: str | None = None  # found by this window: "pause", "cancel" or, with a `change`, "changed"
    change: Change | None = None  # the change that holds the run
    error: str | None = None  # why the run cannot go on
    attempt: int = 0
    window: int = 0
    counts_at: str | None = None  # when the sums were counted; None: at the start
    recoveries: tuple[Recovery, ...] = ()
    at_once: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Output of `record_window`: the command for the run, or why its state could not be recorded."""

    command: str | None = None
    error: str | None = None
    change: Change | None = None  # the change that holds the run back


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedChunks:
    """Input of `record_failed`: chunks of one window that failed in this attempt for the same reason."""

    run: Run
    attempt: int
    chunks: tuple[Chunk, ...]
    error: str


class Settled(NamedTuple):
    """The counts of a chunk from its checkpoint. A tuple, to be short on the wire."""

    number: int
    messages: int
    enqueued: int = 0
    rejected: int = 0
    possible_duplicates: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0

    @property
    def sums(self) -> Sums:
        """The sums over this chunk alone."""
        return _sums_of(self)


def _sums_of(one: Receipt | Settled) -> Sums:
    return Sums(
        chunks=1,
        messages=one.messages,
        enqueued=one.enqueued,
        rejected=one.rejected,
        retries=one.retries,
        throttled_seconds=one.throttled_seconds,
        possible_duplicates=one.possible_duplicates,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledChunks:
    """Output of `record_failed`: the counts of each listed chunk."""

    chunks: tuple[Settled, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest:
    """Input of `load_failed`: the next `most` chunks of the redo list of `attempt`, from `next_byte` on."""

    run: Run
    attempt: int
    next_byte: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPage:
    """Output of `load_failed`: chunks to send again, their sums so far, and where the list goes on (None: the end)."""

    chunks: tuple[Chunk, ...] = ()
    sums: Sums = field(default_factory=Sums)
    next_byte: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRequest:
    """Input of `finish_run`: the last state, and the outcome of the run."""

    state: RunState
    outcome: str
    finished_at: str
    seconds: float

    @property
    def run(self) -> Run:
        """The start of the run."""
        return self.state.run


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishOutcome:
    """Output of `finish_run`: the report of the run."""

    report: JsonObject | None = None
    error: str | None = None
