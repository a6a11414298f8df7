"""The shape of every answer and every body of the HTTP API; `docs/openapi.json` is generated from it.

A text under a field says what it is where its name does not. Times are RFC 3339 in UTC, durations are in seconds.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from clients.plan_answer import PlannedTransactions

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Action = Literal["pause", "resume", "cancel", "redrive", "delete"]
Outcome = Literal[
    "failed",
    "cancelled",
    "terminated",
    "completed_with_failures",
    "completed_with_rejects",
    "completed_with_other_total",
    "completed",
]
Status = (
    Outcome
    | Literal["pending", "running", "waiting", "pausing", "paused", "held", "suspended", "cancelling", "ending", "lost"]
)


class Shape(BaseModel):
    """The base of all shapes: nothing is in an answer that is not here."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Problem(Shape):
    """Problem details, as RFC 9457 has them."""

    type: Literal["about:blank"]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    """What is wrong, where, and what to do."""
    field: str
    """The field, parameter, header or app setting; `(body)`, `(storage)` or `(durable)` for the whole of these."""
    allowed: str = ""
    """What it may be, where `detail` does not say it all."""


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
    """Requests to the source since the last page that brought none."""
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
    """On what the estimate rests, or why there is none."""


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


class Summary(Shape):
    """A run in the list: as it was at `counts_at`. An entry of an earlier version of the app has no counts."""

    run_id: str
    source: str
    status: Status
    started_at: Time
    counts_at: Time | None
    ended_at: Time | None
    fetched: Count | None
    enqueued: Count | None
    rejected: Count | None
    failed: Count | None
    pending: Count | None
    source_total: Count | None
    seconds: float | None
    error: str | None


class Runs(Shape):
    """A page of the list of runs, the newest first."""

    runs: list[Summary]
    next: str | None
    """What to send as `after` for the next page, which may have runs even if this one has none; null at the end."""


class FailureGroup(Shape):
    """The chunks that failed for one reason."""

    reason: str
    chunks: Count
    messages: Count
    """That are neither on the queue nor rejected."""
    examples: list[Count]
    """The numbers of the first chunks."""


class Failures(Shape):
    """What has failed of a run, and what a redrive does again."""

    groups: list[FailureGroup]
    next: str | None


class RejectExample(Shape):
    """A message that no queue takes."""

    chunk: Count
    index: Count
    key: str
    payload: str | None = None
    """Its JSON text as it came, 4,000 characters at most; only with `payload=true`."""


class RejectGroup(Shape):
    """The messages that were rejected for one reason."""

    reason: str
    count: Count
    """Of the chunks of this page: add up those of all pages."""
    examples: list[RejectExample]


class Rejected(Shape):
    """What was rejected in some chunks of a run."""

    groups: list[RejectGroup]
    next: str | None


class Queue(Shape):
    """A queue; null where it is not there, or the app may not look."""

    name: str
    depth: Count | None
    """About how many messages wait in it."""
    poison_depth: Count | None


class Queues(Shape):
    """The queues that the source of a run sends to now, 15 seconds old at most."""

    queues: list[Queue]
    depth: Count | None
    poison_depth: Count | None


class TimelinePoint(Shape):
    """The counts of a run at the start of a window, or at its end."""

    at: Time
    seconds: float
    """Since the start of the run."""
    fetched: Count
    enqueued: Count
    rejected: Count
    failed: Count


class TimelineEvent(Shape):
    """Something that has happened to a run."""

    at: Time
    event: Literal[
        "started",
        "redriven",
        "recovered",
        "pause",
        "resume",
        "cancel",
        "held",
        "waiting",
        "source_ended",
        "failed",
        "ended",
    ]
    text: str


class Timeline(Shape):
    """How a run went."""

    points: Annotated[list[TimelinePoint], Field(max_length=400)]
    """Evenly over the time; the first and the last are always there."""
    events: Annotated[list[TimelineEvent], Field(max_length=100)]
    """The newest, the oldest of them first."""
    full: bool
    """Storage takes no more than 50,000 appends, and the timeline has as many: what came later is not in it."""


class ParameterShown(Shape):
    """A parameter of a source, which whoever starts a run gives."""

    allowed: list[str] | None
    pattern: str | None
    """A regular expression that the whole value matches."""
    default: str | None


class SourceShown(Shape):
    """A source that can be run."""

    name: str
    host: str | None
    style: str | None
    description_ok: bool
    problem: str | None
    schedule: str | None
    """NCRONTAB, and its time zone."""
    incremental: bool
    parameters: dict[str, ParameterShown]
    next_due: Time | None


class Sources(Shape):
    """The sources that the sources file describes, in its order."""

    sources: list[SourceShown]


class DurableUrls(Shape):
    """The URLs of Durable Functions; each has the extension's system key."""

    model_config = ConfigDict(extra="allow")

    id: str
    statusQueryGetUri: str
    sendEventPostUri: str
    terminatePostUri: str
    suspendPostUri: str
    resumePostUri: str
    purgeHistoryDeleteUri: str


class Followed(Shape):
    """Where to follow a run, without a key."""

    run_id: str
    status_url: str


class Commanded(Shape):
    """The command stands in the ledger."""

    run_id: str
    command: Literal["pause", "go", "cancel"]


class Deleted(Shape):
    """What was deleted of a run."""

    run_id: str
    instances_deleted: Count
    blobs_deleted: Count


class WatermarkShown(Shape):
    """How far the runs of a source have come; of a token its digest."""

    source: str
    parameters: dict[str, str]
    value: str | None
    moved_by: str | None
    """The run that has moved it; null: a person."""
    moved_at: Time | None
    previous: str | None


class WatermarkGiven(Shape):
    """A watermark that a person sets."""

    value: str | int | float
