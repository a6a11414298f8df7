"""A batch is that of the copy of the fetch that commits first, complete, whatever the other copies do."""

import asyncio
import itertools
from dataclasses import replace
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Batch, Chunk, RunRequest
from ingestion.run.clean_up import clean_up
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import start
from ingestion.storage.spool import BatchWriter, Spool, chunk_name, committed_tokens
from local.emulator import Azurite
from tests.sources.fake_api import FakeApi
from tests.sources.fake_container import Blob, FakeContainer
from tests.sources.reader import RUN, reading_at

SIZES = {"mine": 8, "theirs": 13}  # of a page, so two chunks and three
STOPS = 16  # before each step of storage, and one that is never reached


def page(request: web.Request) -> Any:
    """Answer each copy of the fetch with other items and another cursor."""
    copy = request.query["copy"]
    return {"items": [{"id": f"{copy}-{number}"} for number in range(SIZES[copy])], "next": f"{copy} goes on"}


class Copy:
    """A copy of a fetch that stops before its `stop`-th storage operation until it may continue."""

    def __init__(self, name: str, blobs: dict[str, Blob], stop: int) -> None:
        self.name, self.steps_left = name, stop
        self.container = FakeContainer(blobs, self._step)
        self.has_stopped, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def _step(self, operation: str) -> None:
        self.steps_left -= 1
        if self.steps_left == 0:
            self.has_stopped.set()
            await self.may_go_on.wait()

    async def fetch(self, server: BaseTestServer) -> tuple[Batch, list[Any]]:
        """Return the batch that this copy reports, and the messages read from it at once."""
        url = server.make_url("/").with_query(copy=self.name)
        async with reading_at(url, {}, container=self.container, max_messages=5) as run:
            batch = await run.fetch(0, None)
            self.has_stopped.set()
            return batch, run.messages(batch)


async def interleaved(server: BaseTestServer, *stops: int) -> tuple[str, list[int]]:
    """Run two copies to their stops, then to their ends; return the winner, and the remaining steps of each."""
    blobs: dict[str, Blob] = {}
    copies = [Copy(name, blobs, stop) for name, stop in zip(SIZES, stops, strict=True)]
    tasks = []
    for copy in copies:
        tasks.append(asyncio.create_task(copy.fetch(server)))
        await copy.has_stopped.wait()
    for copy, task in zip(copies, tasks, strict=True):
        copy.may_go_on.set()
        await task
    (batch, read), (reported_by_other, read_after_both) = [task.result() for task in tasks]
    assert batch == reported_by_other
    assert batch.next_cursor is not None
    winner = str(read[0]).partition("-")[0]
    assert read == read_after_both == [f"{winner}-{number}" for number in range(SIZES[winner])]
    assert f"{winner} goes on" in str(batch.next_cursor.text)
    tokens = await committed_tokens(cast(ContainerClient, copies[0].container), RUN)
    assert tokens == dict.fromkeys(range(batch.chunks), batch.token)
    return winner, [copy.steps_left for copy in copies]


def test_of_two_copies_of_a_fetch_the_first_commit_wins_however_their_steps_are_mixed() -> None:
    async def mixed() -> tuple[list[str], list[int]]:
        winners = []
        async with TestServer(FakeApi(page).app()) as server:
            for stops in itertools.product(range(1, STOPS + 1), repeat=2):
                winner, left = await interleaved(server, *stops)
                winners.append(winner)
            return winners, left

    winners, left = asyncio.run(mixed())
    assert set(winners) == {*SIZES}
    assert min(left) > 0, "the last stop is beyond the last step"


def test_the_end_of_a_run_deletes_what_no_fetch_can_commit_and_leaves_what_a_late_one_may(
    azurite: Azurite, queue_name: str
) -> None:
    async def left_at_the_end() -> tuple[list[str], list[str]]:
        async with ContainerClient.from_connection_string(azurite.connection_string, queue_name) as container:
            await container.create_container()
            writers = [BatchWriter(container, RUN, first_chunk) for first_chunk in (0, 0, 1)]
            for writer in writers:
                await writer.write_chunk([b"1\n"])
            won, _, late = writers
            await Spool(container, RUN).commit(
                Batch(index=0, token=won.token, first_chunk=0, chunks=1, count=1, size_bytes=2, pages=1)
            )
            state = start(RUN, RunRequest(source="demo", chunk_size=1, chunks_per_batch=1), "2026-01-01T00:00:00+00:00")
            await clean_up(Ledger(container, RUN), replace(state, batches=1, chunks=1))
            wanted = [chunk_name(RUN, Chunk(0, won.token)), chunk_name(RUN, Chunk(1, late.token))]
            return wanted, [name async for name in container.list_blob_names(name_starts_with=f"{RUN.folder}chunks/")]

    wanted, left = asyncio.run(left_at_the_end())
    assert left == wanted
