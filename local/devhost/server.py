"""Build a running host from settings, app, task hub and HTTP server."""

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from azure.durable_functions.models.utils import http_utils

from local.devhost.app.loader import FunctionIndex
from local.devhost.console import Console
from local.devhost.errors import explained
from local.devhost.http.admin import ADMIN_PATH, AdminApi
from local.devhost.http.http_trigger import HttpTrigger
from local.devhost.http.keys import Keys, load_keys
from local.devhost.http.management import RPC_PATH, WEBHOOK_PATH, ManagementLinks
from local.devhost.http.routes import RouteTable
from local.devhost.http.webhooks import Webhooks
from local.devhost.hub.clock import Clock, RealClock
from local.devhost.hub.hub import TaskHub
from local.devhost.settings import HostSettings, load_settings, read_local_values
from local.devhost.timer.timer_trigger import Timer, TimerTriggers
from local.devhost.worker.worker import Worker
from local.devhost.worker.worker_process import WorkerProcess

HOST = "127.0.0.1"
_EXTENSIONS_PATH = "/runtime/webhooks/"
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Devhost:
    """One running host."""

    url: str
    settings: HostSettings
    index: FunctionIndex
    routes: RouteTable
    hub: TaskHub
    timers: TimerTriggers
    worker: Worker
    keys: Keys | None
    links: ManagementLinks
    state_file: Path


@contextlib.asynccontextmanager
async def serve(
    app_root: Path,
    *,
    port: int = 0,
    state_file: Path | None = None,
    clock: Clock | None = None,
    console: Console | None = None,
    enable_auth: bool = False,
    worker_process: bool = False,
    log_file: Path | None = None,
) -> AsyncIterator[Devhost]:
    """Serve an app inside the `with` block.

    With `worker_process` the app runs in a worker process, which writes `log_file` if given; else it runs in this
    process. Inside the block the current folder is the app's, and the environment has the values of
    local.settings.json.
    """
    app_root, clock, console = Path.cwd() / app_root, clock or RealClock(), console or Console()
    state_file = Path.cwd() / (state_file or app_root / ".sluice" / "devhost.db")
    async with contextlib.AsyncExitStack() as opened:
        settings = _enter(app_root, opened)
        process = WorkerProcess(settings, app_root, console, log_file) if worker_process else None
        worker = process or Worker(settings, app_root)
        opened.push_async_callback(worker.close)
        index = await worker.start()
        routes, timers = RouteTable(index.http, settings.route_prefix), list(map(Timer, index.timers))
        for line in routes.unreachable():
            console.warning(line)
        # Listen before the hub starts: activities that it runs again may call the app's own URLs.
        with explained(f"cannot listen on port {port}: choose another one with --port"):
            listener = opened.enter_context(socket.create_server((HOST, port)))
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        hub = TaskHub(index, worker, settings, state_file, clock, console)
        await hub.start()
        opened.push_async_callback(hub.stop)
        if process is not None:
            process.failed.add_done_callback(lambda failed: hub.fail(failed.result()))
        keys = load_keys(state_file, [function.name for function in index.http]) if enable_auth else None
        links = ManagementLinks(hub_name=settings.hub_name, code=keys.durable if keys else None)
        kept_in = state_file.with_suffix(".timers.json")
        triggers = TimerTriggers(timers, worker, clock, console, links.client_binding(url), kept_in)
        host = Devhost(url, settings, index, routes, hub, triggers, worker, keys, links, state_file)
        await _listen(opened, listener, settings.body_limit_bytes, _handler(host, console, app_root))
        triggers.start()
        opened.push_async_callback(triggers.stop)
        yield host


def _enter(app_root: Path, opened: contextlib.AsyncExitStack) -> HostSettings:
    with explained(f"cannot use the app's folder {app_root} (--app)"):
        opened.enter_context(contextlib.chdir(app_root))
    opened.enter_context(_environment(read_local_values(app_root)))
    opened.push_async_callback(http_utils._close_session)  # the SDK does this only at the end of the process
    return load_settings(app_root)


async def _listen(
    opened: contextlib.AsyncExitStack, listener: socket.socket, body_limit: int, handler: Handler
) -> None:
    app = web.Application(client_max_size=body_limit)
    app.router.add_route("*", r"/{path:[\s\S]*}", handler)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    opened.push_async_callback(runner.cleanup)
    await web.SockSite(runner, listener).start()


def _handler(host: Devhost, console: Console, app_root: Path) -> Handler:
    keys, binding = host.keys, host.links.client_binding(host.url)
    webhooks = Webhooks(hub=host.hub, links=host.links, console=console)
    trigger = HttpTrigger(routes=host.routes, worker=host.worker, console=console, keys=keys, client_binding=binding)
    functions = {it.name.lower(): it for it in host.index.functions}
    templates = {route.function.name: route.template for route in host.routes.routes}
    admin = AdminApi(functions, templates, host.timers, host.worker, keys, app_root)

    async def handle(request: web.Request) -> web.Response:
        path = request.rel_url.raw_path
        if path.lower().startswith(_EXTENSIONS_PATH):
            is_durable = path.lower().startswith(WEBHOOK_PATH)
            accepted = [keys.durable] if keys and is_durable else []
            if keys is not None and (refused := keys.refuse_built_in(request, *accepted)) is not None:
                return refused
            if not is_durable:
                return web.Response(status=404)
            return await webhooks.handle(request, path[len(WEBHOOK_PATH) :])
        if path.lower().startswith(RPC_PATH):
            # Requests of the app's own clients need no key, and their body has no limit.
            return await webhooks.handle(request.clone(client_max_size=0), path[len(RPC_PATH) :])
        if path.lower().startswith(ADMIN_PATH):
            answer = await admin.handle(request, path[len(ADMIN_PATH) :])
            if answer is not None:
                return answer
        return await trigger.handle(request)

    return handle


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    # A variable that is already set wins, as with Core Tools.
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
