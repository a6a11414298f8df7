"""The pace of a source is kept over all requests: those of the next batch, second attempts, redirects, new tokens."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from ingestion.source.client import SourceClient
from ingestion.source.page import Throttled
from tests.sources.one_page import CURSOR, Handler, app_of, served
from tests.sources.reader import Reading, reading

SLOWLY = {"requests_per_second": 0.1}


class Paged:
    """Pages of 10 ids, of which every third request fails where `fails` says how; knows when it was asked."""

    def __init__(self, pages: int = 5, headers: dict[str, str] | None = None, fails: int | None = None) -> None:
        self.pages, self.headers, self.fails = pages, headers or {}, fails
        self.going: Reading | None = None
        self.asked: list[float] = []

    async def page(self, request: web.Request) -> web.Response:
        assert self.going is not None
        self.asked.append(self.going.seconds)
        if self.fails == 302 and "moved" not in request.query:
            return web.json_response({}, status=302, headers={"Location": str(request.url.update_query(moved="1"))})
        if self.fails and self.fails >= 400 and len(self.asked) % 3 == 0:
            return web.json_response({}, status=self.fails)
        number = int(request.query.get("cursor", 0))
        following = number + 1 if number + 1 < self.pages else None
        items = [{"id": number * 10 + one} for one in range(10)]
        return web.json_response({"items": items, "next": following}, headers=self.headers)

    def read(self, max_messages: int = 20, token: Handler | None = None, **table: Any) -> list[Any]:
        async def run() -> list[Any]:
            app = app_of(self.page, **({"token": token} if token else {}))
            facts: dict[str, Any] = {"max_messages": max_messages, "settings": {"A": "a", "B": "b"}}
            async with reading(app, "/", {"pagination": CURSOR, **table}, **facts) as self.going:
                return await self.going.all()

        return asyncio.run(run())

    @property
    def pauses(self) -> list[float]:
        return [round(later - earlier, 3) for earlier, later in zip(self.asked, self.asked[1:], strict=False)]


IDS = list(range(50))


@pytest.mark.parametrize("rate", [0.1, 0.5, 4])
@pytest.mark.parametrize("max_messages", [10, 20, 1000])
def test_a_declared_rate_is_kept_over_the_border_of_batches(rate: float, max_messages: int) -> None:
    paged = Paged()
    assert paged.read(max_messages, throttle={"requests_per_second": rate}) == IDS
    assert paged.pauses == [1 / rate] * 4


@pytest.mark.parametrize("max_messages", [10, 1000])
def test_a_reset_is_waited_for_also_where_a_batch_ends(max_messages: int) -> None:
    paged = Paged(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"})
    assert paged.read(max_messages) == IDS
    assert paged.pauses == [60] * 4
    assert paged.going is not None
    assert paged.going.batches[-1].wait_seconds == 0, "nothing is waited for after the end"


def test_a_short_pause_at_the_end_of_a_batch_is_slept_so_that_the_next_one_is_not_put_off() -> None:
    paged = Paged(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3"})
    assert paged.read(10) == IDS
    assert paged.pauses == [3] * 4
    assert paged.going is not None
    assert {batch.wait_seconds for batch in paged.going.batches} == {0}


@pytest.mark.parametrize("reset", ["900000000", "17000000000000", "9999-12-31T23:59:59Z"])
def test_a_pause_that_no_source_can_mean_is_cut_to_the_most_that_is_waited(reset: str) -> None:
    paged = Paged(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset})
    assert paged.read(1000, throttle={"max_wait_seconds": 3600}) == IDS
    assert paged.pauses == [3600] * 4


@pytest.mark.parametrize("fails", [500, 302])
def test_second_attempts_and_redirects_take_a_turn_each(fails: int) -> None:
    paged = Paged(fails=fails)
    assert paged.read(throttle=SLOWLY) == IDS
    assert len(paged.asked) > 5
    assert min(paged.pauses) >= 10


def test_a_request_with_a_new_token_takes_a_turn() -> None:
    async def token(request: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "expires_in": 3600})

    paged = Paged(fails=401)
    auth = {"kind": "client_credentials", "client_id": "A", "client_secret": "B"}
    assert paged.read(token=token, auth=auth, throttle=SLOWLY) == IDS
    assert len(paged.asked) > 5
    assert min(paged.pauses) >= 10


def test_waiting_for_a_turn_is_none_of_the_time_of_an_answer() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.json_response({"items": [1]})

    async def run() -> list[Any]:
        slow, brief = {"requests_per_second": 1}, {"response_seconds": 0.8}
        async with served(app_of(page), throttle=slow, limits=brief) as (source, http):
            client = SourceClient(source, http)
            return [await client.get(source.base_request()) for _ in range(2)]

    assert [page.items for page in asyncio.run(run())] == [[1], [1]]


def test_a_long_wait_that_another_request_was_told_is_not_slept_by_a_request_under_way() -> None:
    refused, slept = asyncio.Event(), []

    async def page(request: web.Request) -> web.Response:
        if request.query["id"] == "2":
            return web.json_response({}, status=429, headers={"Retry-After": "3600"})
        await refused.wait()
        return web.json_response({}, status=302, headers={"Location": "/?id=2"})

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def run() -> list[Any]:
        async with served(app_of(page), items="") as (source, http):
            client = SourceClient(source, http, sleep, now=lambda: 0.0)
            asked = [replace(source.base_request(), query={"id": name}) for name in ("1", "2")]
            under_way = asyncio.create_task(client.get(asked[0]))
            first = await client.get(asked[1])
            refused.set()
            return [first, await under_way]

    assert asyncio.run(run()) == [Throttled(3600), Throttled(3600)]
    assert slept == []


def test_a_short_wait_is_slept_as_long_as_the_fetch_has_time_and_then_left_to_a_timer() -> None:
    refusals = iter([False, True, True, False])

    async def page(request: web.Request) -> web.Response:
        if next(refusals):
            return web.json_response({}, status=429, headers={"Retry-After": "3"})
        return web.json_response({"items": [{"id": 1}], "next": None if "cursor" in request.query else 1})

    async def run() -> Reading:
        async with reading(app_of(page), "/", {"pagination": CURSOR}, budget_seconds=5.0) as going:
            assert await going.all() == [1, 1]
            return going

    going = asyncio.run(run())
    assert [batch.wait_seconds for batch in going.batches] == [3, 0]
    assert going.seconds == 6
