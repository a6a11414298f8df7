"""Shapes of the HTTP API: all that is known about a run."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from clients.shapes.of_plan import PlannedTransactions
from clients.shapes.shape import Action, Count, Outcome, Seconds, Shape, Status, Time


class Recovery(Shape):
    """One time that the keeper restarted the run."""

    at: Time
    cause: str


class Progress(Shape):
    """How far a run is. At the time `counts_at`, `fetched = enqueued + rejected + failed + pending`."""

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
    """How many items the source says that it has."""
    counts_at: Time
    possible_duplicates: Count
    """An upper bound: how many queue messages of finished chunks may be on the queue twice."""
    retries: Count
    throttled_seconds: Seconds
    recoveries: list[Recovery]
    waiting_for: Literal["source", "outage"] | None = None
    reason: str | None = None
    """Why the run waits."""
    attempts: Count | None = None
    """How many requests to the source have failed since the last page."""
    wait_until: Time | None = None
    patience_until: Time | None = None
    """When the run gives up if no page has come."""
    changes: str | None = None
    """What has changed in the description or the settings that the run is pinned to."""
    changed_to: str | None = None
    stale: bool | None = None
    """True if the checkpoints could not be read: the counts are as of the start of the window."""


class Rate(Shape):
    """Messages done (enqueued or rejected) per second."""

    now: Seconds | None
    """Over the last 30 seconds; null if it is unknown, or the run stands still."""
    overall: Seconds | None
    """Since the start of the run."""


class Estimate(Shape):
    """How long the run will still take."""

    seconds_left: Seconds | None
    """Counted from `progress.counts_at`."""
    total: Count | None
    """How many messages the run has in all; null if that is unknown."""
    rests_on: str
    """What the estimate is based on, or why there is no estimate."""


class Chunks(Shape):
    """The fetched chunks, in the order of their numbers."""

    total: Count
    per_cell: Annotated[int, Field(ge=1)]
    cells: Annotated[str, Field(max_length=400, pattern="^[dfwp]*$")]
    """d: done, w: under way, p: not yet, f: failed. A cell of several chunks shows the worst: first f, then w, p, d."""


class Reading(Shape):
    """How the run reads its source."""

    style: str | None
    page_size: Annotated[int, Field(ge=1)] | None
    """The page size in the description."""
    page_size_got: Count | None
    """The largest number of items on a page of the last batch."""
    pages: Count
    refused: Count | None
    """How often the source refused a request and asked the run to wait."""
    ended: str | None
    """How the run knew that the source had ended."""


class Sending(Shape):
    """How the run sends to its queues."""

    queues: list[str]
    shards: Count
    format: Literal["raw", "envelope", "packed"] | None
    encoding: Literal["base64", "none"] | None
    retries: Count
    throttled_seconds: Seconds


class ChunkFailed(Shape):
    """A chunk with failed messages."""

    chunk: Count
    failed: Count
    error: str


class Warned(Shape):
    """Something that a person should know and that did not fail the run."""

    warning: str
    message: str


class Carried(Shape):
    """What the run read of an incremental source, and whether it moved the watermark."""

    model_config = ConfigDict(extra="allow")


class Report(Shape):
    """The result of a run."""

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
    """The first three; `/failures` lists all."""
    warnings: list[Warned]
    redrives: Count
    """Recoveries are included."""
    recoveries: list[Recovery]
    started_at: Time
    finished_at: Time
    seconds: float
    queues: str | None = None
    error: str | None = None
    """Why the run failed."""


class Run(Shape):
    """All that is known about a run. Many fields are null if another version of the app wrote the run's state."""

    run_id: str
    source: str | None
    status: Status
    started_at: Time | None
    updated_at: Time | None
    ended_at: Time | None
    actions: list[Action]
    """The actions that are possible now, in the order of the page's buttons."""
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
