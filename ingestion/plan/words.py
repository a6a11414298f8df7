"""The words with which a plan describes the next page and the end of the source, without credentials."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ingestion.concealed import quoted
from ingestion.source.description import Source
from ingestion.source.page import PageRequest

VALUE_CHARACTERS = 60  # of a value that is sent
ENDS = {  # maps a pagination style to its own end; a word in braces is a key of the description
    "none": "the one answer",
    "link_header": 'a page without a Link with rel="{relation}"',
    "next_url": "a page without an address at {read}",
    "cursor": "a page without a cursor at {read}",
    "since": "a page with nothing beyond the latest value",
    "range_header": "the last range, as Content-Range says",
    "window": "the end of the range, {stop}",
}
SIGNALS = {  # maps a key of `end` to the end that it declares
    "more": "a page on which {more} is false",
    "done": "a page on which {done} is true",
    "short": "a page with fewer items than one before",
    "total": "as many items as the total says",
    "total_pages": "as many pages as {total_pages} says",
    "statuses": "an answer with a declared status",
    "repeated": "a cursor that repeats",
    "repeated_page": "a page that repeats",
}


def end_of(source: Source) -> str:
    """Return how a run knows that its source has ended."""
    style, end = source.pagination, source.pagination.end
    is_empty = style.ends_empty if end.empty is None else end.empty
    given = {name: str(value) for name, value in (*style, *end)}
    ends = [ENDS[style.style]] if style.style in ENDS else []
    ends += ["a page without items"] if is_empty else []
    ends += [words for name, words in SIGNALS.items() if getattr(end, name)]
    return " or ".join(ends).format(**given)


def next_page(before: PageRequest, after: PageRequest, *, hidden: bool = False) -> str:
    """Return what the request `after` sends and the request `before` does not; if `hidden`, without the values."""
    sent = {**_sent(before)}
    new = {place: value for place, value in _sent(after).items() if sent.get(place) != value}
    parts = [place if hidden else f"{place} = {quoted(str(value), VALUE_CHARACTERS)}" for place, value in new.items()]
    link = "the address that the page gives" if after.url != before.url else ""
    return ", with ".join(filter(None, (link, ", ".join(parts)))) or "the same request again"


def _sent(request: PageRequest) -> dict[str, Any]:
    """Return the values that a request sends, by their place, written as in a description (`header:NAME`)."""
    query: dict[str, Any] = {}
    for name, value in (*parse_qsl(urlsplit(request.url).query, keep_blank_values=True), *request.query.items()):
        query[name] = value
    headers = {f"header:{name}": value for name, value in request.headers.items()}
    return {**query, **headers, **dict(_in_body(request.body or {}, "body:"))}


def _in_body(body: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in body.items():
        if isinstance(value, dict):
            yield from _in_body(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
