"""The sample of two pages in each style of paging: the next page, the end, and the total."""

import asyncio
from typing import Any, cast

import httpx
import pytest
from aiohttp import web
from azure.storage.blob.aio import ContainerClient
from hypothesis import HealthCheck, given, settings

from ingestion.errors import OutOfTime
from ingestion.plan.expectation import expected
from ingestion.plan.problem import problems_of
from ingestion.plan.sample import NotingClient, Sample, read_sample
from ingestion.plan.words import end_of, next_page
from ingestion.settings import load_settings
from tests.app_host import NO_STORAGE
from tests.sources.drawn.description import described
from tests.sources.drawn.server import HOST, World
from tests.sources.fake_api import FakeApi, Library, Pages, said, served, source_at
from tests.sources.fake_container import FakeContainer
from tests.sources.test_drawn import may_be_refused, worlds

SETTINGS = load_settings({"AzureWebJobsStorage": NO_STORAGE})

LIMIT = {"limit": 10, "send_limit": "limit"}


async def sampled(path: str, size: int = 55, **description: Any) -> tuple[Sample, FakeContainer]:
    """Return the sample of an API of the library, and what was written for it."""
    container = FakeContainer()
    api = Library(path, total=size, page_size=10)
    async with served(api, None, **{"message": "id", **description}) as (source, http):
        client = NotingClient(source, http, patience_seconds=0.0)
        blobs = cast(ContainerClient, container)
        return await read_sample("shop", source, client, blobs, SETTINGS, 1000, seconds=60.0), container


@pytest.mark.parametrize(
    ("path", "description", "leads_on", "end", "size"),
    [
        ("/page-number", {"pagination": {"style": "page_number"}, "total": "total"}, "page = 2",
         "a page without items", (55, 6)),
        ("/page-number", {"pagination": {"style": "page_number", "end": {"total_pages": "header:X-Total-Pages"}}},
         "page = 2", "a page without items or as many pages as header:X-Total-Pages says", (60, 6)),
        ("/offset", {"pagination": {"style": "offset", **LIMIT}}, "offset = 10", "a page without items", (None, None)),
        ("/link-header", {"pagination": {"style": "link_header"}, "items": ""},
         "the address that the page gives, with page_info = MTA=, limit = 10", 'a page without a Link with rel="next"',
         (None, None)),
        ("/next-url/relative", {"pagination": {"style": "next_url", "read": ["@odata.nextLink"]}, "items": "value",
                                "total": "count"},
         "the address that the page gives, with skiptoken = MTA=, limit = 10",
         "a page without an address at @odata.nextLink", (55, 6)),
        ("/range", {"pagination": {"style": "range_header", "limit": 10}, "items": ""}, "header:Range = items=10-19",
         "the last range, as Content-Range says", (55, 6)),
        ("/keyset", {"pagination": {"style": "keyset", "send": "starting_after", "end": {"more": "has_more"}},
                     "items": "data"},
         "starting_after = order-000000009-", "a page without items or a page on which has_more is false",
         (None, None)),
        ("/window", {"pagination": {"style": "window", "stop": 50, "step": 10}}, "from = 10, to = 20",
         "the end of the range, 50", (40, 5)),
        ("/since", {"pagination": {"style": "since", "end": {"done": "end_of_stream"}}}, "since = 2024-01-01T00:01:30Z",
         "a page without items or a page with nothing beyond the latest value or a page on which end_of_stream is true",
         (None, None)),
        ("/single", {"pagination": {"style": "none"}}, None, "the one answer", (55, 1)),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("/") else "",
)  # fmt: skip
async def test_a_sample_has_the_next_page_the_end_and_the_total(
    path: str, description: dict[str, Any], leads_on: str | None, end: str, size: tuple[int | None, int | None]
) -> None:
    sample, container = await sampled(path, **description)
    assert sample.failure is None
    assert container.blobs == {}
    shown = None if sample.following is None else next_page(sample.began, sample.following)
    assert (shown is None) == (leads_on is None)
    assert (shown or "").startswith(leads_on or "")
    words = end_of(sample.source)
    assert all(part in words for part in end.split(" or "))
    expect = expected(sample, SETTINGS, 1000)
    assert (expect.items, expect.pages) == size
    assert (expect.transactions is None) == (size[0] is None)


async def test_a_sample_of_one_large_answer_counts_all_of_it() -> None:
    sample, _ = await sampled("/single", 2500, pagination={"style": "none"})
    assert [chunk.messages for chunk in sample.chunks] == [1000, 1000, 500]
    assert sample.messages == sum(chunk.posts for chunk in sample.chunks) == 2500


async def test_a_source_that_answers_too_late_is_given_up_in_time() -> None:
    async def late(request: web.Request) -> dict[str, Any]:
        await asyncio.sleep(60)
        return {"items": [{"id": 1}], "next": None}

    async with served(FakeApi(late), None, message="id") as (source, http):
        client = NotingClient(source, http, patience_seconds=900.0)
        sample = await read_sample("shop", source, client, None, SETTINGS, 1000, seconds=0.2)
    assert isinstance(sample.failure, OutOfTime)
    assert [problem.field for problem in problems_of(sample, SETTINGS, None, "file: shop")] == ["file: shop.url"]


async def test_a_source_that_allows_no_second_request_yet_is_planned_by_its_first_page() -> None:
    slow = {"total": "total", "throttle": {"requests_per_second": 0.1}}
    async with served(Pages(), None, message="id", **slow) as (source, http):
        client = NotingClient(source, http, patience_seconds=900.0)
        sample = await read_sample("shop", source, client, None, SETTINGS, 1000, seconds=60.0)
    assert (sample.counts, sample.failure) == ([10], None)
    assert problems_of(sample, SETTINGS, None, "file: shop") == []
    expect = expected(sample, SETTINGS, 1000)
    assert (expect.items, expect.pages) == (50, 5)
    assert expect.seconds is not None
    assert 40 <= expect.seconds <= 45  # five requests, ten seconds apart


async def test_a_plan_sleeps_a_short_wait_of_the_source_and_requests_the_page_again() -> None:
    pages = Pages()
    refused: list[int] = []

    def instead(request: web.Request, start: int) -> Any:
        if start == 10 and not refused:
            refused.append(start)
            return said(429, Retry_After="1")(request)
        return None

    pages.instead = instead
    async with served(pages, None, message="id") as (source, http):
        client = NotingClient(source, http, patience_seconds=900.0)
        sample = await read_sample("shop", source, client, None, SETTINGS, 1000, seconds=60.0)
    assert (sample.counts, refused) == ([10, 10], [10])


@settings(max_examples=200, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(worlds())
def test_a_plan_of_a_source_that_is_rightly_described_finds_no_problem_and_counts_no_more_than_it_has(
    world: World,
) -> None:
    async def plan() -> Sample:
        source = source_at(HOST, **described(world))
        async with httpx.AsyncClient(transport=httpx.MockTransport(world.answer)) as http:
            client = NotingClient(source, http, patience_seconds=0.0)
            return await read_sample("shop", source, client, None, SETTINGS, 1000, seconds=60.0)

    sample = asyncio.run(plan())
    assert len(sample.counts) <= 2
    if sample.failure is None:
        found = [each for each in problems_of(sample, SETTINGS, None, "shop") if each.field != "shop.items"]
        assert found == [], world
        assert sample.messages <= len(world.ids) or world.end == "last again"
    else:
        assert may_be_refused(world), (sample.failure, world)
