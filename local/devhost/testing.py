"""devhost inside a test: serve an app folder on a free port, with a clock that the test controls."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from local.devhost.console import Console
from local.devhost.hub.clock import Clock, VirtualClock
from local.devhost.hub.hub import TaskHub
from local.devhost.orchestration.instance import Instance
from local.devhost.server import Devhost, serve
from local.devhost.worker.worker_process import WorkerProcess

T = TypeVar("T")
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningApp:
    """A host that runs in another thread than the test; `lines` has the console's output."""

    url: str
    host: Devhost
    hub: TaskHub
    lines: list[str]
    clock: Clock
    loop: asyncio.AbstractEventLoop

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the host's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_SECONDS)

    def start(self, name: str, value: Any = None, *, instance_id: str | None = None) -> str:
        """Start an orchestration; like the durable client, encode its input twice."""
        text = None if value is None else json.dumps(json.dumps(value))
        return self.call(self.hub.start_orchestration(name, instance_id=instance_id, input_text=text))

    def wait(self, instance_id: str, enough: Callable[[Instance], bool] = lambda it: it.is_terminal) -> Instance:
        """Wait until `enough(instance)` is true, by default until the instance has ended; return the instance."""
        return self.call(self.hub.wait(instance_id, enough))

    def rest(self) -> None:
        """Wait until no timer-triggered function runs and nothing can happen before the next durable timer."""

        async def rest() -> None:
            await self.hub.rest()
            while await self.host.timers.rest():
                await self.hub.rest()

        self.call(rest())

    def result(self, instance_id: str) -> Any:
        """Wait until an instance has completed and return its output."""
        instance = self.wait(instance_id)
        assert instance.status == "Completed", f"{instance.status}: {instance.output_text}"
        return None if instance.output_text is None else json.loads(instance.output_text)

    def raise_event(self, instance_id: str, name: str, value: Any = None) -> None:
        """Raise an external event; like the public HTTP API, encode its data once."""
        self.call(self.hub.raise_event(instance_id, name, json.dumps(value)))

    def advance(self, by: timedelta) -> None:
        """Move virtual time forward."""
        clock = self.clock
        assert isinstance(clock, VirtualClock), "only a VirtualClock has advance"

        async def move() -> None:
            clock.advance(by)

        self.call(move())

    def strike(self, what: Callable[[WorkerProcess], None]) -> None:
        """Call `what` with the worker process; an example is `lambda worker: worker.exit(137)`."""
        worker = self.host.worker
        assert isinstance(worker, WorkerProcess), "strike needs running_app(worker_process=True)"

        async def act() -> None:
            what(worker)

        self.call(act())

    def history(self, instance_id: str) -> list[dict[str, Any]]:
        """Return the events of an instance's current execution."""
        return self.call(self.hub.history(instance_id))


@contextmanager
def running_app(
    app_root: Path,
    *,
    clock: Clock | None = None,
    state_file: Path | None = None,
    enable_auth: bool = False,
    worker_process: bool = False,
) -> Iterator[RunningApp]:
    """Serve an app inside the `with` block, by default in virtual time.

    The app runs in the test's process. With `worker_process=True` it runs in a worker process, as on the real host and
    with `python -m local.devhost`.
    """
    time = clock or VirtualClock()
    running: Future[RunningApp] = Future()
    stopped: Future[None] = Future()
    ended = asyncio.Event()

    async def run() -> None:
        lines: list[str] = []
        console = Console(write=lines.append)
        async with serve(
            app_root,
            state_file=state_file,
            clock=time,
            console=console,
            enable_auth=enable_auth,
            worker_process=worker_process,
        ) as host:
            loop = asyncio.get_running_loop()
            running.set_result(RunningApp(url=host.url, host=host, hub=host.hub, lines=lines, clock=time, loop=loop))
            await ended.wait()

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            (stopped if running.done() else running).set_exception(error)
        else:
            stopped.set_result(None)

    threading.Thread(target=work, name="devhost", daemon=True).start()
    app = running.result(PATIENCE_SECONDS)
    try:
        yield app
    finally:
        app.loop.call_soon_threadsafe(ended.set)
        stopped.result(PATIENCE_SECONDS)
