"""Devhost inside a test: an app folder served on a free port, with time that the test commands.

Enters: an app folder. Leaves: a `RunningApp`, usable from a plain test function; the host runs in a thread of its own.

    with running_app(folder, clock=VirtualClock()) as app:
        run_id = app.start("approval", {"days": 3})
        assert app.wait(run_id).status == "Completed"
"""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from devhost.clock import Clock, VirtualClock
from devhost.console import Console
from devhost.hub import TaskHub
from devhost.instance import Instance
from devhost.server import Devhost

T = TypeVar("T")
PATIENCE_SECONDS = 60.0


class RunningApp:
    """A running host, seen from another thread."""

    def __init__(
        self,
        host: Devhost,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        lines: list[str],
        ended: asyncio.Event,
    ) -> None:
        self._host, self._clock, self._loop, self._ended = host, clock, loop, ended
        self.url = host.url
        self.lines = lines

    def stop(self) -> None:
        """Ask the host to stop."""
        self._loop.call_soon_threadsafe(self._ended.set)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the host's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    def start(self, name: str, value: Any = None, *, instance_id: str | None = None, version: str | None = None) -> str:
        """Start an orchestration as the durable client does, which encodes its input twice; give the id."""
        text = None if value is None else json.dumps(json.dumps(value))
        hub = self._host.hub
        return self.call(hub.start_orchestration(name, instance_id=instance_id, input_text=text, version=version))

    def wait(self, instance_id: str, enough: Callable[[Instance], bool] = lambda it: it.is_terminal) -> Instance:
        """Give the instance as soon as it has ended, or as soon as `enough` says so."""
        return self.call(self._host.hub.wait(instance_id, enough))

    def rest(self) -> None:
        """Return when nothing more happens by itself before the next durable timer."""
        self.call(self._host.hub.rest())

    def result(self, instance_id: str) -> Any:
        """Wait for a completed instance and give its output as a value."""
        instance = self.wait(instance_id)
        assert instance.status == "Completed", f"{instance.status}: {instance.output_text}"
        return None if instance.output_text is None else json.loads(instance.output_text)

    def raise_event(self, instance_id: str, name: str, value: Any = None) -> None:
        """Raise an external event as the public HTTP API does, which encodes its data once."""
        self.call(self._host.hub.raise_event(instance_id, name, json.dumps(value)))

    def advance(self, by: timedelta) -> None:
        """Move virtual time forward."""
        clock = self._clock
        assert isinstance(clock, VirtualClock), "only a VirtualClock can be moved"

        async def move() -> None:
            clock.advance(by)

        self.call(move())

    def history(self, instance_id: str) -> list[dict[str, Any]]:
        """Give the events of an instance's current execution."""
        return self.call(self._host.hub.history(instance_id))

    @property
    def hub(self) -> TaskHub:
        """The task hub, for `call`."""
        return self._host.hub


@contextmanager
def running_app(
    app_root: Path, *, clock: Clock | None = None, state_file: Path | None = None, lenient: bool = False
) -> Iterator[RunningApp]:
    """Serve an app for as long as the block lasts; `lines` of the value holds what the console would say."""
    time = clock or VirtualClock()
    running: Future[RunningApp] = Future()
    stopped: Future[None] = Future()

    async def serve() -> None:
        ended = asyncio.Event()
        lines: list[str] = []
        loop = asyncio.get_running_loop()
        console = Console(write=lines.append)
        async with Devhost(app_root, state_file=state_file, clock=time, console=console, lenient=lenient) as host:
            app = RunningApp(host, time, loop, lines, ended)
            running.set_result(app)
            await ended.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            (stopped if running.done() else running).set_exception(error)
        else:
            stopped.set_result(None)

    threading.Thread(target=run, name="devhost", daemon=True).start()
    app = running.result(PATIENCE_SECONDS)
    try:
        yield app
    finally:
        app.stop()
        stopped.result(PATIENCE_SECONDS)
