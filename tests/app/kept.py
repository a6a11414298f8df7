"""Runs for a keeper in a test: real blobs, a fake engine, and a connection that a test can interrupt.

The clock of the blobs is real, so a test that needs time to pass calls the keeper with a later time.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.core.exceptions import HttpResponseError, ServiceResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob.aio import BlobLeaseClient

from clients.keeper import keep
from clients.redrive_run import redrive_run
from ingestion.contracts import Chunks, Run, RunRequest, RunState
from ingestion.open_storage import Storage
from ingestion.run import open_runs, run_state
from ingestion.run.ledger import Ledger
from ingestion.run.open_runs import OpenRun
from ingestion.run.request import create_request, request_blob
from ingestion.wire import JsonObject, to_wire
from local.emulator import Azurite
from tests.app.engine import HUB, START, STARTED_AT, Engine

REQUEST = RunRequest(source="demo", chunk_size=10, chunks_per_batch=2, tolerated_failures="50%")
FRESH = run_state.start(Run("run", START), REQUEST, STARTED_AT)
UNDER_WAY = replace(FRESH, batches=3, window=3)
DONE = replace(UNDER_WAY, source_exhausted=True)
CRASH = "Orchestrator function 'ingest_run' failed: One or more errors occurred. (python exited with code 137 (0x89))"
LATER = timedelta(minutes=11)


def at_work(run_id: str = "run") -> JsonObject:
    """Return the custom status of a run that has a chunk under way."""
    state = replace(UNDER_WAY, run=Run(run_id, START), spooled=(Chunks("aa", "7"),), spooled_messages=10)
    return {"input": to_wire(state), "customStatus": {"phase": "running"}}


class Died(BaseException):
    """The process has died; no clean-up code runs."""


class Connection(AioHttpTransport):
    """Counts the requests to storage, and calls `meanwhile` right before the one numbered `interrupted_at`.

    After the death of the process no request reaches storage; if an answer is lost, storage has executed the request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests = self.interrupted_at = 0
        self.meanwhile: Awaitable[Any] | None = None
        self.is_dead = self.is_answer_lost = False

    async def send(self, request: Any, **options: Any) -> Any:
        self.requests += 1
        if self.meanwhile is not None and self.requests == self.interrupted_at:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile
        if self.is_dead:
            raise Died
        response = await super().send(request, **options)
        if self.is_answer_lost:
            self.is_answer_lost = False
            raise ServiceResponseError("the connection was closed")
        return response

    async def die(self) -> None:
        """End the process."""
        self.is_dead = True

    async def lose_answer(self) -> None:
        """Lose the answer to the next request; storage executes the request."""
        self.is_answer_lost = True


class Kept:
    """A container with runs, an engine, and methods to look at both."""

    def __init__(self, azurite: Azurite, storage: Storage, connection: Connection) -> None:
        self.azurite, self.storage, self.container, self.connection = azurite, storage, storage.container, connection
        self.engine: Any = Engine()
        self.now = datetime.now(UTC)
        self._came_so_far = False

    async def look(self, *, after: timedelta = timedelta(0), times: int = 1, engine: Any = None) -> None:
        """Run the keeper `times` times, at a time `after` now."""
        for _ in range(times):
            await keep(engine or self.engine, self.container, self.now + after)

    async def answer_of(self, function: Any, run_id: str = "run", *, engine: Any = None) -> func.HttpResponse:
        """Call an HTTP function about a run, without a host."""
        text = json.dumps({"source": "demo", "run_id": run_id}).encode()
        request = func.HttpRequest("POST", f"/api/runs/{run_id}", route_params={"run_id": run_id}, body=text)
        call = function._function.get_user_function().client_function
        answer: func.HttpResponse = await call(req=request, client=engine or self.engine)
        return answer

    async def ask(self, function: Any, run_id: str = "run", *, engine: Any = None) -> int:
        """Call an HTTP function about a run; return the status code."""
        status: int = (await self.answer_of(function, run_id, engine=engine)).status_code
        return status

    async def redrive(self, run_id: str = "run", *, engine: Any = None) -> int:
        """Redrive a run over HTTP; return the status code, which may be a refusal."""
        return await self.ask(redrive_run, run_id, engine=engine)

    def ledger(self, run_id: str = "run", start: str = START) -> Ledger:
        """Return the ledger of a run."""
        return Ledger(self.container, Run(run_id, start))

    async def begun(
        self,
        run_id: str = "run",
        state: RunState | None = UNDER_WAY,
        *,
        start: str = START,
        started_at: str = STARTED_AT,
        hub: str = HUB,
    ) -> Ledger:
        """Store an open run that has recorded `state`."""
        ledger = self.ledger(run_id, start)
        await open_runs.enter(self.container, run_id, hub, self.now, source="demo")
        named = {"run_id": run_id, "start": start, "started_at": started_at}
        await create_request(self.container, {**named, "asked": {"source": "demo"}, "request": to_wire(REQUEST)})
        if state is not None:
            await ledger.record_state(replace(state, run=ledger.run, started_at=started_at), "now")
        return ledger

    async def open_runs(self) -> list[str]:
        return [run.run_id async for run in open_runs.listed(self.container)]

    async def entry(self, run_id: str = "run") -> OpenRun | None:
        return await open_runs.find(self.container, run_id)

    async def outcome(self, run_id: str = "run") -> str | None:
        """Return the outcome in the closed ledger of a run."""
        return (await self.ledger(run_id).report() or {}).get("outcome")

    async def is_locked(self, run_id: str) -> bool:
        return (await request_blob(self.container, run_id).get_blob_properties()).lease.state == "leased"

    async def break_lock(self, run_id: str = "run") -> None:
        """Release the lock of a dead holder, as time does."""
        with suppress(HttpResponseError):  # no lease, or no request
            await BlobLeaseClient(request_blob(self.container, run_id)).break_lease(0)

    async def at_each_request(self, *, more_than: int) -> AsyncIterator[str]:
        """Yield a run id for each request at which the work is `interrupted`, and one for its end."""
        for number in itertools.count(1):
            self.connection.interrupted_at = number
            yield f"run-{number}"
            self.engine.let_rest(f"run-{number}")
            if not self._came_so_far:
                assert number - 1 > more_than
                return

    async def interrupted(self, work: Awaitable[Any], *, by: Awaitable[Any]) -> None:
        """Do some work, and call `by` right before the chosen request, or at the end; `by` may be a death."""
        connection, others = self.connection, asyncio.all_tasks()
        connection.requests, connection.meanwhile = 0, by
        try:
            await work
        except* Died:
            with_it = asyncio.all_tasks() - others
            for task in with_it:
                task.cancel()
            await asyncio.gather(*with_it, return_exceptions=True)
        self._came_so_far = connection.meanwhile is None
        if connection.meanwhile is not None:
            connection.meanwhile = None
            await by
        connection.is_dead = connection.is_answer_lost = False

    async def brought_to_rest(self, run_id: str) -> None:
        """Run another keeper often enough to recover a run whose process has died."""
        for _ in range(4):
            await self.break_lock(run_id)
            await self.look(after=LATER)


def actions(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the level and action of each log record of the app."""
    return [(it.levelname, str(getattr(it, "action", ""))) for it in caplog.records if it.name == "sluice"]
