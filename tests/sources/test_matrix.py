"""Every pagination style, against a server of its own, to the end and through each of its end signals."""

import asyncio
from typing import Any

import pytest

from local.demo.paging.library import library
from local.demo.paging.listing import Listing
from tests.sources.reader import reading

TOKEN = {"style": "cursor", "read": "meta.next", "send": "cursor"}
ODATA = {"items": "value", "pagination": {"style": "next_url", "read": ["@odata.nextLink"]}}
PAGES = {"style": "page_number", "limit": 10, "send_limit": "per_page"}
OFFSET = {"style": "offset", "limit": 10, "send_limit": "limit"}
KEYSET = {"style": "keyset", "key": "id", "send": "starting_after", "limit": 10, "send_limit": "limit"}
SINCE = {"style": "since", "key": "updated_at", "send": "since", "start": "2024-01-01T00:00:00Z", "overlap": 10.0}
SINCE |= {"limit": 10, "send_limit": "limit"}
RANGE = {"style": "range_header", "limit": 10}
GRAPHQL: dict[str, Any] = {
    "method": "POST",
    "body": {"query": "query($first: Int, $after: String) { orders { pageInfo edges } }"},
    "items": "data.shop.orders.edges",
    "message": "node.id",
    "pagination": {
        "style": "cursor",
        "read": "data.shop.orders.pageInfo.endCursor",
        "send": "body:variables.after",
        "limit": 10,
        "send_limit": "body:variables.first",
        "end": {"more": "data.shop.orders.pageInfo.hasNextPage"},
    },
}
NOTION: dict[str, Any] = {
    "method": "POST",
    "body": {"filter": {"kind": "order"}, "page_size": 10},
    "items": "results",
    "pagination": {"style": "cursor", "read": "next_cursor", "send": "body:page.start_cursor"},
}
SEARCH: dict[str, Any] = {
    "method": "POST",
    "body": {"size": 10, "pit": {"id": "pit--1"}},
    "items": "hits.hits",
    "message": "_id",
    "pagination": {
        "style": "cursor",
        "read": "item:sort",
        "send": "body:search_after",
        "also": [{"read": "pit_id", "send": "body:pit.id"}],
        "end": {"empty": True},
    },
}
HEADERS = [{"read": "header:x-next-row", "send": "NextRowKey"}]
SOLR = {"style": "cursor", "read": "nextCursorMark", "send": "cursorMark", "start": "*", "end": {"repeated": True}}

# name: path, description, how the server says the end
MATRIX: dict[str, tuple[str, dict[str, Any], str]] = {
    "none": ("/single", {"pagination": {"style": "none"}}, ""),
    "link header": ("/link-header?limit=10", {"items": "", "pagination": {"style": "link_header"}}, ""),
    "next url, absolute, absent": ("/next-url/absolute", ODATA, ""),
    "next url, a path, null": ("/next-url/path", ODATA, "null"),
    "next url, relative, empty": ("/next-url/relative", ODATA, "empty"),
    "next url, delta link": ("/next-url/absolute", ODATA, "delta"),
    "next url, the last page names itself": (
        "/next-url/absolute",
        {**ODATA, "pagination": {**ODATA["pagination"], "end": {"repeated": True}}},  # type: ignore[dict-item]
        "repeats",
    ),
    "cursor, absent": ("/cursor", {"pagination": TOKEN}, ""),
    "cursor, null": ("/cursor", {"pagination": TOKEN}, "null"),
    "cursor, empty": ("/cursor", {"pagination": TOKEN}, "empty"),
    "cursor, a text": ("/cursor", {"pagination": {**TOKEN, "end": {"texts": ["", "null"]}}}, "text"),
    "cursor, more is false": ("/cursor", {"pagination": {**TOKEN, "end": {"more": "meta.has_more"}}}, "flag"),
    "cursor, done is true": ("/cursor", {"pagination": {**TOKEN, "end": {"done": "meta.done"}}}, "done"),
    "cursor, always there, empty page": ("/cursor", {"pagination": {**TOKEN, "end": {"empty": True}}}, "always"),
    "cursor, always there, total": (
        "/cursor",
        {"total": "meta.total", "pagination": {**TOKEN, "end": {"total": True}}},
        "always",
    ),
    "cursor, always there, short page": ("/cursor", {"pagination": {**TOKEN, "end": {"short": True}}}, "always"),
    "cursor with a start": ("/cursor", {"pagination": {**TOKEN, "start": "*"}}, ""),
    "cursor in a POST body": ("/cursor-post", NOTION, ""),
    "cursor in headers": (
        "/cursor-header",
        {"pagination": {"style": "cursor", "read": "header:X-Continuation", "send": "header:x-continuation"}},
        "",
    ),
    "cursor in headers, the text null": (
        "/cursor-header",
        {
            "pagination": {
                "style": "cursor",
                "read": "header:X-Continuation",
                "send": "header:x-continuation",
                "end": {"texts": ["null"]},
            }
        },
        "text",
    ),
    "two headers": (
        "/two-headers",
        {
            "pagination": {
                "style": "cursor",
                "read": "header:x-next-partition",
                "send": "NextPartitionKey",
                "also": HEADERS,
            }
        },
        "",
    ),
    "compound continuation": (
        "/continue",
        {"items": "query.pages", "pagination": {"style": "cursor", "read": "continue", "send": "query:*"}},
        "",
    ),
    "a repeated cursor is the end": ("/cursor-mark", {"items": "response.docs", "pagination": SOLR}, ""),
    "search after": ("/search-after", SEARCH, ""),
    "page number, empty page": ("/page-number", {"pagination": PAGES}, ""),
    "page number, 404": ("/page-number", {"pagination": {**PAGES, "end": {"statuses": [404]}}}, "404"),
    "page number, 400": ("/page-number", {"pagination": {**PAGES, "end": {"statuses": [400]}}}, "400"),
    "page number, 204": ("/page-number", {"pagination": {**PAGES, "end": {"statuses": [204]}}}, "204"),
    "page number, flag": ("/page-number", {"pagination": {**PAGES, "end": {"done": "last"}}}, "404"),
    "page number, total pages": (
        "/page-number",
        {"pagination": {**PAGES, "end": {"total_pages": "header:X-Total-Pages"}}},
        "404",
    ),
    "page number, total": ("/page-number", {"total": "total", "pagination": {**PAGES, "end": {"total": True}}}, "404"),
    "offset, empty page": ("/offset", {"pagination": OFFSET}, ""),
    "offset, 422": ("/offset", {"pagination": {**OFFSET, "end": {"statuses": [422]}}}, "422"),
    "offset, total in a header": (
        "/offset",
        {"total": "header:X-Total", "pagination": {**OFFSET, "end": {"total": True}}},
        "400",
    ),
    "offset, short page": ("/offset", {"pagination": {**OFFSET, "end": {"short": True}}}, ""),
    "keyset, more is false": (
        "/keyset",
        {"items": "data", "pagination": {**KEYSET, "order": "ascending", "end": {"more": "has_more"}}},
        "",
    ),
    "keyset, empty page": ("/keyset", {"items": "data", "pagination": KEYSET}, ""),
    "since, nothing new": ("/since", {"pagination": SINCE}, ""),
    "since, done is true": ("/since", {"pagination": {**SINCE, "end": {"done": "end_of_stream"}}}, ""),
    "graphql": ("/graphql", GRAPHQL, ""),
    "range, known size": ("/range", {"items": "", "pagination": RANGE}, ""),
    "range, 416": ("/range", {"items": "", "pagination": RANGE}, "416"),
    "range, all at once": ("/range", {"items": "", "pagination": RANGE}, "whole"),
}


def read(listing: Listing, path: str, description: dict[str, Any], **facts: Any) -> list[Any]:
    async def all_of_it() -> list[Any]:
        async with reading(library(listing), path, description, **facts) as run:
            return await run.all()

    return asyncio.run(all_of_it())


@pytest.mark.parametrize("total", [0, 20, 25])
@pytest.mark.parametrize("name", MATRIX)
def test_every_style_brings_every_id_once_and_in_order_whatever_the_end_looks_like(name: str, total: int) -> None:
    path, description, end = MATRIX[name]
    listing = Listing(total=total, end=end)
    assert read(listing, path, description) == listing.ids()


def test_windows_over_numbers_bring_every_id_although_some_are_gaps() -> None:
    listing = Listing(total=45)
    window = {"pagination": {"style": "window", "start": 0, "stop": 60, "step": 10}}
    expected = [name for n, name in enumerate(listing.ids()) if n % 7 < 5]
    assert read(listing, "/window", window) == expected


@pytest.mark.parametrize("name", ["cursor, absent", "cursor in headers", "graphql", "link header"])
def test_an_empty_page_with_a_next_token_goes_on(name: str) -> None:
    path, description, end = MATRIX[name]
    listing = Listing(total=35, end=end, holes=True)
    assert read(listing, path, description) == listing.ids()


def test_items_that_share_a_time_are_neither_lost_nor_doubled_by_the_overlap() -> None:
    listing = Listing(total=47, ties=4)
    assert read(listing, "/since", {"pagination": SINCE}) == listing.ids()


def test_a_whole_record_can_be_the_message() -> None:
    listing = Listing(total=12)
    assert read(listing, "/offset", {"pagination": OFFSET, "message": ""}) == listing.items(0, 12)
