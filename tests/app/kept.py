"""Runs for a keeper in a test: real blobs, an engine that does as it is told, and a connection that can be interrupted.

The clock of the blobs is the real one, so a test that wants time to pass looks at a later moment.
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
    """What the instance of a run says that has a chunk under way."""
    state = replace(UNDER_WAY, run=Run(run_id, START), spooled=(Chunks("aa", "7"),), spooled_messages=10)
    return {"input": to_wire(state), "customStatus": {"phase": "running"}}


class Died(BaseException):
    """The process is gone, and does not come to any cleaning up."""


class Connection(AioHttpTransport):
    """Counts the requests to storage; right before the one numbered `interrupted_at` comes what is to come `meanwhile`.

    When the process has died no request gets through; of an answer that is lost the request was done.
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
        """Let the process be gone."""
        self.is_dead = True

    async def lose_answer(self) -> None:
        """Let the answer to the next request be lost, after storage has done what it was asked."""
        self.is_answer_lost = True


class Kept:
    """A container with runs, one engine, and looks at both."""

    def __init__(self, azurite: Azurite, storage: Storage, connection: Connection) -> None:
        self.azurite, self.storage, self.container, self.connection = azurite, storage, storage.container, connection
        self.engine: Any = Engine()
        self.now = datetime.now(UTC)
        self._came_so_far = False

    async def look(self, *, after: timedelta = timedelta(0), times: int = 1, engine: Any = None) -> None:
        """Let the keeper look so many times, so much later than now."""
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
        """Call an HTTP function about a run; return the status of its answer."""
        status: int = (await self.answer_of(function, run_id, engine=engine)).status_code
        return status

    async def redrive(self, run_id: str = "run", *, engine: Any = None) -> int:
        """Redrive a run as a person does, who may be refused; return the status of the answer."""
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
        """An open run that has recorded `state`, as its start and its windows leave it."""
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
        """The outcome that the ledger of a run was closed with."""
        return (await self.ledger(run_id).report() or {}).get("outcome")

    async def is_locked(self, run_id: str) -> bool:
        return (await request_blob(self.container, run_id).get_blob_properties()).lease.state == "leased"

    async def break_lock(self, run_id: str = "run") -> None:
        """Let the lock of a holder that is gone run out."""
        with suppress(HttpResponseError):  # no lease, or no request
            await BlobLeaseClient(request_blob(self.container, run_id)).break_lease(0)

    async def at_each_request(self, *, more_than: int) -> AsyncIterator[str]:
        """Yield a run id for each request of the work that is `interrupted` at it, and one for the end of the work."""
        for number in itertools.count(1):
            self.connection.interrupted_at = number
            yield f"run-{number}"
            self.engine.let_rest(f"run-{number}")
            if not self._came_so_far:
                assert number - 1 > more_than
                return

    async def interrupted(self, work: Awaitable[Any], *, by: Awaitable[Any]) -> None:
        """Do some work, and `by` right before the request whose turn it is, or in the end; it may be a death."""
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
        """Let another keeper look often enough at a run whose process has died."""
        for _ in range(4):
            await self.break_lock(run_id)
            await self.look(after=LATER)


def actions(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The level and action of each record of the app."""
    return [(it.levelname, str(getattr(it, "action", ""))) for it in caplog.records if it.name == "sluice"]
