"""What remains of a run in storage when it has ended, and for how long.

The ledger and the spool of unfinished chunks remain, because a redrive needs both. The ledger is deleted when it is
older than SLUICE_LEDGER_DAYS, or when the run is purged.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import RunState
from ingestion.errors import RunLocked
from ingestion.run import open_runs, run_index
from ingestion.run.failed import chunk_of, failed_chunks
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.run.request import new_start, read_request, request_blob, run_of
from ingestion.run.run_state import spooled_chunks
from ingestion.storage.checkpoint import checkpoint_name
from ingestion.storage.json_blob import write_json
from ingestion.storage.spool import chunk_name, committed_tokens

# Deleted in this order: a late copy of a chunk then has nothing to send when its checkpoint is gone.
SPOOL = ("chunks", "batches", "cursors", "checkpoints")
DELETIONS_AT_ONCE = 16
RUNS = "runs/"
CEILING = "ceiling.json"


async def clean_up(ledger: Ledger, state: RunState) -> int:
    """Delete what a run that has ended no longer needs; return how many blobs were deleted.

    If the source was not read to its end, keep all committed batches, because a source that is read again from its
    start is compared with them. Also keep the chunks that a late copy of the next fetch may still commit. If the source
    was read to its end, keep only the unfinished chunks.
    """
    folder = ledger.run.folder
    if not state.source_exhausted:
        tokens = await committed_tokens(ledger.container, ledger.run)

        def is_of_no_batch(name: str) -> bool:
            number, _, token = name.removeprefix(f"{folder}chunks/").removesuffix(".ndjson").partition("-")
            # Keep a chunk without a commit record: a redrive may have deleted the record in the meantime.
            return tokens.get(int(number), token) != token

        return await _delete(ledger.container, [f"{folder}chunks/"], is_of_no_batch)
    left = {chunk_of(entry) for entry in await failed_chunks(ledger, state)} | set(spooled_chunks(state))
    needed = {name for one in left for name in (chunk_name(ledger.run, one), checkpoint_name(ledger.run, one.number))}
    places = [*(f"{place}/" for place in SPOOL), CEILING]
    return await _delete(ledger.container, [folder + place for place in places], lambda name: name not in needed)


async def purge(container: ContainerClient, run_id: str, lease: str) -> int:
    """Delete every blob of a run, under its lock; return how many blobs were deleted.

    The request is deleted last, under the lease. Before the state is deleted, the request gets another start: if a
    crash leaves the request alone, the run begins with new message keys, not with keys that were sent already.
    """
    request = request_blob(container, run_id)
    there = await read_request(container, run_id)
    assert there is not None, "the lock is a lease on it"
    folder = run_of(there).folder
    blobs = await _delete(container, [f"{folder}{place}/" for place in SPOOL], lambda name: True)
    await run_index.forget(container, run_id, there["started_at"])
    now = datetime.now(UTC)
    await write_json(request, {**there, "start": new_start(now), "started_at": now.isoformat()}, lease=lease)
    blobs += await _delete(container, [f"{RUNS}{run_id}/"], lambda name: name != request.blob_name)
    await request.delete_blob(lease=lease)
    return blobs + 1


async def purge_remains(container: ContainerClient, run_id: str) -> int:
    """Delete what an earlier deletion left of a run that has no request; return how many blobs were deleted.

    Raise RunLocked if the run starts at this moment. Only blobs listed before that are deleted.
    """
    remains = set[str]()
    with suppress(ResourceNotFoundError):  # no container: nothing was ever stored
        remains.update([name async for name in container.list_blob_names(name_starts_with=f"{RUNS}{run_id}/")])
    if await read_request(container, run_id) is not None:
        raise RunLocked(f"run {run_id} starts at this moment: look again later")
    return await _delete(container, [f"{RUNS}{run_id}/"], lambda name: name in remains)


async def sweep(container: ContainerClient, older_than: datetime) -> list[str]:
    """Purge the runs of which no blob has changed since `older_than`; return their ids.

    A run whose ledger is not closed is kept, however long it is paused, suspended or waits. Blobs are listed in the
    order of their names, so those of one run come together and memory stays flat.
    """
    swept = [run_id async for run_id in _unchanged(container, RUNS, older_than)]
    return [run_id for run_id in swept if await _swept(container, run_id, older_than)]


async def _unchanged(container: ContainerClient, prefix: str, since: datetime) -> AsyncIterator[str]:
    """Yield the runs below `prefix` of which no blob has changed since `since`."""
    current, newest = "", since
    async for blob in container.list_blobs(name_starts_with=prefix):
        run_id, _, _ = blob.name.removeprefix(RUNS).partition("/")
        if run_id != current:
            if current and newest < since:
                yield current
            current, newest = run_id, blob.last_modified
        newest = max(newest, blob.last_modified)
    if current and newest < since:
        yield current


async def _swept(container: ContainerClient, run_id: str, older_than: datetime) -> bool:
    """Purge a run if it is still old enough under its lock; return whether it was."""
    try:
        async with locked(container, run_id) as lease:
            is_old = [True async for _ in _unchanged(container, f"{RUNS}{run_id}/", older_than)]
            if not is_old or not await _is_over(container, run_id):
                return False
            await open_runs.forget(container, run_id)
            await purge(container, run_id, lease)
    except ResourceNotFoundError:  # no request: what an earlier deletion left
        await _delete(container, [f"{RUNS}{run_id}/"], lambda name: True, if_unmodified_since=older_than)
    return True


async def _is_over(container: ContainerClient, run_id: str) -> bool:
    """Return whether the last attempt of a run has closed its ledger."""
    request = await read_request(container, run_id)
    return request is not None and await Ledger(container, run_of(request)).report() is not None


async def _delete(
    container: ContainerClient, prefixes: Iterable[str], is_doomed: Callable[[str], bool], **condition: Any
) -> int:
    lanes, deleted = asyncio.Semaphore(DELETIONS_AT_ONCE), 0

    async def delete(name: str) -> None:
        async with lanes:
            with suppress(ResourceNotFoundError, ResourceModifiedError):
                await container.delete_blob(name, **condition)

    with suppress(ResourceNotFoundError):  # no container: nothing was ever stored
        for prefix in prefixes:
            async for page in container.list_blob_names(name_starts_with=prefix).by_page():
                doomed = [name async for name in page if is_doomed(name)]
                await asyncio.gather(*(delete(name) for name in doomed))
                deleted += len(doomed)
    return deleted
