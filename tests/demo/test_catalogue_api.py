"""The demo API returns the same ids every time, pages without gaps, and faults on request and by seed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from local.demo.api import application
from local.demo.settings import ApiSettings

Get = Callable[[str], Awaitable[ClientResponse]]


def ask(settings: ApiSettings, question: Callable[[Get], Awaitable[Any]]) -> Any:
    """Return the result of `question` for an API with these settings."""

    async def asked() -> Any:
        async with TestClient(TestServer(application(settings))) as client:
            return await question(client.get)

    return asyncio.run(asked())


async def all_pages(get: Get) -> list[dict[str, Any]]:
    pages, cursor = [], ""
    while cursor is not None:
        pages.append(await (await get(f"/ids?cursor={cursor}")).json())
        cursor = pages[-1]["next_cursor"]
    return pages


async def catalogue(get: Get) -> list[str]:
    return (await (await get("/catalogue")).text()).split()


async def statuses(get: Get, requests: int = 200) -> list[tuple[int, bool]]:
    answers = [await get("/ids?limit=1") for _ in range(requests)]
    return [(answer.status, "Retry-After" in answer.headers) for answer in answers]


def test_the_pages_hold_every_id_of_the_catalogue_once_and_in_order() -> None:
    settings = ApiSettings(ids=25, page_size=10)
    pages = ask(settings, all_pages)
    assert [len(page["items"]) for page in pages] == [10, 10, 5]
    assert {page["total"] for page in pages} == {25}
    ids = [item["id"] for page in pages for item in page["items"]]
    assert ids == ask(settings, catalogue)
    assert len(set(ids)) == 25


def test_the_same_seed_gives_the_same_ids_and_another_seed_none_of_them() -> None:
    first, again, other = (ask(ApiSettings(ids=50, seed=seed), catalogue) for seed in (7, 7, 8))
    assert first == again
    assert not set(first) & set(other)
    assert len({len(name) for name in first + other}) == 1


def test_an_empty_catalogue_is_one_empty_last_page() -> None:
    assert ask(ApiSettings(ids=0), all_pages) == [{"items": [], "next_cursor": None, "total": 0}]


def test_a_limit_above_the_page_size_is_cut_and_nonsense_is_refused() -> None:
    async def question(get: Get) -> tuple[int, list[int]]:
        large = await (await get("/ids?limit=5000")).json()
        refused = [(await get(f"/ids?{query}")).status for query in ("limit=0", "limit=x", "cursor=x", "cursor=bnVsbA")]
        return len(large["items"]), refused

    assert ask(ApiSettings(ids=100, page_size=10), question) == (10, [400] * 4)


def test_failures_have_the_requested_rate_and_the_same_order_for_a_seed() -> None:
    first, again, other = (ask(ApiSettings(failure_rate=0.5, seed=seed), statuses) for seed in (1, 1, 2))
    assert first == again != other
    assert {(200, False), (500, False), (503, False), (503, True)} == set(first)
    assert 70 < sum(status != 200 for status, _ in first) < 130


def test_what_a_run_is_checked_against_never_fails() -> None:
    assert len(ask(ApiSettings(ids=30, failure_rate=0.99, throttle=1), catalogue)) == 30


def test_requests_above_the_limit_get_a_retry_after() -> None:
    answers = ask(ApiSettings(throttle=2), lambda get: statuses(get, 20))
    assert answers[:2] == [(200, False)] * 2
    assert {*answers[2:]} - {(200, False)} == {(429, True)}
