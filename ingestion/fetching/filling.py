"""Turn the items of pages into the chunks of a batch while they arrive.

A chunk is written as soon as it has `chunk_size` messages or `chunk_bytes` bytes. Memory holds only one chunk and the
latest piece of a page, however large the page is.
"""

import hashlib
from typing import Any, NamedTuple

from ingestion.chunking import chunk
from ingestion.fetching.known import DIGEST_BYTES, Known, digest
from ingestion.fetching.line import line_of
from ingestion.fetching.marks import Marks
from ingestion.fetching.seen import FINGERPRINT_BYTES
from ingestion.source.description import Source
from ingestion.source.http.outage import WrongItem
from ingestion.source.page import Page
from ingestion.source.reading.parse_json import quote
from ingestion.source.reading.path import ABSENT, at, shown
from ingestion.storage.spool import BatchWriter

PIECE_ITEMS = 1_000  # encoded at once
NULL = b"null\n"
NO_MESSAGES = bytes(FINGERPRINT_BYTES)
IDS = 10  # if this many messages at the beginning of a page all differ, they are ids, which identify the page


class _Mark(NamedTuple):
    """The state of the batch at the beginning of a page."""

    written: tuple[int, int, int]
    lines: tuple[bytes, ...]
    size: int  # bytes of the lines
    dropped: int
    digests: int  # bytes of the digests


class Filling:
    """Fills a batch page by page; call `end` after each page."""

    _digest: "hashlib.blake2b"  # of the messages of the page

    def __init__(
        self,
        source: Source,
        writer: BatchWriter,
        chunk_size: int,
        chunk_bytes: int,
        known: Known | None = None,
        previous: bytes = b"",
        digests: bytes = b"",
        marks: Marks | None = None,
        pages_before: int = 0,
    ) -> None:
        """Drop the messages that the run has (`known`) or the page before had (`previous` has their digests).

        If the items of the source are unique, add the digests of the other messages to `digests`. `marks` says which
        items the run takes. The run has read `pages_before` pages before this batch.
        """
        self.pages = 0
        self._pages_before = pages_before
        self.dropped = 0
        self.is_cut_off = False  # the write of a chunk was cancelled, and its blob may still appear
        self._source, self._writer, self._known, self._marks = source, writer, known, marks
        self._chunk_size, self._chunk_bytes = chunk_size, chunk_bytes
        self._lines: list[bytes] = []  # of the chunk that is not yet full
        self._bytes = 0
        self._previous = set(chunk(previous, DIGEST_BYTES))
        self._digests = bytearray(digests)
        self._begin_page()

    @property
    def count(self) -> int:
        """Messages of the batch so far."""
        return self._writer.count + len(self._lines)

    @property
    def previous(self) -> bytes:
        """The digests of the last page's messages, if repeats are dropped."""
        return b"".join(sorted(self._previous))

    @property
    def digests(self) -> bytes:
        """The digests, of this batch and earlier ones, that are in no blob yet."""
        return bytes(self._digests)

    async def restart(self) -> None:
        """Forget the page so far: its answer was cut off, and the client requests it again."""
        began = self._began
        self._writer.go_back(began.written)
        self._lines, self._bytes, self.dropped = list(began.lines), began.size, began.dropped
        del self._digests[began.digests :]
        if self._marks is not None:
            self._marks.restart()
        self._begin_page()

    async def add(self, items: list[Any]) -> None:
        """Add the next items of the page."""
        for piece in chunk(items, PIECE_ITEMS):
            lines = [line_of(message) for message in self._messages(piece)]
            self._items += len(piece)
            self._digest.update(b"".join(lines))
            self._first += lines[: IDS - len(self._first)]
            self._has_messages = True
            for line in self._wanted(piece, lines):
                self._lines.append(line)
                self._bytes += len(line)
                self._added += 1
                if len(self._lines) >= self._chunk_size or self._bytes >= self._chunk_bytes:
                    await self.write_chunk()

    def fingerprint(self, page: Page) -> bytes:
        """Return the fingerprint of the complete page, over all its messages; zeros if the page has no message.

        If the messages may be no ids, but statuses for example, add the first and the last item. Otherwise add no item:
        a part of it may differ in each answer, such as a signed link. A digest of all items would take too long.
        """
        if not self._has_messages:
            return NO_MESSAGES
        whole = self._digest.copy()
        if len(set(self._first)) < IDS:
            whole.update(line_of(page.first) + line_of(page.last))
        return whole.digest()

    def end(self) -> tuple[int, int]:
        """End the page and begin the next one; return how many messages the page added, and how many were dropped."""
        added, dropped = self._added, self.dropped - self._began.dropped
        self.pages += 1
        self._previous = self._current
        if self._marks is not None:
            self._marks.end()
        self._begin_page()
        return added, dropped

    async def write_chunk(self) -> None:
        """Write the present chunk if it has messages."""
        if self._lines:
            self.is_cut_off = True
            await self._writer.write_chunk(self._lines)
            self.is_cut_off = False
            self._lines, self._bytes = [], 0

    def _begin_page(self) -> None:
        self._began = _Mark(self._writer.mark(), tuple(self._lines), self._bytes, self.dropped, len(self._digests))
        self._added, self._items, self._has_messages = 0, 0, False
        self._first: list[bytes] = []
        self._digest = hashlib.blake2b(digest_size=FINGERPRINT_BYTES)
        self._current: set[bytes] = set()

    def _messages(self, items: list[Any]) -> list[Any]:
        if not self._source.message:
            return items
        messages = [at(item, self._source.message) for item in items]
        if ABSENT in messages:
            wrong, page = messages.index(ABSENT), self._pages_before + self.pages + 1
            raise WrongItem(
                f"item {self._items + wrong + 1} of page {page} has no value for the message (message = "
                f"{shown(self._source.message)!r}): {quote(items[wrong])}. Repair the item at the source, or change "
                "message (without it, the whole item is the message); then redrive the run"
            )
        return messages

    def _wanted(self, items: list[Any], lines: list[bytes]) -> list[bytes]:
        """Return the lines that the batch takes: no repeats to drop, no known lines, no items outside of the range."""
        given = list(zip(items, lines, strict=True))
        if self._source.repeats == "drop":
            # With marks, compare whole items: the marks may have dropped, as known, an item with the same message.
            whole = lines if self._marks is None else [line_of(item, sort_keys=True) for item in items]
            digests = [digest(line) for line in whole]
            self._current.update(digests)
            given = [each for each, own in zip(given, digests, strict=True) if own not in self._previous]
            self.dropped += len(lines) - len(given)
        wanted = [line for _, line in given]
        if self._marks is not None:
            taken = self._marks.take([item for item, _ in given])
            wanted = [line for line, is_taken in zip(wanted, taken, strict=True) if is_taken]
        if self._known is not None:
            wanted = [line for line in wanted if line not in self._known]
        if self._source.unique:
            self._digests += b"".join(digest(line) for line in wanted if line != NULL)  # null is rejected
        return wanted
