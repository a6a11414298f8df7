"""A run inside a test: the app on a devhost in this process, real storage, a demo API, and hooks into its activities.

A hook is called before each chunk is sent or each batch is fetched. It may fail it, or hold it until the test has done
something; so a test acts at the moment that it means, and nothing sleeps.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import ContainerClient

from local.demo.readback import read_back
from local.demo.tally import Comparison
from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp
from local.emulator import Azurite
from tests.app_host import sluice

PATIENCE_SECONDS = 90.0
Hook = Callable[[int, int], Exception | None]  # of batch and chunk; for a fetch the chunk is -1


class Gate:
    """Holds the calls that come to it until it is opened; tells when the first has come."""

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
    """One queue and one container, served by one host after another."""

    monkeypatch: pytest.MonkeyPatch
    folder: Path
    azurite: Azurite
    name: str
    api_url: str
    fails: Hook = lambda batch, chunk: None
    gate: Gate | None = None
    gated: tuple[int, int] = (0, 0)  # the chunks of this batch from this one on come to the gate
    settings: dict[str, str] = field(default_factory=dict)
    sent: list[tuple[int, int]] = field(default_factory=list)

    @contextmanager
    def host(self, state: str = "first", *, time_flies: bool = True) -> Iterator["Host"]:
        """The app on the state file of that name; unless time flies, only the test moves it past durable timers."""
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
        with sluice(self.monkeypatch, self.folder / state, clock=clock, **settings) as (app, http):
            self._hook_in("enqueue_chunk", "enqueue", lambda request: request.chunk_index)
            self._hook_in("fetch_batch", "fetch", lambda request: -1)
            http.timeout = httpx.Timeout(60)
            yield Host(app, http)
            if self.gate is not None:
                self.gate.open()
            app.rest()  # an activity that is still at work would open storage again after it was closed

    def read_back(self) -> Comparison:
        """The queue's content against the source; once in a test, since it hides what it reads."""
        return read_back(self.azurite.connection_string, self.name, self.api_url)

    def blobs(self) -> list[str]:
        """What there is in the container."""
        with ContainerClient.from_connection_string(self.azurite.connection_string, self.name) as container:
            return list(container.list_blob_names())

    def blob(self, name: str) -> Any:
        """The JSON in a blob."""
        with ContainerClient.from_connection_string(self.azurite.connection_string, self.name) as container:
            return json.loads(container.download_blob(name).readall())

    def wish(self, run_id: str, wished: str) -> None:
        """Write a wish and tell nobody, as a function does that is lost in between."""
        with ContainerClient.from_connection_string(self.azurite.connection_string, self.name) as container:
            request = json.loads(container.download_blob(f"runs/{run_id}/request.json").readall())
            wish = {"started_at": request["started_at"], "wish": wished, "asked_at": "2026-01-01T00:00:00+00:00"}
            container.upload_blob(f"runs/{run_id}/control.json", json.dumps(wish), overwrite=True)

    def _hook_in(self, activity: str, name: str, chunk_of: Callable[[Any], int]) -> None:
        module = sys.modules[f"activities.{activity}"]  # as the host has loaded it
        original = getattr(module, name)

        async def hooked(request: Any, *others: Any) -> Any:
            at = (request.batch_index, chunk_of(request))
            if self.gate is not None and at[0] == self.gated[0] and at[1] >= self.gated[1]:
                await self.gate.pass_through()
            if (error := self.fails(*at)) is not None:
                raise error
            self.sent.append(at)
            return await original(request, *others)

        self.monkeypatch.setattr(module, name, hooked)


@dataclass
class Host:
    """The app while it is served."""

    app: RunningApp
    http: httpx.Client

    def start(self, run_id: str = "run", **body: Any) -> httpx.Response:
        return self.http.post("/api/runs", json={"source": "demo", "run_id": run_id, "chunk_size": 25, **body})

    def ask(self, wish: str, run_id: str = "run") -> httpx.Response:
        return self.http.post(f"/api/runs/{run_id}/{wish}")

    def wait(self, run_id: str = "run") -> dict[str, Any]:
        """The run once its instance has ended."""
        self.app.wait(run_id)
        return self.look(run_id)

    def look(self, run_id: str = "run") -> dict[str, Any]:
        run: dict[str, Any] = self.http.get(f"/api/runs/{run_id}").json()
        return run

    def wait_for(self, phase: str, run_id: str = "run") -> dict[str, Any]:
        """The run once it says that it is in this phase."""
        self.app.wait(run_id, lambda it: it.is_terminal or f'"{phase}"' in (it.custom_status_text or ""))
        return self.look(run_id)

    def terminate(self, run_id: str = "run") -> None:
        self.http.post(f"/runtime/webhooks/durabletask/instances/{run_id}/terminate").raise_for_status()
        self.app.wait(run_id)  # it ends with its next turn

    def purge_history(self, run_id: str = "run") -> None:
        self.http.delete(f"/runtime/webhooks/durabletask/instances/{run_id}").raise_for_status()
