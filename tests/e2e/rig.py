"""A run inside a test: the app on a devhost in this process, real storage, a demo API, and hooks into its activities.

The test can make a chunk or a batch fail before it begins, or hold it until the test has done something; so a test acts
at an exact moment, and nothing sleeps. Chunks are named by their number in the run; a batch has eight of them.
"""

import asyncio
import json
import math
import sys
import threading
from collections.abc import Awaitable, Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import ContainerClient

from clients.kept_answer import ANSWERS
from ingestion.contracts import EnqueueRequest, FetchRequest
from ingestion.errors import SourceUnreachable, StorageRefused
from ingestion.open_storage import open_storage
from ingestion.run.clean_up import sweep
from ingestion.settings import load_settings
from local.demo.readback import Comparison, read_back
from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp
from local.emulator import Azurite
from tests.app_host import sluice

IDS = 560  # of the demo API: three batches, the last one shorter
ALL_ONCE = Comparison(served=IDS, enqueued=IDS, unique=IDS, lost=0, duplicates=0, foreign=0)
PATIENCE_SECONDS = 90.0
REFUSED = "the queue answered HTTP 403 (AuthorizationFailure)"


class Gate:
    """Holds calls until it is opened; `reached` is set at the first call."""

    def __init__(self) -> None:
        self._reached, self._opened = threading.Event(), threading.Event()

    async def pass_through(self) -> None:
        self._reached.set()
        opened = await asyncio.to_thread(self._opened.wait, PATIENCE_SECONDS)
        assert opened, "nobody opened the gate"

    def wait_until_reached(self) -> None:
        assert self._reached.wait(PATIENCE_SECONDS), "nothing came to the gate"

    def open(self) -> None:
        self._opened.set()


@dataclass
class Rig:
    """A queue and a container, used by one host after another."""

    monkeypatch: pytest.MonkeyPatch
    folder: Path
    azurite: Azurite
    name: str
    api_url: str
    refused: Container[int] = ()  # the chunks that the queue refuses
    unreachable: Container[int] = ()  # the batches for which the source does not answer
    gate: Gate = field(default_factory=Gate)
    gated: float = math.inf  # chunks from this one on wait at the gate
    settings: dict[str, str] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    fetched: list[int] = field(default_factory=list)

    def hold(self, chunk: int) -> None:
        """Make chunks from this one on wait at a new gate."""
        self.gate, self.gated = Gate(), chunk

    @contextmanager
    def host(
        self, state: str = "first", *, time_flies: bool = True, worker_process: bool = False, enable_auth: bool = False
    ) -> Iterator["Host"]:
        """Serve the app on the state file of that name; unless `time_flies`, only `advance` reaches durable timers.

        In a worker process it has no hooks. With `enable_auth` requests need a key, which `Host.http` does not have.
        """
        (self.folder / state).mkdir(exist_ok=True)
        settings: dict[str, Any] = {
            "AzureWebJobsStorage": self.azurite.connection_string,
            "SLUICE_DEMO_URL": self.api_url,
            "SLUICE_QUEUE": self.name,
            "SLUICE_CONTAINER": self.name,
            "SLUICE_CHUNKS_PER_BATCH": "8",
            **self.settings,
        }
        clock = VirtualClock(automatic=time_flies)
        served = sluice(
            self.monkeypatch, self.folder / state, clock=clock, worker_process=worker_process,
            enable_auth=enable_auth, **settings,
        )  # fmt: skip
        with served as (app, http):
            if not worker_process:
                self._hook_in("enqueue_chunk", "enqueue", self._before_chunk)
                self._hook_in("fetch_batch", "fetch", self._before_batch)
            http.timeout = httpx.Timeout(60)
            yield Host(app, http, self)
            self.gate.open()
            app.rest()  # an activity that is still at work would open storage again after it was closed

    def read_back(self) -> Comparison:
        """Compare the queue with the source; only once in a test, since it hides the messages that it reads."""
        return read_back(self.azurite.connection_string, self.name, self.api_url)

    def blobs(self) -> list[str]:
        """Return the names of all blobs in the container."""
        with self._container() as container:
            return list(container.list_blob_names())

    def text(self, name: str) -> str:
        """Return the text of a blob."""
        with self._container() as container:
            return container.download_blob(name, encoding="utf-8").readall()

    def blob(self, name: str) -> Any:
        """Return the JSON of a blob."""
        return json.loads(self.text(name))

    def ledger(self, name: str, run_id: str = "run") -> str:
        """Return the name of a blob of a run's present start."""
        return f"runs/{run_id}/{self.blob(f'runs/{run_id}/request.json')['start']}/{name}"

    def command(self, command: str) -> None:
        """Write a command for the run without an event, as a function does that dies in between."""
        given = {"command": command, "given_at": "2026-01-01T00:00:00+00:00"}
        with self._container() as container:
            container.upload_blob(self.ledger("command.json"), json.dumps(given), overwrite=True)

    def _container(self) -> ContainerClient:
        return ContainerClient.from_connection_string(self.azurite.connection_string, self.name)

    async def _before_chunk(self, request: EnqueueRequest) -> None:
        number = request.chunk.number
        if number >= self.gated:
            await self.gate.pass_through()
        if number in self.refused:
            raise StorageRefused(REFUSED)
        self.sent.append(number)

    async def _before_batch(self, request: FetchRequest) -> None:
        if request.batch_index in self.unreachable:
            raise SourceUnreachable("demo gave no page")
        self.fetched.append(request.batch_index)

    def _hook_in(self, activity: str, name: str, before: Callable[[Any], Awaitable[None]]) -> None:
        module = sys.modules[f"activities.{activity}"]  # as the host has loaded it
        original = getattr(module, name)

        async def hooked(request: Any, *others: Any, **named: Any) -> Any:
            await before(request)
            return await original(request, *others, **named)

        self.monkeypatch.setattr(module, name, hooked)


@dataclass
class Host:
    """The app while it runs."""

    app: RunningApp
    http: httpx.Client
    rig: Rig

    def start(self, run_id: str = "run", **body: Any) -> httpx.Response:
        return self.http.post("/api/runs", json={"source": "demo", "run_id": run_id, "chunk_size": 25, **body})

    def start_held(self, chunk: int = 10, **body: Any) -> httpx.Response:
        """Start the run, and wait until its chunks from this one on wait at the gate."""
        self.rig.hold(chunk)
        started = self.start(**body)
        self.rig.gate.wait_until_reached()
        return started

    def start_terminated(self, **body: Any) -> None:
        """Start the run and end it while chunks of its second batch are under way; wait for those chunks."""
        self.start_held(**body)
        self.terminate()
        self.rig.gate.open()
        self.app.rest()

    def ask(self, command: str, run_id: str = "run") -> httpx.Response:
        return self.http.post(f"/api/runs/{run_id}/{command}")

    def wait(self, run_id: str = "run") -> dict[str, Any]:
        """Wait until the run's instance has ended, and return the run."""
        self.app.wait(run_id)
        return self.look(run_id)

    def look(self, run_id: str = "run") -> dict[str, Any]:
        """Return the run as it is now, not a cached answer."""
        ANSWERS.forget(run_id)
        run: dict[str, Any] = self.http.get(f"/api/runs/{run_id}").json()
        return run

    def wait_for(self, phase: str, run_id: str = "run") -> dict[str, Any]:
        """Wait until the run is in this phase, and return it."""
        self.app.wait(run_id, lambda it: it.is_terminal or f'"{phase}"' in (it.custom_status_text or ""))
        return self.look(run_id)

    def terminate(self, run_id: str = "run") -> None:
        self.http.post(f"/runtime/webhooks/durabletask/instances/{run_id}/terminate").raise_for_status()
        self.app.wait(run_id)  # it ends with its next turn

    def purge_history(self, run_id: str = "run") -> None:
        self.http.delete(f"/runtime/webhooks/durabletask/instances/{run_id}").raise_for_status()

    def sweep(self, older_than: datetime) -> list[str]:
        """Sweep the ledgers that have not changed since then."""

        async def work() -> list[str]:
            return await sweep(open_storage(load_settings()).container, older_than)

        return self.app.call(work())
