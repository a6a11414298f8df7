"""The index of all runs, which lists newest first: a small blob `index/{time}-{run_id}.json` for each run.

An entry is written before the run begins, and removed when nothing of the run is left.

Its name begins with the milliseconds left until the year 5138, so the newest run comes first in a listing. Its metadata
hold what a list of runs shows: the source, and the outcome once the run has ended.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import RunState

PREFIX = "index/"
DIGITS = 14
LAST_MILLISECOND = 10**DIGITS - 1


class Entry(NamedTuple):
    """An entry of the index: its name, and the run that it stands for."""

    name: str
    run_id: str


async def enter(container: ContainerClient, state: RunState) -> None:
    """Enter a run that is about to begin, or to begin again."""
    await _blob(container, state.run.id, state.started_at).upload_blob(b"", overwrite=True, metadata=_facts(state))


async def note(container: ContainerClient, state: RunState, outcome: str) -> None:
    """Note the outcome of a run, unless the run has been deleted."""
    with suppress(ResourceNotFoundError):
        blob = _blob(container, state.run.id, state.started_at)
        await blob.set_blob_metadata({**_facts(state), "outcome": outcome})


async def unchanged(container: ContainerClient, since: datetime) -> AsyncIterator[Entry]:
    """Yield the entries that were last written before `since`, with one request for each 5,000 runs."""
    with suppress(ResourceNotFoundError):  # no container: nothing was ever stored
        async for blob in container.list_blobs(name_starts_with=PREFIX):
            if blob.last_modified < since:
                yield Entry(blob.name, blob.name[len(PREFIX) + DIGITS + 1 :].removesuffix(".json"))


async def has(container: ContainerClient, name: str) -> bool:
    """Return whether there is an entry of this name."""
    return await container.get_blob_client(name).exists()


async def forget(container: ContainerClient, name: str) -> None:
    """Remove the entry of this name when its run is deleted."""
    with suppress(ResourceNotFoundError):
        await container.get_blob_client(name).delete_blob()


def name_of(run_id: str, started_at: str) -> str:
    """Return the name of the entry for a run that began at `started_at`."""
    milliseconds = round(datetime.fromisoformat(started_at).timestamp() * 1000)
    return f"{PREFIX}{LAST_MILLISECOND - milliseconds:0{DIGITS}}-{run_id}.json"


def _facts(state: RunState) -> dict[str, str]:
    return {"source": state.request.source, "start": state.run.start, "started_at": state.started_at}


def _blob(container: ContainerClient, run_id: str, started_at: str) -> BlobClient:
    return container.get_blob_client(name_of(run_id, started_at))
