"""The processes of all rounds: Azurite on disk, the demo API and devhost, with a proxy in front of each service.

Enters: how many ids the source has. Leaves: a running stack that can be struck. The processes outlive the rounds; only
those that are struck are started again. Azurite is struck with SIGTERM, for the reason that `docs/chaos.md` gives.
"""

import asyncio
import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from azure.storage.queue import QueueClient

from local.chaos.ambush import Ambush, Victim
from local.chaos.fault import FAIR, Misfortune
from local.chaos.gate import Gate
from local.chaos.plan import Plan
from local.chaos.proxy import Proxy
from local.chaos.repeat import Repeat
from local.chaos.worker import WorkerStrikes
from local.demo.settings import ApiSettings
from local.demo.stack import Stack
from local.emulator import Azurite

T = TypeVar("T")
PATIENCE_SECONDS = 90.0
PAGE_SIZE = 100


class Stage:
    """What is struck, and what has struck it so far."""

    def __init__(self, folder: Path, ids: int, settings: dict[str, str]) -> None:
        self._folder = folder
        self._settings = settings
        self.azurite = Azurite(folder / "azurite")
        self.gate = Gate()
        self.blobs, self.queue = Proxy(self.gate), Proxy(self.gate)
        self.source = Proxy(Gate(), repeat=Repeat())
        self.api = ApiSettings(ids=ids, page_size=PAGE_SIZE)
        self.stack: Stack
        self.kills = 0
        self.restarts = 0
        self.losses = 0
        self.worker = WorkerStrikes(folder / "devhost.log")
        self._host_listens = True
        self._storage_is_struck = threading.Event()
        self._state_is_struck = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._open = contextlib.ExitStack()

    def lay(self, plan: Plan) -> None:
        """Everything is up and well; from now on the plan's misfortunes happen."""
        ambush = Ambush(plan.strikes, self._strike)
        self._call(self._set(ambush, plan.blobs(), plan.queue(), plan.source()))

    def suffered(self) -> Counter[str]:
        """What has happened to the processes so far, by the names of `Harm`."""
        worker = self.worker
        worker.look()
        return Counter(
            kills=self.kills,
            restarts=self.restarts,
            losses=self.losses,
            exits_in_turns=worker.exits_in_turns,
            exits_in_activities=worker.exits_in_activities,
            timeouts=worker.timeouts,
        )

    def lift(self) -> None:
        """No more misfortune."""
        self._call(self._set(None, FAIR, FAIR, FAIR))

    def mend(self) -> None:
        """Start again what was struck down; called again and again by who follows the run."""
        if self._storage_is_struck.is_set():
            self.azurite.restart()
            self.restarts += 1
            self._storage_is_struck.clear()
            self._call(self._reopen())
        self.worker.look()
        host = self.stack.devhost
        if host is not None and not host.alive:
            self._host_listens = False
            self.kills += 1
            if self._state_is_struck.is_set():
                self._lose_state()
            self.stack.start_devhost()
            self._host_listens = True
            self.worker.strike_again(self._host_pid())
        self.stack.check()

    def _host_pid(self) -> int | None:
        host = self.stack.devhost
        return host.pid if host is not None and host.alive and self._host_listens else None

    def _lose_state(self) -> None:
        for file in self._folder.glob("devhost.db*"):
            file.unlink()
        self.losses += 1
        self._state_is_struck.clear()

    def empty_queue(self) -> None:
        """Forget the messages of the round before."""
        with QueueClient.from_connection_string(self.azurite.connection_string, self.stack.queue) as client:
            client.clear_messages()

    def _strike(self, victim: Victim) -> None:
        """Called between two bytes of the proxies' loop; what has to be waited for is left to `mend`."""
        if victim in (Victim.WORKER, Victim.TURN, Victim.TIMEOUT):
            self.worker.strike(victim, self._host_pid())
            return
        host = self.stack.devhost
        if victim is Victim.STATE:
            self._state_is_struck.set()
        if victim is not Victim.STORAGE and host is not None and host.alive and host.pid:
            os.kill(host.pid, signal.SIGKILL)
        if victim in (Victim.STORAGE, Victim.BOTH):
            self.gate.close()
            self._storage_is_struck.set()

    async def _set(self, ambush: Ambush | None, blobs: Misfortune, queue: Misfortune, source: Misfortune) -> None:
        self.blobs.misfortune, self.queue.misfortune, self.source.misfortune = blobs, queue, source
        self.blobs.watch = self.queue.watch = ambush

    async def _reopen(self) -> None:
        self.gate.open()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def _start_proxies(self) -> None:
        thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        thread.start()
        self._open.callback(self._stop_proxies, thread)
        for proxy in (self.blobs, self.queue, self.source):
            self._call(proxy.start())

    def _stop_proxies(self, thread: threading.Thread) -> None:
        async def stop() -> None:
            for proxy in (self.blobs, self.queue, self.source):
                await proxy.stop()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._call(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        thread.join(PATIENCE_SECONDS)
        self._loop.close()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            self._open = opened
            opened.enter_context(self.azurite)
            self._start_proxies()
            connection = self.azurite.connection_string
            for proxy, service in ((self.blobs, "Blob"), (self.queue, "Queue")):
                proxy.upstream = self.azurite.ports[service]
                connection = connection.replace(f":{proxy.upstream}/", f":{proxy.port}/")
            environment = {
                **self._settings,
                "AzureWebJobsStorage": connection,
                "SLUICE_DEMO_URL": f"http://127.0.0.1:{self.source.port}",
            }
            self.stack = Stack(
                self.api, folder=self._folder, azurite=self.azurite, environment=environment, strikes=True
            )
            opened.enter_context(self.stack)
            self.source.upstream = int(self.stack.api_url.rpartition(":")[2])
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
