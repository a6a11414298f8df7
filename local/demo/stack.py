"""The processes of a local run: Azurite, the demo API, and the app on devhost.

Input: the API's settings. Output: the URLs of API and app and a connection string, valid inside the `with` block. Each
stack has its own folder with the logs of the three processes; the folder stays after the stack has stopped.
"""

import contextlib
import os
import re
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from local.demo.readback import Comparison, Progress, read_back
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
PATIENCE_SECONDS = 300.0  # how long a run may make no progress


class Stack:
    """The three processes, started in order and stopped in reverse; `azurite` may be already running."""

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
        """The app gets the SLUICE_ settings of the stack and of `environment`, and with `user_settings` the user's too.

        The messages always stay in the stack's storage.
        """
        self.folder = folder.resolve() if folder else STACKS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        self.queue = queue
        self.azurite = azurite or Azurite(self.folder / "azurite", in_memory=True)  # nobody needs its data later
        self.api = Server("demo API", "local.demo.api", *api.flags(), log=self.folder / "api.log")
        self.devhost = Server("devhost", "local.devhost", log=self.folder / "devhost.log")
        self._owns_azurite = azurite is None
        self._environment = environment or {}
        self._user_settings = user_settings
        self._port = port
        self._flags = ["--strikes"] if strikes else []
        self._open = contextlib.ExitStack()

    def start_devhost(self) -> None:
        """Start the app with its saved state, on the same port as before, so that status URLs stay valid."""
        state, records = str(self.folder / "devhost.db"), str(self.folder / "devhost.jsonl")
        flags = ["--app", str(ROOT), "--port", str(self._port), "--state", state, "--log-file", records]
        self.devhost.flags = [*flags, *self._flags]
        self.devhost.environment |= self.settings()
        self.devhost.start()
        self._port = self.devhost.port

    def run(self, *, patience_seconds: float = PATIENCE_SECONDS, **body: object) -> Iterator[Status]:
        """Start a run of the demo source, poll its status and yield it each time until the run has ended."""
        with RunClient(self.devhost.url) as client:
            run_id = client.start(source="demo", **body)
            yield from client.follow(run_id, check=self.check, patience_seconds=patience_seconds)

    def read_back(self, *, progress: Progress = lambda arrived: None) -> Comparison:
        """Compare the messages on the queue with the ids of the API."""
        return read_back(self.azurite.connection_string, self.queue, self.api.url, progress=progress)

    @property
    def app_pids(self) -> list[int]:
        """The process ids of devhost and its worker."""
        if self.devhost.pid is None:
            return []
        workers = re.findall(r"worker process (\d+) runs the app$", self.devhost.printed(), re.MULTILINE)
        return [self.devhost.pid, *map(int, workers[-1:])]

    def check(self) -> None:
        """Raise ChildError if one of the processes has ended on its own."""
        for child in (self.azurite, self.api, self.devhost):
            child.check()

    def settings(self) -> dict[str, str]:
        """Return the environment of the app; in Azure these are its application settings."""
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
        with contextlib.ExitStack() as opened:  # if a process fails to start, the other processes stop
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
    """Exclude this machine from the user's HTTP proxy, for this process and its children."""
    for name in ("no_proxy", "NO_PROXY"):  # libraries differ in which of the two they read first
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))


def unset() -> dict[str, str]:
    """Return every SLUICE_ setting of the user as empty, so that the app uses its default."""
    return {name: "" for name in given() if name.startswith("SLUICE_")}


def sources_of(user: Mapping[str, str]) -> str:
    """Return the user's file of sources: SLUICE_SOURCES, else `sources.toml` if it is not empty, else the demo's."""
    named = user.get("SLUICE_SOURCES")
    return named or ("sources.toml" if names_in("sources.toml") != [] else DEMO_SOURCES)


def names_in(file: str) -> list[str] | None:
    """Return the names of the sources in a file; None if it cannot be read (the app says why)."""
    try:
        return list(tomllib.loads((ROOT / file).read_text(encoding="utf-8-sig")))
    except (OSError, ValueError):
        return None


def accounts() -> set[str]:
    """Return the names of the user's settings for storage accounts; a source may have its queue in such an account."""
    by_identity = (name.partition("__")[0] for name in given() if name.endswith(("__accountName", "ServiceUri")))
    by_text = (name for name, text in given().items() if re.search("AccountName=|QueueEndpoint=", text, re.IGNORECASE))
    return {*by_identity, *by_text}


def given() -> dict[str, str]:
    """Return the user's settings from local.settings.json, overridden by the environment."""
    values: dict[str, str] = {}
    with contextlib.suppress(DevhostError):  # devhost will report the error
        values = read_local_values(ROOT)
    return values | {**os.environ}
