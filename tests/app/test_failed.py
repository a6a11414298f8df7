"""The failed chunks in the ledger of a run: a redrive gets each one exactly once."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import (
    Chunk,
    Chunks,
    FailedChunks,
    LoadRequest,
    Redo,
    Run,
    RunRequest,
    RunState,
    Settled,
    SettledChunks,
)
from ingestion.errors import SluiceError
from ingestion.run import run_state
from ingestion.run.failed import failed_chunks, load, record, write_redo_list
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import Window
from ingestion.storage.spool import BatchWriter
from ingestion.wire import from_wire, to_wire
from local.emulator import Azurite
from tests.app.driven import call, stocked
from tests.app.kept import Kept

RUN = Run("run", "20260101T000000-aa")
MESSAGES, CHUNKS, PAGE = 2, 60, 25
STATE = run_state.start(RUN, RunRequest(source="demo", chunk_size=2, chunks_per_batch=20), "2026-01-01T00:00:00+00:00")


async def written(container: ContainerClient) -> list[Chunk]:
    """Write chunks into the spool, and send none of them."""
    writer = BatchWriter(container, RUN, 0)
    for _ in range(CHUNKS):
        await writer.write_chunk([b"1\n"] * MESSAGES)
    return [Chunk(number, writer.token) for number in range(CHUNKS)]


async def failed(ledger: Ledger, attempt: int, chunks: list[Chunk]) -> None:
    failing = FailedChunks(run=RUN, attempt=attempt, chunks=tuple(chunks), error="the queue said no")
    assert [one.messages for one in await record(ledger, failing)] == [MESSAGES] * len(chunks)


async def redriven(ledger: Ledger, before: RunState) -> list[Chunk]:
    """Write the redo list of a redrive after `before`, and load it page by page."""
    attempt, done = before.attempt + 1, list[Chunk]()
    next_byte: int | None = 0
    await write_redo_list(ledger, before, attempt)
    while next_byte is not None:
        page = await load(ledger, LoadRequest(run=RUN, attempt=attempt, next_byte=next_byte, most=PAGE))
        chunks = list(page.chunks)
        assert len(chunks) == page.sums.chunks <= PAGE
        assert page.sums.messages == MESSAGES * len(chunks)
        done, next_byte = done + chunks, page.next_byte
    return done


def test_a_redrive_of_more_chunks_than_a_page_holds_does_each_once_and_forgets_none(
    azurite: Azurite, queue_name: str
) -> None:
    async def scenario() -> None:
        async with ContainerClient.from_connection_string(azurite.connection_string, queue_name) as container:
            await container.create_container()
            ledger, chunks = Ledger(container, RUN), await written(container)
            again = [chunks[number] for number in (3, 24, 25, 40, 59)]

            await asyncio.gather(failed(ledger, 0, chunks[:30]), failed(ledger, 0, chunks[30:]))
            await failed(ledger, 0, chunks[5:7])  # the call came twice
            assert await redriven(ledger, STATE) == chunks

            await failed(ledger, 1, again)
            after = replace(STATE, attempt=1, redo=None)
            assert await redriven(ledger, after) == again

            assert await redriven(ledger, replace(STATE, attempt=2)) == []

    asyncio.run(scenario())


def test_a_redrive_takes_over_the_chunks_that_the_one_before_had_not_begun(azurite: Azurite, queue_name: str) -> None:
    async def scenario() -> None:
        async with ContainerClient.from_connection_string(azurite.connection_string, queue_name) as container:
            await container.create_container()
            ledger, chunks = Ledger(container, RUN), await written(container)
            await failed(ledger, 0, chunks[:30])
            await redriven(ledger, STATE)
            page = await load(ledger, LoadRequest(run=RUN, attempt=1, next_byte=0, most=PAGE))
            assert page.next_byte is not None
            await failed(ledger, 1, [chunks[2], chunks[26]])  # of an earlier window, and of the one under way
            lost = replace(
                STATE,
                attempt=1,
                redo=Redo(attempt=1, next_byte=page.next_byte),
                spooled=(Chunks(chunks[0].token, "26-27"),),
            )

            left = [chunks[2], chunks[25], chunks[28], chunks[29]]
            assert await redriven(ledger, lost) == left
            assert [one["error"] for one in await failed_chunks(ledger, replace(lost, redo=None))] == [
                "the queue said no"
            ]

    asyncio.run(scenario())


async def test_a_late_copy_of_a_listing_changes_nothing_of_what_another_has_listed(kept: Kept) -> None:
    async for run_id in kept.at_each_request(more_than=5):
        state = await stocked(kept, run_id)
        window = run_state.next_window(state, kept.now)
        chunks = tuple(request.chunk for request in window.chunks)
        listing = to_wire(FailedChunks(run=state.run, attempt=0, chunks=chunks, error="the queue said no"))
        receipts = list[Any]()

        async def finished_and_listed(
            window: Window = window, listing: Any = listing, receipts: list[Any] = receipts
        ) -> None:
            with suppress(SluiceError):  # the late copy has claimed the chunk at this moment
                await call("enqueue_chunk", to_wire(window.chunks[0]))
            receipts.append(await call("record_failed", listing))

        async def late(listing: Any = listing, receipts: list[Any] = receipts) -> None:
            receipts.append(await call("record_failed", listing))

        await kept.interrupted(late(), by=finished_and_listed())
        assert receipts[0] == receipts[1]
        left = {one.number: one for one in from_wire(SettledChunks, receipts[0]).chunks if one.sums.left}
        after = replace(state, spooled=(), spooled_messages=0)
        listed = [entry for entry in await failed_chunks(kept.ledger(run_id), after) if entry["number"] in (1, 2)]
        assert {entry["number"]: Settled(**{name: entry[name] for name in Settled._fields}) for entry in listed} == left


async def test_a_chunk_that_a_late_copy_finishes_during_its_listing_is_reported_as_listed(
    kept: Kept,
) -> None:
    state = await stocked(kept)
    listing = FailedChunks(
        run=state.run, attempt=0, chunks=tuple(run_state.chunks_in_window(state)), error="the queue said no"
    )
    first = await call("record_failed", to_wire(listing))
    await call("enqueue_chunk", to_wire(run_state.next_window(state, kept.now).chunks[0]))
    assert await call("record_failed", to_wire(listing)) == first
