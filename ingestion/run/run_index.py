"""The index of all runs, which lists newest first: a small blob `index/{time}-{run_id}.json` for each run.

Its name begins with the milliseconds left until the year 5138, so the newest run comes first in a listing. Its metadata
hold what a list of runs shows: the source, and the outcome once the run has ended.
"""

from contextlib import suppress
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import RunState

LAST_MILLISECOND = 10**14 - 1


async def enter(container: ContainerClient, state: RunState) -> None:
    """Enter a run that is about to begin, or to begin again."""
    await _blob(container, state.run.id, state.started_at).upload_blob(b"", overwrite=True, metadata=_facts(state))


async def note(container: ContainerClient, state: RunState, outcome: str) -> None:
    """Note the outcome of a run, unless the run has been deleted."""
    with suppress(ResourceNotFoundError):
        blob = _blob(container, state.run.id, state.started_at)
        await blob.set_blob_metadata({**_facts(state), "outcome": outcome})


async def forget(container: ContainerClient, run_id: str, started_at: str) -> None:
    """Remove a run from the index when it is deleted."""
    with suppress(ResourceNotFoundError):
        await _blob(container, run_id, started_at).delete_blob()


def _facts(state: RunState) -> dict[str, str]:
    return {"source": state.request.source, "start": state.run.start, "started_at": state.started_at}


def _blob(container: ContainerClient, run_id: str, started_at: str) -> BlobClient:
    milliseconds = round(datetime.fromisoformat(started_at).timestamp() * 1000)
    return container.get_blob_client(f"index/{LAST_MILLISECOND - milliseconds:014}-{run_id}.json")
