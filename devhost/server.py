"""devhost, wired: settings, the app, the task hub and the HTTP server of one running host.

On the way: an app folder and a state file enter; a host at `url` leaves, for as long as the block lasts.
The process takes on what a worker process of that app would have: its folder as current one, the values
of local.settings.json in its environment. All of it is put back at the end.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from azure.durable_functions.models.utils import http_utils

from devhost.clock import Clock, RealClock
from devhost.console import Console
from devhost.errors import DevhostError, StateFileError
from devhost.http_trigger import HttpTrigger
from devhost.hub import TaskHub
from devhost.keys import Keys, load_keys
from devhost.loader import FunctionIndex, load_app
from devhost.management import RPC_PATH, WEBHOOK_PATH, ManagementLinks
from devhost.routes import RouteTable
from devhost.settings import HostSettings, load_settings, read_local_values
from devhost.webhooks import Webhooks
from devhost.worker import Worker

HOST = "127.0.0.1"
STOP_SECONDS = 5.0


class Devhost:
    """One host: `async with Devhost(app_root) as host` serves the app at `host.url`."""

    def __init__(
        self,
        app_root: Path,
        *,
        port: int = 0,
        state_file: Path | None = None,
        clock: Clock | None = None,
        console: Console | None = None,
        lenient: bool = False,
        enable_auth: bool = False,
    ) -> None:
        self._app_root = app_root.absolute()
        self._port = port
        self.state_file = (state_file or self._app_root / ".sluice" / "devhost.db").absolute()
        self._clock = clock or RealClock()
        self._console = console or Console()
        self._lenient = lenient
        self._enable_auth = enable_auth
        self._open = contextlib.AsyncExitStack()
        self.url = ""
        self.settings: HostSettings
        self.index: FunctionIndex
        self.hub: TaskHub
        self.worker: Worker
        self.routes: RouteTable
        self.keys: Keys | None = None

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as opened:
            await self._start(opened)
            self._open = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def _start(self, opened: contextlib.AsyncExitStack) -> None:
        opened.enter_context(_folder(self._app_root))
        opened.enter_context(_environment(read_local_values(self._app_root)))
        self.settings = load_settings(self._app_root, lenient=self._lenient)
        self.index = load_app(self._app_root)
        self.routes = RouteTable(self.index.http, self.settings.route_prefix)
        # Only now: what cannot be served leaves nothing behind.
        _make_folder(self.state_file.parent)
        if self._enable_auth:
            names = [function.name for function in self.index.http]
            self.keys = load_keys(self.state_file.with_suffix(".keys.json"), names)
        # Bound before the hub starts, because resumed activities may call the app's own URLs.
        listener = opened.enter_context(_listen(self._port))
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        self.worker = Worker(self.settings, self._app_root)
        opened.callback(self.worker.close)
        opened.push_async_callback(http_utils._close_session)  # the SDK leaves closing it to the end of the process
        self.hub = TaskHub(self.index, self.worker, self.settings, self.state_file, self._clock, self._console)
        await self.hub.start()
        opened.push_async_callback(self.hub.stop)
        await self._serve(listener, opened)

    async def _serve(self, listener: socket.socket, opened: contextlib.AsyncExitStack) -> None:
        links = ManagementLinks(hub_name=self.settings.hub_name, code=self.keys.durable if self.keys else None)
        binding = links.client_binding(self.url)
        forwarded = self.settings.use_forwarded_host
        self._webhooks = Webhooks(self.hub, links, self._console, use_forwarded_host=forwarded)
        self._http = HttpTrigger(
            routes=self.routes,
            worker=self.worker,
            console=self._console,
            keys=self.keys,
            client_binding=lambda: binding,
        )
        app = web.Application(client_max_size=self.settings.body_limit_bytes)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=STOP_SECONDS)
        await runner.setup()
        opened.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listener).start()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        lower = path.lower()
        if lower.startswith(WEBHOOK_PATH):
            if self.keys is not None and not self.keys.opens_durable(request):
                return web.Response(status=401)
            return await self._webhooks.handle(request, path[len(WEBHOOK_PATH) :])
        if lower.startswith(RPC_PATH):
            # The app's own clients: no key and no limit on the body.
            return await self._webhooks.handle(request.clone(client_max_size=0), path[len(RPC_PATH) :])
        return await self._http.handle(request)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateFileError(f"the folder of the state file cannot be made: {folder}: {error.strerror}") from error


@contextlib.contextmanager
def _folder(app_root: Path) -> Iterator[None]:
    if app_root.is_file():
        raise DevhostError(f"{app_root} is a file; the app is named by the folder it is in")
    if not app_root.is_dir():
        raise DevhostError(f"there is no folder {app_root}")
    with contextlib.chdir(app_root):
        yield


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    # What is set already wins, as with Core Tools.
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextlib.contextmanager
def _listen(port: int) -> Iterator[socket.socket]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            raise DevhostError(f"port {port} cannot be used: {error.strerror}; take another one with --port") from error
        listener.listen(128)
        listener.setblocking(False)
        yield listener
    finally:
        listener.close()
