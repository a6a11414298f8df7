"""From the items of pages to the chunks of batches: the sink that a page's items go to while they arrive.

Enters: items. Leaves: committed batches in the spool. Memory holds one chunk and the piece that came last. A page that
is far larger than a batch is cut: its batches are committed one after the other while it arrives, each with a position
inside the page, and the fetches of the later ones find them there.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from ingestion.chunking import chunk
from ingestion.contracts import Batch, Cursor, FetchRequest
from ingestion.errors import SourceRefused
from ingestion.fetching.known import Known, digest
from ingestion.fetching.position import Position
from ingestion.fetching.spool import Spool
from ingestion.source.description import Source
from ingestion.source.reading.path import ABSENT, at, shown

LARGEST_BATCH = 2  # times `max_messages`: beyond it a page is cut, below it the rest of a page stays with its batch

Save = Callable[[int, Position], Awaitable[Cursor]]
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_encode_escaped = json.JSONEncoder(separators=(",", ":")).encode


class Filling:
    """The batch that is being filled; `begin` and `end` enclose each page."""

    save: Save  # how the position of the next batch is made durable
    position: Position  # of the page under way, past what of it is committed

    def __init__(
        self, request: FetchRequest, source: Source, spool: Spool, known: Known | None = None, previous: bytes = b""
    ) -> None:
        self.index = request.batch_index
        self.first: Batch | None = None  # once it is committed, a page has been cut and the fetch ends with it
        self.pages = 0
        self.dropped = 0
        self._request, self._source, self._spool, self._known = request, source, spool, known
        self._writer = spool.writer(self.index)
        self._waiting: list[bytes] = []
        self._previous = {previous[at : at + 16] for at in range(0, len(previous), 16)}
        self._current: set[bytes] = set()
        self._last_item: Any = None

    @property
    def full(self) -> bool:
        """Whether no further page should be asked for."""
        return self.first is not None or self._count >= self._request.max_messages

    @property
    def left(self) -> int:
        """Messages until the batch is full."""
        return max(0, self._request.max_messages - self._count)

    @property
    def previous(self) -> bytes:
        """Fingerprints of the messages of the last page, where repeats are dropped."""
        return b"".join(sorted(self._previous))

    @property
    def page_digest(self) -> str:
        """What tells the messages of the page from those of another."""
        return self._digest.hexdigest() if self._came else ""

    def begin(self, position: Position) -> None:
        """The page at `position` is about to arrive."""
        self.position = position
        self._mark()
        self._begin_again()

    async def add(self, items: list[Any]) -> None:
        """Take the next items of the page."""
        for piece in chunk(items, self._request.chunk_size):
            if self._count >= LARGEST_BATCH * self._request.max_messages:
                await self._cut()
            lines = self._unskipped([line_of(message) for message in self._messages(piece)])
            self._waiting.extend(self._wanted(lines))
            self._last_item = piece[-1]
            while len(self._waiting) >= self._request.chunk_size:
                await self._writer.write_chunk(self._waiting[: self._request.chunk_size])
                del self._waiting[: self._request.chunk_size]

    async def restart(self) -> None:
        """Forget what came of the page since `begin`, or since it was cut: it is asked for again."""
        writer_mark, waiting, skip, expected, dropped = self._marked
        self._writer.rewind(writer_mark)
        self._waiting, self.dropped = list(waiting), dropped
        self.position = replace(self.position, skip=skip, digest=expected)
        self._begin_again()

    def end(self) -> int:
        """The page is whole. Returns the messages that it added; raises SourceRefused if it ended too early."""
        if self._came < self.position.skip:
            raise self._changed()
        self.pages += 1
        self._previous = self._current
        return self._added

    async def commit(self, following: Position | None, **facts: Any) -> Batch:
        """Make the batch visible, with the position of the next one; returns the batch that the fetch was for."""
        if self._waiting:
            await self._writer.write_chunk(self._waiting)
            self._waiting = []
        cursor = None if following is None else await self.save(self.index, following)
        batch = Batch(
            index=self.index,
            blob=self._spool.blob_name(self.index),
            count=0,
            offsets=(),
            size_bytes=0,
            pages=self.pages,
            next_cursor=cursor,
            **facts,
        )
        committed = await self._writer.commit(batch)
        self.first = self.first or committed
        return self.first

    @property
    def _count(self) -> int:
        return self._writer.count + len(self._waiting)

    async def _cut(self) -> None:
        """Commit what is there with a position inside the page, and go on with the next batch."""
        last_key = self._source.expiry.key_of(self._last_item)
        inside = replace(self.position, skip=self._came, digest=self._digest.hexdigest(), last_key=last_key)
        await self.commit(inside, source_total=inside.total)
        self.index += 1
        self.pages = self.dropped = 0
        self._writer = self._spool.writer(self.index)
        self.position = inside
        self._mark()

    def _mark(self) -> None:
        position = self.position
        self._marked = (self._writer.mark(), tuple(self._waiting), position.skip, position.digest, self.dropped)

    def _begin_again(self) -> None:
        self._came, self._added = 0, 0
        self._digest = hashlib.blake2b(digest_size=16)
        self._current = set()

    def _messages(self, items: list[Any]) -> list[Any]:
        if not self._source.message:
            return items
        messages = [at(item, self._source.message) for item in items]
        if ABSENT in messages:
            name = shown(self._source.message)
            raise SourceRefused(f"item {messages.index(ABSENT)} of a page has no {name!r} (message = {name!r})")
        return messages

    def _unskipped(self, lines: list[bytes]) -> list[bytes]:
        """The lines past those that earlier batches hold; what is skipped has to be what they hold."""
        left = self.position.skip - self._came
        skipped, lines_left = (lines[:left], lines[left:]) if left > 0 else ([], lines)
        self._digest.update(b"".join(skipped))
        self._came += len(skipped)
        if self._source.repeats == "drop":
            self._current.update(map(digest, skipped))
        if skipped and self._came == self.position.skip and self._digest.hexdigest() != self.position.digest:
            raise self._changed()
        self._digest.update(b"".join(lines_left))
        self._came += len(lines_left)
        return lines_left

    def _wanted(self, lines: list[bytes]) -> list[bytes]:
        """The lines without those that the run holds, or that the page before held, where they are to be dropped."""
        wanted = lines if self._known is None else [line for line in lines if line not in self._known]
        if self._source.repeats == "drop":
            marks, unknown = [digest(line) for line in wanted], len(wanted)
            self._current.update(marks)
            wanted = [line for line, mark in zip(wanted, marks, strict=True) if mark not in self._previous]
            self.dropped += unknown - len(wanted)
        self._added += len(wanted)
        return wanted

    def _changed(self) -> SourceRefused:
        return SourceRefused(
            f"a page that was cut off after {self.position.skip} messages came differently when it was asked for "
            "again; what came before is in earlier batches, the rest cannot be told from it. Start a new run"
        )


def line_of(message: Any) -> bytes:
    """A message as the spool has it: compact JSON and a line feed."""
    try:
        return f"{_encode(message)}\n".encode()
    except RecursionError:
        raise SourceRefused("a message nests lists and objects too deep to be written as JSON") from None
    except UnicodeEncodeError:  # half of a surrogate pair: escaped it gets as far as the sender, which rejects it alone
        return f"{_encode_escaped(message)}\n".encode()
