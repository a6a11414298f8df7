"""Of the shapes of the HTTP API: the list of runs, and that of sources."""

from clients.shapes.shape import Count, Shape, Status, Time


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
