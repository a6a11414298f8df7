"""Items out of a JSON body, and the document around them with an empty list in their place.

They are taken while the body arrives, or all at once where it is small, which takes two thirds of the time.
"""

import codecs
import json
from itertools import islice
from math import isfinite
from typing import Any, NoReturn

import ijson
import ijson.backends.yajl2_c as yajl  # the C backend by name: better to fail without it than to crawl

from ingestion.concealed import quoted
from ingestion.errors import SHOWN_CHARACTERS, SourceRefused, first_line
from ingestion.source.http.outage import NoAnswer
from ingestion.source.reading.path import ABSENT, at, exactly_at, shown

SMALL_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 500  # of lists and objects in each other; json.loads, which consumers use, has its limit near 1,000
MAX_BYTES_BEFORE = 32 * 1024 * 1024  # of a large body, which are in memory until its items begin


class JsonParser:
    """Takes the items at a path off the document, while it grows if it is larger than `small_bytes`."""

    def __init__(self, items: tuple[str, ...], small_bytes: int = SMALL_BODY_BYTES) -> None:
        self.document: Any = None  # with an empty list where its items were
        self._path, self._small_bytes = items, small_bytes
        self._small: bytearray | None = bytearray()  # the body, as long as it may be a small one
        self._fed = 0
        self._events = ijson.sendable_list()
        self._reader = yajl.basic_parse_coro(self._events, use_float=True)
        self._items: list[Any] | None = None  # the list at the path, once it has begun
        self._open: list[Any] = []  # objects and lists of the document that grow, each in the one before
        self._key = ""  # that was read last

    def feed(self, piece: bytes) -> list[Any]:
        """Return the items that this piece completes. Raise NoAnswer, or SourceRefused on what cannot be streamed."""
        if self._small is not None:
            self._small += piece
            if len(self._small) <= self._small_bytes:
                return []
            piece, self._small = bytes(self._small).removeprefix(codecs.BOM_UTF8), None
        self._fed += len(piece)
        try:
            self._reader.send(piece)
        except UnicodeDecodeError:
            raise _unreadable("half of a surrogate pair") from None
        except ijson.JSONError as error:
            if "integer overflow" in str(error):
                raise _unreadable("a number beyond 64 bits") from None
            if "overflow" in str(error):
                raise _infinite() from None
            raise NoAnswer(_in_words(error)) from None
        taken = self._taken()
        if self._items is None and self._fed > MAX_BYTES_BEFORE:
            raise SourceRefused(
                f"the first {MAX_BYTES_BEFORE:,} bytes of the response have no list of items (items = "
                f"{shown(self._path)!r}); is the path right?"
            )
        return taken

    def close(self) -> list[Any]:
        """Return the last items. Raise NoAnswer on an incomplete body."""
        if self._small is not None:
            return self._read(bytes(self._small))
        try:
            self._reader.close()
        except ijson.JSONError as error:
            raise NoAnswer(_in_words(error)) from None
        return self._taken()

    def _read(self, body: bytes) -> list[Any]:
        """Return the items of a small body."""
        if body.lstrip()[:1] == b"<":
            raise SourceRefused(f"the response is no JSON but {quoted(body.decode(errors='replace'))!r}")
        try:
            self.document = json_value(body)
        except ValueError as error:
            raise NoAnswer(_in_words(error)) from None
        found = exactly_at(self.document, self._path)
        if not isinstance(found, list):
            return []
        items = found.copy()
        found.clear()
        return items

    def _taken(self) -> list[Any]:
        """Return the items that are complete, in order."""
        self._grow()
        self._events.clear()
        if self._items is None:
            return []
        depth = len(self._path)
        growing = len(self._open) > depth + 1 and self._open[depth] is self._items  # its last one is not complete
        complete = len(self._items) - growing
        taken = self._items[:complete]
        del self._items[:complete]
        return taken

    def _grow(self) -> None:
        """Let the document grow by the events. Raise SourceRefused where the path cannot be followed meanwhile."""
        opened, key = self._open, self._key
        for kind, value in self._events:
            if kind == "map_key":
                key = value
                continue
            if kind == "end_map" or kind == "end_array":
                opened.pop()
                continue
            if kind == "start_map":
                value = {}
            elif kind == "start_array":
                value = []
            if not opened:
                self.document = value
            elif isinstance(opened[-1], dict):
                opened[-1][key] = value
            else:
                opened[-1].append(value)
            if kind == "start_map" or kind == "start_array":
                opened.append(value)
                if len(opened) > MAX_DEPTH:
                    raise _too_deep()
                if kind == "start_array" and len(opened) == len(self._path) + 1:
                    self._look_at(value)
        self._key = key

    def _look_at(self, opened: list[Any]) -> None:
        """Note the list that has just begun if it is that of the items."""
        if exactly_at(self.document, self._path) is not opened:
            return
        name = shown(self._path)
        for holder, step in zip(self._open, self._path, strict=False):
            if isinstance(holder, list) and step.startswith("-"):
                raise SourceRefused(
                    f"items = {name!r} counts from the end of a list, which is only known up to 1 MiB; ask for smaller "
                    "pages, or count from the start"
                )
        if self._items is not None:
            raise SourceRefused(f"the source's page has two lists of items (items = {name!r}), one key given twice")
        self._items = opened


def problem_at(document: Any, path: tuple[str, ...], *, may_be_missing: bool = False) -> str | None:
    """Return why there are no items at `path`; None for a list, or a null, which some APIs write for an empty one.

    A null beside `errors` is what GraphQL gives in place of a list that it could not bring. Where the list
    `may_be_missing`, an object without it is a page too, but not beside `errors` or `error`.
    """
    found = exactly_at(document, path)
    errors = isinstance(document, dict) and document.get("errors")
    if isinstance(found, list) or (found is None and path and not errors):
        return None
    lacks_it = isinstance(document, dict) and not document.get("error") and at(document, path) is ABSENT
    if may_be_missing and lacks_it and not errors:
        return None
    kind = "nothing" if found is ABSENT else "null" if found is None else type(found).__name__
    where = repr(shown(path)) if at(document, path) is found else f"{list(path)}; write [{shown(path)!r}] for that key"
    return f"the source's page has {kind} where its items should be (items = {where}); it says {quote(document)!r}"


def quote(document: Any) -> str:
    """Return the beginning of a document as JSON, for an error, however large it is."""
    pieces = json.JSONEncoder(ensure_ascii=False).iterencode(document)
    return quoted("".join(islice(pieces, SHOWN_CHARACTERS)))


def json_value(text: bytes) -> Any:
    """Return the JSON value that `text` is. Raise ValueError if it is none, SourceRefused if JSON cannot pass it on."""
    try:
        return _decode(text.decode(json.detect_encoding(text), "surrogatepass"))
    except RecursionError:
        raise _too_deep() from None


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise _infinite()
    return number


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_no_json).decode


def _unreadable(what: str) -> SourceRefused:
    """Return the refusal of what the streaming parser cannot read, and `read_json` can."""
    return SourceRefused(f"a large response holds {what}, which can only be read up to 1 MiB; ask for smaller pages")


def _infinite() -> SourceRefused:
    return SourceRefused("the response holds a number too large for a float, such as 1e400, which JSON cannot pass on")


def _too_deep() -> SourceRefused:
    return SourceRefused(f"the response nests lists and objects more than {MAX_DEPTH} deep; is the url right?")


def _in_words(error: Exception) -> str:
    return f"the response is not whole JSON ({first_line(error)})"
