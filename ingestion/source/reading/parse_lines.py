"""Read the items of a body of lines, NDJSON or CSV. Memory holds one piece of the body and one line."""

import codecs
import csv
import io
from collections.abc import Set
from typing import Any, AnyStr

from ingestion.concealed import quoted
from ingestion.source.http.outage import NoPage
from ingestion.source.reading.json_text import json_value
from ingestion.source.reading.parse_json import quote
from ingestion.source.reading.path import ABSENT, at, shown

ERRORS = {"error", "errors"}  # the keys of a line that is no record
MAX_LINE_BYTES = 8 * 1024 * 1024  # a message may have 64 KB
SHOWN_CHARACTERS = 80  # of a wrong line

csv.field_size_limit(MAX_LINE_BYTES)  # for the whole process; Python's default is 131,072 characters


class NdjsonParser:
    """Reads one JSON value from each line; skips empty lines."""

    document: Any = None

    def __init__(self, message: tuple[str, ...] = ()) -> None:
        self._rest, self._takes_any = b"", not message
        self._keys: Set[str] = frozenset()  # of the first record

    def feed(self, piece: bytes) -> list[Any]:
        """Return the values of the lines that this piece completes. Raise NoPage on a line that is not JSON."""
        *lines, rest = (self._rest + piece).split(b"\n")
        self._rest = _bounded(rest)
        return [self._value(line) for line in lines if not is_blank(line)]

    def close(self) -> list[Any]:
        """Return the last line's value, if no newline follows it. Raise NoPage if it is not JSON."""
        return [] if is_blank(self._rest) else [self._value(self._rest)]

    def _value(self, line: bytes) -> Any:
        try:
            value = json_value(line)
        except NoPage as wrong:
            said = quoted(line.decode(errors="replace"), SHOWN_CHARACTERS)
            raise NoPage(f"a line of the response is not JSON: {said!r}; {wrong}") from None
        if self._takes_any and isinstance(value, dict):
            self._keys = self._keys or value.keys()
            if value.keys() & ERRORS and (value.keys() <= ERRORS or not value.keys() & self._keys):
                raise NoPage(f"a line of the response is an error, not a record: {quote(value)!r} (format = 'ndjson')")
        return value


class CsvParser:
    """Reads the records after a header line, each as an object of texts; quoted fields may have line breaks.

    `document` is the list of the columns; `message`, if given, must be one of them.
    """

    document: Any = None

    def __init__(self, delimiter: str = ",", message: tuple[str, ...] = ()) -> None:
        self._message, self._delimiter = message, delimiter
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._rest: list[str] = []  # of a record that is not complete
        self._held, self._wanted = 0, 0  # characters of the rest; how many to wait for before reading again
        self._columns: list[str] = []

    def feed(self, piece: bytes, *, final: bool = False) -> list[Any]:
        """Return the records that this piece completes. Raise NoPage on a record that does not fit the header."""
        try:
            self._rest.append(self._decode(piece, final))
        except UnicodeDecodeError as error:
            raise NoPage(f"the response is not utf-8 ({error.reason}); set csv.encoding in the sources file") from None
        self._held += len(self._rest[-1])
        if self._held < self._wanted and not final:
            return []
        text = "".join(self._rest)
        end = len(text) if final else text.rfind("\n") + 1
        found, end = self._records(text[:end], final=final)
        self._rest, self._held, self._wanted = [_bounded(text[end:])], len(text) - end, 2 * (len(text) - end)
        return found

    def close(self) -> list[Any]:
        """Return the last record, if no newline follows it. Raise NoPage if the record ends inside quotes."""
        return self.feed(b"", final=True)

    def _header(self, record: list[str]) -> list[str]:
        line = quoted(self._delimiter.join(record), SHOWN_CHARACTERS)
        if record[0].lstrip().startswith(("<", "{")) or at(dict.fromkeys(record), self._message) is ABSENT:
            wanted = f" with the column {shown(self._message)!r}" if self._message else ""
            raise NoPage(f"the response begins with {line!r}, which is no header{wanted} (format = 'csv')")
        if len(set(record)) < len(record):
            name = quoted(next(name for name in record if record.count(name) > 1), SHOWN_CHARACTERS)
            raise NoPage(f"the header {line!r} has the column {name!r} twice, and one value would be lost")
        return record

    def _records(self, text: str, *, final: bool) -> tuple[list[dict[str, str]], int]:
        """Return the complete records of `text`, and where they end: the last record may be incomplete."""
        lines, found, end = io.StringIO(text, newline=""), list[dict[str, str]](), 0  # the reader handles line breaks
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)  # without strict, it would lose quotes
        try:
            for record in reader:
                end = lines.tell()
                if not record:
                    continue
                if not self._columns:
                    self._columns = self.document = self._header(record)
                elif record == self._columns:
                    raise NoPage("the header of the response comes again further down (format = 'csv')")
                elif len(record) == len(self._columns):
                    found.append(dict(zip(self._columns, record, strict=True)))
                else:
                    raise NoPage(
                        f"a record of the response has {len(record)} fields, its header {len(self._columns)} "
                        "(format = 'csv')"
                    )
        except csv.Error as error:
            if final or lines.tell() < len(text):
                raise NoPage(f"a record of the response cannot be read: {error} (format = 'csv')") from None
        return found, end


def is_blank(body: bytes) -> bool:
    """Return whether a body has only white space and a byte order mark."""
    return not body.removeprefix(codecs.BOM_UTF8).strip()


def _bounded(rest: AnyStr) -> AnyStr:
    """Return `rest`, an incomplete line. Raise NoPage if the line is too long."""
    if len(rest) > MAX_LINE_BYTES:
        raise NoPage(f"a line of the response has no end within {MAX_LINE_BYTES:,} bytes; check format")
    return rest
