"""Read at most two pages of a source with the fetch and the checks of a run, and store nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic

import httpx
from azure.storage.blob.aio import ContainerClient

from ingestion.concealed import unsealed
from ingestion.contracts import Batch, FetchRequest
from ingestion.errors import OutOfTime, SourceRefused, SourceUnreachable
from ingestion.fetching.fetch import SHORT_WAIT_SECONDS, fetch
from ingestion.fetching.position import Position, from_json, request_at
from ingestion.plan.draft import OF_NO_RUN, ChunkDraft, Draft
from ingestion.reads import Reads
from ingestion.settings import Settings
from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source.page import ItemSink, Page, PageRequest, Room, Throttled
from ingestion.source.reading.path import keys_of
from ingestion.source.styles.numbers import RangeHeaderStyle
from ingestion.source_wait import Wait

PAGES = 2

Failure = SourceRefused | SourceUnreachable | OutOfTime


@dataclass
class Sample:
    """What at most two pages of a source show; `failure` is the error that stopped the reading, if there was one.

    `began` and `following` are the requests for the first and for the second page. `total` is the source's own total,
    `pages_in_all` the number of pages that the first page or the description gives. `windows` is into how many windows
    the description divides the range. `keys` are the keys of the first page, `status` is the HTTP status of the last
    answer. If a page did not come but may come later, `wait` says why.
    """

    source: Source
    began: PageRequest
    following: PageRequest | None = None
    counts: list[int] = field(default_factory=list)  # how many items each page has
    seconds: list[float] = field(default_factory=list)  # how long each page took
    chunks: list[ChunkDraft] = field(default_factory=list)
    total: int | None = None
    pages_in_all: int | None = None
    windows: int = 1
    keys: tuple[str, ...] = ()
    ended: str | None = None
    failure: Failure | None = None
    status: int | None = None
    wait: Wait | None = None

    @property
    def messages(self) -> int:
        """Messages of the pages that were read, including those that a run would reject."""
        return sum(chunk.messages for chunk in self.chunks)


class NotingClient(SourceClient):
    """A client that keeps its pages, and how long each took."""

    def __init__(self, source: Source, http: httpx.AsyncClient, *, patience_seconds: float) -> None:
        super().__init__(source, http, patience_seconds=patience_seconds)
        self.pages: list[Page] = []
        self.seconds: list[float] = []

    async def get(
        self, request: PageRequest, sink: ItemSink | None = None, room: Room | None = None
    ) -> Page | Throttled:
        """Return the page that answers `request`, and keep it."""
        began = monotonic()
        page = await super().get(request, sink, room)
        if isinstance(page, Page):
            self.pages.append(page)
            self.seconds.append(monotonic() - began)
        return page


async def read_sample(
    name: str,
    source: Source,
    client: NotingClient,
    container: ContainerClient | None,
    settings: Settings,
    chunk_size: int,
    *,
    reads: Reads | None = None,
    described: Callable[[int], Source] | None = None,
    seconds: float,
) -> Sample:
    """Return what the first two pages of the source show, or the first if there is only one. Stop after `seconds`.

    `settings` are the app's, with the source's own `messages` keys applied. `container` has what earlier runs left;
    None: there were none.
    """
    give_up_at = monotonic() + seconds
    draft = Draft(container, name, settings)
    sample = Sample(source, request_at(source, Position(cursor=source.pagination.first())))
    request = FetchRequest(
        run=OF_NO_RUN, source=name, batch_index=0, first_chunk=0, chunk_size=chunk_size, max_messages=chunk_size
    )

    async def one_page() -> Batch:
        left = max(0.0, give_up_at - monotonic())
        limits = {"budget_seconds": 0.0, "last_page_seconds": left}  # one page in each fetch, and none ahead
        more = {"reads": reads, "described": described, "chunk_bytes": settings.chunk_bytes}
        return await fetch(request, source, client, draft, **limits, **more)  # type: ignore[arg-type]

    try:
        while len(sample.counts) < PAGES:
            batch = await one_page()
            if not batch.pages and 0 < batch.wait_seconds <= SHORT_WAIT_SECONDS:
                await asyncio.sleep(batch.wait_seconds)
                request = replace(request, wait=batch.wait)
                batch = await one_page()
            sample.wait = None if batch.pages else batch.wait
            sample.ended = batch.ended
            if batch.pages:
                _note(sample, batch, draft, client)
            if batch.next_cursor is None or not batch.pages or sample.ended:
                break
            request = replace(
                request,
                batch_index=request.batch_index + 1,
                first_chunk=batch.first_chunk + batch.chunks,
                cursor=batch.next_cursor,
                wait=batch.wait,
            )
    except (SourceRefused, SourceUnreachable, OutOfTime) as failure:
        sample.failure = failure
    sample.status = client.status
    return sample


def _note(sample: Sample, batch: Batch, draft: Draft, client: NotingClient) -> None:
    """Add the page of a fetch to the sample."""
    page, style = client.pages[-1], sample.source.pagination
    sample.counts.append(page.count)
    sample.seconds.append(client.seconds[-1])
    sample.chunks += [draft.chunks[number] for number in range(batch.first_chunk, batch.first_chunk + batch.chunks)]
    sample.total = sample.total if batch.source_total is None else batch.source_total
    is_first = len(sample.counts) == 1
    if batch.next_cursor is not None:
        at = from_json(draft.position)
        at = replace(at, cursor=unsealed(at.cursor))
        sample.ended, sample.windows = batch.ended or at.ended, at.windows
        if is_first and not at.ended:
            sample.following = request_at(sample.source, at)
    if is_first:
        sample.keys = tuple(keys_of(page.document))
        cursors = style.split(page, style.first(), sample.total)
        sample.pages_in_all = None if cursors is None else 1 + len(cursors)
        if isinstance(style, RangeHeaderStyle) and isinstance(cursors, range):
            sample.total = cursors.stop  # from Content-Range
