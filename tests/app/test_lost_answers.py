"""Storage executes a request, but its answer is lost: the client repeats the request, without harm."""

from dataclasses import replace
from datetime import UTC, datetime

from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Batch, Chunk, Chunks, FailedChunks, FetchRequest, LoadRequest, Run, RunRequest
from ingestion.run import run_report, run_state
from ingestion.run.closing import close
from ingestion.run.command import give, read_command
from ingestion.run.failed import load, record, write_redo_list
from ingestion.run.ledger import Ledger
from ingestion.run.request import create_request, read_request, run_of
from ingestion.run.run_state import PAUSE
from ingestion.storage.checkpoint import CheckpointFile
from ingestion.storage.spool import OpenBatch, Spool, read_lines
from tests.app.engine import STARTED_AT
from tests.app.kept import Kept


async def whole_run(container: ContainerClient, run_id: str) -> None:
    """Write everything that a run writes, and read it back."""
    asked = RunRequest(source="demo", chunk_size=2, chunks_per_batch=2)
    request = {"run_id": run_id, "start": "s1", "started_at": STARTED_AT, "request": {"source": "demo"}}
    assert await create_request(container, request) == request
    run = Run(run_id, "s1")
    ledger, spool, state = Ledger(container, run), Spool(container, run), run_state.start(run, asked, STARTED_AT)
    assert await ledger.record_state(state, STARTED_AT)

    position, parts = {"cursor": "c" * 1000}, {"seen": b"s"}
    cursor = await spool.store_cursor(0, position, parts)
    fetching = FetchRequest(
        run=run, source="demo", batch_index=0, first_chunk=0, chunk_size=2, max_messages=4, cursor=cursor
    )
    opened = await spool.open(fetching)
    assert isinstance(opened, OpenBatch)
    assert (opened.at, opened.parts) == (position, parts)
    writer = opened.writer
    for _ in range(2):
        await writer.write_chunk([b"1\n", b"2\n"])
    batch = Batch(
        index=0, token=writer.token, first_chunk=0, chunks=2, count=4, size_bytes=8, pages=1, next_cursor=cursor
    )
    assert await spool.commit(batch) == batch
    assert await spool.open(fetching) == batch

    chunks = [Chunk(number, writer.token) for number in range(2)]
    file = CheckpointFile(container, run, chunks[0])
    claimed = await file.claim(len(await read_lines(container, run, chunks[0])), unknown=0)
    await file.write(replace(claimed, confirmed=((0, 1),)))
    await file.write(replace(claimed, confirmed=((0, 2),)))
    settled = await record(ledger, FailedChunks(run=run, attempt=0, chunks=tuple(chunks), error="no"))
    assert [(one.messages, one.enqueued) for one in settled] == [(2, 2), (2, 0)]
    await write_redo_list(ledger, state, 1)
    page = await load(ledger, LoadRequest(run=run, attempt=1, next_byte=0, most=5))
    assert (list(page.chunks), page.next_byte) == (chunks[1:], None)
    await give(ledger, PAUSE)
    assert await read_command(container, run) == PAUSE

    left = replace(state, fetched=4, window=1, spooled=(Chunks(writer.token, "0-1"),), spooled_messages=4)
    closed = await close(ledger, run_report.finish(left, datetime.now(UTC), "terminated"), datetime.now(UTC))
    assert closed is not None
    report, there = await ledger.report(), await read_request(container, run_id)
    assert report is not None
    assert there is not None
    assert (report["outcome"], report["enqueued"], report["pending"], run_of(there)) == ("terminated", 2, 2, run)


async def test_an_answer_of_storage_that_is_lost_changes_nothing_whichever_it_is(kept: Kept) -> None:
    async for run_id in kept.at_each_request(more_than=30):
        await kept.interrupted(whole_run(kept.container, run_id), by=kept.connection.lose_answer())
