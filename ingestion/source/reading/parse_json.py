"""Read the items of a JSON body, and its document with an empty list in their place.

A small body is read at once, a larger one value by value while it arrives; `json_text` reads the values.
"""

import codecs
import json
import re
from collections.abc import Generator
from itertools import islice
from typing import Any

from ingestion.concealed import quoted
from ingestion.errors import SHOWN_CHARACTERS, SourceRefused, first_line
from ingestion.source.http.outage import NoPage
from ingestion.source.reading.json_text import (
    Scan,
    no_json,
    refuse_repeated_keys,
    repeated,
    scan,
    scanner,
    too_deep,
    value_and_text,
)
from ingestion.source.reading.number import plain
from ingestion.source.reading.path import ABSENT, INDEX, at, exactly_at, shown

SMALL_BODY_BYTES = 1024 * 1024
MAX_HELD = 8 * 1024 * 1024  # the most characters of one item of a large body, and of everything but its items
_LONGEST_TOKEN = 16  # characters, except strings; an error farther from the end does not come from a cut text
_WHITE, _COMMA = re.compile(r"[ \t\n\r]*"), re.compile(r"[ \t\n\r]*,[ \t\n\r]*")

Steps = Generator[None, None, Any]  # each yield waits for more of the body


class JsonParser:
    """Takes the items at a path out of a document; reads one larger than `small_bytes` while it arrives."""

    def __init__(self, items: tuple[str, ...], small_bytes: int = SMALL_BODY_BYTES) -> None:
        self.document: Any = None  # with an empty list where its items were
        self._path, self._small_bytes = items, small_bytes
        self._small: bytearray | None = bytearray()  # the body, while it may be a small one
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogatepass").decode
        self._text, self._begun, self._at = "", 0, 0  # text; where the present value begins, and where to read on
        self._before = 0  # characters before the text
        self._arrived: list[str] = []  # pieces after the text
        self._wanted = 1  # characters to wait for; doubles, so that a large value is not read too often
        self._ended = self._has_items = False
        self._scan: Scan = scan
        self._at_once = True  # whether so far the last comma of each piece was between two items
        self._beside = 0  # characters of the document without its items
        self._taken: list[Any] = []
        self._steps = self._read_large()

    def feed(self, piece: bytes) -> list[Any]:
        """Return the items that this piece completes. Raise NoPage on wrong JSON, SourceRefused beyond a limit."""
        if self._small is not None:
            self._small += piece
            if len(self._small) <= self._small_bytes:
                return []
            piece, self._small = bytes(self._small), None
        try:
            self._arrived.append(self._decode(piece, self._ended))
        except UnicodeDecodeError as error:
            raise no_json(first_line(error)) from None
        self._wanted -= len(self._arrived[-1])
        if self._wanted > 0 and not self._ended:
            return []
        self._text, self._before, self._at = (
            "".join((self._text[self._at :], *self._arrived)),
            self._before + self._at,
            0,
        )
        self._arrived, self._wanted, self._scan = [], 1, scanner(self._text)
        next(self._steps, None)
        taken, self._taken = self._taken, []
        return taken

    def close(self) -> list[Any]:
        """Return the last items. Raise NoPage if the body is not complete."""
        self._ended = True
        return self.feed(b"") if self._small is None else self._read_small(bytes(self._small))

    def _read_small(self, body: bytes) -> list[Any]:
        document, text = value_and_text(body)
        found = exactly_at(document, self._path)
        items = found.copy() if isinstance(found, list) else []
        if items:
            found.clear()
        refuse_repeated_keys(text, document, items)
        self.document = plain(document)
        return items

    def _read_large(self) -> Steps:
        document = yield from self._value(self._path)
        self.document = plain(document)
        while not self._ended or self._at < len(self._text):
            self._skip()
            if self._at < len(self._text):
                raise self._wrong("Extra data", self._at)
            yield

    def _value(self, path: tuple[str, ...] | None) -> Steps:
        """Read a value of the document; `path` leads from it to the items, None if the items are elsewhere."""
        char = yield from self._next()
        if path is not None and char == "[":
            return (yield from (self._list(path) if path else self._items()))
        if path and char == "{":
            return (yield from self._object(path))
        value = yield from self._scanned()
        self._count_beside()
        refuse_repeated_keys(self._text[self._begun : self._at], value)
        return value

    def _object(self, path: tuple[str, ...]) -> Steps:
        found: dict[str, Any] = {}
        self._at += 1
        if (yield from self._next()) == "}":
            self._at += 1
            return found
        while True:
            if (yield from self._next()) != '"':
                raise self._wrong("Expecting a key in double quotes", self._at)
            key = yield from self._scanned()
            self._count_beside()
            if key in found:
                raise repeated(key)
            yield from self._expect(":")
            found[key] = yield from self._value(path[1:] if key == path[0] else None)
            if (yield from self._expect(",}")) == "}":
                return found

    def _list(self, path: tuple[str, ...]) -> Steps:
        is_index = INDEX.fullmatch(path[0])
        if is_index and path[0].startswith("-"):
            raise SourceRefused(
                f"items = {shown(self._path)!r} counts from the end of a list, which works only in pages up to 1 MiB; "
                "request smaller pages, or count from the start"
            )
        found: list[Any] = []
        self._at += 1
        if (yield from self._next()) == "]":
            self._at += 1
            return found
        while True:
            is_next = is_index and len(found) == int(path[0])
            found.append((yield from self._value(path[1:] if is_next else None)))
            if (yield from self._expect(",]")) == "]":
                return found

    def _items(self) -> Steps:
        self._has_items = True
        self._at += 1
        if (yield from self._next()) == "]":
            self._at += 1
            return []
        while True:
            self._skip()
            self._take_those_before_commas()
            yield from self._next()
            item = yield from self._scanned()
            refuse_repeated_keys(self._text[self._begun : self._at], item)
            self._taken.append(item)
            if (yield from self._expect(",]")) == "]":
                return []

    def _take_those_before_commas(self) -> None:
        """Take the items of the text that are complete; a later step finds errors in the next item."""
        text, at, end, items = self._text, self._at, self._at, list[Any]()
        likely = text.rfind("},") + 1 if text.startswith("{", at) else text.rfind(",")
        try:
            if self._at_once and likely > at:  # one scan for many items takes a third of the time
                list_of_them = f"[{text[at:likely]}]"
                items, stop = self._scan(list_of_them, 0)
                self._at_once = stop == len(list_of_them)
                at, end, items = (likely + 1, likely, items) if self._at_once else (at, at, [])
            while not self._at_once:
                item, stop = self._scan(text, at)
                comma = _COMMA.match(text, stop)
                if comma is None:
                    break
                items.append(item)
                at, end = comma.end(), stop
        except (ValueError, RecursionError):
            self._at_once = False
        refuse_repeated_keys(f"[{text[self._at : end]}]", items)
        self._taken += items
        self._at = at

    def _scanned(self) -> Steps:
        """Read one complete value."""
        while True:
            self._begun = self._at
            try:
                value, stop = self._scan(self._text, self._at)
                if stop + len("e+") < len(self._text) or self._ended:  # else a number may go on
                    self._at = stop
                    return value
                problem, place = "", stop
            except json.JSONDecodeError as error:
                problem, place = error.msg, error.pos
            except ValueError as error:  # an integer has thousands of digits
                raise no_json(first_line(error)) from None
            except RecursionError:
                raise too_deep() from None
            held = len(self._text) - self._at
            may_be_cut = place > len(self._text) - _LONGEST_TOKEN or problem.startswith("Unterminated string")
            if self._ended or not may_be_cut:
                raise self._wrong(problem, place)
            self._refuse_beyond(held)
            self._wanted = min(held, MAX_HELD + 1 - held)
            yield

    def _next(self) -> Steps:
        """Skip white space and return the next character."""
        self._skip()
        while self._at == len(self._text):
            if self._ended:
                raise self._wrong("Unexpected end", self._at)
            yield
            self._skip()
        return self._text[self._at]

    def _expect(self, characters: str) -> Steps:
        """Return the next character, which must be one of `characters`, and go past it."""
        if (found := (yield from self._next())) not in characters:
            raise self._wrong(f"Expecting {' or '.join(map(repr, characters))}", self._at)
        self._at += 1
        return found

    def _skip(self) -> None:
        self._at = _WHITE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it also matches an empty text

    def _count_beside(self) -> None:
        self._beside += self._at - self._begun
        self._refuse_beyond(self._beside)

    def _refuse_beyond(self, held: int) -> None:
        if held <= MAX_HELD:
            return
        where = f"items = {shown(self._path)!r}"
        if self._has_items:
            raise SourceRefused(
                f"a response has more than {MAX_HELD:,} characters in one item, or outside of its items ({where}). "
                "Request fewer fields"
            )
        raise SourceRefused(
            f"the first {MAX_HELD:,} characters of the response have no list of items ({where}); check that path"
        )

    def _wrong(self, problem: str, place: int) -> NoPage:
        return no_json(f"{problem} at character {self._before + place}")


def problem_at(document: Any, path: tuple[str, ...], *, may_be_missing: bool = False) -> str | None:
    """Return why there are no items at `path`; None if a list is there, or null, as some APIs write an empty list.

    With `errors` in the document, null is no page: GraphQL writes it for a list that it could not read. If the list
    `may_be_missing`, an object without it is a page too, unless it has `errors` or `error`.
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
    """Return the beginning of a document as JSON, for an error text."""
    pieces = json.JSONEncoder(ensure_ascii=False).iterencode(document)
    return quoted("".join(islice(pieces, SHOWN_CHARACTERS)))
