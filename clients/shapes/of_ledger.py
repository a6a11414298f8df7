"""Shapes of the HTTP API: the contents of a run's ledger, and the depth of its queues."""

from typing import Annotated, Literal

from pydantic import Field

from clients.shapes.shape import Count, Shape, Time


class FailureGroup(Shape):
    """The chunks that failed for one reason."""

    reason: str
    chunks: Count
    messages: Count
    """Messages that are neither on the queue nor rejected."""
    examples: list[Count]
    """The numbers of the first three chunks."""


class Failures(Shape):
    """The failed chunks of a run, and the chunks that a redrive has yet to send again."""

    groups: list[FailureGroup]
    next: str | None


class RejectExample(Shape):
    """A message that no queue takes."""

    chunk: Count
    index: Count
    key: str
    payload: str | None = None
    """The JSON text from the source, at most 4,000 characters; only with `payload=true`."""


class RejectGroup(Shape):
    """The messages that were rejected for one reason."""

    reason: str
    count: Count
    """The number on this page. Add up all pages to get the number in the run."""
    examples: list[RejectExample]


class Rejected(Shape):
    """A page of the rejects of a run."""

    groups: list[RejectGroup]
    next: str | None


class Queue(Shape):
    """A queue. A depth is null if there is no such queue, or the app may not read the queue."""

    name: str
    depth: Count | None
    """About how many messages wait in it."""
    poison_depth: Count | None


class Queues(Shape):
    """The queues that the source of a run sends to now; the depths are at most 15 seconds old."""

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
    """Spread evenly over time; the first and the last point are always there."""
    events: Annotated[list[TimelineEvent], Field(max_length=100)]
    """The newest events, in the order in which they happened."""
    full: bool
    """True if storage accepts no more appends to the timeline (after 50,000): later windows and events are missing."""
