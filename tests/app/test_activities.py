"""Activities that come late, or at the wrong moment: they see it in the ledger, and leave things as they are."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from azure.storage.blob.aio import ContainerClient
from ingestion.run.control import express

from activities.fetch_batch import fetch_batch
from activities.finish_run import finish_run
from ingestion.contracts import FinishRequest, RunRequest
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import PAUSE, next_fetch, start
from ingestion.settings import load_settings
from ingestion.storage import close_storage, open_storage
from ingestion.wire import to_wire
from local.emulator import Azurite

STARTED_AT = "2026-01-01T00:00:00+00:00"
STATE = start(RunRequest(source="demo", chunk_size=10, chunks_per_batch=2), STARTED_AT)
Work = Callable[[Ledger], Awaitable[None]]


@pytest.fixture
def with_run(azurite: Azurite, queue_name: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Work], None]:
    """Runs a test's coroutine with the ledger of a run that was asked for, in the storage that activities find."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)
    monkeypatch.setenv("SLUICE_CONTAINER", queue_name)
    monkeypatch.setenv("SLUICE_QUEUE", queue_name)
    monkeypatch.setenv("SLUICE_DEMO_URL", "http://127.0.0.1:1")  # where nobody listens

    async def within(work: Work) -> None:
        storage = open_storage(load_settings())
        try:
            await storage.prepare()
            ledger = Ledger(storage.container, "run")
            await ledger.create_request({"run_id": "run", "started_at": STARTED_AT})
            await work(ledger)
        finally:
            await close_storage()

    return lambda work: asyncio.run(within(work))


async def call(activity: Any, request: object) -> Any:
    """What the activity gives for a record, without a host."""
    return await activity._function.get_user_function()(to_wire(request))


async def names(container: ContainerClient) -> set[str]:
    return {name.removeprefix("runs/run/") async for name in container.list_blob_names()}


def test_a_late_end_of_an_older_attempt_takes_nothing_from_the_newer_one(with_run: Callable[[Work], None]) -> None:
    """The older one was terminated when all was sent, and redriven from the state before, in which a batch waited."""
    spool = {"batches/000002.ndjson", "checkpoints/000002-0000.json"}

    async def work(ledger: Ledger) -> None:
        for name in spool:
            await ledger.blob(name).upload_blob(b"{}")
        await ledger.record_state(replace(STATE, attempt=1), "now")
        late = FinishRequest(
            run_id="run",
            state=replace(STATE, window=4, source_exhausted=True),
            outcome="completed",
            finished_at=STARTED_AT,
            seconds=1.0,
        )
        await call(finish_run, late)
        assert await names(ledger.container) == {"request.json", "state.json", *spool}

        await call(finish_run, replace(late, state=replace(late.state, attempt=1)))
        assert await names(ledger.container) == {"request.json", "state.json", "report.json"}

    with_run(work)


def test_a_pause_holds_a_fetch_when_nothing_else_is_due(with_run: Callable[[Work], None]) -> None:
    async def work(ledger: Ledger) -> None:
        await express(ledger, STARTED_AT, PAUSE)
        assert await call(fetch_batch, next_fetch("run", STATE)) == {"held": PAUSE}

    with_run(work)
