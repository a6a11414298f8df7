"""Pages by the Range header: what came is what Content-Range says, whatever the status."""

from typing import Any

import pytest

from ingestion.errors import SourceRefused
from ingestion.source.styles.end import End, Reached
from ingestion.source.styles.numbers import RangeHeaderStyle
from tests.sources.one_style import BASE, after, page, style_of


@pytest.mark.parametrize(
    ("status", "header", "count", "expected"),
    [
        (206, "items 0-9/25", 10, 10),
        (206, "0-9/*", 10, 10),
        (206, "items 0-4/25", 5, 5),
        (206, "items 0-24/25", 25, End("the last of 25")),
        (200, "0-9/*", 10, 10),
        (200, "0-9/10", 10, End("the last of 10")),
        (200, "*/*", 0, End("an empty range")),
        (200, "", 10, End("a whole answer (HTTP 200 without Content-Range)")),
        (206, "*/0", 0, End("an empty range")),
    ],
)
def test_the_next_range_follows_what_came(status: int, header: str, count: int, expected: Any) -> None:
    style = style_of(RangeHeaderStyle, limit=10)
    assert style.request(BASE, 0).headers == {"Range": "items=0-9"}
    headers = {"content-range": header} if header else {}
    assert after(style, page(status=status, headers=headers, count=count), 0) == expected


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize("header", ["bytes", "items 5-9/25", "items 0-9/25", "items 9-0/25", "*/25", "0-4", "0-²/9"])
def test_a_range_that_does_not_fit_what_was_asked_for_and_what_came_is_refused(status: int, header: str) -> None:
    answer = page(status=status, headers={"content-range": header}, count=5)
    with pytest.raises(SourceRefused, match="Content-Range"):
        after(style_of(RangeHeaderStyle, limit=10), answer, 0)


def test_a_part_without_its_range_is_refused_and_a_page_without_items_is_no_end_against_its_range() -> None:
    style = style_of(RangeHeaderStyle, limit=10)
    for answer in (page(status=206), page(status=206, headers={"content-range": "items 0-9/25"})):
        with pytest.raises(SourceRefused, match="Content-Range"):
            style.following(answer, 0, Reached(pages=1, items=1, largest_page=1))
    with pytest.raises(SourceRefused, match="Content-Range"):  # all of the source once more
        after(style, page(count=25), 10)
