"""Decide whether an answer is a page: take its items, or say why it is not a page. No other module decides this."""

import codecs
import json
from typing import Any

import httpx

from ingestion.concealed import quoted
from ingestion.errors import PageRefused, SourceRefused
from ingestion.source.description.source import Source
from ingestion.source.http.origin import address
from ingestion.source.http.outage import NoAnswer, NoPage, WrongItem
from ingestion.source.page import Page
from ingestion.source.reading.body import beginning, pieces
from ingestion.source.reading.parse_json import JsonParser, problem_at, quote
from ingestion.source.reading.parse_lines import ERRORS, CsvParser, NdjsonParser, is_blank
from ingestion.source.reading.path import ABSENT, at, exactly_at, shown

ACCEPTED, NO_CONTENT = 202, (204, 205)
TRANSIENT = (408, 425)  # and every status from 500 on
EMPTY = "if that is a page without items, set end.empty in the sources file"
TOLD_BYTES = 64 * 1024  # how much to read of an answer that is no page

Parser = JsonParser | NdjsonParser | CsvParser


async def read_answer(
    response: httpx.Response, source: Source, page: Page, *, is_first: bool
) -> SourceRefused | NoAnswer | None:
    """Read an answer into `page`. If it is no page, return why; after a NoAnswer, another attempt may help.

    `page.document` is then the body of that answer, if the body is JSON. Raise NoAnswer if the body is cut off, NoPage
    if it does not have the source's format, SourceRefused if it exceeds a limit of the source.
    """
    page.document, page.text, page.null_list = None, "", ""  # an earlier attempt may have set them
    status = response.status_code
    if status in NO_CONTENT:
        if _may_be_empty(source) or source.expects(status, ""):
            return None
        return NoPage(f"{address(response.url)} answered HTTP {status}, which has no content; {EMPTY}", may_pass=True)
    if response.is_success:
        page.document = await _read_items(response, source, page)
        if wrong := _wrong_in(page, source):
            page.text = json.dumps(page.document, ensure_ascii=False)
        elif exactly_at(page.document, source.items) is None and source.items:
            page.null_list = quote(page.document)
        return wrong
    transient = status in TRANSIENT or status >= 500
    is_read = not transient or source.throttle.body is not None
    text = (await beginning(response, TOLD_BYTES)).decode(errors="replace") if is_read else ""
    page.document, page.text = _json_of(text), text
    if transient:
        return NoAnswer(f"HTTP {status}")
    return PageRefused(
        f"{address(response.url)} answered HTTP {status}: {quoted(text)!r}. {_advice(status, source, is_first)}"
    )


def _advice(status: int, source: Source, is_first: bool) -> str:
    """Return what to check after an error status; `is_first` says that the run has no page yet."""
    is_of_auth = status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)
    if is_of_auth and source.auth is not None:
        advice = "Check auth in the sources file, and the app settings that it names"
        return f"{advice}." if is_first else f"{advice}: earlier pages came, so a credential may have expired."
    if not is_first:
        return (
            f"Earlier pages came. If the source ends like this, set end.statuses = [{status}]; else check what "
            "pagination sends, or ask the owner of the source."
        )
    if is_of_auth:
        return "The table of the source has no auth: add it, if the source needs a credential."
    return "Check url, query and headers in the sources file."


async def _read_items(response: httpx.Response, source: Source, page: Page) -> Any:
    """Read the items of an answer into `page`; return the document with an empty list in their place."""
    headers = response.headers
    framed = "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()
    knows_its_end = headers.get("content-encoding") or framed
    if source.format != "json" and not knows_its_end and not source.limits.unframed:
        raise SourceRefused(
            "the response has no length and no chunks, so missing lines could not be noticed; set limits.unframed = "
            "true in the sources file to accept that"
        )
    parser, recoded, begin, ended = _parser(source), _Recoding(_charset(response, source)), b"", False
    try:
        async for piece in pieces(response, source.limits.response_bytes):
            page.keep(len(piece))
            begin += piece if len(begin) < TOLD_BYTES else b""
            await page.add(parser.feed(recoded(piece)))
        ended = True
        await page.add(parser.feed(recoded(b"", final=True)))
        if not (is_blank(begin) and source.format == "ndjson" and _may_be_empty(source)):
            await page.add(parser.close())
            if not page.count and is_blank(begin):
                raise NoPage("the body is empty")
    except WrongItem as wrong:
        raise WrongItem(f"{address(response.url)}: {wrong}") from None
    except NoPage as wrong:
        text = begin.decode(errors="replace").lstrip("\ufeff \t\r\n")
        is_empty = not text and bool(ended or begin)
        hint = f"; {EMPTY}" if source.format == "ndjson" else ""
        problem = f"the body is empty{hint}" if is_empty else str(wrong)
        if ended and not knows_its_end:
            raise NoAnswer(f"the body may be cut: {problem}") from None
        raise NoPage(
            f"{address(response.url)} answered HTTP {response.status_code}, but the body is not a page in the format "
            f"{source.format}: {problem}. It begins with {quoted(text)!r}",
            may_pass=is_empty or text.startswith("<"),
        ) from None
    return parser.document


def _may_be_empty(source: Source) -> bool:
    """Return whether a page may be empty: the description then says what that means."""
    return source.pagination.end.empty is not None


def _charset(response: httpx.Response, source: Source) -> str:
    """Return the charset of an answer, from csv.encoding in the description or from the answer's header."""
    said = source.csv.encoding if "encoding" in source.csv.model_fields_set else response.charset_encoding or ""
    try:
        "".encode(said or "utf-8")
    except (LookupError, UnicodeError):  # an unknown charset, or one that is not for text
        return "utf-8"
    return codecs.lookup(said or "utf-8").name


class _Recoding:
    """Turns the pieces of a body into UTF-8."""

    def __init__(self, charset: str) -> None:
        self._charset = charset
        self._decode = None if charset in ("utf-8", "ascii") else codecs.getincrementaldecoder(charset)().decode

    def __call__(self, piece: bytes, *, final: bool = False) -> bytes:
        if self._decode is None:
            return piece
        try:
            return self._decode(piece, final).encode(errors="surrogatepass")
        except UnicodeDecodeError as error:
            raise NoPage(f"the response is not {self._charset}, its declared charset ({error.reason})") from None


def _parser(source: Source) -> Parser:
    match source.format:
        case "json":
            return JsonParser(source.items)
        case "ndjson":
            return NdjsonParser(source.message)
        case "csv":
            return CsvParser(source.csv.delimiter, source.message)


def _wrong_in(page: Page, source: Source) -> SourceRefused | NoAnswer | None:
    """Return why the document of an HTTP success is no page: it has an error, or no items at `items`."""
    document = page.document
    if page.status == ACCEPTED and not page.count:
        return NoAnswer(f"HTTP {ACCEPTED}: nothing is ready yet")
    said = ABSENT if source.error is None else at(document, source.error)
    if said is not ABSENT and said:  # neither null, false, 0 nor empty
        return NoAnswer(f"the answer has {shown(source.error or ())} = {quote(said)}")
    if source.success is not None and (flag := at(document, source.success)) is not True:
        found = "nothing" if flag is ABSENT else quote(flag)
        return NoAnswer(f"the answer has {found} where success = {shown(source.success)!r} expects true")
    if source.format != "json":
        return None
    problem = problem_at(document, source.items, may_be_missing=source.missing == "empty")
    is_declared = source.error is not None or source.success is not None
    tells_error = isinstance(document, dict) and any(map(document.get, ERRORS))
    if tells_error and not (problem or page.count or is_declared):
        problem = f"it has an error and no items: {quote(document)!r}"
    return NoPage(f"{address(source.url)} gave no page: {problem}") if problem else None


def _json_of(text: str) -> Any:
    """Return the JSON value of a text, None if it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
