"""The index of all runs, newest first: a small blob `index/{time}-{run_id}.json` for each run.

An entry is written before the run begins, and removed when nothing of the run is left.

Its name begins with the milliseconds left until the year 5138, so that a listing has the newest run first. Its metadata
hold what a list of runs shows: the source, the status, the counts at the start of the last window, and the outcome once
the run has ended. If an update is lost, the list only shows an older status and older counts.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import RunState
from ingestion.errors import cut
from ingestion.run import run_report
from ingestion.wire import JsonObject

PREFIX = "index/"
DIGITS = 14
LAST_MILLISECOND = 10**DIGITS - 1
MOST_REQUESTS = 5  # for one page of a list
ENTRIES = 1_000  # that one request reads if the list has a filter
ERROR_CHARACTERS = 300  # of an error in the metadata, which hold 8 KB in all
COUNTS = ("fetched", "enqueued", "rejected", "failed", "pending", "source_total")


class Entry(NamedTuple):
    """An entry of the index: its name, and the id of its run."""

    name: str
    run_id: str


class Wanted(NamedTuple):
    """The filter of a list: runs with one of these statuses, of this source, begun in [since, until). Empty: all."""

    statuses: Collection[str] = ()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Place(NamedTuple):
    """A place in the list: the marker from storage, and the last name that was read after it."""

    marker: str = ""
    last: str = ""


class Page(NamedTuple):
    """A page of a list; `following` is where the next page begins, None on the last page."""

    runs: list[JsonObject]
    following: Place | None


async def enter(container: ContainerClient, state: RunState) -> None:
    """Enter a run that begins, or begins again."""
    facts = _facts(state) | {"status": "pending"}
    await _blob(container, state.run.id, state.started_at).upload_blob(b"", overwrite=True, metadata=facts)


async def note_window(container: ContainerClient, state: RunState, status: str) -> None:
    """Note the status of a run, and its counts at the start of a window, unless the run has been deleted."""
    with suppress(AzureError):
        blob = _blob(container, state.run.id, state.started_at)
        await blob.set_blob_metadata(_facts(state) | {"status": status})


async def note_status(container: ContainerClient, run_id: str, started_at: str, status: str) -> None:
    """Note the status that a command leads to, unless the run has ended or another update comes at the same time."""
    blob = _blob(container, run_id, started_at)
    with suppress(AzureError):
        there = await blob.get_blob_properties()
        if "outcome" not in there.metadata:
            facts, condition = {**there.metadata, "status": status}, MatchConditions.IfNotModified
            await blob.set_blob_metadata(facts, etag=there.etag, match_condition=condition)


async def note(container: ContainerClient, state: RunState, report: JsonObject) -> None:
    """Note how a run has ended, unless the run has been deleted."""
    facts = {name: report.get(name) for name in ("outcome", *COUNTS, "seconds")}
    facts |= {"counts_at": report["finished_at"], "ended_at": report["finished_at"]}
    facts["error"] = quote(cut(report.get("error") or "", ERROR_CHARACTERS), errors="replace")
    with suppress(ResourceNotFoundError):
        blob = _blob(container, state.run.id, state.started_at)
        await blob.set_blob_metadata(_named(state) | _texts(facts))


async def listed(container: ContainerClient, wanted: Wanted, limit: int, after: Place | None = None) -> Page:
    """Return the newest runs that pass the filter, `limit` at most, after a place in the list.

    Without a filter this takes one request. With one it takes up to MOST_REQUESTS, and a page may have fewer runs or
    none.
    """
    found, (marker, last) = list[JsonObject](), after or Place()
    size = ENTRIES if any(wanted) else limit
    for _ in range(MOST_REQUESTS):
        pages: Any = container.list_blobs(PREFIX, include=["metadata"], results_per_page=size).by_page(marker or None)
        try:
            entries = [blob async for blob in await anext(pages) if blob.name > last]
        except (ResourceNotFoundError, StopAsyncIteration):  # no container: nothing was ever stored
            return Page(found, None)
        for blob in entries:
            if wanted.since is not None and _began(blob.name) < wanted.since:
                return Page(found, None)
            if _is_wanted(shown := summary(blob), blob.name, wanted):
                found.append(shown)
            if len(found) == limit and blob is not entries[-1]:
                return Page(found, Place(marker, blob.name))
            last = blob.name
        marker = pages.continuation_token
        if not marker or len(found) == limit:
            break
    return Page(found, Place(marker, last) if marker else None)


async def unchanged(container: ContainerClient, since: datetime) -> AsyncIterator[Entry]:
    """Yield the entries that were last written before `since`, with one request for each 5,000 runs."""
    with suppress(ResourceNotFoundError):  # no container: nothing was ever stored
        async for blob in container.list_blobs(name_starts_with=PREFIX):
            if blob.last_modified < since:
                yield Entry(blob.name, _run_id(blob.name))


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


def summary(blob: BlobProperties) -> JsonObject:
    """Return what a list shows of a run. An entry from an earlier version of the app has no counts."""
    facts = blob.metadata or {}
    counts = {name: int(facts[name]) if name in facts else None for name in COUNTS}
    return {
        "run_id": _run_id(blob.name),
        "source": facts.get("source", ""),
        "status": facts.get("outcome") or facts.get("status", "running"),
        "started_at": facts.get("started_at") or _began(blob.name).isoformat(),
        "counts_at": facts.get("counts_at"),
        "ended_at": facts.get("ended_at"),
        **counts,
        "seconds": float(facts["seconds"]) if "seconds" in facts else None,
        "error": unquote(facts["error"]) if "error" in facts else None,
    }


def _is_wanted(shown: JsonObject, name: str, wanted: Wanted) -> bool:
    if wanted.until is not None and _began(name) >= wanted.until:
        return False
    has_status = not wanted.statuses or shown["status"] in wanted.statuses
    return has_status and wanted.source in (None, shown["source"])


def _facts(state: RunState) -> dict[str, str]:
    shown = run_report.progress(state)
    return _named(state) | _texts({name: shown[name] for name in (*COUNTS, "counts_at")})


def _named(state: RunState) -> dict[str, str]:
    return {"source": state.request.source, "start": state.run.start, "started_at": state.started_at}


def _texts(facts: JsonObject) -> dict[str, str]:
    """Return facts as metadata: as texts, without empty ones."""
    return {name: str(fact) for name, fact in facts.items() if fact not in (None, "")}


def _run_id(name: str) -> str:
    return name[len(PREFIX) + DIGITS + 1 :].removesuffix(".json")


def _began(name: str) -> datetime:
    """Return when the run of an entry began, to the millisecond."""
    left = int(name[len(PREFIX) : len(PREFIX) + DIGITS])
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=LAST_MILLISECOND - left)


def _blob(container: ContainerClient, run_id: str, started_at: str) -> BlobClient:
    return container.get_blob_client(name_of(run_id, started_at))
