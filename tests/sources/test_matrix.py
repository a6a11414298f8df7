"""Every pagination style against its server, to the end, with each of its end signals."""

from typing import Any

import pytest

from tests.sources.fake_api import Library
from tests.sources.reader import read

TOKEN = {"style": "cursor", "read": "meta.next", "send": "cursor"}
ODATA = {"style": "next_url", "read": ["@odata.nextLink"]}
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
HEADERS = {"style": "cursor", "read": "header:X-Continuation", "send": "header:x-continuation"}
ROW = {"read": "header:x-next-row", "send": "NextRowKey"}
TWO_HEADERS = {"style": "cursor", "read": "header:x-next-partition", "send": "NextPartitionKey", "also": [ROW]}
CONTINUE = {"style": "cursor", "read": "continue", "send": "query:*"}
SOLR = {"style": "cursor", "read": "nextCursorMark", "send": "cursorMark", "start": "*"}
MORE = {"more": "has_more"}


def paged(style: dict[str, Any], **table: Any) -> dict[str, Any]:
    """Return a description; `end` goes into its pagination."""
    end = {"end": table.pop("end")} if "end" in table else {}
    return {**table, "pagination": {**style, **end}}


# name: path, description, how the server says the end
MATRIX: dict[str, tuple[str, dict[str, Any], str]] = {
    "none": ("/single", paged({"style": "none"}), ""),
    "link header": ("/link-header?limit=10", paged({"style": "link_header"}, items=""), ""),
    "next url, absolute, absent": ("/next-url/absolute", paged(ODATA, items="value"), ""),
    "next url, a path, null": ("/next-url/path", paged(ODATA, items="value"), "null"),
    "next url, relative, empty": ("/next-url/relative", paged(ODATA, items="value"), "empty"),
    "next url, delta link": ("/next-url/absolute", paged(ODATA, items="value"), "delta"),
    "next url, the last page names itself": (
        "/next-url/absolute",
        paged(ODATA, items="value", end={"repeated": True}),
        "repeats",
    ),
    "cursor, absent": ("/cursor", paged(TOKEN), ""),
    "cursor, null": ("/cursor", paged(TOKEN), "null"),
    "cursor, empty": ("/cursor", paged(TOKEN), "empty"),
    "cursor, a text": ("/cursor", paged(TOKEN, end={"texts": ["", "null"]}), "text"),
    "cursor, more is false": ("/cursor", paged(TOKEN, end={"more": "meta.has_more"}), "flag"),
    "cursor, done is true": ("/cursor", paged(TOKEN, end={"done": "meta.done"}), "done"),
    "cursor, always there, empty page": ("/cursor", paged(TOKEN, end={"empty": True}), "always"),
    "cursor, always there, total": ("/cursor", paged(TOKEN, total="meta.total", end={"total": True}), "always"),
    "cursor, always there, short page": ("/cursor", paged(TOKEN, end={"short": True}), "always"),
    "cursor with a start": ("/cursor", paged({**TOKEN, "start": "*"}), ""),
    "cursor in a POST body": ("/cursor-post", NOTION, ""),
    "cursor in headers": ("/cursor-header", paged(HEADERS), ""),
    "cursor in headers, the text null": ("/cursor-header", paged(HEADERS, end={"texts": ["null"]}), "text"),
    "two headers": ("/two-headers", paged(TWO_HEADERS), ""),
    "compound continuation": ("/continue", paged(CONTINUE, items="query.pages"), ""),
    "a repeated cursor is the end": ("/cursor-mark", paged(SOLR, items="response.docs", end={"repeated": True}), ""),
    "search after": ("/search-after", SEARCH, ""),
    "page number, empty page": ("/page-number", paged(PAGES), ""),
    "page number, 404": ("/page-number", paged(PAGES, end={"statuses": [404]}), "404"),
    "page number, 400": ("/page-number", paged(PAGES, end={"statuses": [400]}), "400"),
    "page number, 204": ("/page-number", paged(PAGES, end={"statuses": [204]}), "204"),
    "page number, flag": ("/page-number", paged(PAGES, end={"done": "last"}), "404"),
    "page number, total pages": ("/page-number", paged(PAGES, end={"total_pages": "header:X-Total-Pages"}), "404"),
    "page number, total": ("/page-number", paged(PAGES, total="total", end={"total": True}), "404"),
    "offset, empty page": ("/offset", paged(OFFSET), ""),
    "offset, 422": ("/offset", paged(OFFSET, end={"statuses": [422]}), "422"),
    "offset, total in a header": ("/offset", paged(OFFSET, total="header:X-Total", end={"total": True}), "400"),
    "offset, short page": ("/offset", paged(OFFSET, end={"short": True}), ""),
    "keyset, more is false": ("/keyset", paged({**KEYSET, "order": "ascending"}, items="data", end=MORE), ""),
    "keyset, empty page": ("/keyset", paged(KEYSET, items="data"), ""),
    "since, nothing new": ("/since", paged(SINCE), ""),
    "since, done is true": ("/since", paged(SINCE, end={"done": "end_of_stream"}), ""),
    "graphql": ("/graphql", GRAPHQL, ""),
    "range, known size": ("/range", paged(RANGE, items=""), ""),
    "range, 416": ("/range", paged(RANGE, items=""), "416"),
    "range, all at once": ("/range", paged(RANGE, items="", end={"one_page": True}), "whole"),
}


@pytest.mark.parametrize("total", [0, 20, 25])
@pytest.mark.parametrize("name", MATRIX)
def test_every_style_brings_every_id_once_and_in_order_whatever_the_end_looks_like(name: str, total: int) -> None:
    path, table, end = MATRIX[name]
    api = Library(path, total=total, end=end)
    assert read(api, table)[0] == api.listing.ids()


def test_windows_over_numbers_bring_every_id_although_some_are_gaps() -> None:
    api = Library("/window", total=45)
    window = {"pagination": {"style": "window", "start": 0, "stop": 60, "step": 10}}
    assert read(api, window)[0] == [name for n, name in enumerate(api.listing.ids()) if n % 7 < 5]


@pytest.mark.parametrize("name", ["cursor, absent", "cursor in headers", "graphql", "link header"])
def test_an_empty_page_with_a_next_token_goes_on(name: str) -> None:
    path, table, end = MATRIX[name]
    api = Library(path, total=35, end=end, holes=True)
    assert read(api, table)[0] == api.listing.ids()


def test_items_that_share_a_time_are_neither_lost_nor_doubled_by_the_overlap() -> None:
    api = Library("/since", total=47, ties=4)
    assert read(api, {"pagination": SINCE})[0] == api.listing.ids()


def test_a_whole_record_can_be_the_message() -> None:
    api = Library("/offset", total=12)
    assert read(api, {"pagination": OFFSET, "message": ""})[0] == api.listing.items(0, 12)
