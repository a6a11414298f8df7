"""The app's own orchestrator over activities that do nothing, beside two that one would write first.

Served by devhost for the scenario `orchestration`. The activities have the names and the payloads of the app's own;
the source has as many ids as the environment says, the sender drops them.
"""

import asyncio
import os
from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from ingestion.chunking import chunk
from ingestion.contracts import Batch, Cursor, EnqueueRequest, FetchOutcome, FetchRequest, Receipt, Recorded
from ingestion.wire import from_wire, to_wire
from orchestrators import ingest_run

app = df.DFApp()
app.register_functions(ingest_run.blueprint)

CHUNK_SIZE = int(os.environ["BENCH_CHUNK_SIZE"])
CHUNKS = int(os.environ["BENCH_CHUNKS"])
ACTIVITY_SECONDS = float(os.environ["BENCH_ACTIVITY_SECONDS"])
ID_BYTES = 24  # as the demo API's


@app.activity_trigger(input_name="request")
async def fetch_batch(request: dict) -> dict:
    """A batch as large as was asked for, or the rest of the source."""
    wanted = from_wire(FetchRequest, request)
    before = wanted.batch_index * wanted.max_messages
    count = min(wanted.max_messages, CHUNKS * CHUNK_SIZE - before)
    is_last = before + count == CHUNKS * CHUNK_SIZE
    batch = Batch(
        index=wanted.batch_index,
        blob=f"runs/{wanted.run_id}/batches/{wanted.batch_index:06}.ndjson",
        count=count,
        offsets=tuple(range(0, count * ID_BYTES, CHUNK_SIZE * ID_BYTES)),
        size_bytes=count * ID_BYTES,
        pages=count // 1_000,
        next_cursor=None if is_last else Cursor(text=f'"{before + count}"'),
        source_total=CHUNKS * CHUNK_SIZE,
    )
    return to_wire(FetchOutcome(batch=batch))


@app.activity_trigger(input_name="request")
async def enqueue_chunk(request: dict) -> dict:
    """A receipt that says everything went well."""
    await asyncio.sleep(ACTIVITY_SECONDS)
    wanted = from_wire(EnqueueRequest, request)
    return to_wire(
        Receipt(
            batch_index=wanted.batch_index,
            chunk_index=wanted.chunk_index,
            count=wanted.count,
            enqueued=wanted.count,
            seconds=ACTIVITY_SECONDS,
        )
    )


@app.activity_trigger(input_name="request")
async def record_window(request: dict) -> dict:
    """A ledger that took the state, and nobody who wishes anything."""
    return to_wire(Recorded())


@app.activity_trigger(input_name="request")
async def finish_run(request: dict) -> None:
    """A ledger that is closed."""


@app.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """Every chunk of the source at once, by reference."""
    chunks = [
        EnqueueRequest(
            run_id=context.instance_id,
            run_started_at="2026-01-01T00:00:00+00:00",
            source="bench",
            batch_index=0,
            chunk_index=index,
            blob=f"runs/{context.instance_id}/batches/000000.ndjson",
            start_byte=ids.start * ID_BYTES,
            end_byte=ids.stop * ID_BYTES,
            first_message=ids.start,
            count=len(ids),
        )
        for index, ids in enumerate(chunk(range(CHUNKS * CHUNK_SIZE), CHUNK_SIZE))
    ]
    receipts = yield context.task_all([context.call_activity(enqueue_chunk, to_wire(one)) for one in chunks])
    return sum(receipt["enqueued"] for receipt in receipts)


@app.activity_trigger(input_name="request")
async def fetch_ids(request: dict) -> list:
    """All ids of the source."""
    return [f"order-{position:09d}-{position:08x}" for position in range(request["count"])]


@app.activity_trigger(input_name="ids")
async def enqueue_ids(ids: list) -> int:
    """How many ids came."""
    await asyncio.sleep(ACTIVITY_SECONDS)
    return len(ids)


@app.orchestration_trigger(context_name="context")
def ids_in_payload(context: df.DurableOrchestrationContext) -> Generator[Any, Any, int]:
    """Every chunk at once, with its ids as the activity's input."""
    ids = yield context.call_activity(fetch_ids, {"count": CHUNKS * CHUNK_SIZE})
    counts = yield context.task_all([context.call_activity(enqueue_ids, part) for part in chunk(ids, CHUNK_SIZE)])
    return sum(counts)
