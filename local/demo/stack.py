"""Everything that a local run needs, as child processes: Azurite, the demo API, and the app on devhost.

Enters: the API's settings. Leaves: three URLs and a connection string, for as long as the `with` block lasts. Each
stack has a folder of its own with the logs of all three; what a run was is in there after the stack is gone.
"""

import contextlib
import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from local.demo.settings import ApiSettings
from local.devhost.errors import DevhostError
from local.devhost.settings import read_local_values
from local.emulator import Azurite, Child

ROOT = Path(__file__).parents[2]
STACKS = ROOT / ".sluice" / "stacks"
QUEUE = "sluice-ids"
START_SECONDS = 60.0


class Stack:
    """The three processes, started in order and stopped in reverse; `azurite` may be one that runs already."""

    def __init__(
        self,
        api: ApiSettings,
        *,
        folder: Path | None = None,
        azurite: Azurite | None = None,
        queue: str = QUEUE,
        port: int = 0,
        environment: dict[str, str] | None = None,
        user_settings: bool = False,
        strikes: bool = False,
    ) -> None:
        """The app is given no SLUICE_ setting but the stack's own and `environment`.

        With `user_settings` it finds the user's others as well; where messages go stays the stack's.
        """
        self.folder = folder.resolve() if folder else STACKS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.queue = queue
        self.azurite = azurite or Azurite(self.folder / "azurite", in_memory=True)  # gone with the stack anyway
        self._owns_azurite = azurite is None
        self._environment = environment or {}
        self._unset = {"SLUICE_QUEUES": ""} if user_settings else unset()
        self._port = port
        self._flags = ["--strikes"] if strikes else []
        self._open = contextlib.ExitStack()
        self.api = self._python("demo API", "local.demo.api", *api.flags(), log="api.log")
        self.devhost: Child | None = None
        self.api_url = ""
        self.app_url = ""

    def start(self) -> None:
        """Start all three; what was started is stopped again if one of them fails."""
        with contextlib.ExitStack() as opened:
            if self._owns_azurite:
                opened.enter_context(self.azurite)
            opened.enter_context(self.api)
            self.api_url = self.api.wait_for_line(r"^demo api ready on (\S+)", seconds=START_SECONDS)[1]
            opened.callback(self.stop_devhost)
            self.start_devhost()
            self._open = opened.pop_all()

    def start_devhost(self) -> None:
        """Start the app on the state that is there; the port stays the same, and with it every status URL."""
        state, records = str(self.folder / "devhost.db"), str(self.folder / "devhost.jsonl")
        flags = ["--app", str(ROOT), "--port", str(self._port), "--state", state, "--log-file", records]
        flags += self._flags
        self.devhost = self._python("devhost", "local.devhost", *flags, log="devhost.log")
        self.devhost.start()
        self.app_url = self.devhost.wait_for_line(r"^devhost ready on (\S+)", seconds=START_SECONDS)[1]
        self._port = int(self.app_url.rpartition(":")[2])

    def stop_devhost(self) -> None:
        if self.devhost is not None:
            self.devhost.stop()

    def kill_devhost(self) -> None:
        """End devhost and the app in the middle of whatever they do."""
        if self.devhost is not None:
            self.devhost.kill()

    @property
    def app_pids(self) -> list[int]:
        """The processes of the app: devhost's, and that of its worker."""
        if self.devhost is None or self.devhost.pid is None:
            return []
        worker = self.devhost.last_line(r"worker process (\d+) runs the app$")
        return [self.devhost.pid, *([int(worker[1])] if worker else [])]

    def check(self) -> None:
        """Raise ChildError if one of the processes has ended on its own."""
        for child in (self.azurite.child, self.api, self.devhost):
            if child is not None:
                child.check()

    def settings(self) -> dict[str, str]:
        """The environment that the app finds here, as it finds its application settings in Azure."""
        return {
            **self._unset,
            "AzureWebJobsStorage": self.azurite.connection_string,
            "SLUICE_DEMO_URL": self.api_url,
            "SLUICE_QUEUE": self.queue,
            **self._environment,
        }

    def _python(self, name: str, module: str, *flags: str, log: str) -> Child:
        environment = {"PYTHONUNBUFFERED": "1"} | (self.settings() if module == "local.devhost" else {})
        command = [sys.executable, "-m", module, *flags]
        return Child(name, command, log=self.folder / log, cwd=ROOT, environment=environment)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()


def unset() -> dict[str, str]:
    """Every SLUICE_ setting of the terminal and of local.settings.json, as empty: so the app takes its default."""
    names = {*os.environ}
    with contextlib.suppress(DevhostError):  # devhost refuses the file, and says why
        names.update(read_local_values(ROOT))
    return {name: "" for name in names if name.startswith("SLUICE_")}
