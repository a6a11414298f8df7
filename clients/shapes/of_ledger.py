"""Of the shapes of the HTTP API: what the ledger of a run has, and how deep its queues are."""

from typing import Annotated, Literal

from pydantic import Field

from clients.shapes.shape import Count, Shape, Time


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
