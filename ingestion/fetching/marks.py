"""The marks of the items of an incremental source: which items a run takes, how far it came, what the next run drops.

A mark is the time or number by which the source orders an item. A run leaves items outside of its range to the run
whose range has them. It drops the items whose digests the run before held. A digest covers the whole item, so the run
takes a changed item even if its mark is the same. The run holds the digests of the items that the next run may read
again, and forgets all others. If it reads its range in windows, it takes an item beyond the end of a window at once,
and drops it when the next window has it again.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from azure.core.exceptions import ResourceNotFoundError

from ingestion.contracts import Mark
from ingestion.errors import SourceRefused
from ingestion.fetching.known import DIGEST_BYTES, Known, digest
from ingestion.fetching.line import line_of
from ingestion.fetching.position import Held, Position
from ingestion.reads import Reads
from ingestion.source.description import Source
from ingestion.source.description.incremental import Incremental
from ingestion.storage.spool import Spool

MOST_HELD = 5_000_000  # digests: 80 MB
MOST_BEYOND = 250_000  # items of one window that are beyond its end
OF_A_BLOB = 25_000  # the fewest digests of a blob, so that the last fetch reads few blobs

Group = tuple[Decimal | None, bytes]  # the highest mark of some items (None: they have no marks), and their digests


@dataclass(slots=True)
class _Page:
    """The counts and digests of a page so far."""

    known: int = 0
    outside: int = 0
    high: Decimal | None = None
    held: list[Group] = field(default_factory=list)
    beyond: bytearray = field(default_factory=bytearray)  # digests of items after the end of the window


class Marks:
    """The marks of one fetch. Call `end` after each page, or `restart` if the page was cut off."""

    def __init__(
        self, incremental: Incremental, reads: Reads, position: Position, known: Known, parts: Mapping[str, bytes]
    ) -> None:
        self._incremental, self._reads, self._known = incremental, reads, known
        self._since = incremental.mark(reads.since) if reads.backfill and reads.since else None
        self._until = incremental.mark(reads.until) if reads.until else None
        self._high = None if position.high is None else incremental.mark(position.high)
        self._counts = position.known, position.outside
        self._held: list[Group] = []
        self._held_bytes, self._too_many = 0, position.holds_too_many
        self._pending, self._before = parts.get("held", b""), parts.get("before", b"")
        self._beyond = bytearray(parts.get("beyond", b""))
        self._end_of_window = self._end_of(position.window)
        self._page = _Page()

    @classmethod
    async def open(
        cls, source: Source, reads: Reads | None, position: Position, parts: Mapping[str, bytes], spool: Spool
    ) -> "Marks | None":
        """Return the marks at a position; None if the run reads no range of marks."""
        if reads is None or source.incremental is None or not source.incremental.orders:
            return None
        known = Known()
        digests = parts.get("before", b"")
        if reads.held is not None:
            with suppress(ResourceNotFoundError):  # gone if the watermark moved twice since: this run cannot move it
                digests += await spool.read_outside(reads.held)
        await asyncio.to_thread(known.add_digests, digests)
        return cls(source.incremental, reads, position, known, parts)

    def take(self, items: list[Any]) -> list[bool]:
        """Return for each of the page's next items whether the run takes it. Raise WrongItem if an item has no mark."""
        incremental, page = self._incremental, self._page
        marks = [incremental.mark_of(item) for item in items] if incremental.key else [None] * len(items)
        inside = [self._is_inside(mark) for mark in marks]
        tops = [mark for mark, is_inside in zip(marks, inside, strict=True) if is_inside and mark is not None]
        top = max(tops, default=None)
        page.high, page.outside = _higher(page.high, top), page.outside + inside.count(False)
        bound = self._lowest_again(_higher(self._high, page.high))
        taken, held = [], bytearray()
        for item, mark, is_inside in zip(items, marks, inside, strict=True):
            is_held = is_inside and not _is_behind(mark, bound)
            is_beyond = mark is not None and self._end_of_window is not None and mark >= self._end_of_window
            is_known = False
            if is_inside and (self._known or is_held or is_beyond):
                of_item = digest(line_of(item, sort_keys=True))
                is_known = self._known.has(of_item)
                held += of_item if is_held else b""
                page.beyond += of_item if is_beyond else b""
            taken.append(is_inside and not is_known)
            page.known += is_known
        if self._reads.watermark is not None:
            page.held.append((top, bytes(held)))
        return taken

    def end(self) -> None:
        """End the complete page and begin the next one."""
        page, (known, outside) = self._page, self._counts
        self._counts = known + page.known, outside + page.outside
        self._high = _higher(self._high, page.high)
        for group in page.held:
            self._hold(group)
        self._beyond += page.beyond
        if len(self._beyond) > MOST_BEYOND * DIGEST_BYTES:
            raise SourceRefused(
                f"more than {MOST_BEYOND:,} items of a window are beyond its end: the source seems to ignore "
                "{to}. Check where the description sends {to}, or leave out incremental.window"
            )
        self.restart()

    def restart(self) -> None:
        """Forget the page so far."""
        self._page = _Page()

    def read_again(self, position: Position) -> None:
        """Reset the counts to the beginning of the window, which is read again."""
        self._counts = position.before.known, position.before.outside
        self._beyond.clear()

    def enter(self, window: int) -> None:
        """Enter the next window; the items beyond the end of the window before become known."""
        self._before = bytes(self._beyond)
        self._known.add_digests(self._before)
        self._beyond.clear()
        self._end_of_window = self._end_of(window)

    def counted(self, position: Position) -> Position:
        """Return the position with the counts and the highest mark so far."""
        known, outside = self._counts
        high = None if self._high is None else self._incremental.text(self._high)
        return replace(position, known=known, outside=outside, high=high)

    async def carried(self, position: Position, spool: Spool, batch_index: int) -> tuple[Position, dict[str, bytes]]:
        """Return the position at the end of a batch, and its long parts. If there are many digests, store them."""
        position, bound = self.counted(position), self._lowest_again(self._high)
        blobs = [blob for blob in position.held if not _is_behind(self._mark(blob.high), bound)]
        self._hold((self._mark(position.pending_high), self._pending))
        groups = [group for group in self._held if not _is_behind(group[0], bound)]
        digests = b"".join(digests for _, digests in groups)
        high = max((high for high, _ in groups if high is not None), default=None)
        text, count = None if high is None else self._incremental.text(high), len(digests) // DIGEST_BYTES
        if self._too_many or sum(blob.digests for blob in blobs) + count > MOST_HELD:
            blobs, digests, position = [], b"", replace(position, holds_too_many=True)
        elif count >= OF_A_BLOB:
            blobs.append(Held(await spool.store(batch_index, "held", digests), text, count))
            digests = b""
        parts = {"held": digests, "before": self._before, "beyond": bytes(self._beyond)}
        return replace(position, held=tuple(blobs), pending_high=text), parts

    def _hold(self, group: Group) -> None:
        """Hold digests for the next run; forget some if there are too many.

        First forget those of items that the next run will not read. If there are still too many, forget all.
        """
        if not group[1] or self._too_many:
            return
        self._held.append(group)
        self._held_bytes += len(group[1])
        if self._held_bytes > MOST_HELD * DIGEST_BYTES:
            bound = self._lowest_again(self._high)
            self._held = [each for each in self._held if not _is_behind(each[0], bound)]
            self._held_bytes = sum(len(digests) for _, digests in self._held)
            if self._held_bytes > MOST_HELD * DIGEST_BYTES:
                self._held, self._held_bytes, self._too_many = [], 0, True

    def _is_inside(self, mark: Decimal | None) -> bool:
        if mark is None:
            return True
        return (self._since is None or mark >= self._since) and (self._until is None or mark < self._until)

    def _lowest_again(self, high: Decimal | None) -> Decimal | None:
        """Return the lowest mark that the next run reads again if `high` is the highest mark of this run."""
        value = self._until if self._incremental.carry == "clock" else high
        return None if value is None else self._incremental.again_from(value)

    def _end_of(self, window: int) -> Decimal | None:
        """Return the end of a window; None for the last one."""
        incremental, reads = self._incremental, self._reads
        if window + 1 >= incremental.windows(reads):
            return None
        _, until = incremental.in_window(reads, window)
        return None if until is None else incremental.floor(incremental.mark(until))

    def _mark(self, text: str | None) -> Decimal | None:
        return None if text is None else self._incremental.mark(text)


async def last_mark(
    source: Source, reads: Reads | None, position: Position, pending: bytes, spool: Spool, batch_index: int
) -> Mark | None:
    """Return where the next run begins, now that this run has read its source; None if it moves no watermark.

    Join the digests that the next run has to know, which are in blobs and in `pending`, into one blob.
    """
    incremental = source.incremental
    if incremental is None or reads is None or reads.watermark is None:
        return None
    if not incremental.orders:
        token = (position.token or "").encode()  # in a blob, because the status of an instance shows the state
        return Mark(kind=incremental.kind, blob=await spool.store(batch_index, "token", token, place="marks"))
    value = reads.until if incremental.carry == "clock" else position.high
    digests = b"".join([*[await spool.read(blob.name) for blob in position.held], pending])
    held = await spool.store(batch_index, "held", digests, place="marks") if digests else None
    return Mark(kind=incremental.kind, value=value, held=held, holds_too_many=position.holds_too_many)


def _higher(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return max((mark for mark in (one, other) if mark is not None), default=None)


def _is_behind(mark: Decimal | None, bound: Decimal | None) -> bool:
    return mark is not None and bound is not None and mark < bound
