"""The index of open runs: a small blob `open/{run_id}.json` for each run whose ledger is not closed.

One listing gives the keeper all that it needs before it asks Durable Functions. The blob is written before the request
and the instance, and deleted when the ledger is closed. The app reads only its metadata; the JSON in it is for people.
A change or a deletion is conditional on the ETag that was listed: a run that has begun again since keeps its entry.
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

    `source` is empty in an entry of an earlier version of the app. A `backfill` blocks no schedule and no watermark.
    `reported` is since when the run has made no progress, as text, if the keeper has reported that; else empty.
    """

    run_id: str
    source: str
    backfill: bool
    task_hub: str
    opened_at: datetime
    found: Found
    reported: str
    etag: str


async def enter(
    container: ContainerClient, run_id: str, task_hub: str, now: datetime, *, source: str, backfill: bool = False
) -> None:
    """Enter a run into the index; no look has found anything yet."""
    facts = _facts(source, task_hub, now, backfill=backfill)
    text = json.dumps({"run_id": run_id, **facts}, indent=2) + "\n"
    await _blob(container, run_id).upload_blob(text.encode(), overwrite=True, metadata=facts)


async def listed(container: ContainerClient) -> AsyncIterator[OpenRun]:
    """Yield the open runs of every task hub, with one request for each 5,000; nothing if there is no container."""
    try:
        async for blob in container.list_blobs(name_starts_with=PREFIX, include=["metadata"]):
            yield _read(blob)
    except ResourceNotFoundError:
        return


async def of_source(container: ContainerClient, source: str) -> AsyncIterator[OpenRun]:
    """Yield the open runs of a source, except backfills."""
    async for run in listed(container):
        if run.source == source and not run.backfill:
            yield run


async def find(container: ContainerClient, run_id: str) -> OpenRun | None:
    """Return a run of the index, None if it is not there."""
    try:
        return _read(await _blob(container, run_id).get_blob_properties())
    except ResourceNotFoundError:
        return None


async def note(container: ContainerClient, run: OpenRun, *, found: Found, reported: str) -> OpenRun | None:
    """Note what a look found; return None if the run has ended or begun again, or another look was faster."""
    facts = _facts(run.source, run.task_hub, run.opened_at, backfill=run.backfill)
    facts |= {"found": found, "reported": reported}
    try:
        changed = await _blob(container, run.run_id).set_blob_metadata(
            {name: value for name, value in facts.items() if value},
            etag=run.etag,
            match_condition=MatchConditions.IfNotModified,
        )
    except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
        return None
    return replace(run, found=found, reported=reported, etag=_quoted(changed["etag"]))


async def remove(container: ContainerClient, run: OpenRun | None) -> None:
    """Remove a run from the index, unless it has begun again or is gone."""
    if run is not None:
        with suppress(ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
            await _blob(container, run.run_id).delete_blob(etag=run.etag, match_condition=MatchConditions.IfNotModified)


async def forget(container: ContainerClient, run_id: str) -> None:
    """Remove a run from the index before it is deleted; the caller holds its lock."""
    with suppress(ResourceNotFoundError):
        await _blob(container, run_id).delete_blob()


def _facts(source: str, task_hub: str, opened_at: datetime, *, backfill: bool) -> dict[str, str]:
    """Return the metadata of a new entry."""
    of_a_backfill = {"backfill": "true"} if backfill else {}
    return {"task_hub": task_hub, "opened_at": opened_at.isoformat(), "source": source, **of_a_backfill}


def _read(blob: BlobProperties) -> OpenRun:
    """Return the run of an entry. Ignore a finding that only another version of the app knows."""
    facts = blob.metadata or {}
    noted = facts.get("found", "")
    return OpenRun(
        run_id=str(blob.name).removeprefix(PREFIX).removesuffix(".json"),
        source=facts.get("source", ""),
        backfill=facts.get("backfill") == "true",
        task_hub=facts.get("task_hub", ""),
        opened_at=moment(facts.get("opened_at")),
        found=Found(noted) if noted in set(Found) else Found.GOES_ON,
        reported=facts.get("reported", ""),
        etag=_quoted(blob.etag),
    )


def _quoted(etag: object) -> str:
    """Return an ETag in quotes, which a condition needs and a listing leaves out."""
    return '"' + str(etag).strip('"') + '"'


def _blob(container: ContainerClient, run_id: str) -> BlobClient:
    return container.get_blob_client(f"{PREFIX}{run_id}.json")
