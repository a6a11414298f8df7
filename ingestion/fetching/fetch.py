"""Filling a batch: pages are read until it is full, its time is spent, the source ends or says wait.

Enters: a fetch request. Leaves: a committed batch in the spool, described by the returned `Batch`. One durable round
trip brings many pages, and the position in the source is durable once per batch.
"""

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from time import monotonic
from typing import Any

from ingestion.contracts import Batch, Cursor, FetchRequest
from ingestion.errors import SourceRefused, SourceUnreachable, SpoolConflict
from ingestion.fetching.advance import advance, answered, clamped_to, first_page, total_of
from ingestion.fetching.fetch_parallel import PagesAhead
from ingestion.fetching.filling import Filling
from ingestion.fetching.known import Known
from ingestion.fetching.position import Position, from_json, request_at
from ingestion.fetching.seen import Seen
from ingestion.fetching.spool import Spool
from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.page import Page, PageRequest, Throttled
from ingestion.source.styles.end import End
from ingestion.source_wait import REASON_CHARACTERS, Wait

SHORT_WAIT_SECONDS = 5.0  # slept here; a longer wait becomes a durable timer, which costs nothing


async def fetch(
    request: FetchRequest,
    source: Source,
    client: SourceClient,
    spool: Spool,
    budget_seconds: float,
    now: Callable[[], float] = monotonic,
) -> Batch:
    """Bring the next batch into the spool and describe it; the batch of an earlier copy of this fetch, if there is one.

    `budget_seconds` bounds the time after which no further page is asked for. A batch holds at most
    `request.max_messages` and the rest of the page that filled it, and never more than twice that. Raises
    SourceRefused and SourceUnreachable.
    """
    if (committed := await spool.find(request.batch_index)) is not None:
        return committed
    walk = await _walk(request, source, client, spool)
    try:
        return await walk.fill(now() + budget_seconds, now)
    except SpoolConflict:
        committed = walk.filling.first or await spool.find(request.batch_index)
        if committed is None:
            raise
        return committed
    except (SourceRefused, SourceUnreachable) as error:
        raise type(error)(client.concealed(str(error))) from None


async def _walk(request: FetchRequest, source: Source, client: SourceClient, spool: Spool) -> "_Walk":
    """A walk from the request's cursor on, with all that the guards have to know of the way before."""
    stored = await spool.load_cursor(request.cursor)
    position = Position(cursor=source.pagination.first()) if stored is None else from_json(stored)
    seen = Seen(await spool.load(position.seen) if position.seen else b"")
    if position.seen is None:
        seen.add(request_at(source, position))
    known = None
    if position.known_batches:
        known = Known()
        async for line in spool.lines(position.known_batches):
            known.add(line)
    client.patience.go_on(request.wait)
    client.has_answered = bool(position.pages or position.earlier_pages or position.skip)
    previous = await spool.load(position.previous) if position.previous else b""
    return _Walk(position, source, client, spool, seen, Filling(request, source, spool, known, previous))


class _Walk:
    """The way from one position of the source to the end of a batch."""

    def __init__(
        self, position: Position, source: Source, client: SourceClient, spool: Spool, seen: Seen, filling: Filling
    ) -> None:
        self.filling = filling
        self._position, self._source, self._client, self._spool, self._seen = position, source, client, spool, seen
        self._clamped_to: int | None = None
        self._ahead = PagesAhead(client, source.parallel_fetches, self._request_of)
        filling.save = self._save

    async def fill(self, deadline: float, now: Callable[[], float]) -> Batch:
        """Read pages and commit."""
        try:
            following, wait_seconds = await self._read(deadline, now)
        finally:
            await self._ahead.close()
        ended = following.reason if isinstance(following, End) else None
        if not ended and not wait_seconds:
            wait_seconds = await self._wait_for_turn()
        return await self.filling.commit(
            None if ended else self._position,
            ended=ended,
            wait=None if ended else self._wait(wait_seconds),
            source_total=self._position.total,
            clamped_to=self._clamped_to,
            dropped=self.filling.dropped,
        )

    def _wait(self, seconds: float) -> Wait | None:
        wait = self._client.patience.wait(seconds)
        # Concealed before it is cut: of a credential at the cut a part would be left.
        return wait and replace(wait, reason=self._client.concealed(wait.reason)[:REASON_CHARACTERS])

    async def _read(self, deadline: float, now: Callable[[], float]) -> tuple[Position | End | None, float]:
        """Read pages until there is a reason to stop; returns where to go on, and the wait before that."""
        wait_seconds, following = 0.0, None
        while not self.filling.full and now() < deadline:
            request = request_at(self._source, self._position)
            self.filling.begin(self._position)
            page = await self._page()
            if isinstance(page, Throttled):
                self._position = self.filling.position
                if page.seconds > SHORT_WAIT_SECONDS or now() + page.seconds > deadline:
                    wait_seconds = page.seconds
                    break
                await self._client.sleep(page.seconds)
                continue
            following = await self._take(page, request)
            if isinstance(following, End):
                break
            restarted = following.restarts > self._position.restarts
            self._position = following
            if restarted:
                break
        return following, wait_seconds

    async def _wait_for_turn(self) -> float:
        """Sleep until the source may be asked again, since the next fetch knows nothing of it; a long wait is told."""
        pause = self._client.until_turn()
        if pause > SHORT_WAIT_SECONDS:
            return pause
        if pause:
            await self._client.sleep(pause)
        return 0.0

    async def _page(self) -> Page | Throttled:
        sink = None if self._source.pagination.needs_items else self.filling
        pages = ceil(self.filling.left / max(1, self._position.largest_page))
        return await self._ahead.get(self._position.cursor, sink, pages)

    def _request_of(self, cursor: Any) -> PageRequest:
        return request_at(self._source, replace(self._position, cursor=cursor))

    async def _take(self, page: Page, request: PageRequest) -> Position | End:
        """Spool what the page holds; returns where to go on."""
        source, position = self._source, self.filling.position
        answer = answered(source, position, page)
        if answer is not None:
            if isinstance(answer, End):
                return answer
            self._seen = Seen()
            self._seen.add(request_at(source, answer))
            return replace(answer, known_batches=self.filling.index + 1) if source.expiry.then == "restart" else answer
        if page.items:
            await self.filling.add(source.pagination.fresh(page, position.cursor))
        added = self.filling.end()
        first = first_page(source, position, self.filling.page_digest)
        following = advance(source, position, request, page, self._seen)
        if isinstance(following, End):
            self._position = replace(position, total=total_of(source, position, page))
            return following
        cursor, total = position.cursor, following.total
        self._ahead.expect(following.cursor, lambda: source.pagination.split(page, cursor, total))
        self._clamped_to = self._clamped_to or clamped_to(source, position, page)
        self._client.patience.page_came()
        return replace(following, fresh=position.fresh + added, first_page=first)

    async def _save(self, batch_index: int, position: Position) -> Cursor:
        """Make a position durable, with the blobs that it refers to."""
        seen = await self._spool.store(batch_index, "seen", self._seen.dump())
        previous = self.filling.previous
        held = await self._spool.store(batch_index, "previous", previous) if previous else None
        return await self._spool.store_cursor(batch_index, replace(position, seen=seen, previous=held).to_json())
