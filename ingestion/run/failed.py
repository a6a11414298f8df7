"""The failed chunks of a run in its ledger, one blob for each batch that has some: `failed/{batch:06}.json`.

Enters: which chunks of a batch were tried and which of them failed. Leaves: page by page, what a redrive has to do
again. The state of a run lists a few failures, these blobs have them all.
"""

from collections.abc import AsyncIterator
from contextlib import suppress

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Batch, Counted, EnqueueRequest, FailedChunks, FailedPage, LoadRequest, Settled
from ingestion.run.ledger import Ledger, change_json, is_of, read_json
from ingestion.sending.checkpoint import Checkpoint, find_checkpoint
from ingestion.started_at import is_younger_run
from ingestion.wire import JsonObject, from_wire, to_wire

PAGE_CHUNKS = 25  # of a redrive's windows: few enough for a payload of 4 KB with all that is counted of them


def failed_name(batch_index: int) -> str:
    """The blob of a batch, below its run."""
    return f"failed/{batch_index:06}.json"


async def settle(ledger: Ledger, window: FailedChunks) -> Settled:
    """What was sent of each failed chunk by its checkpoint, which knows it also if the chunk's worker was lost."""
    chunks = []
    for one in (chunk for group in window.groups for chunk in group.chunks):
        found = await find_checkpoint(ledger.container, _request_of(window, one.chunk_index))
        chunks.append(one if found is None else counted_in(found, one.chunk_index))
    return Settled(chunks=tuple(chunks))


def counted_in(checkpoint: Checkpoint, chunk_index: int) -> Counted:
    """What a checkpoint says that was sent of its chunk."""
    return Counted(chunk_index, checkpoint.enqueued, checkpoint.rejected)


async def record(ledger: Ledger, window: FailedChunks, settled: Settled) -> None:
    """Take the chunks that were tried out of their batch's blob, and put in those of which something is left.

    A younger run with the same id keeps its blob as it is.
    """
    blob = ledger.blob(failed_name(window.batch.index))
    new = [entry for entry in _entries(window, settled) if entry["enqueued"] + entry["rejected"] < entry["count"]]

    def change(found: JsonObject | None) -> JsonObject | None:
        if found is not None and is_younger_run(found.get("started_at"), window.run_started_at):
            return None
        earlier = found["chunks"] if found is not None and is_of(found, window.run_started_at) else []
        left = [one for one in earlier if window.tried is not None and one["chunk_index"] not in window.tried]
        if found is None and not new:
            return None
        chunks = sorted([*left, *new], key=lambda one: int(one["chunk_index"]))
        return {"started_at": window.run_started_at, "batch": to_wire(window.batch), "chunks": chunks}

    there = await change_json(blob, change)
    if there is not None and not there["chunks"]:
        with suppress(ResourceNotFoundError):
            await blob.delete_blob()


async def load(ledger: Ledger, wanted: LoadRequest) -> FailedPage:
    """The next failed chunks of earlier attempts, all of one batch; an empty page if there are no more."""
    async for index in batches(ledger.container, ledger.run_id):
        if index < wanted.next_batch:
            continue
        found = await read_json(ledger.blob(failed_name(index)))
        if found is None or not is_of(found, wanted.run_started_at):
            continue
        if chunks := [one for one in found["chunks"] if _is_due(one, index, wanted)]:
            counted = (Counted(one["chunk_index"], one["enqueued"], one["rejected"]) for one in chunks[:PAGE_CHUNKS])
            return FailedPage(batch=from_wire(Batch, found["batch"]), chunks=tuple(counted))
    return FailedPage()


async def batches(container: ContainerClient, run_id: str) -> AsyncIterator[int]:
    """The batches with a blob here, in order."""
    prefix = f"runs/{run_id}/failed/"
    async for name in container.list_blob_names(name_starts_with=prefix):
        yield int(name.removeprefix(prefix).removesuffix(".json"))


def _is_due(chunk: JsonObject, batch_index: int, wanted: LoadRequest) -> bool:
    """Whether the chunk failed in an earlier attempt and is not under way just now."""
    busy = batch_index == wanted.busy_batch and (
        wanted.busy_chunks is None or chunk["chunk_index"] in wanted.busy_chunks
    )
    return bool(chunk["attempt"] < wanted.attempt) and not busy


def _entries(window: FailedChunks, settled: Settled) -> list[JsonObject]:
    errors = {chunk.chunk_index: group.error for group in window.groups for chunk in group.chunks}
    requests = {one.chunk_index: _request_of(window, one.chunk_index) for one in settled.chunks}
    return [
        {
            "chunk_index": one.chunk_index,
            "first_message": requests[one.chunk_index].first_message,
            "count": requests[one.chunk_index].count,
            "start_byte": requests[one.chunk_index].start_byte,
            "end_byte": requests[one.chunk_index].end_byte,
            "enqueued": one.enqueued,
            "rejected": one.rejected,
            "attempt": window.attempt,
            "error": errors[one.chunk_index],
        }
        for one in settled.chunks
    ]


def _request_of(window: FailedChunks, chunk_index: int) -> EnqueueRequest:
    """The request with which the chunk was tried."""
    batch, size = window.batch, window.chunk_size
    ends = (*batch.offsets[1:], batch.size_bytes)
    return EnqueueRequest(
        run_id=window.run_id,
        run_started_at=window.run_started_at,
        source="",  # the chunk's blob is all that matters from here on
        batch_index=batch.index,
        chunk_index=chunk_index,
        blob=batch.blob,
        start_byte=batch.offsets[chunk_index],
        end_byte=ends[chunk_index],
        first_message=chunk_index * size,
        count=min(size, batch.count - chunk_index * size),
    )
