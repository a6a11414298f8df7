"""Read a whole source as a run does: fetch after fetch, each from the position of the one before."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import pytest
from aiohttp.test_utils import TestServer
from azure.storage.blob.aio import ContainerClient
from yarl import URL

from ingestion.contracts import Batch, Chunk, Cursor, FetchRequest, Run
from ingestion.errors import SourceRefused, SourceUnreachable
from ingestion.fetching.fetch import fetch
from ingestion.hold import Hold
from ingestion.reads import Reads
from ingestion.source.client import SourceClient
from ingestion.source.description import Source
from ingestion.source_wait import Wait
from ingestion.storage.spool import Spool, chunk_name
from ingestion.wire import from_wire, to_wire
from tests.sources.fake_api import Api, FakeApi, source_at
from tests.sources.fake_container import FakeContainer

RUN = Run("run-1", "20240101T000000-aa")
MOST_BATCHES = 1000
UNUSED_TLS = ssl.create_default_context()  # to make one takes longer than most tests


@dataclass
class Reading:
    """A run over `source`, by default with chunks of 5 messages and batches of 4 chunks.

    Its time advances only during waits, in a fetch or between two; `seconds` is the time so far.
    """

    source: Source
    http: httpx.AsyncClient
    container: FakeContainer = field(default_factory=FakeContainer)
    chunk_size: int = 5
    chunk_bytes: int = 8 * 1024 * 1024
    max_messages: int = 20
    budget_seconds: float = 1000.0
    last_page_seconds: float = float("inf")
    hold: Hold = field(default_factory=Hold)
    killed_by: tuple[type[BaseException], ...] = ()  # after which a fetch begins again
    reads: Reads | None = None
    described: Callable[[int], Source] | None = None  # for each window of what it reads
    batches: list[Batch] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0

    async def fetch(self, index: int, cursor: Cursor | None, wait: Wait | None = None) -> Batch:
        """Return one batch, encoded and decoded as across the durable boundary."""
        request = FetchRequest(
            run=RUN,
            source="test",
            batch_index=index,
            first_chunk=sum(batch.chunks for batch in self.batches[:index]),
            cursor=cursor,
            wait=wait,
            chunk_size=self.chunk_size,
            max_messages=self.max_messages,
        )
        client = SourceClient(self.source, self.http, sleep=self._sleep, now=self.now)
        batch = await fetch(
            request,
            self.source,
            client,
            Spool(cast(ContainerClient, self.container), RUN),
            reads=self.reads,
            described=self.described,
            budget_seconds=self.budget_seconds,
            last_page_seconds=self.last_page_seconds,
            chunk_bytes=self.chunk_bytes,
            now=self.now,
            hold=self.hold,
        )
        wire = to_wire(batch)
        assert len(json.dumps(wire)) < 4096, "no payload is above 4 KB"
        return from_wire(Batch, wire)

    async def all(self) -> list[Any]:
        """Return all messages, in order, after a check against the counts of each batch."""
        cursor, wait = None, None
        for index in range(MOST_BATCHES):
            try:
                batch = await self.fetch(index, cursor, wait)
            except self.killed_by:
                batch = await self.fetch(index, cursor, wait)
            self.batches.append(batch)
            await self._sleep(batch.wait_seconds)
            cursor, wait = batch.next_cursor, batch.wait
            if cursor is None:
                return self.taken
        raise AssertionError(f"no end after {MOST_BATCHES} batches")

    def now(self) -> float:
        return self.seconds

    @property
    def taken(self) -> list[Any]:
        """Return all messages of the batches so far."""
        return [message for batch in self.batches for message in self.messages(batch)]

    @property
    def wait_seconds(self) -> list[float]:
        """Return the waits so far, without those of zero seconds."""
        return [wait for wait in self.waits if wait]

    def messages(self, batch: Batch) -> list[Any]:
        """Return the messages of a batch, chunk by chunk, as the enqueue activities read them."""
        numbers = range(batch.first_chunk, batch.first_chunk + batch.chunks)
        blobs = [self.container.blobs[chunk_name(RUN, Chunk(number, batch.token))] for number in numbers]
        chunks = [blob.data.splitlines() for blob in blobs]
        assert [blob.metadata["count"] for blob in blobs] == [str(len(lines)) for lines in chunks]
        assert all(len(lines) == self.chunk_size for lines in chunks[:-1])
        messages = [json.loads(line) for lines in chunks for line in lines]
        assert (len(messages), sum(len(blob.data) for blob in blobs)) == (batch.count, batch.size_bytes)
        return messages

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


@asynccontextmanager
async def reading_at(
    url: URL, description: dict[str, Any], settings: dict[str, str] | None = None, **facts: Any
) -> AsyncIterator[Reading]:
    """Yield a run over a URL."""
    async with httpx.AsyncClient(trust_env=False, verify=UNUSED_TLS) as http:
        yield Reading(source_at(url, settings, **{"message": "id", **description}), http, **facts)


@asynccontextmanager
async def reading(api: Api, description: dict[str, Any], **facts: Any) -> AsyncIterator[Reading]:
    """Serve an API inside the block, and yield a run over it; a fake API has the time of the run."""
    async with TestServer(api.app()) as server, reading_at(server.make_url(api.path), description, **facts) as run:
        if isinstance(api, FakeApi):
            api.now = run.now
        yield run


def read(api: Api, description: dict[str, Any], **facts: Any) -> tuple[list[Any], Reading]:
    """Return all messages of an API, and the run that read them."""

    async def run() -> tuple[list[Any], Reading]:
        async with reading(api, description, **facts) as going:
            return await going.all(), going

    return asyncio.run(run())


def refusal(api: Api, description: dict[str, Any], said: str = ".", **facts: Any) -> tuple[str, Reading]:
    """Return the error of a run, which matches the pattern `said`, and the run."""

    async def refused() -> tuple[str, Reading]:
        async with reading(api, description, **facts) as going:
            with pytest.raises((SourceRefused, SourceUnreachable), match=said) as error:
                await going.all()
            return str(error.value), going

    return asyncio.run(refused())
