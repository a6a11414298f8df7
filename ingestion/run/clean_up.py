"""What is left of a run in storage when it has ended, and for how long.

Enters: a run that has ended. Leaves: its ledger, and the spool of what did not get through; a redrive needs both. The
ledger goes when it is older than SLUICE_LEDGER_DAYS, or when the run is purged.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Container, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import RunState
from ingestion.run import open_runs
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked

# In the order in which it goes: a late copy of a chunk then finds nothing to send, before it finds no checkpoint.
SPOOL = ("batches", "cursors", "checkpoints")
DELETIONS_AT_ONCE = 16
RUNS = "runs/"


def is_needed(name: str, state: RunState, failed_batches: Container[int]) -> bool:
    """Whether a run that has ended in `state` still needs the blob `name` (below its run).

    As long as the source was not read to its end all of the spool is: a source that has to be read again from its
    start is compared with it.
    """
    place, _, file = name.partition("/")
    if place not in SPOOL or not state.source_exhausted:
        return True
    batch = int(file[:6])
    return batch in failed_batches or (state.batch is not None and batch == state.batch.index)


async def clean_up(container: ContainerClient, run_id: str, state: RunState, failed_batches: Iterable[int]) -> int:
    """Delete what a run that has ended needs no more; says how many blobs that were."""
    prefix, failed = f"{RUNS}{run_id}/", frozenset(failed_batches)
    doomed = [f"{prefix}{place}/" for place in SPOOL]
    return await _delete(container, doomed, lambda name: not is_needed(name.removeprefix(prefix), state, failed))


async def purge(ledger: Ledger, lease: str | None) -> int:
    """Delete all that is left of a run; says how many blobs that were.

    The request goes last, with the lease on it; a run without a lock has none.
    """
    request = ledger.blob("request.json")
    blobs = await _delete(ledger.container, _places(ledger.run_id), lambda name: name != request.blob_name)
    if lease is not None:
        await request.delete_blob(lease=lease)
        blobs += 1
    return blobs


async def sweep(container: ContainerClient, older_than: datetime) -> list[str]:
    """Purge the runs of which no blob has changed since `older_than`; says which.

    A run that has not closed its ledger is left alone, however long it is paused, suspended or waits. The blobs come in
    the order of their names, so those of one run come together and memory stays flat.
    """
    swept = [run_id async for run_id in _unchanged(container, RUNS, older_than)]
    return [run_id for run_id in swept if await _swept(Ledger(container, run_id), older_than)]


async def _unchanged(container: ContainerClient, prefix: str, since: datetime) -> AsyncIterator[str]:
    """The runs below `prefix` of which no blob has changed since then."""
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


async def _swept(ledger: Ledger, older_than: datetime) -> bool:
    """Purge a run that may be old enough, under its lock, if it still is; says whether that was so."""
    places = f"{RUNS}{ledger.run_id}/"
    try:
        async with locked(ledger) as lease:
            is_old = [True async for _ in _unchanged(ledger.container, places, older_than)]
            if not is_old or not await _is_over(ledger):
                return False
            await open_runs.forget(ledger.container, ledger.run_id)
            await purge(ledger, lease)
    except ResourceNotFoundError:  # without a request it is what a deletion has left
        await _delete(ledger.container, _places(ledger.run_id), lambda name: True, if_unmodified_since=older_than)
    return True


async def _is_over(ledger: Ledger) -> bool:
    """Whether the last attempt of a run has closed its ledger."""
    request = await ledger.request()
    return request is not None and await ledger.report(request["started_at"]) is not None


def _places(run_id: str) -> list[str]:
    """Where the blobs of a run are, in the order in which they go."""
    return [*(f"{RUNS}{run_id}/{place}/" for place in SPOOL), f"{RUNS}{run_id}/"]


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
