"""Everything that a local run needs, as child processes: Azurite, the demo API, and the app on devhost.

Enters: the API's settings. Leaves: three URLs and a connection string, for as long as the `with` block lasts. Each
stack has a folder of its own with the logs of all three; what a run was is in there after the stack is gone.
"""

import contextlib
import os
import re
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from local.demo.readback import Comparison, Told, read_back
from local.demo.run_client import RunClient, Status
from local.demo.settings import ApiSettings
from local.devhost.errors import DevhostError
from local.devhost.settings import read_local_values
from local.emulator import Azurite, Server

ROOT = Path(__file__).parents[2]
STACKS = ROOT / ".sluice" / "stacks"
QUEUE = "sluice-ids"
TASK_HUB = "Sluice"
DEMO_SOURCES = "local/demo/sources.toml"
PATIENCE_SECONDS = 300.0  # with a run that stands still


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

        With `user_settings` it finds the user's others as well; messages stay in the stack's storage.
        """
        self.folder = folder.resolve() if folder else STACKS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.queue = queue
        self.azurite = azurite or Azurite(self.folder / "azurite", in_memory=True)  # gone with the stack anyway
        self.api = Server("demo API", "local.demo.api", *api.flags(), log=self.folder / "api.log")
        self.devhost = Server("devhost", "local.devhost", log=self.folder / "devhost.log")
        self._owns_azurite = azurite is None
        self._environment = environment or {}
        self._user_settings = user_settings
        self._port = port
        self._flags = ["--strikes"] if strikes else []
        self._open = contextlib.ExitStack()

    def start_devhost(self) -> None:
        """Start the app on the state that is there; the port stays the same, and with it every status URL."""
        state, records = str(self.folder / "devhost.db"), str(self.folder / "devhost.jsonl")
        flags = ["--app", str(ROOT), "--port", str(self._port), "--state", state, "--log-file", records]
        self.devhost.flags = [*flags, *self._flags]
        self.devhost.environment |= self.settings()
        self.devhost.start()
        self._port = self.devhost.port

    def run(self, *, patience_seconds: float = PATIENCE_SECONDS, **body: object) -> Iterator[Status]:
        """Start a run of the demo source, and yield its status at each look until it has ended."""
        with RunClient(self.devhost.url) as client:
            run_id = client.start(source="demo", **body)
            yield from client.follow(run_id, check=self.check, patience_seconds=patience_seconds)

    def read_back(self, *, told: Told = lambda arrived: None) -> Comparison:
        """Compare what is on the queue with what the API serves."""
        return read_back(self.azurite.connection_string, self.queue, self.api.url, told=told)

    @property
    def app_pids(self) -> list[int]:
        """The processes of the app: devhost's, and that of its worker."""
        if self.devhost.pid is None:
            return []
        workers = re.findall(r"worker process (\d+) runs the app$", self.devhost.printed(), re.MULTILINE)
        return [self.devhost.pid, *map(int, workers[-1:])]

    def check(self) -> None:
        """Raise ChildError if one of the processes has ended on its own."""
        for child in (self.azurite, self.api, self.devhost):
            child.check()

    def settings(self) -> dict[str, str]:
        """Return the environment that the app finds here, as it finds its application settings in Azure."""
        here = self.azurite.connection_string
        of_user = {"SLUICE_QUEUES": "", **dict.fromkeys(accounts(), here)} if self._user_settings else unset()
        return {
            **of_user,
            "SLUICE_SOURCES": sources_of(given()) if self._user_settings else DEMO_SOURCES,
            "AzureWebJobsStorage": here,
            "TASKHUB_NAME": TASK_HUB,
            "SLUICE_DEMO_URL": self.api.url,
            "SLUICE_QUEUE": self.queue,
            **self._environment,
        }

    def __enter__(self) -> Self:
        leave_out_proxy()
        with contextlib.ExitStack() as opened:  # what was started is stopped again if one of them fails
            if self._owns_azurite:
                opened.enter_context(self.azurite)
            opened.enter_context(self.api)
            opened.callback(self.devhost.stop)
            self.start_devhost()
            self._open = opened.pop_all()
        return self

    def __exit__(self, *ending: object) -> None:
        self._open.close()


def leave_out_proxy() -> None:
    """Let no process of this machine call another one through the proxy that the user has for the rest of the world."""
    for name in ("no_proxy", "NO_PROXY"):  # libraries differ in which of them they read first
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))


def unset() -> dict[str, str]:
    """Return every SLUICE_ setting of the user as empty: the app takes its default."""
    return {name: "" for name in given() if name.startswith("SLUICE_")}


def sources_of(user: Mapping[str, str]) -> str:
    """Return the file of sources that the user has named, or else `sources.toml` if it has any, or the demo's."""
    named = user.get("SLUICE_SOURCES")
    return named or ("sources.toml" if names_in("sources.toml") != [] else DEMO_SOURCES)


def names_in(file: str) -> list[str] | None:
    """Return the names of the sources in a file; None if it cannot be read, of which the app says why."""
    try:
        return list(tomllib.loads((ROOT / file).read_text(encoding="utf-8-sig")))
    except (OSError, ValueError):
        return None


def accounts() -> set[str]:
    """Return the settings of the user that name a storage account, where a source may have a queue of its own."""
    by_identity = (name.partition("__")[0] for name in given() if name.endswith(("__accountName", "ServiceUri")))
    by_text = (name for name, text in given().items() if re.search("AccountName=|QueueEndpoint=", text, re.IGNORECASE))
    return {*by_identity, *by_text}


def given() -> dict[str, str]:
    """Return what the user has set in local.settings.json and, above it, in the terminal."""
    values: dict[str, str] = {}
    with contextlib.suppress(DevhostError):  # devhost refuses the file, and says why
        values = read_local_values(ROOT)
    return values | {**os.environ}
