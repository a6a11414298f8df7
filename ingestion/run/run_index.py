"""The index of all runs, which lists newest first: a small blob `index/{time}-{run_id}.json` for each run.

Its name begins with the time that is left until the year 5138, so the newest run comes first in a listing. Its metadata
say what a list of runs shows: the source, and once the run has ended the outcome.
"""

from contextlib import suppress
from datetime import datetime

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.wire import JsonObject

LAST_MILLISECOND = 10**14 - 1


async def note(container: ContainerClient, request: JsonObject, outcome: str = "") -> None:
    """Enter a run into the index, or its outcome."""
    facts = {"source": request["request"]["source"], "start": request["start"], "started_at": request["started_at"]}
    blob = _blob(container, request["run_id"], request["started_at"])
    await blob.upload_blob(b"", overwrite=True, metadata={**facts, **({"outcome": outcome} if outcome else {})})


async def forget(container: ContainerClient, run_id: str, started_at: str) -> None:
    """Take a run out of the index that is being deleted."""
    with suppress(ResourceNotFoundError):
        await _blob(container, run_id, started_at).delete_blob()


def _blob(container: ContainerClient, run_id: str, started_at: str) -> BlobClient:
    milliseconds = round(datetime.fromisoformat(started_at).timestamp() * 1000)
    return container.get_blob_client(f"index/{LAST_MILLISECOND - milliseconds:014}-{run_id}.json")
