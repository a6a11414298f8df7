"""A fetch that is killed at any point, and run again, loses no id and brings none twice."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from local.demo.paging.library import library
from local.demo.paging.listing import Listing
from tests.sources.fake_container import FakeContainer
from tests.sources.reader import Reading, reading, reading_at

MOST_POINTS = 400
CURSOR: dict[str, Any] = {"pagination": {"style": "cursor", "read": "meta.next", "send": "cursor"}}
SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "cursors": ("/cursor?limit=5", CURSOR),
    "repeats dropped": ("/cursor?limit=5", {**CURSOR, "repeats": "drop"}),
    "one response, cut into batches": ("/single", {"pagination": {"style": "none"}}),
    "times": ("/since?limit=5", {"pagination": {"style": "since", "start": "2024-01-01T00:00:00Z", "overlap": 10.0}}),
    "expired and resumed": (
        "/trouble/expiring/410",
        {
            "pagination": {"style": "cursor", "read": "next", "send": "cursor"},
            "expiry": {"then": "resume", "key": "id", "send": "since_id"},
        },
    ),
    "expired and restarted": (
        "/trouble/expiring/410",
        {"pagination": {"style": "cursor", "read": "next", "send": "cursor"}, "expiry": {"then": "restart"}},
    ),
}


class Killed(BaseException):
    """The process ends here: nothing may catch it."""


class Countdown:
    """Kills at the `point`-th step of storage or source, once."""

    def __init__(self, point: int) -> None:
        self.left = point

    def __call__(self, operation: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed(operation)


async def until_it_ends(run: Reading) -> list[Any]:
    """All messages of a run whose fetches are started again, from the last cursor, whenever one is killed."""
    cursor = None
    for index in range(100):
        try:
            batch = await run.fetch(index, cursor)
        except Killed:
            batch = await run.fetch(index, cursor)
        run.batches.append(batch)
        cursor = batch.next_cursor
        if cursor is None:
            return [message for batch in run.batches for message in run.messages(batch)]
    raise AssertionError("no end")


@pytest.mark.parametrize("name", SOURCES)
def test_killing_a_fetch_at_any_point_loses_no_id_and_brings_none_twice(name: str) -> None:
    path, description = SOURCES[name]
    listing = Listing(total=17, page_size=100 if path == "/single" else 5)

    async def killed_everywhere() -> int:
        async with TestServer(library(listing)) as server:
            for point in range(1, MOST_POINTS):
                countdown = Countdown(point)
                container = FakeContainer(before=countdown, after=countdown)
                url = server.make_url(path).update_query(run=point)
                async with reading_at(url, description, container=container, chunk_size=3, max_messages=6) as run:
                    run.http.event_hooks = {"request": [_step(countdown)], "response": [_step(countdown)]}
                    assert await until_it_ends(run) == listing.ids(), f"killed at step {point}"
                if countdown.left > 0:
                    return point
        raise AssertionError("the steps never ended")

    assert asyncio.run(killed_everywhere()) > 20


def test_two_copies_of_one_fetch_agree_on_what_the_first_one_committed() -> None:
    listing = Listing(total=60)

    async def both() -> None:
        async with reading(library(listing), "/cursor", CURSOR) as run:
            first, second = await asyncio.gather(run.fetch(0, None), run.fetch(0, None))
            assert first == second
            assert run.messages(first) == listing.ids()[:20]

    asyncio.run(both())


def test_a_page_that_comes_differently_after_a_kill_is_refused_instead_of_mixed() -> None:
    answers = iter([[f"a{n}" for n in range(60)], [f"b{n}" for n in range(60)]])

    async def single(request: web.Request) -> web.Response:
        return web.json_response({"items": [{"id": name} for name in next(answers)]})

    app = web.Application()
    app.router.add_get("/", single)

    async def changed() -> None:
        commits = 0

        def kill_at_second_commit(operation: str) -> None:
            nonlocal commits
            commits += operation == "commit"
            if commits == 2:
                commits = 100
                raise Killed

        container = FakeContainer(before=kill_at_second_commit)
        table = {"pagination": {"style": "none"}}
        async with reading(app, "/", table, container=container, chunk_size=3, max_messages=6) as run:
            with pytest.raises(Killed):
                await run.fetch(0, None)
            first = await run.fetch(0, None)
            assert run.messages(first) == [f"a{n}" for n in range(12)]
            await run.fetch(1, first.next_cursor)

    with pytest.raises(Exception, match="came differently"):
        asyncio.run(changed())


def _step(countdown: Countdown) -> Callable[[Any], Any]:
    async def step(_: Any) -> None:
        countdown("request or response")

    return step
