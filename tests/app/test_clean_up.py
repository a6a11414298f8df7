"""What goes of a run in storage, in which order, and when."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import EnqueueRequest, Run, RunRequest, RunState, Spooled
from ingestion.errors import SluiceError, StorageRefused
from ingestion.open_storage import Storage
from ingestion.run import run_state
from ingestion.run.clean_up import clean_up, purge, sweep
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.run.request import create_request
from ingestion.wire import JsonObject, to_wire
from local.emulator import Azurite
from tests.app.driven import MESSAGES, call, stocked
from tests.app.kept import Kept
from tests.faults.sending import RUN, enqueue, opened, settings_for, spool, texts_on

STATE = run_state.start(RUN, RunRequest(source="demo", chunk_size=10, chunks_per_batch=2), "2026-01-01T00:00:00+00:00")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


async def closed_run(storage: Storage, run_id: str = RUN.id) -> Ledger:
    """A run that has ended, as its ledger says."""
    run = Run(run_id, RUN.start)
    ledger = Ledger(storage.container, run)
    named = {"run_id": run.id, "start": run.start, "started_at": STATE.started_at}
    await create_request(storage.container, named)
    await ledger.record_state(replace(STATE, run=run), "now")
    await ledger.record_report({"outcome": "completed"}, 0)
    return ledger


def change_dates(monkeypatch: pytest.MonkeyPatch, changed_at: dict[str, datetime]) -> None:
    """Let blobs have been changed then, by their names below the container; all others just now."""
    original = ContainerClient.list_blobs

    async def list_blobs(self: ContainerClient, **named: Any) -> AsyncIterator[BlobProperties]:
        async for blob in original(self, **named):
            blob.last_modified = changed_at.get(str(blob.name), NOW)
            yield blob

    monkeypatch.setattr(ContainerClient, "list_blobs", list_blobs)


def blobs_of(run_id: str) -> list[str]:
    return [
        f"runs/{run_id}/request.json",
        *(Run(run_id, RUN.start).folder + name for name in ("report.json", "state.json")),
    ]


@pytest.mark.parametrize("fresh", [*blobs_of("b"), None])
def test_a_run_of_which_one_blob_has_changed_of_late_is_not_swept(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, fresh: str | None
) -> None:
    blobs = [name for run_id in ("a", "b", "c") for name in blobs_of(run_id)]
    change_dates(monkeypatch, {name: NOW - 2 * MONTH for name in blobs if name != fresh})

    async def swept() -> list[str]:
        async with opened(settings_for(azurite)) as storage:
            for run_id in ("a", "b", "c"):
                await closed_run(storage, run_id)
            return await sweep(storage.container, NOW - MONTH)

    assert asyncio.run(swept()) == (["a", "c"] if fresh else ["a", "b", "c"])


async def delete(ledger: Ledger, state: RunState) -> None:
    async with locked(ledger.container, ledger.run.id) as lease:
        await purge(ledger.container, ledger.run.id, lease)


@pytest.mark.parametrize("end", [clean_up, delete])
def test_a_late_copy_of_a_chunk_sends_nothing_at_any_moment_at_which_its_run_is_taken_away(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    settings, gone = settings_for(azurite), list[str]()
    original = ContainerClient.delete_blob

    async def late_after_each(request: EnqueueRequest, storage: Storage) -> None:
        async def delete_blob(self: ContainerClient, name: str, **condition: Any) -> None:
            await original(self, name, **condition)
            gone.append(name.removeprefix(RUN.folder))
            with contextlib.suppress(StorageRefused):  # there is nothing to send any more
                await enqueue(request, storage, settings)

        monkeypatch.setattr(ContainerClient, "delete_blob", delete_blob)

    async def scenario() -> None:
        async with opened(settings) as storage:
            ledger = await closed_run(storage)
            request = await spool(storage, ["a", "b"])
            await enqueue(request, storage, settings)
            await late_after_each(request, storage)
            await end(ledger, replace(STATE, source_exhausted=True))
            assert {f"chunks/00000000-{request.chunk.token}.ndjson", "checkpoints/00000000.json"} <= {*gone}

    asyncio.run(scenario())
    assert texts_on(azurite, settings.queue) == Counter("ab")


async def test_a_late_copy_of_a_chunk_within_which_its_run_is_cleaned_up_sends_nothing_again(kept: Kept) -> None:
    async def again(request: JsonObject) -> None:
        with contextlib.suppress(SluiceError):
            await call("enqueue_chunk", request)

    async for run_id in kept.at_each_request(more_than=2):
        state = await stocked(kept, run_id)
        request = to_wire(run_state.window_requests(state)[1])
        assert (await call("enqueue_chunk", request))["enqueued"] == MESSAGES
        await kept.interrupted(again(request), by=clean_up(kept.ledger(run_id), replace(state, spooled=Spooled())))

    found = texts_on(kept.azurite, kept.container.container_name)
    assert found.total() == len(found)
