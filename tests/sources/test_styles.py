"""Each pagination style: what it sends, what it reads from a page, what it refuses."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from ingestion.errors import SourceRefused
from ingestion.source.http.origin import is_allowed, linked
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.place import reading, sending
from ingestion.source.styles import Pagination
from ingestion.source.styles.cursor import precedes
from ingestion.source.styles.end import End, EndSignals, Reached, number_of
from ingestion.source.styles.next_url import links
from ingestion.source.styles.style import Style

URL = "http://shop.example/v1/orders?page=1"
OPEN = {"state": "open"}
BASE = PageRequest(url="http://shop.example/v1/orders", query=OPEN)
NO_COUNTS: list[Any] = [None, True, -1, 5.5, float("nan"), float("inf"), "²", "1,234", "9" * 5000, [], {}]
NO_TEXTS: list[Any] = [None, "", False]
NO_NUMBERS: list[Any] = [None, True, "x", float("inf"), [], {}, "2024-13-01"]
STYLES: TypeAdapter[Style] = TypeAdapter(Pagination)


def style_of(style: str, **table: Any) -> Style:
    return STYLES.validate_python({"style": style, **table})


def page(document: Any = None, items: list[Any] | None = None, **facts: Any) -> Page:
    if items:
        facts |= {"count": len(items), "first": items[0], "last": items[-1]}
    return Page(items=items or [], document=document, url=URL, **facts)


def keyed(*keys: Any, name: str = "id", **facts: Any) -> Page:
    """Return a page of items with these keys."""
    return page(items=[{name: key} for key in keys], **facts)


def ranged(header: str, count: int, status: int = 206) -> Page:
    return page(headers={"content-range": header} if header else {}, count=count, status=status)


def linking(address: str) -> Page:
    return page(headers={"link": f'<{address}>; rel="next"'})


def number_since(since: int, size: int = 0, held: Any = ()) -> dict[str, Any]:
    return {"since": since, "held": list(held), "size": size}


def reached(**facts: Any) -> Reached:
    return Reached(**{"pages": 3, "items": 30, "largest_page": 10, **facts})


CURSOR, NEXT_URL, KEYSET, OFFSET = ({"style": style} for style in ("cursor", "next_url", "keyset", "offset"))
PARTS = {**CURSOR, "read": "a", "send": "a", "also": [{"read": "b", "send": "b"}]}
RANGE: dict[str, Any] = {"style": "range_header", "limit": 10}
SINCE: dict[str, Any] = {"style": "since", "form": "number", "key": "n"}
WINDOW = {"style": "window", "stop": 30, "step": 10}
LIMITED = {**WINDOW, "limit": 5, "send_limit": "limit"}
UPWARDS = {**KEYSET, "order": "ascending"}
NO_CURSOR, NO_ADDRESS = End("no cursor at next_cursor"), End("no address at next")
NO_KEY, NO_LINK = replace(NO_CURSOR, missing=True), End('no Link header with rel="next"', missing=True)

WHOLE = End("a whole answer (HTTP 200 without Content-Range)", missing=True)


@pytest.mark.parametrize(
    ("table", "answer", "cursor", "following"),
    [
        (NEXT_URL, page({"next": "http://shop.example/x?c=%2Fa%2B"}), None, "http://shop.example/x?c=%2Fa%2B"),
        (NEXT_URL, page({"next": "/v2/orders?c=1"}), None, "http://shop.example/v2/orders?c=1"),
        (NEXT_URL, page({"next": "?c=1"}), None, "http://shop.example/v1/orders?c=1"),
        (NEXT_URL, page({"next": "more?c=1"}), None, "http://shop.example/v1/more?c=1"),
        *((NEXT_URL, page({"next": given}), None, NO_ADDRESS) for given in NO_TEXTS),
        (NEXT_URL, page({}), None, replace(NO_ADDRESS, missing=True)),
        ({"style": "link_header"}, linking("?page=2"), None, "http://shop.example/v1/orders?page=2"),
        ({"style": "link_header"}, page(), None, NO_LINK),
        (CURSOR, page({"next_cursor": 0}), None, [0]),
        *((CURSOR, page({"next_cursor": given}), None, NO_CURSOR) for given in (*NO_TEXTS, {}, [])),
        (CURSOR, page({}), None, NO_KEY),
        # A text that means no cursor is one in every JSON type.
        ({**CURSOR, "end": {"texts": ["0"]}}, page({"next_cursor": 0}), None, NO_CURSOR),
        ({**CURSOR, "end": {"texts": ["-1"]}}, page({"next_cursor": -1}), None, NO_CURSOR),
        ({**CURSOR, "end": {"texts": ["-1"]}}, page({"next_cursor": "-1"}), None, NO_CURSOR),
        ({**CURSOR, "end": {"texts": ["true"]}}, page({"next_cursor": True}), None, NO_CURSOR),
        ({**CURSOR, "end": {"texts": ["null"]}}, page({"next_cursor": "null"}), None, NO_CURSOR),
        # The other values that go with a token do not matter for the end of a source, and may be missing.
        (PARTS, page({"a": 1, "b": "s"}), None, [1, "s"]),
        (PARTS, page({"a": 1}), [1, "s"], [1, None]),
        (PARTS, page({"b": "s"}), [1, "s"], End("no cursor at a", missing=True)),
        (UPWARDS, keyed(7), 5, 7),
        (KEYSET, keyed(4), 5, 4),
        (OFFSET, page(count=100), 200, 300),  # the received page size, not the requested one
        ({"style": "page_number"}, page(), 3, 4),
        (WINDOW, page(), 10, 20),
        (WINDOW, page(), 20, End("the end of the range, 30")),
        (LIMITED, page(count=4), 0, 10),
        ({**LIMITED, "limit": 10}, page(count=10), 0, 10),
        (RANGE, ranged("items 0-9/25", 10), 0, 10),
        (RANGE, ranged("0-9/*", 10), 0, 10),
        (RANGE, ranged("items 0-4/25", 5), 0, 5),
        (RANGE, ranged("items 0-24/25", 25), 0, End("the last of 25")),
        (RANGE, ranged("0-9/*", 10, status=200), 0, 10),
        (RANGE, ranged("0-9/10", 10, status=200), 0, End("the last of 10")),
        (RANGE, ranged("*/*", 0, status=200), 0, End("an empty range")),
        (RANGE, ranged("*/0", 0), 0, End("an empty range")),
        (RANGE, ranged("", 10, status=200), 0, WHOLE),
        (SINCE, keyed(5, name="n"), number_since(5, 3), End("nothing beyond the latest n")),
    ],
)
def test_what_comes_after_a_page(table: dict[str, Any], answer: Page, cursor: Any, following: Any) -> None:
    assert style_of(**table).next(answer, cursor) == following


@pytest.mark.parametrize(
    ("table", "answer", "cursor", "said"),
    [
        *((NEXT_URL, page({"next": given}), None, "no address") for given in ("http://[::1/x", "//[x]y/")),
        *(({"style": "link_header"}, linking(given), None, "no address") for given in ("http://[::1/x", "//[x]y/")),
        (NEXT_URL, page({"next": 5}), None, "int where an address"),
        *((UPWARDS, keyed(key), 5, f"are ascending, but a page that follows 5 ends with {key}") for key in (5, 4)),
        (UPWARDS, keyed(9, 8, 7), None, "says that keys are ascending, but a page begins with 9 and ends with 7"),
        (UPWARDS, keyed(8, 8), None, "says that keys are ascending, but a page begins with 8"),
        ({**KEYSET, "order": "descending"}, keyed(7, 8, 9), None, "keys are descending, but a page begins with 7"),
        (KEYSET, keyed(None), None, "no usable key"),
        *((KEYSET, keyed(*keys), None, "two items of a page have id = 7; .*read = 'item:id', also =")
          for keys in ((7, 7), (7, 8, 7, 9), (6, 7, 7, 8))),
        (LIMITED, page(count=5), 0, "the window from 0 has 5 items"),
        (LIMITED, page(count=5), 20, "the window from 20 has 5 items"),
        *((RANGE, ranged(header, 5, status), 0, "Content-Range") for status in (200, 206) for header in
          ("bytes", "items 5-9/25", "items 0-9/25", "items 9-0/25", "*/25", "0-4", "0-²/9")),
        (RANGE, ranged("", 0), 0, "Content-Range"),
        (RANGE, ranged("items 0-9/25", 0), 0, "Content-Range"),
        (RANGE, page(count=25), 10, "Content-Range"),  # all of the source once more
        (SINCE, keyed(1, 9, 8, name="n"), number_since(0), "not sorted by 'n': 9 comes before 8"),
        *((SINCE | {"form": form}, keyed(value, name="n"), number_since(0), f"no {kind} at 'n'")
          for form, kind in (("number", "number"), ("iso", "time")) for value in NO_NUMBERS),
        (SINCE | {"form": "iso"}, keyed(1e300, name="n"), number_since(0), "no time at 'n'"),
        # A full page with one value only, whatever the requested size.
        *((SINCE | limit, page(items=[{"n": 5, "id": number} for number in range(3)]), number_since(5, 3),
           "a full page of 3 does not get past") for limit in
          ({}, {"limit": 3, "send_limit": "n"}, {"limit": 1000, "send_limit": "n"})),
    ],
)  # fmt: skip
def test_a_page_that_does_not_lead_on_as_described_is_refused_with_the_evidence(
    table: dict[str, Any], answer: Page, cursor: Any, said: str
) -> None:
    with pytest.raises(SourceRefused, match=said):
        style_of(**table).following(answer, cursor, reached())


BODY = {"page": {"size": 5}, "requests": [{"index": "orders", "page": 0}]}


@pytest.mark.parametrize(
    ("table", "cursor", "sent"),
    [
        # A token keeps its JSON type in a body and becomes text elsewhere.
        ({**CURSOR, "send": "query:c"}, [[1, None]], {"query": {"state": "open", "c": "[1,null]"}}),
        ({**CURSOR, "send": "header:X-C"}, [[1, None]], {"headers": {"X-C": "[1,null]"}}),
        ({**CURSOR, "send": "body:a.b"}, [[1, None]], {"body": {**BODY, "a": {"b": [1, None]}}}),
        ({**CURSOR, "send": "body:page.after"}, ["t"], {"body": {**BODY, "page": {"size": 5, "after": "t"}}}),
        ({**CURSOR, "send": "body:requests.0"}, [7], {"body": {**BODY, "requests": [7]}}),
        (
            {**CURSOR, "send": "body:requests.0.page"},
            [7],
            {"body": {**BODY, "requests": [{"index": "orders", "page": 7}]}},
        ),
        ({**CURSOR, "send": "query:*"}, [{"x": "1", "y": "||"}], {"query": {**OPEN, "x": "1", "y": "||"}}),
        (PARTS, [1, None], {"query": {"state": "open", "a": "1"}}),
        (NEXT_URL, "http://a/?c=1", {"url": "http://a/?c=1", "query": {}}),
        ({**OFFSET, "limit": 9, "send_limit": "limit"}, 200, {"query": {**OPEN, "limit": "9", "offset": "200"}}),
        (RANGE, 0, {"headers": {"Range": "items=0-9"}}),
        ({**RANGE, "unit": ""}, 10, {"headers": {"Range": "10-19"}}),
    ],
)  # fmt: skip
def test_what_is_sent_for_a_cursor(table: dict[str, Any], cursor: Any, sent: dict[str, Any]) -> None:
    base = PageRequest(url=BASE.url, query=BASE.query, body=json.loads(json.dumps(BODY)))
    request = style_of(**table).request(base, cursor)
    assert {name: getattr(request, name) for name in sent} == sent
    assert (base.query, base.headers, base.body) == (BASE.query, {}, BODY), "nothing is changed in place"


@pytest.mark.parametrize("send", ["requests.1.page", "requests.1", "requests.x", "requests.0.index.x"])
def test_a_token_that_has_no_place_in_the_body_is_refused(send: str) -> None:
    with pytest.raises(SourceRefused, match=f"no place for body:{send}"):
        style_of("cursor", send=f"body:{send}").request(PageRequest(url="http://a", body=BODY), [7])


def test_anything_but_an_object_is_refused_where_its_keys_are_sent() -> None:
    with pytest.raises(SourceRefused, match="no object"):
        style_of("cursor", send="query:*").request(BASE, ["x"])


def test_half_of_a_surrogate_pair_is_no_cursor() -> None:
    with pytest.raises(SourceRefused, match="surrogate"):
        style_of("cursor").following(page({"next_cursor": "\ud800"}), None, reached())


@pytest.mark.parametrize(
    ("form", "start", "text"),
    [
        ("iso", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("iso", "2024-01-01T02:00:00.5+02:00", "2024-01-01T00:00:00.500000Z"),
        ("number", 1704067200000, "1704067200000"),
        ("number", 17, "17"),
    ],
)
def test_a_since_is_sent_in_the_form_in_which_it_is_declared(form: str, start: Any, text: str) -> None:
    style = style_of("since", form=form, start=start)
    assert style.request(BASE, style.first()).query["since"] == text


def test_repeats_of_an_overlap_are_dropped_with_the_digests_in_the_cursor() -> None:
    style = style_of(**SINCE, overlap=2)
    cursor: Any = style.next(keyed(1, 4, 5, name="n"), style.first())
    assert cursor["since"] == 3
    again = page(items=[{"n": 4}, {"n": 5}, {"n": 5, "other": True}])
    assert style.fresh(again, cursor) == [{"n": 5, "other": True}]


@pytest.mark.parametrize("key", [2**53 + 1, str(2**53 + 1), 10**30])
@pytest.mark.parametrize("overlap", [0, 2])
def test_whole_numbers_of_any_size_are_kept_to_the_last_digit(key: Any, overlap: int) -> None:
    style = style_of(**SINCE, overlap=overlap)
    cursor = json.loads(json.dumps(style.next(keyed(key, name="n"), style.first())))
    assert style.request(BASE, cursor).query["since"] == str(int(key) - overlap)


def test_all_later_cursors_are_known_if_a_page_or_the_description_has_the_number_of_pages() -> None:
    ten = page(items=[1] * 10, headers={"x-pages": "4", "content-range": "items 0-9/25"})
    assert style_of("page_number", end={"total_pages": "header:X-Pages"}).split(ten, 1, None) == range(2, 5)
    assert style_of("page_number", start=0).split(ten, 0, 31) == range(1, 4)
    assert style_of("page_number").split(ten, 1, None) is None
    assert style_of("offset").split(ten, 200, 225) == range(210, 225, 10)
    assert style_of("offset").split(ten, 200, None) is None
    assert not style_of("offset").split(ten, 0, 10)
    assert style_of(**RANGE).split(ten, 0, None) == range(10, 25, 10)
    assert style_of("cursor").split(ten, None, 25) is None


def test_windows_cover_the_range_without_overlap_or_rest() -> None:
    style = style_of("window", start=1, stop=25, step=10, inclusive=True)
    cursors = [style.first(), *(style.split(page(), style.first(), None) or ())]
    asked = [style.request(BASE, cursor).query for cursor in cursors]
    assert [(query["from"], query["to"]) for query in asked] == [("1", "10"), ("11", "20"), ("21", "24")]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('<http://a/?p=2>; rel="next"', {"next": "http://a/?p=2"}),
        ("<http://a/?p=2>; rel=next", {"next": "http://a/?p=2"}),
        ('<http://a/?x=1,2;3>; title="a, <b>; rel=last"; rel="NEXT"', {"next": "http://a/?x=1,2;3"}),
        ('<a>; rel="prev first", <b>;rel="next"', {"prev": "a", "first": "a", "next": "b"}),
        ('<a>; rel="prev"; rel="next"', {"prev": "a"}),
        ('<a>; title="x=1; y"; rel="next"', {"next": "a"}),
        ('<a>; hreflang=de; rel="next",<b>; rel="next"', {"next": "a"}),
        ("", {}),
        ("nonsense", {}),
    ],
)
def test_link_headers_are_read_as_the_standard_says(header: str, found: dict[str, str]) -> None:
    assert links(header) == found


def test_a_link_header_of_nothing_but_openings_takes_no_time() -> None:
    started = time.process_time()
    assert links("<" * 100_000) == {}
    assert time.process_time() - started < 1, "linear, where each opening was a search to the end"


SECURE, CLEAR = "https://shop.example/v1/orders?page=1", "http://shop.example/"


@pytest.mark.parametrize(
    ("url", "link", "address"),
    [
        (SECURE, "http://shop.example/v1/orders?page=2", "https://shop.example/v1/orders?page=2"),
        (SECURE, "HTTP://Shop.Example/v1/orders?page=2", "https://Shop.Example/v1/orders?page=2"),
        (SECURE, "https://shop.example/v1/orders?page=2", "https://shop.example/v1/orders?page=2"),
        (SECURE, "?page=2", "https://shop.example/v1/orders?page=2"),
        (CLEAR, "http://shop.example/2", "http://shop.example/2"),
        (CLEAR, "https://shop.example/2", "https://shop.example/2"),
    ],
)
@pytest.mark.parametrize("style", ["next_url", "link_header"])
def test_a_link_to_the_host_of_its_page_keeps_to_https_where_a_proxy_hides_it_from_the_server(
    style: str, url: str, link: str, address: str
) -> None:
    answer = page({"next": link}, headers=linking(link).headers)
    answer.url = url
    assert style_of(style).next(answer, None) == address


@pytest.mark.parametrize(
    "link",
    ["http://other.example/v1", "http://shop.example:8080/v1", "http://shop.example.org/v1", "ftp://shop.example/"],
)
def test_a_link_to_another_host_or_port_is_left_as_it_is_and_not_followed(link: str) -> None:
    assert linked("https://shop.example/", link) == link
    assert not is_allowed(link, "https://shop.example/")


@pytest.mark.parametrize(
    ("one", "other", "before"),
    [
        (9, 10, True),
        ("9", "10", True),
        ("b", "a", False),
        ("ord_9", "ord_10", False),
        ("9", "²", True),
        (1, 1, False),
        (2.5, "3", True),
    ],
)
def test_keys_are_compared_as_numbers_where_both_are(one: Any, other: Any, before: bool) -> None:
    assert precedes(one, other) is before


@pytest.mark.parametrize(
    ("value", "count"),
    [(5, 5), (5.0, 5), ("5", 5), (" 5 ", 5), (0, 0), *((value, None) for value in NO_COUNTS)],
)
def test_a_count_is_read_in_every_form_of_real_apis_and_nothing_else(value: Any, count: int | None) -> None:
    assert number_of(value) == count


DONE = {"has_more": False, "done": True}


@pytest.mark.parametrize(
    ("table", "answer", "so_far", "ends"),
    [
        # Only what is declared is believed.
        ({}, page(items=[1]), {"total": 30}, False),
        ({}, page(DONE), {}, False),
        ({"short": True}, page(items=[1]), {}, True),
        ({"short": True}, page(items=[1]), {"pages": 1, "largest_page": 0}, False),  # it may be one that the server cut
        ({"total": True}, page(items=[1]), {"total": 30}, True),
        ({"done": "done"}, page(DONE), {}, True),
        ({"more": "has_more"}, page(DONE), {}, True),
        ({"empty": True}, page(DONE), {}, True),
    ],
)
def test_only_declared_end_signals_end_a_source(
    table: dict[str, Any], answer: Page, so_far: dict[str, int], ends: bool
) -> None:
    signals = EndSignals.model_validate(table)
    assert (signals.reason(answer, reached(**so_far), empty=False) is not None) is ends


def test_a_page_without_items_is_the_end_to_a_style_unless_it_is_declared_to_be_none() -> None:
    assert EndSignals().reason(page(), reached(), empty=True) == End("a page without items")
    assert EndSignals(empty=False).reason(page(), reached(), empty=True) is None


@pytest.mark.parametrize("value", [None, "maybe", 2, {}])
def test_a_flag_that_says_neither_true_nor_false_is_refused(value: Any) -> None:
    with pytest.raises(SourceRefused, match=r"end\.more"):
        EndSignals.model_validate({"more": "more"}).reason(page({"more": value}), reached(), empty=False)


@pytest.mark.parametrize("document", [{"next.link": 1}, {"next.link": 1, "next": {"count": 5}}])
def test_a_key_with_a_dot_is_found_whether_it_is_written_as_text_or_in_a_list(document: Any) -> None:
    assert reading("next.link").value_in(page(document)) == reading(["next.link"]).value_in(page(document)) == 1
    assert reading("meta.next.link").value_in(page({"meta": document})) == 1
    assert reading("next.link").value_in(page({**document, "next": {"link": 2}})) == 2


def test_places_are_written_as_they_are_read() -> None:
    assert [str(reading(text)) for text in ("a.b", "header:X", "item:id")] == ["a.b", "header:X", "item:id"]
    assert [str(sending(text)) for text in ("c", "header:X", "body:a.b")] == ["c", "header:X", "body:a.b"]
    assert reading("hits.-1.sort").value_in(page({"hits": [{"sort": 1}, {"sort": 2}]})) == 2
