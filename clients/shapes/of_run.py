"""Of the shapes of the HTTP API: all that is known of a run."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from clients.shapes.of_plan import PlannedTransactions
from clients.shapes.shape import Action, Count, Outcome, Seconds, Shape, Status, Time


class Recovery(Shape):
    """The keeper has restarted the run."""

    at: Time
    cause: str


class Progress(Shape):
    """How far a run is. `fetched = enqueued + rejected + failed + pending` at the moment `counts_at`."""

    phase: str
    fetched: Count
    enqueued: Count
    rejected: Count
    failed: Count
    pending: Count
    chunks_done: Count
    chunks_total: Count
    batches: Count
    pages: Count
    source_exhausted: bool
    source_total: Count | None
    """What the source itself says that it has."""
    counts_at: Time
    possible_duplicates: Count
    """A bound on the queue messages that may be there twice, of the chunks that are finished."""
    retries: Count
    throttled_seconds: Seconds
    recoveries: list[Recovery]
    waiting_for: Literal["source", "outage"] | None = None
    reason: str | None = None
    """Why the run waits."""
    attempts: Count | None = None
    """Requests to the source since the last page; each failed."""
    wait_until: Time | None = None
    patience_until: Time | None = None
    """When the run gives up, if no page comes until then."""
    changes: str | None = None
    """What has changed of what the run is pinned to."""
    changed_to: str | None = None
    stale: bool | None = None
    """The counts are those of the window's start: the checkpoints could not be read."""


class Rate(Shape):
    """Messages a second that are done: enqueued or rejected."""

    now: Seconds | None
    """Over the last 30 seconds; null if it is not known, or the run stands still."""
    overall: Seconds | None
    """Since the start of the run."""


class Estimate(Shape):
    """How long a run still takes."""

    seconds_left: Seconds | None
    """From `progress.counts_at` on."""
    total: Count | None
    """The messages that the run has in all, as far as that is known."""
    rests_on: str
    """What the estimate is based on, or why there is no estimate."""


class Chunks(Shape):
    """The chunks that have been fetched, in the order of their numbers."""

    total: Count
    per_cell: Annotated[int, Field(ge=1)]
    cells: Annotated[str, Field(max_length=400, pattern="^[dfwp]*$")]
    """d done, w under way, p not yet, f failed; the worst of several counts: f, w, p, d."""


class Reading(Shape):
    """The side of the source."""

    style: str | None
    page_size: Annotated[int, Field(ge=1)] | None
    """The items of a page that the description asks for."""
    page_size_got: Count | None
    """The most items that a page had lately."""
    pages: Count
    refused: Count | None
    """How often the source has asked to be left alone."""
    ended: str | None
    """What has shown that the source has ended."""


class Sending(Shape):
    """The side of the queues."""

    queues: list[str]
    shards: Count
    format: Literal["raw", "envelope", "packed"] | None
    encoding: Literal["base64", "none"] | None
    retries: Count
    throttled_seconds: Seconds


class ChunkFailed(Shape):
    """A chunk of which messages failed."""

    chunk: Count
    failed: Count
    error: str


class Warned(Shape):
    """Something that a person should know, and that has not failed the run."""

    warning: str
    message: str


class Carried(Shape):
    """What became of the watermark of an incremental source."""

    model_config = ConfigDict(extra="allow")


class Report(Shape):
    """What a run has come to."""

    run_id: str | None = None
    attempt: Count | None = None
    window: Count | None = None
    outcome: Outcome
    fetched: Count
    enqueued: Count
    rejected: Count
    failed: Count
    chunks_done: Count
    batches: Count
    source_exhausted: bool
    source_total: Count | None
    pending: Count
    pages: Count
    dropped: Count
    incremental: Carried | None = None
    chunks_failed: Count
    retries: Count
    throttled_seconds: Seconds
    possible_duplicates: Count
    failures: list[ChunkFailed]
    """The first three; `/failures` has them all."""
    warnings: list[Warned]
    redrives: Count
    """Recoveries count as well."""
    recoveries: list[Recovery]
    started_at: Time
    finished_at: Time
    seconds: float
    queues: str | None = None
    error: str | None = None
    """Why the run has failed."""


class Run(Shape):
    """All that is known of a run. What another version of the app has written is null."""

    run_id: str
    source: str | None
    status: Status
    started_at: Time | None
    updated_at: Time | None
    ended_at: Time | None
    actions: list[Action]
    """What can be done with it now, in the order of the buttons."""
    progress: Progress | None
    rate: Rate | None
    estimate: Estimate | None
    chunks: Chunks | None
    reading: Reading | None
    sending: Sending | None
    transactions: PlannedTransactions | None
    """Requests to storage so far."""
    report: Report | None
    error: str | None
