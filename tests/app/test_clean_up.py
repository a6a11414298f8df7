"""What is deleted of a run in storage, in which order, and when."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import RunState
from ingestion.errors import SluiceError
from ingestion.run import run_index
from ingestion.run.clean_up import clean_up, purge, sweep
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from ingestion.run.run_state import next_window
from ingestion.wire import JsonObject, to_wire
from tests.app.driven import MESSAGES, call, stocked
from tests.app.kept import FRESH, Kept
from tests.faults.sending import texts_on

MONTH = timedelta(days=30)


@pytest.mark.parametrize("fresh", ["request.json", "report.json", "state.json", None])
async def test_a_run_of_which_one_blob_has_changed_of_late_is_not_swept(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, fresh: str | None
) -> None:
    list_blobs = ContainerClient.list_blobs

    async def dated(self: ContainerClient, **named: Any) -> AsyncIterator[BlobProperties]:
        async for blob in list_blobs(self, **named):
            is_fresh = fresh is not None and blob.name.startswith("runs/b/") and blob.name.endswith(fresh)
            blob.last_modified = kept.now if is_fresh else kept.now - 2 * MONTH
            yield blob

    monkeypatch.setattr(ContainerClient, "list_blobs", dated)
    for run_id in ("a", "b", "c"):
        ledger = await kept.begun(run_id)
        await run_index.enter(kept.container, replace(FRESH, run=ledger.run))
        await ledger.record_report({"outcome": "completed"}, 0)
    assert await sweep(kept.container, kept.now - MONTH) == (["a", "c"] if fresh else ["a", "b", "c"])


async def delete(ledger: Ledger, state: RunState) -> None:
    async with locked(ledger.container, ledger.run.id) as lease:
        await purge(ledger.container, ledger.run.id, lease)


async def sent_again(request: JsonObject) -> None:
    with suppress(SluiceError):  # there is nothing to send any more
        await call("enqueue_chunk", request)


@pytest.mark.parametrize("interrupts", ["the end", "the late copy"])
@pytest.mark.parametrize("end", [clean_up, delete])
async def test_a_late_copy_of_a_chunk_sends_nothing_at_any_moment_at_which_its_run_is_taken_away(
    kept: Kept, end: Any, interrupts: str
) -> None:
    async for run_id in kept.at_each_request(more_than=2):
        state, ledger = await stocked(kept, run_id), kept.ledger(run_id)
        chunk = next_window(state, kept.now).chunks[1]
        request = to_wire(replace(chunk, alone=False))  # which gives way to no other run
        assert (await call("enqueue_chunk", request))["enqueued"] == MESSAGES
        ends, late_copy = end(ledger, replace(state, spooled=(), spooled_messages=0)), sent_again(request)
        if interrupts == "the end":
            await kept.interrupted(late_copy, by=ends)
        else:
            await kept.interrupted(ends, by=late_copy)
        name = f"chunks/00000002-{state.spooled[0].token}.ndjson"
        assert not await ledger.blob(name).exists()

    found = texts_on(kept.azurite, kept.container.container_name)
    assert found.total() == len(found)
