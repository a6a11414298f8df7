"""Runs for a keeper in a test: real blobs, an engine that does as it is told, and a connection that can be interrupted.

The clock of the blobs is the real one, so a test that wants time to pass looks at a later moment.
"""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob.aio import BlobLeaseClient

from clients.keeper import keep
from clients.redrive_run import redrive_run
from ingestion.contracts import Chunks, Run, RunRequest, RunState, Spooled
from ingestion.open_storage import Storage
from ingestion.run import open_runs, run_state
from ingestion.run.ledger import Ledger
from ingestion.run.open_runs import OpenRun
from ingestion.run.request import create_request, request_blob
from ingestion.wire import JsonObject, to_wire
from local.emulator import Azurite
from tests.app.engine import HUB, START, STARTED_AT, Engine

REQUEST = RunRequest(source="demo", chunk_size=10, chunks_per_batch=2)
FRESH = run_state.start(Run("run", START), REQUEST, STARTED_AT)
UNDER_WAY = replace(FRESH, batches=3, window=3)
DONE = replace(UNDER_WAY, source_exhausted=True)
CRASH = "Orchestrator function 'ingest_run' failed: One or more errors occurred. (python exited with code 137 (0x89))"
LATER = timedelta(minutes=11)

Work = Callable[[], Awaitable[Any]]
Scene = Callable[[str], AbstractAsyncContextManager[tuple[Work, Work]]]


def at_work(run_id: str = "run") -> JsonObject:
    """What the instance of a run says that has a chunk under way."""
    spooled = Spooled(window=(Chunks("aa", (7,)),), messages=10)
    state = replace(UNDER_WAY, run=Run(run_id, START), spooled=spooled)
    return {"input": to_wire(state), "customStatus": {"phase": "running"}}


class Died(BaseException):
    """The process is gone, and does not come to any cleaning up."""


class Connection(AioHttpTransport):
    """Counts the requests to storage; before the one numbered `interrupted_at` somebody else does something.

    The requests of somebody else do not count, and when the process has died no request gets through.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []
        self.interrupted_at = 0
        self.is_dead = False
        self.meanwhile: Work = self.die

    async def send(self, request: Any, **options: Any) -> Any:
        self.requests.append(f"{request.method} {request.url}")
        if len(self.requests) == self.interrupted_at:
            self.interrupted_at, so_far = 0, list(self.requests)
            await self.meanwhile()
            self.requests = so_far
        if self.is_dead:
            raise Died
        return await super().send(request, **options)

    async def die(self) -> None:
        """Let the process be gone."""
        self.is_dead = True


class Kept:
    """A container with runs, one engine, and looks at both."""

    def __init__(self, azurite: Azurite, storage: Storage, connection: Connection) -> None:
        self.azurite, self.storage, self.container, self.connection = azurite, storage, storage.container, connection
        self.engine: Any = Engine()
        self.now = datetime.now(UTC)

    async def look(self, *, after: timedelta = timedelta(0), times: int = 1, engine: Any = None) -> None:
        """Let the keeper look so many times, so much later than now."""
        for _ in range(times):
            await keep(engine or self.engine, self.container, self.now + after)

    async def ask(self, function: Any, run_id: str = "run", *, engine: Any = None) -> int:
        """Call an HTTP function about a run; return the status of its answer."""
        text = json.dumps({"source": "demo", "run_id": run_id}).encode()
        request = func.HttpRequest("POST", f"/api/runs/{run_id}", route_params={"run_id": run_id}, body=text)
        call = function._function.get_user_function().client_function
        status: int = (await call(req=request, client=engine or self.engine)).status_code
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
        await open_runs.enter(self.container, run_id, hub, self.now)
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

    async def at_each_request(self, scene: Scene) -> int:
        """Play a scene once for each request of its work, each with a run of its own; return how many there are.

        A scene yields its work, and what happens right before the first, second, ... request of it; in the last scene
        that happens after the work. `connection.die` lets the process be gone from that request on.
        """
        for number in itertools.count(1):
            async with scene(f"run-{number}") as (work, meanwhile):
                came_so_far = await self._interrupted(number, work, meanwhile)
            self.engine.let_rest(f"run-{number}")
            if not came_so_far:
                return number - 1
        raise AssertionError("the work has no end")

    async def _interrupted(self, number: int, work: Work, meanwhile: Work) -> bool:
        connection = self.connection
        connection.requests, connection.interrupted_at, connection.meanwhile = [], number, meanwhile
        others = asyncio.all_tasks()
        try:
            await work()
        except* Died:
            with_it = asyncio.all_tasks() - others
            for task in with_it:
                task.cancel()
            await asyncio.gather(*with_it, return_exceptions=True)
        came_so_far = connection.interrupted_at == 0
        connection.interrupted_at = 0
        if not came_so_far:
            await meanwhile()
        connection.is_dead = False
        return came_so_far

    async def brought_to_rest(self, run_id: str) -> None:
        """Let another keeper look often enough at a run whose process has died."""
        for _ in range(4):
            await self.break_lock(run_id)
            await self.look(after=LATER)


def actions(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The level and action of each record of the app."""
    return [(it.levelname, str(getattr(it, "action", ""))) for it in caplog.records if it.name == "sluice"]
