"""The one place that judges an answer: it is a page, and its items go on their way, or it says why it is none."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from ingestion.errors import SourceRefused
from ingestion.source.concealed import Concealed
from ingestion.source.description.source import Source
from ingestion.source.http.origin import address
from ingestion.source.http.outage import NoAnswer
from ingestion.source.page import SHOWN_CHARACTERS, ItemSink, Page
from ingestion.source.reading.body import PIECE_BYTES, is_framed, pieces
from ingestion.source.reading.parse_json import JsonParser, problem_at, quote
from ingestion.source.reading.parse_lines import CsvParser, NdjsonParser
from ingestion.source.reading.path import ABSENT, at, shown

NO_CONTENT = (204, 205)
TRANSIENT = (408, 425)  # beside all from 500 up
TOLD_BYTES = 64 * 1024  # of an answer that is no page

Parser = JsonParser | NdjsonParser | CsvParser


class CountedSink:
    """Keeps the items or passes them on, and knows their number, the first one and the last."""

    def __init__(self, sink: ItemSink | None) -> None:
        self._sink = sink
        self._kept: list[Any] = []
        self._count = 0
        self._first: Any = None
        self._last: Any = None

    async def add(self, items: list[Any]) -> None:
        if not items:
            return
        if self._sink is None:
            self._kept.extend(items)
        else:
            await self._sink.add(items)
        self._first = self._first if self._count else items[0]
        self._count, self._last = self._count + len(items), items[-1]

    async def restart(self) -> None:
        """Forget everything: the answer is asked for again."""
        if self._sink is not None and self._count:
            await self._sink.restart()
        self._kept, self._count, self._first, self._last = [], 0, None, None

    def page(self, response: httpx.Response, document: Any) -> Page:
        """Return the page that has been read."""
        return Page(
            items=self._kept,
            document=document,
            headers=dict(response.headers),
            status=response.status_code,
            url=str(response.url),
            count=self._count,
            first=self._first,
            last=self._last,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer holds: the document around the items of a page, or that of an error, if it is JSON.

    `wrong` is why it is no page, and `text` what it says then; another attempt may bring one after a NoAnswer.
    """

    document: Any
    wrong: SourceRefused | NoAnswer | None = None
    text: str = ""


async def read_answer(response: httpx.Response, source: Source, sink: CountedSink, concealed: Concealed) -> Answer:
    """Return what an answer holds, with the items of a page in `sink`.

    Raise BodyCut if its body is not whole, SourceRefused if it is none of the source's format or beyond its limits.
    """
    status = response.status_code
    if status in NO_CONTENT:
        return Answer(None)
    if response.is_success:
        document = await _read_items(response, source, sink)
        wrong = _wrong_in(document, source, concealed)
        return Answer(document, wrong, concealed(json.dumps(document, ensure_ascii=False)) if wrong else "")
    transient = status in TRANSIENT or status >= 500
    text = "" if transient and source.throttle.body is None else await _text_of(response)
    told, advice = concealed(text), "Check url, query and headers in the sources file."
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        advice = "Check auth in the sources file, and the app settings that it names."
    said = f"{address(response.url)} answered HTTP {status}: {told[:SHOWN_CHARACTERS]!r}. {advice}"
    return Answer(_json_of(text), NoAnswer(f"HTTP {status}") if transient else SourceRefused(said), told)


async def _read_items(response: httpx.Response, source: Source, sink: CountedSink) -> Any:
    """Bring the items of a page into `sink`; return the document around them, with an empty list in their place."""
    framed = is_framed(response) or source.limits.unframed or response.headers.get("content-encoding")
    if source.format != "json" and not framed:
        raise SourceRefused(
            "the response says neither its length nor comes in chunks, so lines that are missing could not be noticed; "
            "set limits.unframed = true in the sources file to take it as it is"
        )
    parser = _parser(source)
    async for piece in pieces(response, source.limits.response_bytes):
        await sink.add(parser.feed(piece))
    await sink.add(parser.close())
    return parser.document


def _parser(source: Source) -> Parser:
    match source.format:
        case "json":
            return JsonParser(source.items)
        case "ndjson":
            return NdjsonParser()
        case "csv":
            return CsvParser(source.csv.delimiter, source.csv.encoding)


def _wrong_in(document: Any, source: Source, concealed: Concealed) -> SourceRefused | NoAnswer | None:
    """Return why the document of a success is no page: it tells an error, or has no items where they should be."""
    said = ABSENT if source.error is None else at(document, source.error)
    if said is not ABSENT and said:  # neither null, false, 0 nor empty
        return NoAnswer(f"the answer has {shown(source.error or ())} = {quote(said, concealed)}")
    problem = problem_at(document, source.items) if source.format == "json" else None
    return SourceRefused(problem) if problem else None


async def _text_of(response: httpx.Response) -> str:
    """Return the text of an answer that is no page, `TOLD_BYTES` of it at most."""
    body = bytearray()
    async for piece in pieces(response, max_bytes=TOLD_BYTES + PIECE_BYTES):
        body += piece
        if len(body) >= TOLD_BYTES:
            break
    return body[:TOLD_BYTES].decode(errors="replace")


def _json_of(text: str) -> Any:
    """Return the value of an answer that is no page, None if that is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
