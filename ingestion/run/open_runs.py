"""The index of open runs: a small blob `open/{run_id}.json` for each run whose ledger is not closed.

Enters: a run that is about to begin. Leaves: in one listing, all that the keeper has to know of it before it asks the
engine. The blob is written before the request and the instance, and deleted when the ledger is closed. What is in its
metadata is the truth; the JSON in it is for a person. Whoever changes or deletes a blob that was listed says which
version was meant, so that a run that has begun again meanwhile keeps its place.
"""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.moment import moment
from ingestion.run.keeping import Found

PREFIX = "open/"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """One run of the index: the task hub that runs it, when it began, and what the keeper's last look found.

    `reported` is the last change of a run whose standstill was reported, as text; empty if none was.
    """

    run_id: str
    task_hub: str
    opened_at: datetime
    found: Found
    reported: str
    etag: str


async def enter(container: ContainerClient, run_id: str, task_hub: str, now: datetime) -> None:
    """Put a run into the index, as one that no look has found anything of."""
    facts = {"task_hub": task_hub, "opened_at": now.isoformat()}
    text = json.dumps({"run_id": run_id, **facts}, indent=2) + "\n"
    await _blob(container, run_id).upload_blob(text.encode(), overwrite=True, metadata=facts)


async def listed(container: ContainerClient) -> AsyncIterator[OpenRun]:
    """The open runs, of whichever hub, in one request for 5,000 of them; none without a container."""
    try:
        async for blob in container.list_blobs(name_starts_with=PREFIX, include=["metadata"]):
            yield _read(blob)
    except ResourceNotFoundError:
        return


async def find(container: ContainerClient, run_id: str) -> OpenRun | None:
    """A run of the index, None if it is not there."""
    try:
        return _read(await _blob(container, run_id).get_blob_properties())
    except ResourceNotFoundError:
        return None


async def note(container: ContainerClient, run: OpenRun, *, found: Found, reported: str) -> OpenRun | None:
    """Note what a look found; None if the run was closed, has begun again, or another look was faster."""
    facts = {"task_hub": run.task_hub, "opened_at": run.opened_at.isoformat(), "found": found, "reported": reported}
    try:
        changed = await _blob(container, run.run_id).set_blob_metadata(
            {name: str(value) for name, value in facts.items() if value},
            etag=run.etag,
            match_condition=MatchConditions.IfNotModified,
        )
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
        return None
    return replace(run, found=found, reported=reported, etag=_quoted(changed["etag"]))


async def remove(container: ContainerClient, run: OpenRun | None) -> None:
    """Take a run out of the index, unless it has begun again or is not there any more."""
    if run is not None:
        with suppress(ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            await _blob(container, run.run_id).delete_blob(etag=run.etag, match_condition=MatchConditions.IfNotModified)


async def forget(container: ContainerClient, run_id: str) -> None:
    """Take a run out of the index that is about to be deleted, under its lock."""
    with suppress(ResourceNotFoundError):
        await _blob(container, run_id).delete_blob()


def _read(blob: BlobProperties) -> OpenRun:
    """What an entry says; one that another version of the app has noted something on counts as looked at by nobody."""
    facts = blob.metadata or {}
    noted = facts.get("found", "")
    return OpenRun(
        run_id=str(blob.name).removeprefix(PREFIX).removesuffix(".json"),
        task_hub=facts.get("task_hub", ""),
        opened_at=moment(facts.get("opened_at")),
        found=Found(noted) if noted in set(Found) else Found.GOES_ON,
        reported=facts.get("reported", ""),
        etag=_quoted(blob.etag),
    )


def _quoted(etag: object) -> str:
    """An ETag as a condition takes it: a listing gives it without its quotes."""
    return '"' + str(etag).strip('"') + '"'


def _blob(container: ContainerClient, run_id: str) -> BlobClient:
    return container.get_blob_client(f"{PREFIX}{run_id}.json")
