"""The pace of a source applies to all requests: of the next batch, second attempts, redirects, new tokens."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from ingestion.source.client import SourceClient
from ingestion.source.page import Throttled
from tests.sources.fake_api import OAUTH, FakeApi, Pages, said, served
from tests.sources.reader import read

IDS = list(range(1, 51))


def pauses(api: Pages) -> list[float]:
    return [round(later - earlier, 3) for earlier, later in pairwise(api.times)]


@pytest.mark.parametrize(
    ("throttle", "reset", "pause"),
    [
        *(({"requests_per_second": rate}, "", 1 / rate) for rate in (0.1, 0.5, 4)),
        ({}, "60", 60),
        ({"requests_per_second": 0.1}, "60", 60),  # a wait does not use up a turn
        ({}, "3", 3),  # slept, so that the next batch is not put off
        # What no source can mean is cut to the most that is waited.
        ({"max_wait_seconds": 3600, "requests_per_second": 1e-9}, "", 3600),
        ({"max_wait_seconds": 3600}, "900000000", 3600),
        ({"max_wait_seconds": 3600}, "17000000000000", 3600),
        ({"max_wait_seconds": 3600}, "9999-12-31T23:59:59Z", 3600),
    ],
)
@pytest.mark.parametrize("max_messages", [10, 20, 1000])
def test_a_rate_and_the_resets_of_a_source_are_kept_over_the_border_of_batches(
    throttle: dict[str, Any], reset: str, pause: float, max_messages: int
) -> None:
    api = Pages(X_RateLimit_Remaining="0" if reset else "", X_RateLimit_Reset=reset)
    messages, run = read(api, {"throttle": throttle}, max_messages=max_messages)
    assert (messages, pauses(api)) == (IDS, [pause] * 4)
    waits = [batch.wait_seconds for batch in run.batches]
    assert waits[-1] == 0, "nothing is waited for after the end"
    assert pause > 5 or not any(waits)


@pytest.mark.parametrize("fails", [500, 401, 302])
def test_second_attempts_new_tokens_and_redirects_take_a_turn_each(fails: int) -> None:
    def instead(request: web.Request, start: int) -> Any:
        if fails == 302:
            moved = said(302, Location=str(request.url.update_query(moved="1")))
            return None if "moved" in request.query else moved
        return fails if len(api.asked) % 3 == 0 else None

    api = Pages(instead=instead)
    assert read(api, {"throttle": {"requests_per_second": 0.1}, "auth": OAUTH})[0] == IDS
    assert len(api.asked) > 5
    assert min(pauses(api)) >= 10


def test_waiting_for_a_turn_is_not_part_of_the_answer_s_time() -> None:
    async def run() -> list[Any]:
        slow, brief = {"requests_per_second": 1}, {"response_seconds": 0.8}
        async with served(FakeApi({"items": [1]}), throttle=slow, limits=brief) as (source, http):
            client = SourceClient(source, http)
            return [await client.get(source.base_request()) for _ in range(2)]

    assert [page.items for page in asyncio.run(run())] == [[1], [1]]


def test_a_request_in_flight_does_not_sleep_the_long_wait_of_another_one() -> None:
    refused, slept = asyncio.Event(), []

    async def page(request: web.Request) -> Any:
        if request.query["id"] == "2":
            return said(429, Retry_After="3600")
        await refused.wait()
        return said(302, Location="/?id=2")

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def run() -> list[Any]:
        async with served(FakeApi(page), items="") as (source, http):
            client = SourceClient(source, http, sleep, now=lambda: 0.0)
            asked = [replace(source.base_request(), query={"id": name}) for name in ("1", "2")]
            under_way = asyncio.create_task(client.get(asked[0]))
            first = await client.get(asked[1])
            refused.set()
            return [first, await under_way]

    assert asyncio.run(run()) == [Throttled(3600), Throttled(3600)]
    assert slept == []


def test_a_short_wait_is_slept_as_long_as_the_fetch_has_time_and_then_left_to_a_timer() -> None:
    refusal = said(429, Retry_After="3")
    api = FakeApi({"items": [{"id": 1}], "next": 1}, refusal, refusal, {"items": [{"id": 2}]})
    messages, run = read(api, {}, budget_seconds=5.0)
    assert messages == [1, 2]
    assert [batch.wait_seconds for batch in run.batches] == [3, 0]
    assert run.seconds == 6
