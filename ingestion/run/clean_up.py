"""Delete what a run leaves in storage.

After a run has ended, its ledger and the spool of unfinished chunks remain, because a redrive needs both. The daily
sweep deletes a ledger that is older than SLUICE_LEDGER_DAYS; a purge deletes it at once.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from ingestion import clock
from ingestion.contracts import RunState
from ingestion.errors import RunLocked, StorageRefused
from ingestion.moment import moment
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
SWEPT = "swept.json"  # has the time of the last sweep
A_DAY = timedelta(days=1)


async def clean_up(ledger: Ledger, state: RunState) -> int:
    """Delete what a run that has ended no longer needs; return how many blobs were deleted.

    If the source was not read to its end, keep all committed batches: if a redrive reads it again from its start, it
    drops the messages of these batches. Also keep the chunks that a late copy of the next fetch may still commit. If
    the source was read to its end, keep only the unfinished chunks.
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


async def purge(container: ContainerClient, run_id: str, lease: str, entry: str | None = None) -> int:
    """Delete every blob of a run, under its lock; return how many blobs were deleted.

    Delete the request second to last, under the lease, and the `entry` of the run in the index last: as long as this
    entry exists, a sweep finds what a crash has left. Before the state is deleted, the request gets another start: if a
    crash leaves only the request, the run begins with new message keys, not with keys that were sent already.
    """
    request = request_blob(container, run_id)
    there = await read_request(container, run_id)
    assert there is not None, "the lock is a lease on it"
    folder = run_of(there).folder
    blobs = await _delete(container, [f"{folder}{place}/" for place in SPOOL], lambda name: True)
    now = clock.now()
    doomed = {**there, "start": new_start(now), "started_at": now.isoformat(), "is_purged": True}
    await write_json(request, doomed, lease=lease)
    blobs += await _delete(container, [f"{RUNS}{run_id}/"], lambda name: name != request.blob_name)
    await request.delete_blob(lease=lease)
    await run_index.forget(container, entry or run_index.name_of(run_id, there["started_at"]))
    return blobs + 1


async def purge_remains(container: ContainerClient, run_id: str) -> int:
    """Delete what an earlier deletion left of a run that has no request; return how many blobs were deleted.

    Raise RunLocked if the run is just starting. Delete only blobs that were listed before that check.
    """
    remains = set[str]()
    with suppress(ResourceNotFoundError):  # no container: nothing was ever stored
        remains.update([name async for name in container.list_blob_names(name_starts_with=f"{RUNS}{run_id}/")])
    if await read_request(container, run_id) is not None:
        raise RunLocked(f"run {run_id} is just starting: try again later")
    return await _delete(container, [f"{RUNS}{run_id}/"], lambda name: name in remains)


async def claim_sweep(container: ContainerClient, now: datetime) -> bool:
    """Claim the daily sweep; return False if another caller has claimed it within a day."""
    blob, condition = container.get_blob_client(SWEPT), dict[str, Any](match_condition=MatchConditions.IfMissing)
    with suppress(ResourceNotFoundError):
        there = await blob.get_blob_properties()
        if now - moment(there.metadata.get("at")) < A_DAY:
            return False
        condition = {"etag": there.etag, "match_condition": MatchConditions.IfNotModified}
    try:
        await blob.upload_blob(b"", overwrite=True, metadata={"at": now.isoformat()}, **condition)
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):  # another call won, or no container
        return False
    return True


async def give_back_sweep(container: ContainerClient) -> None:
    """Allow the next caller to claim the daily sweep, and go on with it."""
    with suppress(ResourceNotFoundError):
        await container.delete_blob(SWEPT)


async def sweep(container: ContainerClient, older_than: datetime, *, most: int | None = None) -> list[str]:
    """Purge runs whose blobs have not changed since `older_than`, `most` at most; return their ids.

    Keep a run whose ledger is not closed, however long it is paused, suspended or waiting.
    """
    swept = list[str]()
    for entry in [entry async for entry in run_index.unchanged(container, older_than)]:
        with suppress(RunLocked, StorageRefused):  # another operation holds the lock
            if await _swept(container, entry, older_than):
                swept.append(entry.run_id)
        if len(swept) == most:
            break
    return swept


async def _swept(container: ContainerClient, entry: run_index.Entry, older_than: datetime) -> bool:
    """Purge the run of an entry if, under its lock, it is still old enough; return whether it was purged.

    If a crash left the entry of an earlier start, and the present start has its own, remove the entry.
    """
    run_id = entry.run_id
    try:
        async with locked(container, run_id, wait=False) as lease:
            request = await read_request(container, run_id)
            assert request is not None, "the lock is a lease on it"
            own = run_index.name_of(run_id, request["started_at"])
            if own != entry.name and await run_index.has(container, own):
                await run_index.forget(container, entry.name)
                return False
            ledger = Ledger(container, run_of(request))
            is_cut_off = request.get("is_purged") and await ledger.state() is None  # a crash interrupted its purge
            is_over = is_cut_off or await ledger.report() is not None
            if not is_over or not await _is_unchanged(container, run_id, older_than):
                return False
            await open_runs.forget(container, run_id)
            await purge(container, run_id, lease, entry.name)
    except ResourceNotFoundError:  # no request: an earlier deletion stopped half-way
        deleted = await _delete(container, [f"{RUNS}{run_id}/"], lambda name: True, if_unmodified_since=older_than)
        await run_index.forget(container, entry.name)
        return deleted > 0
    return True


async def _is_unchanged(container: ContainerClient, run_id: str, since: datetime) -> bool:
    """Return whether no blob of a run has changed since `since`."""
    blobs = container.list_blobs(name_starts_with=f"{RUNS}{run_id}/")
    return all([blob.last_modified < since async for blob in blobs])


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
