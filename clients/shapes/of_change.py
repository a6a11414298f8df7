"""Shapes of the HTTP API: the answers to a start, a command and a deletion, and watermarks."""

from typing import Literal

from pydantic import ConfigDict

from clients.shapes.shape import Count, Shape, Time


class DurableUrls(Shape):
    """The URLs of Durable Functions; each contains the system key of the Durable extension."""

    model_config = ConfigDict(extra="allow")

    id: str
    statusQueryGetUri: str
    sendEventPostUri: str
    terminatePostUri: str
    suspendPostUri: str
    resumePostUri: str
    purgeHistoryDeleteUri: str


class Followed(Shape):
    """The URL to follow a run; it contains no key."""

    run_id: str
    status_url: str


class Commanded(Shape):
    """A command that the app has written to the ledger."""

    run_id: str
    command: Literal["pause", "go", "cancel"]


class Deleted(Shape):
    """What was deleted of a run."""

    run_id: str
    instances_deleted: Count
    blobs_deleted: Count


class WatermarkShown(Shape):
    """How far the runs of a source have come. Instead of a token, the answer has its digest."""

    source: str
    parameters: dict[str, str]
    value: str | None
    moved_by: str | None
    """The run that gave the value; null if a person gave it, or nobody yet."""
    moved_at: Time | None
    previous: str | None


class WatermarkGiven(Shape):
    """A watermark that a person sets."""

    value: str | int | float
