"""The app's own orchestrator with activities that do nothing, and two simpler orchestrators to compare it with.

devhost serves this app for the scenario `orchestration`. The activities have the names and payloads of Sluice's own.
The environment variable BENCH_CHUNKS sets how many chunks the source has; enqueue_chunk sends nothing.
"""

import asyncio
import os
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from ingestion.chunking import chunk
from ingestion.contracts import (
    Batch,
    Chunk,
    Cursor,
    EnqueueRequest,
    FetchOutcome,
    FetchRequest,
    FinishOutcome,
    FinishRequest,
    Receipt,
    Recorded,
    Run,
)
from ingestion.run.run_report import report
from ingestion.wire import from_wire, to_wire
from orchestrators import ingest_run

app = df.DFApp()
app.register_functions(ingest_run.blueprint)

CHUNKS = int(os.environ["BENCH_CHUNKS"])
CHUNK_SIZE = 5_000
ACTIVITY_SECONDS = 0.005  # a real chunk takes seconds; here it matters only that few chunks end at the same time
ID_BYTES = 24  # like the ids of the demo API


@app.activity_trigger(input_name="request")
async def fetch_batch(request: dict) -> dict:
    """Return a batch of the requested size, or the rest of the source."""
    wanted = from_wire(FetchRequest, request)
    before = wanted.batch_index * wanted.max_messages
    count = min(wanted.max_messages, CHUNKS * CHUNK_SIZE - before)
    is_last = before + count == CHUNKS * CHUNK_SIZE
    batch = Batch(
        index=wanted.batch_index,
        token="b52a40",
        first_chunk=wanted.first_chunk,
        chunks=count // CHUNK_SIZE,
        count=count,
        size_bytes=count * ID_BYTES,
        pages=count // 1_000,
        next_cursor=None if is_last else Cursor(text=f'"{before + count}"'),
        source_total=CHUNKS * CHUNK_SIZE,
    )
    return to_wire(FetchOutcome(batch=batch))


@app.activity_trigger(input_name="request")
async def enqueue_chunk(request: dict) -> dict:
    """Return a receipt of success."""
    await asyncio.sleep(ACTIVITY_SECONDS)
    from_wire(EnqueueRequest, request)  # the app decodes it too
    return to_wire(Receipt(messages=CHUNK_SIZE, enqueued=CHUNK_SIZE, seconds=ACTIVITY_SECONDS))


@app.activity_trigger(input_name="request")
async def record_window(request: dict) -> dict:
    """Accept the state, and return no command."""
    return to_wire(Recorded())


@app.activity_trigger(input_name="request")
async def finish_run(request: dict) -> dict:
    """Close the ledger, which does nothing here."""
    return to_wire(FinishOutcome(report=report(from_wire(FinishRequest, request))))


@app.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """Start every chunk of the source at once; each activity gets the name of its chunk."""
    run = Run(context.instance_id, "20260101T000000-aa")
    chunks = [EnqueueRequest(run=run, source="bench", chunk=Chunk(number, "b52a40")) for number in range(CHUNKS)]
    receipts = yield context.task_all([context.call_activity(enqueue_chunk, to_wire(one)) for one in chunks])
    return sum(receipt["enqueued"] for receipt in receipts)


@app.activity_trigger(input_name="request")
async def fetch_ids(request: dict) -> list:
    """Return all ids of the source."""
    return [f"order-{position:09d}-{position:08x}" for position in range(request["count"])]


@app.activity_trigger(input_name="ids")
async def enqueue_ids(ids: list) -> int:
    """Return the number of ids."""
    await asyncio.sleep(ACTIVITY_SECONDS)
    return len(ids)


@app.orchestration_trigger(context_name="context")
def ids_in_payload(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """Start every chunk at once, with its ids as the activity's input."""
    ids = yield context.call_activity(fetch_ids, {"count": CHUNKS * CHUNK_SIZE})
    counts = yield context.task_all([context.call_activity(enqueue_ids, part) for part in chunk(ids, CHUNK_SIZE)])
    return sum(counts)
