"""Drive a run with messages in its spool to its end, with the real activities, blobs and a queue."""

import asyncio
import importlib
from dataclasses import replace
from typing import Any

from ingestion.contracts import Batch, Chunk, ChunkFailure, Chunks, FailedChunks, Run, RunState, Sums
from ingestion.run import run_state
from ingestion.run.failed import record
from ingestion.sending.message_format import _HEAD as HEAD
from ingestion.sending.message_format import _TAIL as TAIL
from ingestion.sending.message_format import encode_base64
from ingestion.settings import load_settings
from ingestion.storage.checkpoint import CheckpointFile
from ingestion.storage.spool import BatchWriter, Spool
from ingestion.wire import to_wire
from tests.app.engine import START, STARTED_AT
from tests.app.kept import REQUEST, Kept
from tests.app.rehearsal import Generation, Outcome, rehearse_all

MESSAGES = 3  # of a chunk
CHUNKS = 3
WHOLE = MESSAGES * CHUNKS


async def stocked(kept: Kept, run_id: str = "run", *, start: str = START, **changes: Any) -> RunState:
    """Store an open run that was lost in a window: its ledger, spool and queue.

    Chunk 0 has failed, chunk 1 is under way, one message of each is on the queue; chunk 2 has not begun. The source has
    nothing more.
    """
    run, container = Run(run_id, start), kept.container
    spool = Spool(container, run)
    writer = BatchWriter(container, run, 0)
    for number in range(CHUNKS):
        await writer.write_chunk([f'"{text}"\n'.encode() for text in texts_of(run_id)[number * MESSAGES :][:MESSAGES]])
    whole = Batch(index=0, token=writer.token, first_chunk=0, chunks=CHUNKS, count=WHOLE, size_bytes=0, pages=1)
    await spool.commit(whole)
    for number in (0, 1):
        first, file = texts_of(run_id)[number * MESSAGES], CheckpointFile(container, run, Chunk(number, writer.token))
        earlier = await file.claim(MESSAGES, unknown=0)
        await kept.storage.queues.shards(load_settings())[0].put(HEAD + encode_base64(first) + TAIL, seconds=30)
        await file.write(replace(earlier, confirmed=((0, 1),)))
    ledger, failed = kept.ledger(run_id, start), Chunk(0, writer.token)
    await record(ledger, FailedChunks(run=run, attempt=0, chunks=(failed,), error="the queue said no"))
    state = replace(
        run_state.start(run, REQUEST, STARTED_AT),
        source_exhausted=True,
        batches=1,
        chunks=CHUNKS,
        fetched=WHOLE,
        window=1,
        spooled=(Chunks(writer.token, "1-2"),),
        spooled_messages=2 * MESSAGES,
        failed=Sums(chunks=1, messages=MESSAGES, enqueued=1),
        failures=(ChunkFailure(number=0, failed=2, error="the queue said no"),),
        **changes,
    )
    await kept.begun(run_id, state, start=start)
    return state


def texts_of(run_id: str) -> list[str]:
    """Return the messages of a run."""
    return [f"{run_id}/{number}" for number in range(WHOLE)]


async def call(activity: str, payload: Any) -> Any:
    """Call an activity with a payload, without a host, and return its result."""
    function = getattr(importlib.import_module(f"activities.{activity}"), activity)
    return await function._function.get_user_function()(payload)


async def driven(state: RunState) -> Generation:
    """Drive a run from a state to its end; return the last generation. Raise the exception that ends the process."""
    loop = asyncio.get_running_loop()

    def answer(name: str, payload: dict[str, Any]) -> Outcome:
        try:
            outcome: Outcome = asyncio.run_coroutine_threadsafe(call(name, payload), loop).result()
        except Exception as error:
            return error
        return outcome

    return (await asyncio.to_thread(rehearse_all, answer, to_wire(state)))[-1]
