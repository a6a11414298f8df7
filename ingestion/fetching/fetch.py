"""The fetch loop: read pages until the batch is full, its time is up, or the source ends or asks for a wait.

One activity call fetches many pages, and the position in the source becomes durable once for each batch.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from math import ceil
from time import monotonic
from typing import Any

from ingestion.concealed import conceal, quoted, sealed, unsealed
from ingestion.contracts import Batch, FetchRequest
from ingestion.deadline import in_time
from ingestion.errors import HeldBack, OutOfTime, PageRefused, SourceRefused, SourceUnreachable
from ingestion.fetching.advance import (
    advance,
    answered,
    check_address,
    check_items,
    clamped_to,
    following_window,
    repeated,
    with_total,
)
from ingestion.fetching.doubles import MOST, OF_A_BLOB, TOO_MANY, sorted_digests
from ingestion.fetching.fetch_parallel import PagesAhead
from ingestion.fetching.filling import Filling
from ingestion.fetching.known import DIGEST_BYTES, Known
from ingestion.fetching.last_batch import last_batch
from ingestion.fetching.marks import Marks, last_mark
from ingestion.fetching.position import Position, from_json, request_at
from ingestion.fetching.seen import Seen, fingerprint
from ingestion.fetching.span import begins_with_token, has_token, least_items_of, token_of, windows_of, without_token
from ingestion.hold import Hold
from ingestion.reads import Reads
from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.page import Page, PageRequest, Throttled
from ingestion.source.styles.end import End
from ingestion.source_wait import REASON_CHARACTERS
from ingestion.storage.spool import OpenBatch, Spool

SHORT_WAIT_SECONDS = 5.0  # the activity waits up to this; a longer wait becomes a durable timer, which costs nothing


async def fetch(
    request: FetchRequest,
    source: Source,
    client: SourceClient,
    spool: Spool,
    *,
    reads: Reads | None = None,
    described: Callable[[int], Source] | None = None,
    budget_seconds: float,
    last_page_seconds: float = float("inf"),
    chunk_bytes: int,
    now: Callable[[], float] = monotonic,
    hold: Hold | None = None,
) -> Batch:
    """Fetch the next batch into the spool and return it, or the batch that an earlier copy of this fetch committed.

    Once the batch has a page, request no further page after `budget_seconds`. Give up a page that is still incomplete
    `last_page_seconds` after the start of the fetch, or when a command comes; the next fetch begins with that page.
    The batch ends with the page that brings it to `request.max_messages`; that page is kept whole. `reads` is the
    range that the run reads; if the range has windows, `described` returns the description for each window.

    Raise SourceRefused or SourceUnreachable. If the batch has no page yet, or the write of a chunk was cut off, raise
    OutOfTime when time is over, and HeldBack when a command comes.
    """
    hold = hold or Hold()
    opened = await spool.open(request)
    if isinstance(opened, Batch):
        return opened
    give_up_at = asyncio.get_running_loop().time() + last_page_seconds
    first = Position(cursor=source.pagination.first(), windows=windows_of(source, reads))
    position = first if opened.at is None else from_json(opened.at)
    if position.ended is not None:
        async with hold.interrupting():
            return await last_batch(request, source, reads, position, opened, spool)
    try:
        position = replace(position, cursor=unsealed(position.cursor))
        if position.windows != first.windows:
            raise SourceRefused("incremental.window has changed since the start of the run. Start a new run")
        if position.window and described is not None:
            source = described(position.window)
        if opened.at is not None or begins_with_token(source, reads):
            what = "the token of the run before" if opened.at is None else "the stored cursor of the run"
            check_address(source, request_at(source, position).url, what)
        async with hold.interrupting():
            known = await _known(position, spool, give_up_at)
            async with in_time("read the stored item digests of the previous run", _left(give_up_at)):
                marks = await Marks.open(source, reads, position, opened.parts, spool)
        previous, digests = opened.parts.get("previous", b""), opened.parts.get("digests", b"")
        pages = position.earlier_pages + position.pages
        filling = Filling(
            source, opened.writer, request.chunk_size, chunk_bytes, known, previous, digests, marks, pages
        )
        client.patience.go_on(request.wait)
        client.has_answered = bool(position.pages or position.earlier_pages)
        walk = _Walk(
            request, position, source, client, spool, opened, filling, marks, reads, described, give_up_at, hold
        )
        return await walk.fill(now() + budget_seconds, now)
    except (SourceRefused, SourceUnreachable) as error:
        raise type(error)(without_token(conceal(str(error)), source, reads)) from None


async def _known(position: Position, spool: Spool, give_up_at: float) -> Known | None:
    """Return the messages that the run already has, if it reads the source again from its start."""
    if not position.known_batches:
        return None
    known = Known()
    async with in_time("read the messages that the run already has", _left(give_up_at)):
        async for line in spool.lines(position.known_batches):
            known.add(line)
    return known


class _Walk:
    """Fetches one batch, from one position of the source to the next."""

    def __init__(
        self,
        request: FetchRequest,
        position: Position,
        source: Source,
        client: SourceClient,
        spool: Spool,
        opened: OpenBatch,
        filling: Filling,
        marks: Marks | None,
        reads: Reads | None,
        described: Callable[[int], Source] | None,
        give_up_at: float,
        hold: Hold,
    ) -> None:
        self._request, self._position, self._source, self._client = request, position, source, client
        self._spool, self._writer, self._filling = spool, opened.writer, filling
        self._give_up_at, self._hold = give_up_at, hold
        self._reads, self._described, self._marks = reads, described, marks
        self._seen = Seen(opened.parts.get("seen") or fingerprint(request_at(source, position)))
        self._pages = Seen(opened.parts.get("pages", b""))
        self._clamped_to: int | None = None
        self._ahead = PagesAhead(client, source.parallel_fetches, self._request_of)

    async def fill(self, deadline: float, now: Callable[[], float]) -> Batch:
        """Read pages into chunks, and commit them as a batch; return the committed batch."""
        try:
            following, wait_seconds = await self._read(deadline, now)
        finally:
            await self._ahead.close()
        index, client, filling, writer = self._request.batch_index, self._client, self._filling, self._writer
        ended = conceal(following.reason) if isinstance(following, End) else None
        cursor, wait, mark = None, None, None
        marked = dict[str, bytes]()
        if self._marks is not None:
            self._position, marked = await self._marks.carried(self._position, self._spool, index)
        if ended and self._source.unique:
            self._position, ended = replace(self._position, ended=ended), None
        if not ended:
            if not self._position.ended:
                wait = client.patience.wait(wait_seconds or await self._wait_for_turn())
            if wait is not None:
                reason = without_token(wait.reason, self._source, self._reads)
                wait = replace(wait, reason=quoted(reason, REASON_CHARACTERS))
            parts = {"seen": self._seen.dump(), "pages": self._pages.dump(), "previous": filling.previous}
            parts |= {"digests": await self._with_digests(), **marked}
            stored = replace(self._position, cursor=sealed(self._position.cursor))
            cursor = await self._spool.store_cursor(index, stored.to_json(), parts, hidden=has_token(self._source))
        else:
            held = marked.get("held", b"")
            mark = await last_mark(self._source, self._reads, self._position, held, self._spool, index)
        await filling.write_chunk()
        return await self._spool.commit(
            Batch(
                index=index,
                token=writer.token,
                first_chunk=writer.first_chunk,
                chunks=writer.next_chunk - writer.first_chunk,
                count=writer.count,
                size_bytes=writer.size_bytes,
                pages=filling.pages,
                next_cursor=cursor,
                wait=wait,
                source_total=self._position.total if self._position.windows == 1 else None,
                clamped_to=self._clamped_to,
                dropped=filling.dropped,
                ended=ended,
                known=self._position.known,
                outside=self._position.outside,
                mark=mark,
            )
        )

    async def _slept(self, seconds: float) -> bool:
        """Sleep; return False if a command came before the end."""
        with suppress(HeldBack):
            async with self._hold.interrupting():
                await self._client.sleep(seconds)
                return True
        return False

    async def _wait_for_turn(self) -> float:
        """Wait until the source may be read again; return the seconds left if the wait is long, or a command comes."""
        with suppress(HeldBack):
            async with self._hold.interrupting():
                return await self._client.wait_for_turn(SHORT_WAIT_SECONDS)
        return await self._client.wait_for_turn(0.0)

    async def _with_digests(self) -> bytes:
        """Store the digests in a blob if there are many or the source has ended; return those in no blob yet."""
        digests, position = self._filling.digests, self._position
        count = len(digests) // DIGEST_BYTES
        if position.digested == TOO_MANY or position.digested + count > MOST:
            self._position = replace(position, digests=(), digested=TOO_MANY)
            return b""
        if count < (1 if position.ended else OF_A_BLOB):
            return digests
        name = await self._spool.store(self._request.batch_index, "digests", sorted_digests(digests))
        self._position = replace(position, digests=(*position.digests, name), digested=position.digested + count)
        return b""

    async def _read(self, deadline: float, now: Callable[[], float]) -> tuple[Position | End | None, float]:
        """Read pages until there is a reason to stop; return where to go on, and the seconds to wait first."""
        wait_seconds, following = 0.0, None
        while self._filling.count < self._request.max_messages and (now() < deadline or not self._filling.pages):
            request = request_at(self._source, self._position)
            try:
                doing = "get one page of the source"
                async with self._hold.interrupting(), in_time(doing, _left(self._give_up_at)):
                    page = await self._page()
            except (HeldBack, OutOfTime):
                if not self._filling.pages or self._filling.is_cut_off:
                    raise
                await self._filling.restart()
                break
            if isinstance(page, Throttled):
                await self._filling.restart()  # an earlier answer for this page may have been cut off
                is_long = page.seconds > SHORT_WAIT_SECONDS or now() + page.seconds > deadline
                if is_long or not await self._slept(page.seconds):
                    wait_seconds = page.seconds
                    break
                continue
            following = await self._take(page, request)
            if isinstance(following, End):
                following = self._beyond(following, page)
            if isinstance(following, End):
                break
            restarted = following.restarts > self._position.restarts
            self._position = following
            if restarted:
                break
        return following, wait_seconds

    def _beyond(self, end: End, page: Page) -> Position | End:
        """Return the beginning of the next window, or `end` if this window is the last."""
        source, position = self._source, self._position
        if position.window + 1 == position.windows:
            check_items(end, position, least_items_of(source, self._reads))
            self._position = replace(position, token=token_of(source, page))
            return end
        assert self._described is not None, "a range with windows has a description for each"
        self._client.patience.page_came()
        self._ahead.forget()
        self._source = self._described(position.window + 1)
        if self._marks is not None:
            position = self._marks.counted(position)
            self._marks.enter(position.window + 1)
            if source.incremental is not None and source.incremental.key:
                self._pages = Seen()  # the marks find items that come again
        following = following_window(self._source, position)
        self._seen = Seen(fingerprint(request_at(self._source, following)))
        return following

    async def _page(self) -> Page | Throttled:
        sink = None if self._source.pagination.needs_items else self._filling
        left = self._request.max_messages - self._filling.count
        pages = ceil(max(0, left) / max(1, self._position.largest_page))
        try:
            return await self._ahead.get(self._position.cursor, sink, pages)
        except PageRefused as error:
            number = self._position.earlier_pages + self._position.pages + 1
            raise SourceRefused(f"page {number} of the source: {error}") from None

    def _request_of(self, cursor: Any) -> PageRequest:
        return request_at(self._source, replace(self._position, cursor=cursor))

    async def _take(self, page: Page, request: PageRequest) -> Position | End:
        """Add the items of the page to the batch; return where to go on, or the end."""
        source, position = self._source, self._position
        begins = not position.pages and not position.earlier_pages and begins_with_token(source, self._reads)
        answer = answered(source, position, page, begun_with_token=begins)
        if answer is not None:
            if isinstance(answer, End):
                return answer
            self._seen = Seen(fingerprint(request_at(source, answer)))
            if source.expiry.then == "resume":
                return answer
            self._pages = Seen()
            if self._marks is not None:
                self._marks.read_again(position)
            return replace(answer, known_batches=self._request.batch_index + 1)
        came_again = 0  # items that the page before had
        if page.items:
            fresh = source.pagination.fresh(page, position.cursor)
            came_again = len(page.items) - len(fresh)
            await self._filling.add(fresh)
        mark = self._filling.fingerprint(page)
        if end := repeated(source, position, mark, self._pages):
            await self._filling.restart()
            return end
        self._pages.add(mark)
        added, dropped = self._filling.end()
        dropped += came_again
        following = advance(source, position, request, page, self._seen, dropped)
        if isinstance(following, End):
            if following.doubt and not await self._spool.remembers(self._request.source, source.fingerprint):
                raise SourceRefused(following.doubt)
            items = position.items + page.count - dropped
            self._position = replace(with_total(source, position, page), items=items, pages=position.pages + 1)
            return following
        if source.pagination.ends_without and not position.pages:
            await self._spool.remember(self._request.source, source.fingerprint)
        cursor, total = position.cursor, following.total
        self._ahead.expect(following.cursor, lambda: source.pagination.split(page, cursor, total))
        self._clamped_to = self._clamped_to or clamped_to(source, position, page)
        self._client.patience.page_came()
        return replace(following, fresh=position.fresh + added)


def _left(give_up_at: float) -> float:
    return max(0.0, give_up_at - asyncio.get_running_loop().time())
