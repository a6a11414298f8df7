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

from ingestion.contracts import EnqueueRequest, RunRequest, RunState
from ingestion.errors import StorageRefused
from ingestion.run.clean_up import clean_up, purge, sweep
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import start
from ingestion.sending.enqueue import enqueue
from ingestion.storage import Storage
from local.emulator import Azurite
from tests.faults.sending import STARTED_AT, opened, settings_for, spool, texts_on

STATE = start(RunRequest(source="demo", chunk_size=10, chunks_per_batch=2), STARTED_AT)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


async def closed_run(storage: Storage, run_id: str = "r1") -> Ledger:
    """A run that has ended, as its ledger says."""
    ledger = Ledger(storage.container, run_id)
    await ledger.create_request({"run_id": run_id, "started_at": STARTED_AT})
    await ledger.record_state(STATE, "now")
    await ledger.record_report({"outcome": "completed", "started_at": STARTED_AT}, 0)
    return ledger


def change_dates(monkeypatch: pytest.MonkeyPatch, changed_at: dict[str, datetime]) -> None:
    """Let blobs have been changed then, by their names below the container; all others just now."""
    original = ContainerClient.list_blobs

    async def list_blobs(self: ContainerClient, **named: Any) -> AsyncIterator[BlobProperties]:
        async for blob in original(self, **named):
            blob.last_modified = changed_at.get(str(blob.name), NOW)
            yield blob

    monkeypatch.setattr(ContainerClient, "list_blobs", list_blobs)


@pytest.mark.parametrize("fresh", ["report.json", "request.json", "state.json", None])
def test_a_run_of_which_one_blob_has_changed_of_late_is_not_swept(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, fresh: str | None
) -> None:
    blobs = [f"runs/{run_id}/{name}.json" for run_id in ("a", "b", "c") for name in ("report", "request", "state")]
    change_dates(monkeypatch, {name: NOW - 2 * MONTH for name in blobs if name != f"runs/b/{fresh}"})

    async def swept() -> list[str]:
        async with opened(settings_for(azurite)) as storage:
            for run_id in ("a", "b", "c"):
                await closed_run(storage, run_id)
            return await sweep(storage.container, NOW - MONTH)

    assert asyncio.run(swept()) == (["a", "c"] if fresh else ["a", "b", "c"])


async def clean(ledger: Ledger, state: RunState) -> None:
    await clean_up(ledger.container, ledger.run_id, state, [])


async def delete(ledger: Ledger, state: RunState) -> None:
    await purge(ledger, None)


@pytest.mark.parametrize("end", [clean, delete])
def test_a_late_copy_of_a_chunk_sends_nothing_at_any_moment_at_which_its_run_is_taken_away(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    settings, late = settings_for(azurite), list[str]()
    original = ContainerClient.delete_blob

    async def late_after_each(request: EnqueueRequest, storage: Storage) -> None:
        async def delete_blob(self: ContainerClient, name: str, **condition: Any) -> None:
            await original(self, name, **condition)
            late.append(name)
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

    asyncio.run(scenario())
    assert {"runs/r1/batches/000000.ndjson", "runs/r1/checkpoints/000000-0000.json"} <= {*late}
    assert texts_on(azurite, settings.queue) == Counter("ab")
