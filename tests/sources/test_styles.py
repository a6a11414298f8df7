"""The pagination styles one by one: what goes into a request, what is read from a page, what is refused."""

import time
from typing import Any

import pytest

from ingestion.errors import SourceRefused
from ingestion.source.page import PageRequest
from ingestion.source.styles.cursor import CursorStyle, KeysetStyle, precedes
from ingestion.source.styles.end import End, EndSignals, Reached, number_of
from ingestion.source.styles.next_url import LinkHeaderStyle, NextUrlStyle, links
from ingestion.source.styles.numbers import OffsetStyle, PageNumberStyle, WindowStyle
from tests.sources.one_style import BASE, after, page, style_of

NO_COUNTS: list[Any] = [None, True, -1, 5.5, float("nan"), float("inf"), "²", "1,234", "9" * 5000, [], {}]


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


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://shop.example/x?c=%2Fa%2B", "http://shop.example/x?c=%2Fa%2B"),
        ("/v2/orders?c=1", "http://shop.example/v2/orders?c=1"),
        ("?c=1", "http://shop.example/v1/orders?c=1"),
        ("more?c=1", "http://shop.example/v1/more?c=1"),
    ],
)
def test_a_next_url_counts_from_its_page_and_replaces_the_query(given: str, address: str) -> None:
    style = style_of(NextUrlStyle)
    cursor = after(style, page({"next": given}))
    assert cursor == address
    assert style.request(BASE, cursor) == PageRequest(url=address)


@pytest.mark.parametrize("given", ["http://[::1/x", "//[x]y/"])
def test_a_next_link_that_is_no_address_is_refused(given: str) -> None:
    header = {"link": f'<{given}>; rel="next"'}
    for style, answer in (
        (style_of(NextUrlStyle), page({"next": given})), (style_of(LinkHeaderStyle), page(headers=header)),
    ):  # fmt: skip
        with pytest.raises(SourceRefused, match="no address"):
            after(style, answer)


def test_a_link_header_of_nothing_but_openings_takes_no_time() -> None:
    started = time.process_time()
    assert links("<" * 100_000) == {}
    assert time.process_time() - started < 1, "linear, where each opening was a search to the end"


@pytest.mark.parametrize("given", [{}, {"next": None}, {"next": ""}, {"next": False}])
def test_no_next_url_is_the_end_and_another_type_is_refused(given: dict[str, Any]) -> None:
    assert isinstance(after(style_of(NextUrlStyle), page(given)), End)
    with pytest.raises(SourceRefused, match="int where an address"):
        after(style_of(NextUrlStyle), page({"next": 5}))


@pytest.mark.parametrize(
    ("value", "count"),
    [(5, 5), (5.0, 5), ("5", 5), (" 5 ", 5), (0, 0), *((value, None) for value in NO_COUNTS)],
)
def test_a_count_is_read_as_apis_give_it_and_anything_else_is_none(value: Any, count: int | None) -> None:
    assert number_of(value) == count


def test_zero_is_a_cursor_and_null_false_and_what_is_empty_are_none() -> None:
    style = style_of(CursorStyle)
    assert after(style, page({"next_cursor": 0})) == [0]
    empty: list[Any] = [None, False, "", {}, []]
    without: list[dict[str, Any]] = [{}, *({"next_cursor": value} for value in empty)]
    for nothing in without:
        assert after(style, page(nothing)) == End("no cursor at next_cursor")


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-1", -1), ("-1", "-1"), ("true", True), ("null", "null")])
def test_a_text_that_means_no_cursor_is_one_in_every_json_type(text: str, value: Any) -> None:
    assert after(style_of(CursorStyle, end={"texts": [text]}), page({"next_cursor": value})) == End(
        "no cursor at next_cursor"
    )


def test_what_travels_beside_the_token_does_not_keep_a_source_from_its_end() -> None:
    style = style_of(CursorStyle, read="a", send="a", also=[{"read": "session", "send": "session"}])
    assert after(style, page({"a": 1, "session": "s"})) == [1, "s"]
    assert after(style, page({"session": "s"}), [1, "s"]) == End("no cursor at a")


def test_a_part_of_a_compound_cursor_that_a_page_leaves_out_is_not_sent_on() -> None:
    style = style_of(CursorStyle, read="a", send="a", also=[{"read": "b", "send": "b"}])
    cursor = after(style, page({"a": 1}))
    assert cursor == [1, None]
    assert style.request(BASE, cursor).query == {"state": "open", "a": "1"}


def test_all_keys_of_a_continuation_are_sent_and_anything_but_an_object_is_refused() -> None:
    style = style_of(CursorStyle, read="continue", send="query:*")
    cursor = after(style, page({"continue": {"x": "1", "continue": "-||"}}))
    assert style.request(BASE, cursor).query == {"state": "open", "x": "1", "continue": "-||"}
    with pytest.raises(SourceRefused, match="no object"):
        style.request(BASE, after(style, page({"continue": "x"})))


def test_an_offset_counts_what_came_and_not_what_was_asked_for() -> None:
    style = style_of(OffsetStyle, limit=1000, send_limit="limit")
    assert style.request(BASE, 200).query == {"state": "open", "limit": "1000", "offset": "200"}
    assert after(style, page(items=[1] * 100), 200) == 300
    assert list(style.split(page(items=[1] * 100), 200, 450)) == [300, 400]
    assert style.split(page(items=[1] * 100), 200, None) is None
    assert list(style.split(page(count=100), 0, 100)) == []


def test_later_page_numbers_are_told_by_the_number_of_pages_or_by_the_total() -> None:
    answer = page(items=[1] * 10, headers={"x-pages": "4"})
    assert style_of(PageNumberStyle, end={"total_pages": "header:X-Pages"}).split(answer, 1, None) == range(2, 5)
    assert style_of(PageNumberStyle, start=0).split(answer, 0, 31) == range(1, 4)
    assert style_of(PageNumberStyle).split(answer, 1, None) is None


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


def test_a_keyset_that_goes_back_or_stands_still_is_refused_where_an_order_is_declared() -> None:
    style = style_of(KeysetStyle, order="ascending")
    assert after(style, page(items=[{"id": 7}]), 5) == 7
    for key in (5, 4):
        with pytest.raises(SourceRefused, match="ascending"):
            after(style, page(items=[{"id": key}]), 5)
    assert after(style_of(KeysetStyle), page(items=[{"id": 4}]), 5) == 4
    with pytest.raises(SourceRefused, match="no usable key"):
        after(style, page(items=[{"id": None}]))


@pytest.mark.parametrize(
    ("order", "keys"), [("ascending", (9, 8, 7)), ("descending", (7, 8, 9)), ("ascending", (8, 8))]
)
def test_a_keyset_whose_first_page_is_not_in_the_declared_order_is_refused(order: str, keys: tuple[int, ...]) -> None:
    style, items = style_of(KeysetStyle, order=order), [{"id": key} for key in keys]
    with pytest.raises(SourceRefused, match=f"said to be {order}, but a page begins with {keys[0]}"):
        after(style, page(items=items))


def test_a_keyset_reads_the_last_item_of_a_page_that_was_streamed() -> None:
    assert after(style_of(KeysetStyle), page(count=500, last={"id": "z"})) == "z"


def test_windows_cover_the_range_without_overlap_or_rest() -> None:
    style = style_of(WindowStyle, start=1, stop=25, step=10, inclusive=True)
    cursors = [style.first(), *style.split(page(), style.first(), None)]
    asked = [style.request(BASE, cursor).query for cursor in cursors]
    assert [(query["from"], query["to"]) for query in asked] == [("1", "10"), ("11", "20"), ("21", "24")]
    assert isinstance(after(style, page(), 21), End)


def test_a_window_that_may_have_been_cut_at_the_limit_is_refused_and_the_last_one_too() -> None:
    style = style_of(WindowStyle, stop=30, step=10, limit=5, send_limit="limit")
    assert after(style, page(count=4), 0) == 10
    for cursor in (0, 20):
        with pytest.raises(SourceRefused, match=f"the window from {cursor} brought 5 items"):
            after(style, page(count=5), cursor)
    assert after(style_of(WindowStyle, stop=30, step=10, limit=10, send_limit="limit"), page(count=10), 0) == 10


def reached(**facts: Any) -> Reached:
    return Reached(**{"pages": 3, "items": 30, "largest_page": 10, **facts})


def test_only_declared_end_signals_end_a_source() -> None:
    nothing = EndSignals()
    short, empty = page(items=[1]), page({"has_more": False, "done": True})
    assert nothing.reason(short, reached(total=30), empty=True) is None
    assert nothing.reason(empty, reached(), empty=False) is None
    assert style_of(EndSignals, short=True).reason(short, reached(), empty=False)
    assert style_of(EndSignals, total=True).reason(short, reached(total=30), empty=False)
    assert style_of(EndSignals, done="done").reason(empty, reached(), empty=False)
    assert style_of(EndSignals, more="has_more").reason(empty, reached(), empty=False)
    assert style_of(EndSignals, empty=False).reason(empty, reached(), empty=True) is None


def test_a_first_page_that_is_short_may_be_one_that_the_server_cut_and_is_no_end() -> None:
    assert (
        style_of(EndSignals, short=True).reason(page(items=[1]), reached(pages=1, largest_page=0), empty=False) is None
    )


@pytest.mark.parametrize("value", [None, "maybe", 2, {}])
def test_a_flag_that_says_neither_true_nor_false_is_refused(value: Any) -> None:
    with pytest.raises(SourceRefused, match=r"end\.more"):
        style_of(EndSignals, more="more").reason(page({"more": value}), reached(), empty=False)
