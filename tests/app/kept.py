"""Runs for a keeper in a test: real blobs, an engine that does as it is told, and a connection that counts and can die.

The clock of the blobs is the real one, so a test that wants time to pass looks at a later moment.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus
from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

from clients.keeper import keep
from ingestion.contracts import RunRequest, RunState
from ingestion.run import open_runs, run_state
from ingestion.run.ledger import Ledger
from ingestion.wire import JsonObject, from_wire, to_wire
from local.emulator import Azurite

HUB = "TestHub"
STARTED_AT = "2026-01-01T00:00:00+00:00"
REQUEST = RunRequest(source="demo", chunk_size=10, chunks_per_batch=2)
FRESH = run_state.start(REQUEST, STARTED_AT)
UNDER_WAY = replace(FRESH, batches_fetched=3, window=3)
DONE = replace(UNDER_WAY, source_exhausted=True)
CRASH = "Orchestrator function 'ingest_run' failed: One or more errors occurred. (python exited with code 137 (0x89))"
LATER = timedelta(minutes=11)


class Died(BaseException):
    """The process is gone, and does not come to any cleaning up."""


class Connection(AioHttpTransport):
    """Counts the requests to storage; from the one numbered `dies_at` on none gets through.

    Before the one numbered `interrupted_at` somebody else does something, whose requests do not count.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []
        self.dies_at = 0
        self.interrupted_at = 0
        self.meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def send(self, request: Any, **options: Any) -> Any:
        self.requests.append(f"{request.method} {request.url}")
        if self.meanwhile is not None and len(self.requests) == self.interrupted_at:
            meanwhile, self.meanwhile, so_far = self.meanwhile, None, list(self.requests)
            await meanwhile()
            self.requests = so_far
        if 0 < self.dies_at <= len(self.requests):
            raise Died
        return await super().send(request, **options)


class Engine:
    """The durable client of a task hub: a status for each instance, and what was started."""

    def __init__(self, task_hub: str = HUB) -> None:
        self._orchestration_bindings = SimpleNamespace(task_hub_name=task_hub)
        self.instances: dict[str, JsonObject] = {}
        self.starts: list[tuple[str, RunState]] = []
        self.is_away = False
        self.asked, self.asked_at_once, self.most_at_once = list[str](), 0, 0

    def has(self, status: str | None, run_id: str = "run", **told: Any) -> None:
        """Let the instance of a run have this status from now on, or be gone."""
        self.instances.pop(run_id, None)
        if status is not None:
            created = {"instanceId": run_id, "createdTime": STARTED_AT}
            self.instances[run_id] = {**created, "runtimeStatus": status, **told}

    async def get_status(self, run_id: str, show_input: bool = False) -> DurableOrchestrationStatus | None:
        self.asked.append(run_id)
        self.asked_at_once += 1
        self.most_at_once = max(self.most_at_once, self.asked_at_once)
        await asyncio.sleep(0)
        self.asked_at_once -= 1
        if self.is_away:
            raise RuntimeError("no answer")
        told = self.instances.get(run_id)
        return DurableOrchestrationStatus.from_json(told) if told else None

    async def get_status_by(self, instance_id_prefix: str) -> list[DurableOrchestrationStatus]:
        found = [told for run_id, told in self.instances.items() if run_id.startswith(instance_id_prefix)]
        return [DurableOrchestrationStatus.from_json(told) for told in found]

    async def start_new(self, name: str, instance_id: str, client_input: JsonObject) -> str:
        assert name == "ingest_run"
        there = self.instances.get(instance_id)
        assert there is None or there["runtimeStatus"] not in ("Pending", "Running", "Suspended"), "two at once"
        self.has("Running", instance_id, input=client_input)
        self.starts.append((instance_id, from_wire(RunState, client_input)))
        return instance_id

    @property
    def started(self) -> list[RunState]:
        """The states with which instances were started."""
        return [state for _, state in self.starts]

    def started_of(self, run_id: str) -> list[RunState]:
        """Those of one run."""
        return [state for of, state in self.starts if of == run_id]

    def let_rest(self, run_id: str) -> None:
        """Let a run that goes on wait from now on, so that looks at it send no more requests."""
        if self.instances.get(run_id, {}).get("runtimeStatus") == "Running":
            self.instances[run_id]["runtimeStatus"] = "Suspended"

    async def purge_instance_history(self, run_id: str) -> Any:
        return SimpleNamespace(instances_deleted=int(self.instances.pop(run_id, None) is not None))


class Kept:
    """A container with runs, one engine, and looks at both."""

    def __init__(self, container: ContainerClient, connection: Connection) -> None:
        self.container, self.connection = container, connection
        self.engine: Any = Engine()
        self.now = datetime.now(UTC)

    async def look(self, *, after: timedelta = timedelta(0), engine: Any = None) -> None:
        """Let the keeper look once, so much later than now."""
        await keep(engine or self.engine, self.container, self.now + after)

    async def begun(
        self, run_id: str = "run", state: RunState | None = UNDER_WAY, *, started_at: str = STARTED_AT, hub: str = HUB
    ) -> Ledger:
        """An open run that has recorded `state`, as its start and its windows leave it."""
        ledger = Ledger(self.container, run_id)
        await open_runs.enter(self.container, run_id, hub, self.now)
        await ledger.create_request({"run_id": run_id, "started_at": started_at, "request": to_wire(REQUEST)})
        if state is not None:
            await ledger.record_state(replace(state, started_at=started_at), "now")
        return ledger

    async def open_runs(self) -> list[str]:
        return [run.run_id async for run in open_runs.listed(self.container)]

    async def break_lock(self, run_id: str = "run") -> None:
        """Let the lock of a holder that is gone run out."""
        blob = self.container.get_blob_client(f"runs/{run_id}/request.json")
        with suppress(HttpResponseError):  # no lease, or no request
            await BlobLeaseClient(blob).break_lease(0)

    async def die_at(self, request: int, work: Awaitable[Any]) -> bool:
        """Do `work` in a process that is gone at its so-manieth request; says whether it came so far."""
        self.connection.requests.clear()
        self.connection.dies_at = request
        try:
            await work
        except* Died:
            pass
        self.connection.dies_at = 0
        return len(self.connection.requests) >= request


def keeping(azurite: Azurite, name: str, work: Callable[[Kept], Awaitable[None]]) -> None:
    """Do `work` in a container of that name."""

    async def prepared() -> None:
        connection = Connection()
        text = azurite.connection_string
        async with ContainerClient.from_connection_string(text, name, transport=connection) as container:
            await container.create_container()
            await work(Kept(container, connection))

    asyncio.run(prepared())


def actions(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The level and action of each record of the app."""
    return [(it.levelname, str(getattr(it, "action", ""))) for it in caplog.records if it.name == "sluice"]
