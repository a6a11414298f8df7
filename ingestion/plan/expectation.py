"""The expected cost of a run, from a sample of its source, and a sentence that says what it is based on."""

from math import ceil
from typing import NamedTuple

from ingestion.capacity.capacity import LIMITS, Capacity, Work, capacity
from ingestion.capacity.prices import Money, load_prices
from ingestion.plan.sample import Sample
from ingestion.run.at_work import most_at_once
from ingestion.settings import Settings
from ingestion.transactions import Transactions, backend_of


class Expectation(NamedTuple):
    """The expected cost of a run; if the number of items is unknown, all fields but `rests_on` are None."""

    pages: int | None
    items: int | None
    seconds: float | None
    instances: int | None
    transactions: Transactions | None
    money: Money | None
    rests_on: str


def expected(sample: Sample, settings: Settings, chunk_size: int) -> Expectation:
    """Return the expected cost of a run; `settings` are the app's, with the source's own `messages` keys applied.

    Raise InvalidInput if the price table cannot be used.
    """
    items, pages, why = _size(sample)
    if items is None or pages is None:
        return Expectation(pages, items, None, None, None, None, why)
    prices, work = load_prices(settings.prices), _work(sample, items, pages)
    found = capacity(work, settings, chunk_size=chunk_size, backend=backend_of(), chunks_at_once=most_at_once())
    money = prices.money(found.billed)
    return Expectation(
        pages, items, round(found.seconds, 1), found.instances, found.transactions, money, f"{why}; {_how(work, found)}"
    )


def _work(sample: Sample, items: int, pages: int) -> Work:
    source = sample.source
    return Work(
        ids=items,
        message_bytes=sum(chunk.bytes for chunk in sample.chunks) / max(1, sample.messages),
        pages=pages,
        page_seconds=sum(sample.seconds) / len(sample.seconds),
        pages_at_once=source.parallel_fetches if sample.pages_in_all is not None else 1,
        pages_per_second=source.throttle.requests_per_second,
    )


def _how(work: Work, found: Capacity) -> str:
    """Return, for people, what the estimate of the seconds is based on."""
    how = f"{work.page_seconds:.2f} s a page" + (f", {work.pages_at_once} at once" if work.pages_at_once > 1 else "")
    if work.pages_per_second is not None:
        how += f", {work.pages_per_second:g} requests a second at most"
    return f"{how}; {found.puts:,} queue messages; limited by {LIMITS[found.limited_by]}"


def _size(sample: Sample) -> tuple[int | None, int | None, str]:
    """Return how many items and pages the source has, and how that is known."""
    read, pages = sum(sample.counts), len(sample.counts)
    page = sample.counts[0] if sample.counts else 0
    if not pages:
        return None, None, "no page came"
    if sample.windows > 1:
        return None, None, f"a run reads its range in {sample.windows} windows, and the plan read only the first"
    if sample.ended:
        return read, pages, "the source ended within the pages that the plan read"
    if not page:
        return None, None, "the first page has no items, and more pages follow"
    if sample.total is not None:
        return sample.total, max(pages, ceil(sample.total / page)), f"the source's own total, in pages of {page:,}"
    if sample.pages_in_all is not None:
        return sample.pages_in_all * page, sample.pages_in_all, f"{sample.pages_in_all:,} pages like the first one"
    return None, None, f"the source does not say how many items it has; its first page has {page:,}"
