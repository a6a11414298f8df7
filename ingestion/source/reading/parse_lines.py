"""Items out of bodies that consist of lines, NDJSON and CSV; memory holds one piece and one line."""

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any, AnyStr

from ingestion.concealed import quoted
from ingestion.errors import SourceRefused
from ingestion.source.http.outage import NoAnswer
from ingestion.source.reading.parse_json import json_value
from ingestion.source.reading.path import ABSENT, at, shown

MAX_LINE_BYTES = 8 * 1024 * 1024  # a message may have 64 KB
SHOWN_CHARACTERS = 80  # of a line that cannot be read

csv.field_size_limit(MAX_LINE_BYTES)  # of the whole process; 131,072 characters otherwise


class NdjsonParser:
    """One JSON value a line; empty lines are skipped."""

    document: Any = None

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[Any]:
        """Return the values of the lines that this piece completes. Raise SourceRefused on a line that is not JSON."""
        *lines, rest = (self._rest + piece).split(b"\n")
        self._rest = _bounded(rest)
        return [self._value(line) for line in lines if line.strip()]

    def close(self) -> list[Any]:
        """Return the last line's value, if no newline follows it. Raise NoAnswer if it is not JSON: it may be cut."""
        try:
            return [json_value(self._rest)] if self._rest.strip() else []
        except ValueError:
            raise NoAnswer("the last line is incomplete") from None

    def _value(self, line: bytes) -> Any:
        try:
            return json_value(line)
        except ValueError:
            said = quoted(line.decode(errors="replace"), SHOWN_CHARACTERS)
            raise SourceRefused(f"a line of the response is not JSON: {said!r} (format = 'ndjson')") from None


class CsvParser:
    """Records under a header line, each an object of texts; quoted fields may hold line breaks.

    Its document is the list of the columns, one of which is `message` where that is given.
    """

    document: Any = None

    def __init__(self, delimiter: str = ",", encoding: str = "utf-8", message: tuple[str, ...] = ()) -> None:
        self._message = message
        self._delimiter, self._encoding = delimiter, encoding
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
        self._rest = ""
        self._columns: list[str] = []

    def feed(self, piece: bytes) -> list[Any]:
        """Return the records that this piece completes. Raise SourceRefused on one that does not fit the header."""
        text = self._rest + self._decoded(piece)
        end = _end_of_records(text)
        self._rest = _bounded(text[end:])
        return list(self._records(text[:end]))

    def close(self) -> list[Any]:
        """Return the last record, if no newline follows it. Raise NoAnswer if it ends inside quotes."""
        text = self._rest + self._decoded(b"", final=True)
        if text.count('"') % 2:
            raise NoAnswer("the last record ends inside quotes")
        records = list(self._records(text))
        if not self._columns:
            raise NoAnswer("the body is empty, and a page of CSV begins with a header")
        return records

    def _decoded(self, piece: bytes, final: bool = False) -> str:
        try:
            return self._decoder.decode(piece, final)
        except UnicodeDecodeError as error:
            if final:
                raise NoAnswer("the last character is incomplete") from None
            raise SourceRefused(
                f"the response is not {self._encoding} ({error.reason}); set csv.encoding in the sources file"
            ) from None

    def _header(self, record: list[str]) -> list[str]:
        is_other = record[0].lstrip().startswith(("<", "{")) or at(dict.fromkeys(record), self._message) is ABSENT
        if is_other:
            line = quoted(self._delimiter.join(record), SHOWN_CHARACTERS)
            wanted = f" with the column {shown(self._message)!r}" if self._message else ""
            raise SourceRefused(f"the response begins with {line!r}, which is no header{wanted} (format = 'csv')")
        return record

    def _records(self, text: str) -> Iterator[dict[str, str]]:
        lines = io.StringIO(text, newline="")  # the reader itself knows line breaks
        try:
            for record in filter(None, csv.reader(lines, delimiter=self._delimiter)):
                if not self._columns:
                    self._columns = self.document = self._header(record)
                elif len(record) == len(self._columns):
                    yield dict(zip(self._columns, record, strict=True))
                else:
                    raise SourceRefused(
                        f"a record of the response has {len(record)} fields, its header {len(self._columns)} "
                        "(format = 'csv')"
                    )
        except csv.Error as error:
            raise SourceRefused(f"a record of the response cannot be read: {error} (format = 'csv')") from None


def _bounded(rest: AnyStr) -> AnyStr:
    """Return `rest`, which waits for its end. Raise SourceRefused if that has not come for too long."""
    if len(rest) > MAX_LINE_BYTES:
        raise SourceRefused(f"a line of the response has no end within {MAX_LINE_BYTES:,} bytes; is the format right?")
    return rest


def _end_of_records(text: str) -> int:
    """Return where the last complete record ends: after a line break with no quote open (a doubled one is even)."""
    end = text.rfind("\n") + 1
    while end and text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, text.rfind('"', 0, end)) + 1
    return end
