"""Pages that are fetched in parallel arrive in order, once, with at most the allowed number of requests at a time."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from ingestion.source.client import SourceClient
from ingestion.source.page import Throttled
from tests.sources.fake_api import FakeApi, Pages, said
from tests.sources.reader import Reading, read, reading, refusal

PAGES, SIZE = 40, 5
IDS = list(range(1, PAGES * SIZE + 1))


class Together:
    """Delays answers until `together` requests have arrived, or one for the last page; refuses some of them."""

    def __init__(self, together: int = 1, refused: Collection[int] = (), failed: int | None = None) -> None:
        self.together, self.refused, self.failed = together, set(refused), failed
        self.under_way = self.most = 0
        self.asked: list[int] = []
        self.gathered = asyncio.Condition()

    async def __call__(self, request: web.Request, start: int) -> Any:
        number = start // SIZE + 1
        self.asked.append(number)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        async with self.gathered, asyncio.timeout(5):
            self.gathered.notify_all()
            if 1 < number <= PAGES - self.together:
                await self.gathered.wait_for(lambda: self.most >= self.together)
        self.under_way -= 1
        if number in self.refused:
            self.refused.discard(number)
            return said(429, Retry_After="60")
        return 404 if number == self.failed else None


def described(parallel: int, style: str = "page_number") -> dict[str, Any]:
    return {
        "pagination": {"style": style, "end": {"total": True}},
        "total": "total",
        "parallel_fetches": parallel,
    }


def read_together(together: Together, parallel: int, max_messages: int = 10_000) -> Reading:
    """Return a run that has read all pages."""
    messages, run = read(Pages(IDS[-1], SIZE, together), described(parallel), max_messages=max_messages)
    assert messages == IDS
    return run


@pytest.mark.parametrize(
    ("parallel", "at_once", "max_messages"), [(1, 1, 10_000), (2, 2, 10_000), (8, 8, 10_000), (8, 1, 20)]
)
def test_as_many_as_allowed_are_under_way_and_the_order_is_the_source_s(
    parallel: int, at_once: int, max_messages: int
) -> None:
    together = Together(at_once)
    run = read_together(together, parallel, max_messages)
    assert at_once <= together.most <= parallel
    assert sorted(together.asked) == list(range(1, PAGES + 1)), "each page once, and none that its batch cannot hold"
    assert {batch.count for batch in run.batches} == {min(max_messages, IDS[-1])}


def test_a_refusal_among_parallel_requests_is_waited_for_and_loses_nothing() -> None:
    run = read_together(Together(refused={4, 5, 6}), 4)
    assert any(59 < wait <= 60 for wait in run.waits)


def test_a_page_that_fails_is_an_error_only_when_its_turn_comes() -> None:
    message, run = refusal(Pages(IDS[-1], SIZE, Together(failed=12)), described(8), max_messages=50)
    assert "HTTP 404" in message
    assert run.taken == IDS[:50]


def test_of_the_waits_of_parallel_requests_the_longest_counts() -> None:
    """Although the next page got the shorter wait, and later."""
    begun, shown = asyncio.Event(), asyncio.Event()

    async def page(request: web.Request) -> Any:
        seconds = request.query["seconds"]
        if seconds == "10":
            begun.set()
            await shown.wait()
        return said(429, Retry_After=seconds)

    async def run() -> list[Any]:
        async with reading(FakeApi(page), {}) as going:
            client = SourceClient(going.source, going.http, now=lambda: 0.0)
            short, long = (replace(going.source.base_request(), query={"seconds": each}) for each in ("10", "60"))
            turn = asyncio.create_task(client.get(short))
            await begun.wait()
            first = await client.get(long)
            shown.set()
            return [first, await turn]

    assert asyncio.run(run()) == [Throttled(60.0), Throttled(60.0)]


def test_pages_fetched_ahead_are_dropped_if_the_source_leads_elsewhere() -> None:
    """A page in the middle that is shorter than the first one moves all later offsets."""
    asked: list[int] = []

    def page(request: web.Request) -> Any:
        start = int(request.query["offset"])
        asked.append(start)
        stop = start + (2 if start == 10 else SIZE)
        return {"items": [{"id": one} for one in IDS[start:stop]], "total": IDS[-1]}

    assert read(FakeApi(page), described(4, "offset"), max_messages=10_000)[0] == IDS
    assert {12, 17} <= set(asked)
