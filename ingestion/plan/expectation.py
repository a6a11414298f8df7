"""How many pages, items, seconds and transactions a run is expected to take, and the sentence that this rests on."""

from math import ceil
from typing import NamedTuple

from ingestion.plan.sample import Sample
from ingestion.sending.rate import FIRST_PER_SECOND
from ingestion.settings import Settings
from ingestion.transactions import Transactions, queue_messages, transactions

START_AND_END_SECONDS = 2.0  # of a run that does nothing else


class Expectation(NamedTuple):
    """What a run is expected to take; None where nothing tells how many items there are."""

    pages: int | None
    items: int | None
    seconds: float | None
    transactions: Transactions | None
    rests_on: str


def expected(sample: Sample, settings: Settings, chunk_size: int) -> Expectation:
    """Return what a run is expected to take; `settings` are those that the messages of the source are sent with."""
    items, pages, why = _size(sample)
    if items is None or pages is None:
        return Expectation(pages, items, None, None, why)
    source, mean = sample.source, sum(sample.seconds) / len(sample.seconds)
    at_once = source.parallel_fetches if sample.pages_in_all is not None else 1
    reading = pages * mean / min(at_once, max(1, pages))
    paced = source.throttle.requests_per_second
    if paced is not None:
        reading = max(reading, (pages - 1) / paced)
    size = sum(chunk.bytes for chunk in sample.chunks) / max(1, sample.messages)
    per_chunk = max(1, min(chunk_size, int(settings.chunk_bytes / max(1.0, size))))
    batches = max(1, ceil(items / (chunk_size * settings.chunks_per_batch)), ceil(reading / settings.fetch_seconds))
    chunks = ceil(items / per_chunk) if items <= per_chunk else max(batches, ceil(items / per_chunk))
    posts = queue_messages(items, chunks, settings, size)
    rate = FIRST_PER_SECOND * len(settings.shards)
    if settings.max_messages_per_second:
        rate = min(rate, settings.max_messages_per_second)
    sending = posts / rate
    # The first batch is read before anything is sent, and the last is sent when everything is read.
    seconds = START_AND_END_SECONDS + max(reading, sending) + min(reading, sending) / batches
    found = transactions(
        queue_messages=posts,
        chunks=chunks,
        batches=batches,
        windows=batches + 1,
        seconds=seconds,
        queues=len(settings.shards),
        checkpoint_messages=settings.checkpoint_messages,
        has_ceiling=settings.max_messages_per_second > 0,
    )
    how = f"{mean:.2f} s a page" + (f", {at_once} at once" if at_once > 1 else "")
    if paced is not None:
        how += f", {paced:g} requests a second at most"
    return Expectation(
        pages,
        items,
        round(seconds, 1),
        found,
        f"{why}; {how}; {posts:,} queue messages at {rate:,.0f} a second from one worker that has them to itself",
    )


def _size(sample: Sample) -> tuple[int | None, int | None, str]:
    """Return how many items and pages the source has, and what tells it."""
    read, pages = sum(sample.counts), len(sample.counts)
    page = sample.counts[0] if sample.counts else 0
    if not pages:
        return None, None, "no page came"
    if sample.windows > 1:
        return None, None, f"a run reads its range in {sample.windows} windows, and only the first was looked at"
    if sample.ended:
        return read, pages, "the source has ended within the pages that were read"
    if not page:
        return None, None, "the first page has no items, and others follow it"
    if sample.total is not None:
        return sample.total, max(pages, ceil(sample.total / page)), f"the source's own total, in pages of {page:,}"
    if sample.pages_in_all is not None:
        return sample.pages_in_all * page, sample.pages_in_all, f"{sample.pages_in_all:,} pages like the first one"
    return None, None, f"the source does not tell how many items it has; its first page has {page:,}"
