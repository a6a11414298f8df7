"""A source that trickles: the fetch ends in its time, with what came whole."""

import asyncio

import pytest
from aiohttp import web

from ingestion.errors import OutOfTime
from tests.sources.one_page import CURSOR, app_of
from tests.sources.reader import reading

SECONDS = 0.3


def trickling(trickles: str) -> web.Application:
    """Two pages of two items; the one that `trickles` (its cursor) never comes to its end."""

    async def page(request: web.Request) -> web.StreamResponse:
        cursor = request.query.get("cursor", "")
        if cursor != trickles:
            return web.json_response({"items": [{"id": 1}, {"id": 2}], "next": "" if cursor else "two"})
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"items": [')
        while True:
            await response.write(b'{"id": 3}, ')
            await asyncio.sleep(0.01)

    return app_of(page)


def test_a_page_that_trickles_is_given_up_in_time_and_the_next_fetch_begins_with_it() -> None:
    async def scenario() -> None:
        async with reading(trickling("two"), "/", {"pagination": CURSOR}, last_page_seconds=SECONDS) as run:
            batch = await run.fetch(0, None)
            assert (batch.pages, batch.count, run.messages(batch)) == (1, 2, [1, 2])
            run.batches.append(batch)
            with pytest.raises(OutOfTime, match="get one page of the source"):
                await run.fetch(1, batch.next_cursor)

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_source_of_which_not_one_page_comes_in_time_is_an_attempt_that_failed() -> None:
    async def scenario() -> None:
        async with reading(trickling(""), "/", {"pagination": CURSOR}, last_page_seconds=SECONDS) as run:
            with pytest.raises(OutOfTime, match="or functionTimeout"):
                await run.fetch(0, None)
            assert run.container.blobs == {}

    asyncio.run(asyncio.wait_for(scenario(), 30))
