"""A command during a fetch: its pages so far are kept, and the next fetch continues after them."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from ingestion.errors import HeldBack
from tests.sources.fake_api import CURSOR, FakeApi
from tests.sources.reader import Reading, reading

DESCRIPTION = {"items": "data", "pagination": CURSOR}
ALL = [f"{page}-{index}" for page in range(3) for index in range(3)]


def page(number: int) -> dict[str, Any]:
    following = {"next": str(number + 1)} if number < 2 else {"next": None}
    return {"data": [{"id": f"{number}-{index}"} for index in range(3)], **following}


class Stuck:
    """Answer only after the request is given up; then answer `later`."""

    def __init__(self, later: dict[str, Any]) -> None:
        self.reached, self._later = asyncio.Event(), later

    async def __call__(self, request: web.Request) -> dict[str, Any]:
        if self.reached.is_set():
            return self._later
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


async def held_while(run: Reading, reached: asyncio.Event, command: str = "pause") -> Any:
    """Return the result of a fetch that gets a command at this moment."""
    at_work = asyncio.create_task(run.fetch(0, None))
    await reached.wait()
    run.hold.set(command)
    async with asyncio.timeout(5):
        return await at_work


async def test_a_fetch_that_waits_for_its_first_page_is_held_and_the_next_one_starts_again() -> None:
    stuck = Stuck(page(0))
    async with reading(FakeApi(stuck, stuck, page(1), page(2)), DESCRIPTION) as run:
        with pytest.raises(HeldBack):
            await held_while(run, stuck.reached)
        run.hold.set(None)
        assert await run.all() == ALL


async def test_a_fetch_that_waits_for_a_later_page_commits_those_that_it_has() -> None:
    stuck = Stuck(page(1))
    async with reading(FakeApi(page(0), stuck, stuck, page(2)), DESCRIPTION) as run:
        batch = await held_while(run, stuck.reached)
        assert (batch.count, batch.pages, batch.wait) == (3, 1, None)
        run.hold.set(None)
        assert await run.all() == ALL, "the first fetch returns the batch that was committed"
        assert len(run.batches) == 2


async def test_a_fetch_that_sleeps_keeps_the_wait_that_the_source_named() -> None:
    async def never(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    asleep = asyncio.Event()
    refusal = web.Response(status=429, headers={"Retry-After": "3"})
    async with reading(FakeApi(lambda _: refusal, page(0), page(1), page(2)), DESCRIPTION) as run:
        sleep, run._sleep = run._sleep, never  # type: ignore[method-assign]
        batch = await held_while(run, asleep)
        assert (batch.count, batch.wait_seconds) == (0, 3.0)
        assert batch.next_cursor is not None
        run.hold.set(None)
        run._sleep = sleep  # type: ignore[method-assign]
        assert await run.all() == ALL
