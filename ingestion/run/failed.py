"""The failed chunks of a run in its ledger: `failed/{attempt}.ndjson`, and `redo/{attempt}.ndjson` for a redrive.

The state of a run lists a few failures; these blobs list all, one line for each chunk. A late copy of an older attempt
writes to the blob of its own attempt, which no later redrive reads.
"""

import json
from collections.abc import Iterable
from contextlib import suppress

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient

from ingestion.contracts import (
    Chunk,
    FailedChunks,
    FailedPage,
    LoadRequest,
    RunState,
    Settled,
    Sums,
)
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import spooled_chunks
from ingestion.storage.checkpoint import settle
from ingestion.storage.turns import turns
from ingestion.wire import JsonObject

LINE_BYTES = 1024  # longer than any line of the redo list


async def record(ledger: Ledger, failed: FailedChunks) -> tuple[Settled, ...]:
    """List the chunks in the ledger, even those with nothing left to send; return the counts of each checkpoint.

    If another copy of this call has listed a chunk, keep that entry: a late copy of `enqueue_chunk` may have sent the
    rest since then, and the state must agree with the list. So append only if the blob is as long as when it was read.
    """
    name = _failed_name(failed.attempt)
    async for _ in turns(f"list failed chunks of run {failed.run.id}"):
        data = await _bytes(ledger, name, 0)
        before = {chunk_of(entry): _settled(entry) for entry in _entries(data)}
        found = {
            one: before.get(one) or await settle(ledger.container, failed.run, one, failed.attempt)
            for one in failed.chunks
        }
        lines = [{**_entry(chunk, one), "error": failed.error} for chunk, one in found.items() if chunk not in before]
        if not lines or await _append(ledger.blob(name), lines, len(data)):
            return tuple(found.values())
    raise AssertionError("the turns end with an error")


async def _append(blob: BlobClient, lines: list[JsonObject], size: int) -> bool:
    """Append to a blob of `size` bytes; return False if it has another size."""
    try:
        if not size:
            with suppress(ResourceExistsError, ResourceModifiedError):
                await blob.create_append_blob(match_condition=MatchConditions.IfMissing)
        await blob.append_block(_ndjson(lines), appendpos_condition=size)
    except HttpResponseError as error:
        if error.status_code != 412:
            raise
        return False
    return True


async def failed_chunks(ledger: Ledger, state: RunState) -> list[JsonObject]:
    """Return the entries of the chunks that the run has to send again after `state`, one for each chunk.

    Leave out spooled chunks even if they are listed, because the state does not count them as failed. Leave out chunks
    with nothing left to send.
    """
    open_chunks = set(spooled_chunks(state))
    entries = [] if state.redo is None else await _read(ledger, _redo_name(state.redo.attempt), state.redo.next_byte)
    entries += await _read(ledger, _failed_name(state.attempt))
    by_chunk = {chunk_of(entry): entry for entry in entries}  # a chunk that failed again replaces its line to redo
    return [
        entry for chunk, entry in sorted(by_chunk.items()) if chunk not in open_chunks and _settled(entry).sums.left
    ]


async def write_redo_list(ledger: Ledger, before: RunState, attempt: int) -> None:
    """Write the redo list of `attempt`, which follows the state `before`. A second call does no harm."""
    lines = [_entry(chunk_of(entry), _settled(entry)) for entry in await failed_chunks(ledger, before)]
    if lines:
        await ledger.blob(_redo_name(attempt)).upload_blob(_ndjson(lines), overwrite=True)


async def load(ledger: Ledger, wanted: LoadRequest) -> FailedPage:
    """Return the next chunks of a redo list."""
    data = await _bytes(ledger, _redo_name(wanted.attempt), wanted.next_byte, LINE_BYTES * wanted.most)
    lines = data.splitlines(keepends=True)[: wanted.most]
    entries = [json.loads(line) for line in lines]
    taken = sum(map(len, lines))
    return FailedPage(
        chunks=tuple(map(chunk_of, entries)),
        sums=sum((_settled(entry).sums for entry in entries), Sums()),
        next_byte=wanted.next_byte + taken if taken < len(data) else None,
    )


def chunk_of(entry: JsonObject) -> Chunk:
    """Return the chunk of a line."""
    return Chunk(entry["number"], entry["token"])


def left_in(entry: JsonObject) -> int:
    """Return how many messages of a line's chunk are neither on the queue nor rejected."""
    return _settled(entry).sums.left


def _entry(chunk: Chunk, found: Settled) -> JsonObject:
    return {**chunk._asdict(), **found._asdict()}


def _settled(entry: JsonObject) -> Settled:
    return Settled(**{name: entry[name] for name in Settled._fields})


def _failed_name(attempt: int) -> str:
    return f"failed/{attempt:04}.ndjson"


def _redo_name(attempt: int) -> str:
    return f"redo/{attempt:04}.ndjson"


def _ndjson(entries: Iterable[JsonObject]) -> bytes:
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries).encode()


async def _read(ledger: Ledger, name: str, first_byte: int = 0) -> list[JsonObject]:
    return _entries(await _bytes(ledger, name, first_byte))


def _entries(data: bytes) -> list[JsonObject]:
    return [json.loads(line) for line in data.splitlines()]


async def _bytes(ledger: Ledger, name: str, first_byte: int, most: int | None = None) -> bytes:
    """Return at most `most` bytes of a blob, from `first_byte` on; none if there is no such blob."""
    try:
        size = (await ledger.blob(name).get_blob_properties()).size
        if first_byte >= size:
            return b""
        download = await ledger.blob(name).download_blob(offset=first_byte, length=most)
    except ResourceNotFoundError:
        return b""
    return bytes(await download.readall())
