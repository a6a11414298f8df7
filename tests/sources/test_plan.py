"""What a sample of two pages tells of each style of paging: what leads on, what ends it, and how much there is."""

from typing import Any, cast

import pytest
from azure.storage.blob.aio import ContainerClient

from ingestion.plan.expectation import expected
from ingestion.plan.sample import NotingClient, Sample, read_sample
from ingestion.plan.words import end_of, next_page
from ingestion.settings import load_settings
from tests.app_host import NO_STORAGE
from tests.sources.fake_api import Library, served
from tests.sources.fake_container import FakeContainer

LIMIT = {"limit": 10, "send_limit": "limit"}


async def sampled(path: str, size: int = 55, **description: Any) -> tuple[Sample, FakeContainer]:
    """What a sample of an API of the library shows, and what was written for it."""
    container, settings = FakeContainer(), load_settings({"AzureWebJobsStorage": NO_STORAGE})
    api = Library(path, total=size, page_size=10)
    async with served(api, None, **{"message": "id", **description}) as (source, http):
        client = NotingClient(source, http, patience_seconds=0.0)
        blobs = cast(ContainerClient, container)
        return await read_sample("shop", source, client, blobs, settings, 1000, seconds=60.0), container


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
async def test_a_sample_tells_what_leads_on_what_ends_the_source_and_how_much_it_has(
    path: str, description: dict[str, Any], leads_on: str | None, end: str, size: tuple[int | None, int | None]
) -> None:
    sample, container = await sampled(path, **description)
    assert sample.failure is None
    assert container.blobs == {}
    told = None if sample.following is None else next_page(sample.began, sample.following)
    assert (told is None) == (leads_on is None)
    assert (told or "").startswith(leads_on or "")
    words = end_of(sample.source)
    assert all(part in words for part in end.split(" or "))
    expect = expected(sample, load_settings({"AzureWebJobsStorage": NO_STORAGE}), 1000)
    assert (expect.items, expect.pages) == size
    assert (expect.transactions is None) == (size[0] is None)


async def test_a_sample_of_one_large_answer_counts_all_of_it() -> None:
    sample, _ = await sampled("/single", 2500, pagination={"style": "none"})
    assert [chunk.messages for chunk in sample.chunks] == [1000, 1000, 500]
    assert sample.messages == sum(chunk.posts for chunk in sample.chunks) == 2500
