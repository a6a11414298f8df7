"""From the body of one answer to its items: at once where it is small, else while it arrives."""

from collections.abc import Callable
from typing import Any, Literal

import httpx
from pydantic import Field

from ingestion.errors import SourceRefused
from ingestion.source.page import ItemSink, Page
from ingestion.source.reading.body import PIECE_BYTES, is_framed, pieces
from ingestion.source.reading.parse_json import JsonParser, quote, read_json
from ingestion.source.reading.parse_lines import Csv, CsvParser, NdjsonParser
from ingestion.source.reading.path import ABSENT, at, shown
from ingestion.source.table import Table

SMALL_BODY_BYTES = 1024 * 1024  # read as a whole: json.loads takes two thirds of the time of the streaming parser
TOLD_CHARACTERS = 80
TOLD_BYTES = 64 * 1024  # of an answer that is no page

Format = Literal["json", "ndjson", "csv"]
Parser = JsonParser | NdjsonParser | CsvParser


class Limits(Table):
    """How much of one answer is taken before it counts as an error."""

    response_bytes: int = Field(default=2 * 1024**3, ge=1)  # decompressed
    response_seconds: float = Field(default=300.0, gt=0)  # from the request to the last byte
    redirects: int = Field(default=5, ge=0, le=20)
    unframed: bool = False  # whether lines may come without a length, so that a cut looks like the end


class CountedSink:
    """Keeps the items or passes them on, and knows their number, the first one and the last."""

    def __init__(self, sink: ItemSink | None) -> None:
        self._sink = sink
        self.kept: list[Any] = []
        self.count = 0
        self.first: Any = None
        self.last: Any = None

    async def add(self, items: list[Any]) -> None:
        if not items:
            return
        if self._sink is None:
            self.kept.extend(items)
        else:
            await self._sink.add(items)
        self.first = self.first if self.count else items[0]
        self.count, self.last = self.count + len(items), items[-1]

    async def restart(self) -> None:
        """Forget everything: the answer is asked for again."""
        if self._sink is not None and self.count:
            await self._sink.restart()
        self.kept, self.count, self.first, self.last = [], 0, None, None


async def read_items(
    response: httpx.Response,
    form: Format,
    path: tuple[str, ...],
    limits: Limits,
    sink: CountedSink,
    csv: Csv,
) -> tuple[Any, str | None]:
    """Bring the items of a page into `sink`; return the document around them, and what is wrong with their place.

    Raise BodyCut if the body is not whole, SourceRefused beyond its limits.
    """
    if form != "json" and not (is_framed(response) or limits.unframed or response.headers.get("content-encoding")):
        raise SourceRefused(
            "the response says neither its length nor comes in chunks, so lines that are missing could not be noticed; "
            "set limits.unframed = true in the sources file to take it as it is"
        )
    arriving = pieces(response, limits.response_bytes)
    begun = bytearray()
    if form == "json":
        async for piece in arriving:
            begun += piece
            if len(begun) > SMALL_BODY_BYTES:
                break
        else:
            if begun.lstrip()[:1] == b"<":
                raise SourceRefused(
                    f"the response is no JSON but {bytes(begun[:TOLD_CHARACTERS]).decode(errors='replace')!r}"
                )
            items, document, problem = read_json(bytes(begun), path)
            await sink.add(items)
            return document, problem
    parser = _parser(form, path, csv)
    if begun:
        await sink.add(parser.feed(bytes(begun)))
    async for piece in arriving:
        await sink.add(parser.feed(piece))
    await sink.add(parser.close())
    return parser.document, parser.problem


def _parser(form: Format, path: tuple[str, ...], csv: Csv) -> Parser:
    match form:
        case "json":
            return JsonParser(path)
        case "ndjson":
            return NdjsonParser()
        case "csv":
            return CsvParser(csv.delimiter, csv.encoding)


def error_in(document: Any, where: tuple[str, ...] | None, concealed: Callable[[str], str] = str) -> str | None:
    """Return the error that a success tells at `where`: anything but null, false, 0 and what is empty."""
    said = ABSENT if where is None else at(document, where)
    return None if said is ABSENT or not said else f"the answer has {shown(where or ())} = {quote(said, concealed)}"


async def read_told(response: httpx.Response) -> str:
    """Return the text of an answer that is no page, `TOLD_BYTES` of it at most."""
    body = bytearray()
    async for piece in pieces(response, max_bytes=TOLD_BYTES + PIECE_BYTES):
        body += piece
        if len(body) >= TOLD_BYTES:
            break
    return body[:TOLD_BYTES].decode(errors="replace")


def page_of(response: httpx.Response, document: Any, sink: CountedSink) -> Page:
    """Return the page that has been read."""
    return Page(
        items=sink.kept,
        document=document,
        headers=dict(response.headers),
        status=response.status_code,
        url=str(response.url),
        count=sink.count,
        first=sink.first,
        last=sink.last,
    )
