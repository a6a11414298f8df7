"""The processes of all rounds: Azurite on disk, the demo API and devhost, with a proxy in front of each service.

Input: the number of ids of the source. Output: a running stack. The processes keep running between rounds; only struck
processes start again. Azurite gets SIGTERM, not SIGKILL, for the reason in `docs/chaos.md`.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from anyio.from_thread import start_blocking_portal
from azure.storage.queue import QueueClient

from local.chaos.ambush import Ambush, Victim
from local.chaos.fault import FAIR
from local.chaos.plan import Plan
from local.chaos.proxy import Proxy
from local.chaos.worker import WorkerStrikes
from local.demo.settings import ApiSettings
from local.demo.stack import Stack
from local.emulator import Azurite

PAGE_SIZE = 100


class Stage:
    """The processes, and the strikes at them so far."""

    def __init__(self, stack: Stack, proxies: dict[str, Proxy]) -> None:
        self.stack, self.proxies = stack, proxies
        self._of_storage = proxies["blobs"], proxies["queue"]
        self._worker = WorkerStrikes(stack.devhost.log)
        self._suffered: Counter[str] = Counter()
        self._host_listens, self._storage_is_struck, self._state_is_struck = True, False, False

    def lay(self, plan: Plan) -> None:
        """Begin the faults and strikes of a plan."""
        ambush = Ambush(plan.strikes, self._strike)
        for name, proxy in self.proxies.items():
            proxy.misfortune = plan.misfortune(name)
        for proxy in self._of_storage:
            proxy.watch = ambush

    def lift(self) -> None:
        """End all faults and strikes."""
        for proxy in self.proxies.values():
            proxy.misfortune, proxy.watch = FAIR, None

    def suffered(self) -> Counter[str]:
        """Return how many strikes of each kind the processes have suffered so far."""
        self._worker.look()
        return self._suffered + self._worker.suffered

    def restore(self) -> Counter[str]:
        """Start struck processes again, and return the number of strikes so far; a round calls this repeatedly."""
        if self._storage_is_struck:
            self.stack.azurite.restart()
            self._suffered["restarts"] += 1
            self._storage_is_struck = False
            for proxy in self._of_storage:
                proxy.is_open = True
        self._worker.look()
        if not self.stack.devhost.alive:
            self._host_listens = False
            self._suffered["kills"] += 1
            if self._state_is_struck:
                self._lose_state()
            self.stack.start_devhost()
            self._host_listens = True
            self._worker.strike_again(self._host_pid())
        self.stack.check()
        return self.suffered()

    def empty_queue(self) -> None:
        """Delete the messages of the round before."""
        with QueueClient.from_connection_string(self.stack.azurite.connection_string, self.stack.queue) as client:
            client.clear_messages()

    def _host_pid(self) -> int | None:
        host = self.stack.devhost
        return host.pid if host.alive and self._host_listens else None

    def _lose_state(self) -> None:
        for file in self.stack.folder.glob("devhost.db*"):
            file.unlink()
        self._suffered["losses"] += 1
        self._state_is_struck = False

    def _strike(self, victim: Victim) -> None:
        """Strike, on the event loop of the proxies; `restore` does everything that takes time."""
        if victim in (Victim.WORKER, Victim.TURN, Victim.TIMEOUT):
            self._worker.strike(victim, self._host_pid())
            return
        if victim is Victim.STATE:
            self._state_is_struck = True
        host = self.stack.devhost
        if victim is not Victim.STORAGE and host.alive and host.pid:
            os.kill(host.pid, signal.SIGKILL)
        if victim in (Victim.STORAGE, Victim.BOTH):
            for proxy in self._of_storage:
                proxy.shut()
            self._storage_is_struck = True


@contextmanager
def stage(folder: Path, ids: int, settings: dict[str, str]) -> Iterator[Stage]:
    """Start everything, and stop it after the block."""
    proxies = {"blobs": Proxy(), "queue": Proxy(), "source": Proxy()}
    with Azurite(folder / "azurite") as azurite, ExitStack() as opened:
        portal = opened.enter_context(start_blocking_portal())  # runs an event loop in a thread
        for proxy in proxies.values():
            opened.enter_context(portal.wrap_async_context_manager(proxy))
        connection = azurite.connection_string
        for name, service in (("blobs", "Blob"), ("queue", "Queue")):
            proxies[name].upstream = azurite.ports[service]
            connection = connection.replace(f":{azurite.ports[service]}/", f":{proxies[name].port}/")
        source = {"SLUICE_DEMO_URL": f"http://127.0.0.1:{proxies['source'].port}"}
        environment = {**settings, **source, "AzureWebJobsStorage": connection}
        api = ApiSettings(ids=ids, page_size=PAGE_SIZE)
        with Stack(api, folder=folder, azurite=azurite, environment=environment, strikes=True) as stack:
            proxies["source"].upstream = stack.api.port
            yield Stage(stack, proxies)
