"""Pages by the latest value that came: sorted, past every tie, and exact to the last digit."""

import json
from typing import Any

import pytest

from ingestion.errors import SourceRefused
from ingestion.source.styles.end import End
from ingestion.source.styles.since import SinceStyle
from tests.sources.one_style import BASE, after, page

NO_MOMENTS: list[Any] = [None, True, "x", float("inf"), [], {}, "2024-13-01", 1e300]
NO_NUMBERS: list[Any] = NO_MOMENTS[:-1]


def since(**table: Any) -> SinceStyle:
    return SinceStyle.model_validate(table)


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
    style = since(form=form, start=start)
    assert style.request(BASE, style.first()).query["since"] == text


def test_what_an_overlap_brings_again_is_dropped_by_what_the_cursor_holds() -> None:
    style = since(form="number", key="n", overlap=2)
    items = [{"n": 1}, {"n": 4}, {"n": 5}]
    cursor = after(style, page(items=items), style.first())
    assert cursor["since"] == 3
    again = page(items=[{"n": 4}, {"n": 5}, {"n": 5, "other": True}])
    assert style.fresh(again, cursor) == [{"n": 5, "other": True}]


def test_a_since_whose_pages_are_not_sorted_upwards_is_refused() -> None:
    style = since(form="number", key="n")
    assert after(style, page(items=[{"n": 1}, {"n": 1}, {"n": 2}]), style.first())["since"] == 2
    with pytest.raises(SourceRefused, match="not sorted by 'n': 9 comes before 8"):
        after(style, page(items=[{"n": 1}, {"n": 9}, {"n": 8}]), style.first())


@pytest.mark.parametrize("limit", [{}, {"limit": 3, "send_limit": "n"}, {"limit": 1000, "send_limit": "n"}])
def test_a_since_that_does_not_get_past_a_page_as_full_as_others_is_refused_whatever_was_asked_for(limit: Any) -> None:
    style = since(form="number", key="n", **limit)
    stuck = page(items=[{"n": 5, "id": number} for number in range(3)])
    with pytest.raises(SourceRefused, match="a full page of 3 does not get past"):
        after(style, stuck, {"since": 5, "held": [], "size": 3})
    rest = page(items=[{"n": 5}])
    assert after(style, rest, {"since": 5, "held": [], "size": 3}) == End("nothing beyond the latest n")


@pytest.mark.parametrize("key", [2**53 + 1, str(2**53 + 1), 10**30])
@pytest.mark.parametrize("overlap", [0, 2])
def test_whole_numbers_of_any_size_are_kept_to_the_last_digit(key: Any, overlap: int) -> None:
    style = since(form="number", key="n", overlap=overlap)
    cursor = json.loads(json.dumps(after(style, page(items=[{"n": key}]), style.first())))
    assert style.request(BASE, cursor).query["since"] == str(int(key) - overlap)


@pytest.mark.parametrize(
    ("form", "value"),
    [*(("iso", value) for value in NO_MOMENTS), *(("number", value) for value in NO_NUMBERS)],
)
def test_a_key_that_is_no_moment_or_number_is_refused(form: str, value: Any) -> None:
    style = since(form=form, key="n")
    with pytest.raises(SourceRefused, match=f"no {form} at 'n'"):
        after(style, page(items=[{"n": value}]), style.first())
