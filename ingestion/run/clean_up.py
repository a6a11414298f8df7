"""What is left of a run in storage when it has ended, and for how long.

Enters: a run that has ended. Leaves: its ledger, and the spool of what did not get through; a redrive needs both. The
ledger goes when it is older than SLUICE_LEDGER_DAYS, or when the run is purged.
"""

import asyncio
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import RunState
from ingestion.run.ledger import Ledger

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


async def purge(container: ContainerClient, run_id: str, keep: str = "") -> int:
    """Delete all that is left of a run, but the blob `keep`; says how many blobs that were."""
    prefix = f"{RUNS}{run_id}/"
    places = [*(f"{prefix}{place}/" for place in SPOOL), prefix]
    return await _delete(container, places, lambda name: name != f"{prefix}{keep}")


async def sweep(container: ContainerClient, older_than: datetime) -> list[str]:
    """Purge the runs of which no blob has changed since `older_than`; says which.

    A run that has not closed its ledger is left alone, however long it is paused, suspended or waits. The blobs come in
    the order of their names, so those of one run come together and memory stays flat.
    """
    swept, current, newest = list[str](), "", older_than

    async def end_of_run() -> None:
        if current and newest < older_than and await _is_over(Ledger(container, current)):
            await purge(container, current)
            swept.append(current)

    async for blob in container.list_blobs(name_starts_with=RUNS):
        run_id, _, _ = blob.name.removeprefix(RUNS).partition("/")
        if run_id != current:
            await end_of_run()
            current, newest = run_id, blob.last_modified
        newest = max(newest, blob.last_modified)
    await end_of_run()
    return swept


async def _is_over(ledger: Ledger) -> bool:
    """Whether the last attempt of a run has closed its ledger."""
    request = await ledger.request()
    return request is None or await ledger.report(request["started_at"]) is not None


async def _delete(container: ContainerClient, prefixes: Iterable[str], is_doomed: Callable[[str], bool]) -> int:
    lanes, deleted = asyncio.Semaphore(DELETIONS_AT_ONCE), 0

    async def delete(name: str) -> None:
        async with lanes:
            with suppress(ResourceNotFoundError):
                await container.delete_blob(name)

    with suppress(ResourceNotFoundError):  # no container: nothing was ever stored
        for prefix in prefixes:
            async for page in container.list_blob_names(name_starts_with=prefix).by_page():
                doomed = [name async for name in page if is_doomed(name)]
                await asyncio.gather(*(delete(name) for name in doomed))
                deleted += len(doomed)
    return deleted
