"""Filling a batch: pages are read until it is full, its time is spent, the source ends or says wait.

Enters: a fetch request. Leaves: a committed batch in the spool, described by the returned `Batch`. One durable round
trip brings many pages, and the cursor is durable once per batch.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from ingestion.contracts import Batch, FetchRequest
from ingestion.errors import SourceRefused, SpoolConflict
from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.end import number_of
from ingestion.source.page import Throttled
from ingestion.source.path import ABSENT, at, shown
from ingestion.source.styles import End
from ingestion.spool import BatchWriter, Spool

SHORT_WAIT_SECONDS = 5.0  # slept here; a longer wait becomes a durable timer, which costs nothing


async def fetch(
    request: FetchRequest,
    source: Source,
    pages: SourceClient,
    spool: Spool,
    budget_seconds: float,
    now: Callable[[], float] = monotonic,
) -> Batch:
    """Bring the next batch into the spool and describe it; the batch of an earlier copy of this fetch, if there is one.

    `budget_seconds` bounds the time after which no further page is asked for. A batch holds at most
    `request.max_messages` and the rest of the page that filled it. Raises SourceRefused and SourceUnreachable.
    """
    if (committed := await spool.find(request.batch_index)) is not None:
        return committed
    cursor = source.pagination.first() if request.cursor is None else await spool.load_cursor(request.cursor)
    deadline = now() + budget_seconds
    filling = _Filling(spool.writer(request.batch_index), request.chunk_size)
    pages_read, total, wait_seconds, exhausted = 0, None, 0.0, False
    while not exhausted and filling.count < request.max_messages and now() < deadline:
        wanted = source.pagination.request(source.base_request(), cursor)
        page = await pages.get(wanted)
        if isinstance(page, Throttled):
            if page.seconds > SHORT_WAIT_SECONDS or now() + page.seconds > deadline:
                wait_seconds = page.seconds
                break
            await asyncio.sleep(page.seconds)
            continue
        await filling.add(_messages(page.items, source))
        pages_read += 1
        if source.total is not None and (given := number_of(source.total.of(page))) is not None:
            total = given
        following = source.pagination.next(page, cursor, wanted)
        exhausted = isinstance(following, End)
        cursor = following
    await filling.flush()
    batch = Batch(
        index=request.batch_index,
        blob=spool.blob_name(request.batch_index),
        count=0,
        offsets=(),
        size_bytes=0,
        pages=pages_read,
        next_cursor=None if exhausted else await spool.store_cursor(request.batch_index, cursor),
        wait_seconds=wait_seconds,
        source_total=total,
    )
    try:
        return await filling.writer.commit(batch)
    except SpoolConflict:
        committed = await spool.find(request.batch_index)
        if committed is None:
            raise
        return committed


class _Filling:
    """Collects messages and stages each full chunk, so that memory holds one chunk and one page."""

    def __init__(self, writer: BatchWriter, chunk_size: int) -> None:
        self.writer = writer
        self._chunk_size = chunk_size
        self._waiting: list[Any] = []

    @property
    def count(self) -> int:
        return self.writer.count + len(self._waiting)

    async def add(self, messages: list[Any]) -> None:
        self._waiting.extend(messages)
        while len(self._waiting) >= self._chunk_size:
            await self.writer.write_chunk(self._waiting[: self._chunk_size])
            del self._waiting[: self._chunk_size]

    async def flush(self) -> None:
        if self._waiting:
            await self.writer.write_chunk(self._waiting)
            self._waiting = []


def _messages(items: list[Any], source: Source) -> list[Any]:
    if not source.message:
        return items
    messages = [at(item, source.message) for item in items]
    if ABSENT in messages:
        name = shown(source.message)
        raise SourceRefused(f"item {messages.index(ABSENT)} of a page has no {name!r} (message = {name!r})")
    return messages
