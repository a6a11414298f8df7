"""The failed chunks of a run in its ledger: a redrive gets each of them once, however many there are."""

import asyncio
from collections.abc import Collection

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Batch, Counted, FailedChunks, FailureGroup, LoadRequest, Settled
from ingestion.run.failed import PAGE_CHUNKS, load, record
from ingestion.run.ledger import Ledger
from local.emulator import Azurite

STARTED_AT = "2026-01-01T00:00:00+00:00"
SIZE, CHUNKS = 10, 60
MOST_PAGES = 10  # of one redrive: more are a circle
BATCHES = [
    Batch(
        index=index,
        blob=f"runs/run/batches/{index:06}.ndjson",
        count=CHUNKS * SIZE,
        offsets=tuple(range(0, CHUNKS * SIZE * 5, SIZE * 5)),
        size_bytes=CHUNKS * SIZE * 5,
        pages=1,
    )
    for index in range(2)
]


async def tell(
    ledger: Ledger, batch: Batch, attempt: int, failed: Collection[int], tried: tuple[int, ...] | None = None
) -> None:
    """Record a window as the activity does, whose chunks `failed` have sent nothing."""
    left = tuple(Counted(chunk) for chunk in failed)
    window = FailedChunks(
        run_id=ledger.run_id,
        run_started_at=STARTED_AT,
        attempt=attempt,
        chunk_size=SIZE,
        batch=batch,
        groups=(FailureGroup(error="the queue said no", chunks=left),),
        tried=tried,
    )
    await record(ledger, window, Settled(chunks=left))


async def redrive(ledger: Ledger, attempt: int, failing: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """Do again what the ledger lists, loading each page beside the one before; gives what was done, in order."""
    done, busy, after = list[tuple[int, int]](), None, 0
    busy_chunks: tuple[int, ...] = ()
    for _ in range(MOST_PAGES):
        wanted = LoadRequest(
            run_id=ledger.run_id,
            run_started_at=STARTED_AT,
            attempt=attempt,
            next_batch=after,
            busy_batch=None if busy is None else busy.index,
            busy_chunks=busy_chunks,
        )
        page = await load(ledger, wanted)
        if busy is not None:
            again = [chunk for chunk in busy_chunks if (busy.index, chunk) in failing]
            await tell(ledger, busy, attempt, again, busy_chunks)
        if page.batch is None:
            return done
        busy, busy_chunks, after = page.batch, tuple(one.chunk_index for one in page.chunks), page.batch.index
        assert len(busy_chunks) <= PAGE_CHUNKS
        done += [(busy.index, chunk) for chunk in busy_chunks]
    raise AssertionError(f"a redrive of {2 * CHUNKS} chunks has no end after {MOST_PAGES} pages")


def test_a_redrive_of_more_chunks_than_a_page_holds_does_each_once_and_forgets_none(
    azurite: Azurite, queue_name: str
) -> None:
    everything = [(batch.index, chunk) for batch in BATCHES for chunk in range(CHUNKS)]
    again = [(0, 3), (0, 24), (0, 25), (0, 59), (1, 0), (1, 40)]

    async def scenario() -> list[list[tuple[int, int]]]:
        async with ContainerClient.from_connection_string(azurite.connection_string, queue_name) as container:
            await container.create_container()
            ledger = Ledger(container, "run")
            for batch in BATCHES:
                await tell(ledger, batch, 0, range(CHUNKS))
            return [await redrive(ledger, 1, again), await redrive(ledger, 2, again[:1]), await redrive(ledger, 3, ())]

    assert asyncio.run(scenario()) == [everything, again, again[:1]]
