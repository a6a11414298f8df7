"""Where the design stops scaling: the bounds that a large run passes, and what to change then.

Each number comes from the module that enforces it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ingestion.capacity.capacity import Capacity, Work
from ingestion.fetching.seen import FINGERPRINT_BYTES
from ingestion.run.clean_up import DELETIONS_AT_ONCE
from ingestion.run.timeline import MOST_APPENDS
from ingestion.source.description.source import Source

FINISH_SECONDS = 4 * 570.0  # finish_run has four attempts, each of 95 % of functionTimeout, which is 10 minutes
DELETE_SECONDS = 0.01  # of one request; not measured in Azure
FINGERPRINTS_BYTES = 64 * 1024 * 1024  # of all fingerprints of a run; each fetch reads and writes them
LONG_SECONDS = 24 * 3600.0
MOST_PAGES: int = Source.model_fields["max_pages"].default


class Bound(NamedTuple):
    """A bound that a run passes: its name, what happens then, and what to change."""

    name: str
    then: str
    change: str


def passed(work: Work, found: Capacity) -> Iterator[Bound]:
    """Yield the bounds that a run of this size passes."""
    if work.pages > MOST_PAGES:
        yield Bound(
            "max_pages",
            f"the run fails after {MOST_PAGES:,} pages, the default of max_pages",
            "request larger pages, or raise max_pages of the source",
        )
    fingerprints = 2 * FINGERPRINT_BYTES * work.pages
    if fingerprints > FINGERPRINTS_BYTES:
        yield Bound(
            "fingerprints",
            f"each fetch reads and writes the fingerprints of all pages, {fingerprints / 1e6:,.0f} MB at the end",
            "request larger pages, or read the source in several runs over ranges",
        )
    if 2 * found.windows > MOST_APPENDS:
        yield Bound(
            "timeline",
            f"the timeline takes {MOST_APPENDS:,} lines, and the run has {2 * found.windows:,}; the last are lost",
            "use larger chunks, or more of them in a batch",
        )
    deleting = (2 * found.chunks + found.batches) * DELETE_SECONDS / DELETIONS_AT_ONCE
    if deleting > FINISH_SECONDS:
        yield Bound(
            "clean-up",
            f"deleting the spool takes {deleting / 60:,.0f} min, more than finish_run has; the keeper goes on with it",
            "use larger chunks",
        )
    if found.seconds > LONG_SECONDS and found.limited_by == "source":
        yield Bound(
            "one chain of pages",
            "one run reads one chain of pages, however many workers there are",
            "read the source in several runs over ranges, or with parallel_fetches",
        )
    if found.seconds > LONG_SECONDS and found.limited_by == "windows":
        yield Bound(
            "one orchestrator",
            "windows follow one another, and one orchestrator has work between any two of them",
            "use larger chunks, more of them in a batch, or several runs",
        )
