"""A body gives the same items and the same document, in whatever pieces it arrives."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.errors import SourceRefused
from ingestion.source.http.outage import NoPage
from ingestion.source.reading.answer import Parser
from ingestion.source.reading.parse_json import JsonParser, problem_at
from ingestion.source.reading.parse_lines import CsvParser, NdjsonParser
from tests.sources.fake_api import NONE, FakeApi, ask

KEYS = st.text(st.sampled_from("abitems"), min_size=1, max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e6, 1e6) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


Parsed = tuple[list[Any], Any]
Read = Callable[..., Parsed]


def parsed(parser: Parser, body: bytes, step: int) -> Parsed:
    items = [item for at in range(0, len(body), step) for item in parser.feed(body[at : at + step])]
    return [*items, *parser.close()], parser.document


def at_once(body: bytes, path: tuple[str, ...] = (), step: int = 1000) -> Parsed:
    return parsed(JsonParser(path), body, step)


def streamed(body: bytes, path: tuple[str, ...] = (), step: int = 1000) -> Parsed:
    return parsed(JsonParser(path, small_bytes=0), body, step)


def ndjson(body: bytes, path: tuple[str, ...] = (), step: int = 1000) -> Parsed:
    return parsed(NdjsonParser(), body + b"\n", step)


def csv(body: bytes, path: tuple[str, ...] = (), step: int = 1000) -> Parsed:
    return parsed(CsvParser(), body, step)


@st.composite
def odd_places(draw: st.DrawFn) -> tuple[Any, tuple[str, ...]]:
    """A document, and a path of odd keys and indices in it, mostly to a list."""
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
    assert streamed(body, path, step) == at_once(body, path)


@pytest.mark.parametrize("path", [("results", "0", "hits"), ("results", "1", "hits")])
def test_the_list_of_items_may_be_inside_another_list_however_large_the_body(path: tuple[str, ...]) -> None:
    body = b'{"results": [{"hits": [1, [2], {"hits": [3]}]}, {"hits": [4, 5]}]}'
    items = [[1, [2], {"hits": [3]}], [4, 5]][int(path[1])]
    assert streamed(body, path, 4)[0] == at_once(body, path)[0] == items


def test_items_that_can_only_be_found_at_the_end_of_a_body_are_refused_where_it_is_streamed() -> None:
    body, path = b'{"results": [{"hits": [1]}, {"hits": [2]}]}', ("results", "-1", "hits")
    assert at_once(body, path)[0] == [2]
    with pytest.raises(SourceRefused, match=r"results\.-1\.hits' counts from the end"):
        streamed(body, path, 5)
    key = b'{"results": {"-1": {"hits": [1]}}}'
    assert streamed(key, path, 5) == at_once(key, path)


def test_a_second_list_under_the_key_of_the_items_is_not_passed_over_in_silence() -> None:
    with pytest.raises(SourceRefused, match=r"has the key .* twice"):
        streamed(b'{"items": [1], "items": [2]}', ("items",), 5)


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES, max_size=5), st.integers(1, 30), VALUES, VALUES)
def test_cursor_fields_may_come_before_and_after_the_items(items: list[Any], step: int, one: Any, two: Any) -> None:
    body = json.dumps({"one": one, "data": {"before": {"items": one}, "items": items, "after": [two]}, "two": two})
    document = {"one": one, "data": {"before": {"items": one}, "items": [], "after": [two]}, "two": two}
    assert streamed(body.encode(), ("data", "items"), step) == (items, document)


@pytest.mark.parametrize("read", [at_once, streamed])
@pytest.mark.parametrize(
    ("path", "document"), [((), [{"id": "a"}, 12]), (("items",), {"items": [{}, 12], "next": None})]
)
def test_every_cut_of_a_json_body_is_noticed(read: Read, path: tuple[str, ...], document: Any) -> None:
    body = json.dumps(document).encode()
    for length in range(1, len(body)):
        with pytest.raises(NoPage):
            read(body[:length], path, 7)


@pytest.mark.parametrize("read", [at_once, streamed])
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"items": {"item": [1]}}', "dict where"),
        (b'{"items": "x"}', "str where"),
        (b"{}", "nothing where"),
        (b"null", "nothing where"),
        (b'{"items": null, "errors": [1]}', "null where"),
        (b'{"items": null}', None),
    ],
)
def test_items_that_are_not_where_they_should_be_are_missed_and_null_is_an_empty_list(
    read: Read, body: bytes, problem: str | None
) -> None:
    items, document = read(body, ("items",))
    assert (items, document) == ([], json.loads(body))
    assert (problem or "None") in str(problem_at(document, ("items",)))


def test_the_error_about_missing_items_says_how_to_write_a_key_with_a_dot() -> None:
    assert "write ['a.b'] for that key" in str(problem_at({"a.b": [1]}, ("a", "b")))


@pytest.mark.parametrize("read", [at_once, streamed])
@pytest.mark.parametrize("item", ["\udc00", 2**64, -(10**400)])
def test_a_large_body_may_hold_whatever_a_small_one_may(read: Read, item: Any) -> None:
    assert read(json.dumps([item, item]).encode(), (), 3)[0] == [item, item]


def test_a_large_body_without_items_does_not_fill_the_memory() -> None:
    body = b'{"rows": [0' + (b',"%s"' % (b"x" * 65_536)) * 200 + b"]}"
    with pytest.raises(SourceRefused, match=r"first 8,388,608 characters .* no list of items \(items = 'items'\)"):
        at_once(body, ("items",), 65_536)


@pytest.mark.parametrize("read", [at_once, streamed, ndjson])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        *((b'{"items": [%b]}' % word, r"not (whole )?JSON") for word in (b"NaN", b"Infinity", b"-Infinity")),
        (b"[" * 200_000 + b"]" * 200_000, "500 deep"),
    ],
)
def test_what_json_cannot_pass_on_is_refused(read: Read, body: bytes, said: str) -> None:
    with pytest.raises(NoPage, match=said):
        read(body, ("items",))


@pytest.mark.parametrize(
    ("read", "body", "items"),
    [(at_once, b"[1]", [1]), (streamed, b"[1]", [1]), (ndjson, b"1\n", [1]), (csv, b"a\n1\n", [{"a": "1"}])],
)
def test_a_byte_order_mark_is_no_content(read: Read, body: bytes, items: list[Any]) -> None:
    assert read(b"\xef\xbb\xbf" + body)[0] == items


@settings(max_examples=50, deadline=None)
@given(st.lists(VALUES, max_size=6), st.integers(1, 20), st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_lines_are_values_wherever_they_are_cut(values: list[Any], step: int, ended: bool, end: str) -> None:
    body = end.join(json.dumps(value, ensure_ascii=False) for value in values) + (end if ended else "")
    assert parsed(NdjsonParser(), body.encode(), step)[0] == values


FIELD = st.text(st.sampled_from('a",\n\r \u2028é'), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD), max_size=5), st.integers(1, 20), st.booleans())
def test_csv_records_are_whole_wherever_they_are_cut(rows: list[tuple[str, str]], step: int, ended: bool) -> None:
    quoted = ['"{}","{}"'.format(*(field.replace('"', '""') for field in row)) for row in rows]
    body = "\r\n".join(["x,y", *quoted]) + ("\r\n" if ended else "")
    assert csv(body.encode(), (), step)[0] == [{"x": x, "y": y} for x, y in rows]


@pytest.mark.parametrize(
    ("read", "body", "said"),
    [
        (ndjson, b"1\nnonsense\n2", "not JSON: 'nonsense'"),
        (csv, b"a,b\n1,2,3\n", "has 3 fields, its header 2"),
        (csv, b'a,b\n1,"2', "unexpected end of data"),
        (csv, b'a,b\n1,"2"" 3" 4\n', "cannot be read: ',' expected after"),
        (csv, b"a,b,a\n1,2,3\n", "has the column 'a' twice"),
        (csv, b'a\n"' + b"x" * 9_000_000 + b'"\n', "field larger than field limit|no end within"),
        (csv, b"a\ncaf\xe9\n", r"not utf-8 .*set csv\.encoding"),
        (ndjson, b"x" * 20_000_000, "no end within"),
        (csv, b'a\n"' + b"x" * 9_000_000, "no end within|field larger than field limit"),
    ],
)
def test_lines_that_cannot_be_read_are_refused_in_words(read: Read, body: bytes, said: str) -> None:
    for step in 65_536, len(body):
        with pytest.raises(NoPage, match=said):
            read(body, (), step)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.sampled_from('a" '), max_size=5), min_size=1, max_size=9), st.integers(1, 9), st.booleans())
def test_a_quote_inside_an_unquoted_field_is_text_wherever_the_body_is_cut(
    fields: list[str], step: int, ended: bool
) -> None:
    rows = [f"x{field}" for field in fields]
    quoted = ['"{}","{}"'.format("line\nbreak", row.replace('"', '""')) for row in rows]
    lines = [each for row, whole in zip(rows, quoted, strict=True) for each in (f"{row},y", whole)]
    body = "\n".join(["a,b", *lines]) + "\n" * ended
    expected = [each for row in rows for each in ({"a": row, "b": "y"}, {"a": "line\nbreak", "b": row})]
    assert csv(body.encode(), (), step)[0] == expected


def test_a_last_line_that_is_no_json_is_no_page() -> None:
    with pytest.raises(NoPage, match=r"a line .* not JSON"):
        parsed(NdjsonParser(), b'1\n{"a": ', 4)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(("encoding", "name"), [("utf-8", "café €"), ("latin-1", "café"), ("windows-1252", "café €")])
def test_csv_is_parted_by_the_declared_delimiter_and_read_in_the_declared_encoding(
    delimiter: str, encoding: str, name: str
) -> None:
    others = "".join({",", ";", "\t", "|"} - {delimiter})
    body = f'id{delimiter}name\n1{delimiter}"{name}{delimiter}"\n2{delimiter}x{others}\n'.encode(encoding)
    table: dict[str, Any] = {"format": "csv", "csv": {"delimiter": delimiter, "encoding": encoding}, "pagination": NONE}
    items = asyncio.run(ask(FakeApi(web.Response(body=body)), **table)).items
    assert [item["name"] for item in items] == [f"{name}{delimiter}", f"x{others}"]


def test_a_csv_field_may_be_as_long_as_a_line() -> None:
    assert csv(b'a\n"' + b"x" * 200_000 + b'"\n', (), 65536)[0] == [{"a": "x" * 200_000}]


@pytest.mark.parametrize("read", [at_once, streamed, ndjson])
@pytest.mark.parametrize(
    "body",
    [
        b'{"items": [{"id": 1}, {"id": 2, "id": 3}]}',
        b'{"items": [{"id": 1, "to": {"a": 1, "a": 1}}, {"id": 2}]}',
        b'{"items": [{"id": 1, "to": [[{"a"  : 1, "a"  :1}]]}], "next": "\\"a\\":"}',
        b'{"next": 1, "items": [{"id": 1}], "next": null}',
        b'{"items": [], "meta": {"next": 1, "next": 2}}',
        b'{"items": [{"id": 1}], "items": []}',
        b'{"next": 1, "items": ["a"], "next": 2}',
    ],
)
def test_a_key_that_is_given_twice_is_refused_by_its_name(read: Read, body: bytes) -> None:
    with pytest.raises(NoPage, match=r"the key '(id|a|next|items)' twice"):
        read(body, ("items",), 5)


ODD_KEYS = st.text(st.sampled_from('a":\\ {['), max_size=4)
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | ODD_KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_KEYS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(ODD, max_size=4), st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]), st.integers(1, 20))
def test_no_key_is_taken_for_another_however_odd_it_is_and_is_written(
    items: list[Any], separators: tuple[str, str], step: int
) -> None:
    body = json.dumps({"items": items, "\\": {'"': 1}}, separators=separators).encode()
    for read in at_once, streamed:
        assert read(body, ("items",), step) == (items, {"items": [], "\\": {'"': 1}})
