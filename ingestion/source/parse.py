"""Items out of a body while it arrives, in memory that does not grow with it.

Enters: the body, piece by piece. Leaves: items as soon as they are complete and, at the end, the document that was
around them, so that cursor fields may stand before or after the items. One parser per format; a small JSON body is
read at once, which takes a third of the time.
"""

import codecs
import csv
import io
import json
from collections.abc import Iterator
from typing import Any, AnyStr, Literal, Protocol

import ijson
import ijson.backends.yajl2_c as yajl  # the C backend by name: the pure one is 30 times slower, better to fail
from ijson.common import ObjectBuilder

from ingestion.errors import SourceRefused
from ingestion.source.path import ABSENT, at, shown

Format = Literal["json", "ndjson", "csv"]

MAX_LINE_BYTES = 8 * 1024 * 1024  # of NDJSON and CSV; a message may have 64 KB
SHOWN_CHARACTERS = 80  # of a line that cannot be read


class BadBody(Exception):
    """The body ends too early or is damaged; asking again may bring a good one."""


class Parser(Protocol):
    """What turns a body into items."""

    def feed(self, piece: bytes) -> list[Any]:
        """The items that this piece completes. Raises BadBody."""
        ...

    def close(self) -> list[Any]:
        """The items that the end of the body completes. Raises BadBody if the body cannot have ended here."""
        ...

    @property
    def document(self) -> Any:
        """What was around the items; complete after `close`."""
        ...

    @property
    def problem(self) -> str | None:
        """Why no items were found where they should be; None if they were."""
        ...


def parser_for(form: Format, items: tuple[str, ...]) -> Parser:
    """A parser for one body; `items` is the path of the list of items in a JSON one."""
    match form:
        case "json":
            return JsonParser(items)
        case "ndjson":
            return NdjsonParser()
        case "csv":
            return CsvParser()


class JsonParser:
    """The list at a path in a JSON body, item by item.

    Two C parsers read the same bytes: one builds the items, the other's events lead through what is around them.
    """

    def __init__(self, items: tuple[str, ...]) -> None:
        self._path = items
        self._found = ijson.sendable_list()
        self._events = ijson.sendable_list()
        self._items = yajl.items_coro(self._found, ".".join((*items, "item")), use_float=True)
        self._around = yajl.basic_parse_coro(self._events, use_float=True)
        self._outside = _Outside(items)
        self._begun = False

    @property
    def document(self) -> Any:
        """The body with an empty list where its items were."""
        return self._outside.document

    @property
    def problem(self) -> str | None:
        """What is wrong with the place of the items; None if a list was there, or a null."""
        return None if self._outside.seen_items else problem_at(self.document, self._path)

    def feed(self, piece: bytes) -> list[Any]:
        """The items that this piece completes. Raises BadBody."""
        if not self._begun:
            piece, self._begun = piece.removeprefix(codecs.BOM_UTF8), True
        try:
            self._items.send(piece)
            self._around.send(piece)
        except ijson.JSONError as error:
            raise BadBody(_in_words(error)) from None
        return self._taken()

    def close(self) -> list[Any]:
        """No further items; raises BadBody on an incomplete body."""
        try:
            self._items.close()
            self._around.close()
        except ijson.JSONError as error:
            raise BadBody(_in_words(error)) from None
        return self._taken()

    def _taken(self) -> list[Any]:
        self._outside.follow(self._events)
        self._events.clear()
        taken = list(self._found) if self._outside.seen_items else []
        self._found.clear()
        return taken


class _Outside:
    """Builds the document from parse events, without what is inside the list at `path`."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self._wanted = path
        self._builder = ObjectBuilder()
        self._keys: list[str | None] = []  # of the maps and lists that are open; None is a list
        self._key: str | None = None  # that was read last
        self._depth = 0  # inside the items; 0 is outside
        self.seen_items = False

    @property
    def document(self) -> Any:
        return getattr(self._builder, "value", None)

    def follow(self, events: list[tuple[str, Any]]) -> None:
        for kind, value in events:
            if self._depth:
                if kind in ("start_map", "start_array"):
                    self._depth += 1
                elif kind in ("end_map", "end_array"):
                    self._depth -= 1
                if self._depth:
                    continue
            self._builder.event(kind, value)
            if kind == "map_key":
                self._key = value
            elif kind in ("start_map", "start_array"):
                self._open(kind)
            elif kind in ("end_map", "end_array") and self._keys:
                self._keys.pop()
                self._key = None

    def _open(self, kind: str) -> None:
        self._keys.append(self._key)
        self._key = None
        if kind == "start_array" and tuple(self._keys[1:]) == self._wanted and not self.seen_items:
            self.seen_items, self._depth = True, 1


class NdjsonParser:
    """One JSON value a line; empty lines are skipped."""

    document: Any = None
    problem: str | None = None

    def __init__(self) -> None:
        self._rest = b""
        self._lines = 0

    def feed(self, piece: bytes) -> list[Any]:
        """The values of the lines that this piece completes. Raises SourceRefused on a line that is not JSON."""
        if not self._lines and not self._rest:
            piece = piece.removeprefix(codecs.BOM_UTF8)
        *lines, rest = (self._rest + piece).split(b"\n")
        self._rest = _bounded(rest)
        return [self._value(line) for line in lines if self._counted(line)]

    def close(self) -> list[Any]:
        """The last line's value, if no newline follows it. Raises BadBody if it is not JSON: it may have been cut."""
        try:
            return [json.loads(self._rest)] if self._counted(self._rest) else []
        except ValueError:
            raise BadBody("the last line is incomplete") from None

    def _counted(self, line: bytes) -> bool:
        self._lines += 1
        return bool(line.strip())

    def _value(self, line: bytes) -> Any:
        try:
            return json.loads(line)
        except ValueError:
            shown = line[:SHOWN_CHARACTERS].decode(errors="replace")
            raise SourceRefused(f"a line of the response is not JSON: {shown!r} (format = 'ndjson')") from None


class CsvParser:
    """Records under a header line, each an object of texts; quoted fields may hold line breaks."""

    document: Any = None
    problem: str | None = None

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest = ""
        self._columns: list[str] = []

    def feed(self, piece: bytes) -> list[Any]:
        """The records that this piece completes. Raises SourceRefused on a record that does not fit the header."""
        text = self._rest + self._decoded(piece)
        end = _end_of_records(text)
        self._rest = _bounded(text[end:])
        return list(self._records(text[:end]))

    def close(self) -> list[Any]:
        """The last record, if no newline follows it. Raises BadBody if it ends inside quotes."""
        text = self._rest + self._decoded(b"", final=True)
        if text.count('"') % 2:
            raise BadBody("the last record ends inside quotes")
        return list(self._records(text))

    def _decoded(self, piece: bytes, final: bool = False) -> str:
        try:
            return self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            raise BadBody(f"the response is not UTF-8 ({error.reason})") from None

    def _records(self, text: str) -> Iterator[dict[str, str]]:
        for record in csv.reader(io.StringIO(text, newline="")):  # newline="": the reader itself knows line breaks
            if not record:
                continue
            if not self._columns:
                self._columns = record
                continue
            if len(record) != len(self._columns):
                raise SourceRefused(
                    f"a record of the response has {len(record)} fields, its header {len(self._columns)} "
                    "(format = 'csv')"
                )
            yield dict(zip(self._columns, record, strict=True))


def _bounded(rest: AnyStr) -> AnyStr:
    """`rest`, which waits for its end. Raises SourceRefused if that has not come for too long."""
    if len(rest) > MAX_LINE_BYTES:
        raise SourceRefused(f"a line of the response has no end within {MAX_LINE_BYTES:,} bytes; is the format right?")
    return rest


def _end_of_records(text: str) -> int:
    """Where the last complete record of `text` ends: after a line break with no quote open (a doubled one is even)."""
    end = text.rfind("\n") + 1
    while end and text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, text.rfind('"', 0, end)) + 1
    return end


def read_json(body: bytes, items: tuple[str, ...]) -> tuple[list[Any], Any, str | None]:
    """Items, the document around them, and what is wrong with their place, from a whole body. Raises BadBody."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise BadBody(_in_words(error)) from None
    if problem := problem_at(document, items):
        return [], document, problem
    found = at(document, items)
    if not items:
        return found, [], None
    if found is None:
        return [], document, None
    holder = at(document, items[:-1])
    holder[items[-1] if isinstance(holder, dict) else int(items[-1])] = []
    return found, document, None


def problem_at(document: Any, path: tuple[str, ...]) -> str | None:
    """Why there are no items at `path`; None if there is a list, or a null, which some APIs write for an empty one."""
    found = at(document, path)
    if isinstance(found, list) or (found is None and path):
        return None
    kind = "nothing" if found is ABSENT else type(found).__name__
    return f"the source's page has {kind} where its items should be (items = {shown(path)!r})"


def _in_words(error: Exception) -> str:
    return f"the response is not whole JSON ({str(error).splitlines()[0]})"
