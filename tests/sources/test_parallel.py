"""Pages that are asked for in parallel come in order, once, and no more of them than allowed are under way."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from ingestion.source.client import SourceClient
from ingestion.source.page import Throttled
from local.demo.paging.listing import Listing
from tests.sources.one_page import CURSOR, app_of
from tests.sources.reader import Reading, reading

LISTING = Listing(total=200, page_size=5)


class Server:
    """Pages by number. Answers are kept back until `together` requests have come, or the last page is asked for."""

    def __init__(self, together: int = 1, refuse: frozenset[int] = frozenset(), fail: int | None = None) -> None:
        self.together, self.refuse, self.fail = together, set(refuse), fail
        self.under_way = self.most = 0
        self.asked: list[int] = []
        self.gathered = asyncio.Condition()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self.page)
        return app

    async def page(self, request: web.Request) -> web.Response:
        number = int(request.query["page"])
        self.asked.append(number)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self._meet(number)
        finally:
            self.under_way -= 1
        if number in self.refuse:
            self.refuse.discard(number)
            return web.json_response({}, status=429, headers={"Retry-After": "60"})
        if number == self.fail:
            return web.json_response({}, status=404)
        start = (number - 1) * LISTING.page_size
        return web.json_response({"items": LISTING.items(start, start + LISTING.page_size), "total": LISTING.total})

    async def _meet(self, number: int) -> None:
        async with self.gathered:
            self.gathered.notify_all()
            if number > 1 and number + self.together <= LISTING.total // LISTING.page_size:
                async with asyncio.timeout(5):
                    await self.gathered.wait_for(lambda: self.most >= self.together)


def read(server: Server, parallel: int, **facts: Any) -> tuple[list[Any], Reading]:
    async def run() -> tuple[list[Any], Reading]:
        style = {"style": "page_number", "send": "page", "end": {"total": True}}
        table = {"pagination": style, "total": "total", "parallel_fetches": parallel}
        async with reading(server.app(), "/", table, **facts) as run:
            return await run.all(), run

    return asyncio.run(run())


@pytest.mark.parametrize("parallel", [2, 8])
def test_as_many_as_allowed_are_under_way_and_the_order_is_the_source_s(parallel: int) -> None:
    server = Server(together=parallel)
    messages, _ = read(server, parallel, max_messages=10_000)
    assert messages == LISTING.ids()
    assert server.most == parallel
    assert sorted(server.asked) == list(range(1, 41)), "each page once"


def test_one_at_a_time_is_one_at_a_time() -> None:
    server = Server()
    assert read(server, 1)[0] == LISTING.ids()
    assert server.most == 1


def test_no_page_is_asked_for_that_its_batch_cannot_hold() -> None:
    server = Server()
    messages, run = read(server, 8, max_messages=20)
    assert messages == LISTING.ids()
    assert {batch.count for batch in run.batches} == {20}
    assert sorted(server.asked) == list(range(1, 41))


def test_a_refusal_among_parallel_requests_is_waited_for_and_loses_nothing() -> None:
    server = Server(refuse=frozenset({4, 5, 6}))
    messages, run = read(server, 4, max_messages=10_000)
    assert messages == LISTING.ids()
    assert any(59 < wait <= 60 for wait in run.waits)


def test_of_the_waits_that_parallel_requests_are_told_the_longest_counts() -> None:
    """Though the page whose turn it is was told the shorter one, and later."""
    begun, told = asyncio.Event(), asyncio.Event()

    async def page(request: web.Request) -> web.Response:
        seconds = request.query["seconds"]
        if seconds == "10":
            begun.set()
            await told.wait()
        return web.json_response({}, status=429, headers={"Retry-After": seconds})

    async def run() -> list[Any]:
        async with reading(app_of(page), "/", {"pagination": CURSOR}) as going:
            client = SourceClient(going.source, going.http, now=lambda: 0.0)
            short, long = (replace(going.source.base_request(), query={"seconds": each}) for each in ("10", "60"))
            turn = asyncio.create_task(client.get(short))
            await begun.wait()
            first = await client.get(long)
            told.set()
            return [first, await turn]

    assert asyncio.run(run()) == [Throttled(60.0), Throttled(60.0)]


def test_a_page_that_fails_is_an_error_only_when_its_turn_comes() -> None:
    with pytest.raises(SourceRefused, match="HTTP 404"):
        read(Server(fail=12), 8, max_messages=10_000)


def test_where_the_source_goes_another_way_than_was_told_what_was_asked_for_is_dropped() -> None:
    """A page in the middle that is shorter than the first one moves all later offsets."""
    short = {10: 2}
    asked: list[int] = []

    async def page(request: web.Request) -> web.Response:
        start = int(request.query["offset"])
        asked.append(start)
        return web.json_response({"items": LISTING.items(start, start + short.get(start, 5)), "total": LISTING.total})

    async def run() -> list[Any]:
        app = web.Application()
        app.router.add_get("/", page)
        style = {"style": "offset", "send": "offset", "end": {"total": True}}
        table = {"pagination": style, "total": "total", "parallel_fetches": 4}
        async with reading(app, "/", table, max_messages=10_000) as going:
            return await going.all()

    assert asyncio.run(run()) == LISTING.ids()
    assert {12, 17} <= set(asked)
