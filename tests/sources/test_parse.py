"""However a body arrives, in whatever pieces: the same items and the same document."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import SourceRefused
from ingestion.source.reading.body import BodyCut
from ingestion.source.reading.items import Parser
from ingestion.source.reading.parse_json import JsonParser, read_json
from ingestion.source.reading.parse_lines import CsvParser, NdjsonParser

KEYS = st.text(st.sampled_from("abitems"), min_size=1, max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e6, 1e6) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


Read = Callable[[bytes, tuple[str, ...]], tuple[list[Any], Any, str | None]]


def parsed(parser: Parser, body: bytes, step: int) -> tuple[list[Any], Any, str | None]:
    items = [item for at in range(0, len(body), step) for item in parser.feed(body[at : at + step])]
    return [*items, *parser.close()], parser.document, parser.problem


def streamed(body: bytes, path: tuple[str, ...]) -> tuple[list[Any], Any, str | None]:
    return parsed(JsonParser(path), body, 1000)


def ndjson(body: bytes, path: tuple[str, ...]) -> tuple[list[Any], Any, str | None]:
    return parsed(NdjsonParser(), body + b"\n", 1000)


@settings(max_examples=150, deadline=None)
@given(VALUES, st.integers(1, 30), st.sampled_from([(), ("items",), ("a", "items"), ("b", "a", "s")]))
def test_streamed_json_is_what_json_loads_gives(document: Any, step: int, path: tuple[str, ...]) -> None:
    body = json.dumps(document).encode()
    assert parsed(JsonParser(path), body, step) == read_json(body, path)


@st.composite
def odd_places(draw: st.DrawFn) -> tuple[Any, tuple[str, ...]]:
    """A document, and a path of odd keys and indices that leads somewhere, mostly to a list."""
    path = draw(st.lists(st.sampled_from(["", "0", "1", "2", "a", "b", "a.b", "item", "²"]), max_size=4))
    document = draw(st.lists(VALUES, max_size=3) | VALUES)
    for number in reversed(range(len(path))):
        step, beside = path[number], draw(st.lists(VALUES, min_size=2, max_size=3))
        joined = ".".join(path[number:])
        document = draw(
            st.sampled_from(
                [{"x": beside, step: document}, {step: document, joined + "x": beside}, [*beside, document]]
            )
            if step == "2"
            else st.sampled_from([{"a.": beside, step: document, ".b": 1}, {"item": [1], step: document}])
        )
        if joined not in document and isinstance(document, dict):
            document[joined] = beside
    return document, tuple(path)


@settings(max_examples=500, deadline=None)
@given(odd_places(), st.integers(1, 30))
def test_streamed_json_is_what_json_loads_gives_at_every_place(place: tuple[Any, tuple[str, ...]], step: int) -> None:
    document, path = place
    body = json.dumps(document).encode()
    assert parsed(JsonParser(path), body, step) == read_json(body, path)


@pytest.mark.parametrize("path", [("results", "0", "hits"), ("results", "1", "hits")])
def test_the_list_of_items_may_be_inside_another_list_however_large_the_body(path: tuple[str, ...]) -> None:
    body = b'{"results": [{"hits": [1, [2], {"hits": [3]}]}, {"hits": [4, 5]}]}'
    items = [[1, [2], {"hits": [3]}], [4, 5]][int(path[1])]
    assert parsed(JsonParser(path), body, 4)[0] == read_json(body, path)[0] == items


def test_items_that_can_only_be_found_at_the_end_of_a_body_are_refused_where_it_is_streamed() -> None:
    body, path = b'{"results": [{"hits": [1]}, {"hits": [2]}]}', ("results", "-1", "hits")
    assert read_json(body, path)[0] == [2]
    with pytest.raises(SourceRefused, match=r"results\.-1\.hits' counts from the end"):
        parsed(JsonParser(path), body, 5)
    key = b'{"results": {"-1": {"hits": [1]}}}'
    assert parsed(JsonParser(path), key, 5) == read_json(key, path)


def test_a_second_list_under_the_key_of_the_items_is_not_passed_over_in_silence() -> None:
    with pytest.raises(SourceRefused, match="two lists of items"):
        parsed(JsonParser(("items",)), b'{"items": [1], "items": [2]}', 5)


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES, max_size=5), st.integers(1, 30), VALUES, VALUES)
def test_cursor_fields_may_come_before_and_after_the_items(items: list[Any], step: int, one: Any, two: Any) -> None:
    body = json.dumps({"one": one, "data": {"before": {"items": one}, "items": items, "after": [two]}, "two": two})
    document = {"one": one, "data": {"before": {"items": one}, "items": [], "after": [two]}, "two": two}
    assert parsed(JsonParser(("data", "items")), body.encode(), step) == (items, document, None)


@pytest.mark.parametrize("path", [(), ("items",)])
def test_every_cut_of_a_json_body_is_noticed(path: tuple[str, ...]) -> None:
    body = json.dumps([{"id": "a"}, 12] if not path else {"items": [{"id": "a"}, 12], "next": None}).encode()
    for length in range(1, len(body)):
        with pytest.raises(BodyCut):
            parsed(JsonParser(path), body[:length], 7)
        with pytest.raises(BodyCut):
            read_json(body[:length], path)


def test_items_that_are_not_where_they_should_be_are_missed_and_null_is_an_empty_list() -> None:
    for body, problem in [
        ({"items": {"item": [1]}}, "dict where"), ({}, "nothing where"), ({"items": "x"}, "str where"),
    ]:  # fmt: skip
        items, _, said = parsed(JsonParser(("items",)), json.dumps(body).encode(), 5)
        assert (items, problem in str(said)) == ([], True)
    assert "write ['a.b'] for that key" in str(read_json(b'{"a.b": [1]}', ("a", "b"))[2])
    nothing = b'{"items": null}'
    assert parsed(JsonParser(("items",)), nothing, 5) == read_json(nothing, ("items",)) == ([], {"items": None}, None)


@pytest.mark.parametrize(("body", "what"), [(b'["\\udc00"]', "surrogate"), (b"[18446744073709551616]", "64 bits")])
def test_what_the_streaming_parser_cannot_read_is_named_and_a_whole_body_may_hold_it(body: bytes, what: str) -> None:
    with pytest.raises(SourceRefused, match=f"{what}.*smaller pages"):
        parsed(JsonParser(()), body, 3)
    assert len(read_json(body, ())[0]) == 1


def test_a_large_body_without_items_does_not_fill_the_memory() -> None:
    body = b'{"rows": [0' + (b',"%s"' % (b"x" * 65_536)) * 600 + b"]}"
    with pytest.raises(SourceRefused, match=r"first 33,554,432 bytes .* no list of items \(items = 'items'\)"):
        parsed(JsonParser(("items",)), body, 65_536)


@pytest.mark.parametrize("read", [read_json, streamed, ndjson])
@pytest.mark.parametrize("body", [b'{"items": [1e400]}', b'{"items": [1], "total": -1e999}'])
def test_a_number_that_would_be_infinite_is_refused(read: Read, body: bytes) -> None:
    with pytest.raises(SourceRefused, match="too large for a float"):
        read(body, ("items",))


@pytest.mark.parametrize("read", [read_json, streamed, ndjson])
@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity"])
def test_words_for_numbers_that_json_does_not_have_are_refused(read: Read, word: bytes) -> None:
    with pytest.raises((BodyCut, SourceRefused), match=r"not (whole )?JSON"):
        read(b'{"items": [' + word + b"]}", ("items",))


@pytest.mark.parametrize("read", [read_json, streamed, ndjson])
def test_a_body_of_nothing_but_brackets_is_refused(read: Read) -> None:
    with pytest.raises(SourceRefused, match="500 deep"):
        read(b"[" * 200_000 + b"]" * 200_000, ())


def test_a_byte_order_mark_is_no_content() -> None:
    mark = b"\xef\xbb\xbf"
    assert parsed(JsonParser(()), mark + b"[1]", 10)[0] == [1]
    assert parsed(NdjsonParser(), mark + b"1\n", 10)[0] == [1]
    assert parsed(CsvParser(), mark + b"a\n1\n", 2)[0] == [{"a": "1"}]


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES, max_size=6), st.integers(1, 20), st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_lines_are_values_wherever_they_are_cut(values: list[Any], step: int, ended: bool, end: str) -> None:
    body = end.join(json.dumps(value, ensure_ascii=False) for value in values) + (end if ended else "")
    assert parsed(NdjsonParser(), body.encode(), step)[0] == values


def test_a_line_that_is_no_json_is_shown_and_a_last_one_counts_as_cut() -> None:
    with pytest.raises(SourceRefused, match="not JSON: 'nonsense'"):
        parsed(NdjsonParser(), b"1\nnonsense\n2\n", 4)
    with pytest.raises(BodyCut, match="last line is incomplete"):
        parsed(NdjsonParser(), b'1\n{"a": ', 4)


FIELD = st.text(st.sampled_from('a",\n\r \u2028é'), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD), max_size=5), st.integers(1, 20), st.booleans())
def test_csv_records_are_whole_wherever_they_are_cut(rows: list[tuple[str, str]], step: int, ended: bool) -> None:
    quoted = ['"{}","{}"'.format(*(field.replace('"', '""') for field in row)) for row in rows]
    body = "\r\n".join(["x,y", *quoted]) + ("\r\n" if ended else "")
    assert parsed(CsvParser(), body.encode(), step)[0] == [{"x": x, "y": y} for x, y in rows]


def test_a_csv_that_ends_inside_quotes_is_cut_and_one_that_does_not_fit_its_header_is_refused() -> None:
    with pytest.raises(BodyCut, match="inside quotes"):
        parsed(CsvParser(), b'a,b\n1,"2', 3)
    with pytest.raises(SourceRefused, match="has 3 fields, its header 2"):
        parsed(CsvParser(), b"a,b\n1,2,3\n", 3)


def test_a_csv_field_may_be_as_long_as_a_line_and_a_longer_one_is_refused() -> None:
    body = b'a\n"' + b"x" * 200_000 + b'"\n'
    assert parsed(CsvParser(), body, 65536)[0] == [{"a": "x" * 200_000}]
    with pytest.raises(SourceRefused, match=r"a record .* field larger than field limit"):
        parsed(CsvParser(), b'a\n"' + b"x" * 9_000_000 + b'"\n', 20_000_000)


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    with pytest.raises(SourceRefused, match="no end within"):
        parsed(NdjsonParser(), b"x" * 20_000_000, 1_000_000)
