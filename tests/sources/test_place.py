"""Where values are in answers and go in requests, and what has no place there."""

from typing import Any

import pytest

from ingestion.errors import SourceRefused
from ingestion.source.page import PageRequest
from ingestion.source.reading.place import reading, sending
from ingestion.source.styles.cursor import CursorStyle
from ingestion.source.styles.end import Reached
from tests.sources.one_style import BASE, page, style_of


def test_tokens_keep_their_json_type_in_a_body_and_become_text_elsewhere() -> None:
    places: list[tuple[str, dict[str, Any]]] = [
        ("query:c", {"query": {"state": "open", "c": "[1,null]"}}),
        ("header:X-C", {"headers": {"X-C": "[1,null]"}}),
        ("body:a.b", {"body": {"a": {"b": [1, None]}}}),
    ]
    for where, expected in places:
        request = style_of(CursorStyle, read="c", send=where).request(BASE, [[1, None]])
        assert {name: getattr(request, name) for name in expected} == expected
    assert BASE.query == {"state": "open"}
    assert BASE.body is None


def test_a_body_is_never_changed_in_place() -> None:
    base = PageRequest(url="http://a", body={"page": {"size": 5}})
    changed = style_of(CursorStyle, send="body:page.after").request(base, ["t"])
    assert changed.body == {"page": {"size": 5, "after": "t"}}
    assert base.body == {"page": {"size": 5}}


def test_a_token_may_go_into_an_element_of_a_list_in_the_body() -> None:
    base = PageRequest(url="http://a", body={"requests": [{"index": "orders", "page": 0}]})
    changed = style_of(CursorStyle, send="body:requests.0.page").request(base, [7])
    assert changed.body == {"requests": [{"index": "orders", "page": 7}]}
    assert style_of(CursorStyle, send="body:requests.0").request(base, [7]).body == {"requests": [7]}
    for nowhere in ("body:requests.1.page", "body:requests.1", "body:requests.x", "body:requests.0.index.x"):
        with pytest.raises(SourceRefused, match=f"no place for {nowhere}"):
            style_of(CursorStyle, send=nowhere).request(base, [7])


def test_half_of_a_surrogate_pair_is_no_cursor() -> None:
    style = style_of(CursorStyle)
    with pytest.raises(SourceRefused, match="surrogate"):
        style.following(page({"next_cursor": "\ud800"}), None, Reached(pages=1, items=1, largest_page=1))


@pytest.mark.parametrize("document", [{"next.link": 1}, {"next.link": 1, "next": {"count": 5}}])
def test_a_key_with_a_dot_is_found_whether_it_is_written_as_text_or_in_a_list(document: Any) -> None:
    assert reading("next.link").of(page(document)) == 1
    assert reading("meta.next.link").of(page({"meta": document})) == 1
    assert reading("next.link").of(page({**document, "next": {"link": 2}})) == 2


def test_places_are_written_as_they_are_read() -> None:
    assert [str(reading(text)) for text in ("a.b", "header:X", "item:id")] == ["a.b", "header:X", "item:id"]
    assert [str(sending(text)) for text in ("c", "header:X", "body:a.b")] == ["c", "header:X", "body:a.b"]
    assert reading("hits.-1.sort").of(page({"hits": [{"sort": 1}, {"sort": 2}]})) == 2
