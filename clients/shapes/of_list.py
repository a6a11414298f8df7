"""Shapes of the HTTP API: the list of runs, and the list of sources."""

from clients.shapes.shape import Count, Shape, Status, Time


class Summary(Shape):
    """A run in the list, as of `counts_at`. An entry from an earlier version of the app has no counts."""

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
    """A page of the list of runs, newest first."""

    runs: list[Summary]
    next: str | None
    """Send it as `after` to get the next page, which may have runs even if this page has none. Null at the end."""


class ParameterShown(Shape):
    """A parameter of a source; the caller who starts a run gives its value."""

    allowed: list[str] | None
    pattern: str | None
    """A regular expression that the whole value must match."""
    default: str | None


class SourceShown(Shape):
    """A source that can be run."""

    name: str
    host: str | None
    style: str | None
    description_ok: bool
    problem: str | None
    schedule: str | None
    """An NCRONTAB expression and its time zone."""
    incremental: bool
    parameters: dict[str, ParameterShown]
    next_due: Time | None


class Sources(Shape):
    """The sources, in the order of the sources file."""

    sources: list[SourceShown]
