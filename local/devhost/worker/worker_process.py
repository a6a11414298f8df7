"""The host's side of the worker process: start it, send it calls, and react to its death as the real host does.

A turn is one replay of an orchestrator. If the process dies, all calls in flight fail; the third death ends the host.
If a call exceeds functionTimeout, a new process replaces the old one: that activity or request fails, and the turns and
the other activities in flight run again. Callers learn of a failure when the new process is ready; a turn that is due
after a death and before that time fails, because it finds no worker.
"""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing import Pipe as make_pipe
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias, TypeVar

from local.devhost.app.loader import FunctionIndex, LoadedFunction
from local.devhost.console import Console
from local.devhost.errors import AppLoadError, DevhostError, FunctionTimeout, HostFailure, WorkerExit
from local.devhost.orchestration.event import SCHEDULING, Event
from local.devhost.orchestration.replay import Replay
from local.devhost.settings import HostSettings
from local.devhost.worker.http_answer import Answer
from local.devhost.worker.worker import Worker
from local.devhost.worker.worker_main import Load, Order, Pipe, Reply

T = TypeVar("T")
_Method: TypeAlias = Callable[..., Awaitable[T]]
_FOLDER = Path(__file__).parents[1]
_START = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from local.devhost.worker.worker_main import main; main(int(sys.argv[2]))"
)
_LAST_DEATH = 3
_KILLED = 137
_RECYCLED = (
    "Exceeded language worker restart retry count for runtime:python. "
    "Shutting down and proactively recycling the Functions Host to recover"
)


class _WorkerReplaced(HostFailure):
    """Another call has exceeded functionTimeout, and a new process replaces this call's process."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Call:
    method: Callable[..., Any]
    function_name: str
    reply: asyncio.Future[Any]
    limit: asyncio.Timeout


class WorkerProcess(Worker):
    """A worker in its own process; `failed` gets the reason when no new process will follow."""

    def __init__(self, settings: HostSettings, app_root: Path, console: Console, log_file: Path | None) -> None:
        super().__init__(settings, app_root)
        self._settings, self._console = settings, console
        self._load = Load(app_root, settings, log_file)
        self._calls: dict[int, _Call] = {}
        self._numbers = count(1)
        self._deaths = 0
        self._has_served = self._is_replacing = self._is_closing = False
        self._serves, self._is_buried = asyncio.Event(), asyncio.Event()
        self._is_settled = asyncio.Event()  # set when a worker is ready, or when no worker will follow
        self._exit_in_turn: int | None = None
        self._to_expire: str | None = None
        self.failed: asyncio.Future[DevhostError] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self) -> FunctionIndex:
        """Start the process and return the app's functions. Raise DevhostError if devhost cannot serve the app."""
        loop = asyncio.get_running_loop()
        self._index = loop.create_future()
        self._is_buried.clear()
        self._pipe, self._process = self._launch()
        Thread(target=self._listen, args=(loop, self._pipe, self._process), daemon=True).start()
        self._pipe.send(self._load)
        index: FunctionIndex = await self._index
        if self._has_served:
            self._console.note(f"worker process {self.pid} runs the app")
        self._has_served, self._is_replacing = True, False
        self._serves.set()
        self._is_settled.set()
        return index

    def _launch(self) -> tuple[Pipe, "subprocess.Popen[bytes]"]:
        ours, theirs = make_pipe()
        environment = {
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "FUNCTIONS_APPLICATION_DIRECTORY": str(self._app_root),
            "FUNCTIONS_WORKER_DIRECTORY": str(_FOLDER),
            "PYTHON_THREADPOOL_THREAD_COUNT": str(self._settings.thread_pool_size),
        }
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, str(_FOLDER.parents[1]), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                process_group=0,  # so that only the host gets Ctrl-C
                env=os.environ | environment,
            )
        return ours, process

    async def run_activity(
        self, function: LoadedFunction, input_text: str | None, trace_parent: str = ""
    ) -> str | None:
        return await self._order(Worker.run_activity, function, input_text, trace_parent)

    async def run_turn(self, function: LoadedFunction, history: Sequence[Event]) -> Replay:
        if not self._serves.is_set() and not self._is_replacing:
            # Return a replay without actions. If tasks were scheduled, the instance then fails as non-deterministic,
            # which hides the cause. The real host does the same.
            has_scheduled = any(event["EventType"] in SCHEDULING for event in history)
            return Replay(error=None if has_scheduled else "Did not find any initialized language workers")
        try:
            return await self._order(Worker.run_turn, function, history)
        except WorkerExit as error:
            return Replay(error=f"One or more errors occurred. ({error})")

    async def answer(self, function: LoadedFunction, request: Mapping[str, Any], client_binding: str) -> Answer:
        return await self._order(Worker.answer, function, request, client_binding)

    async def run(self, function: LoadedFunction, arguments: Mapping[str, Any]) -> None:
        await self._order(Worker.run, function, arguments)

    async def close(self) -> None:
        """End the process and all its calls."""
        self._is_closing = True
        self._process.kill()
        await self._is_buried.wait()

    def exit(self, code: int = _KILLED) -> None:
        """Make the process exit now."""
        self._send(code)

    def exit_in_turn(self, code: int = _KILLED) -> None:
        """Make the process exit during the next turn of an orchestrator."""
        self._exit_in_turn = code

    def expire(self, function_name: str = "") -> None:
        """Make a call of this (or any) activity exceed functionTimeout: a call in flight now, else the next one."""
        for call in self._calls.values():
            if call.method is Worker.run_activity and function_name in ("", call.function_name):
                call.limit.reschedule(asyncio.get_running_loop().time())
                return
        self._to_expire = function_name

    async def _order(self, method: _Method[T], function: LoadedFunction, *arguments: Any) -> T:
        while True:
            await self._serves.wait()
            try:
                return await self._ask(method, function.name, arguments)
            except HostFailure as error:
                if isinstance(error, FunctionTimeout):
                    self._replace()
                if method not in (Worker.run_activity, Worker.run_turn):
                    raise
                await (self._is_settled if method is Worker.run_turn else self._serves).wait()
                runs_again = (_WorkerReplaced, FunctionTimeout) if method is Worker.run_turn else _WorkerReplaced
                if not isinstance(error, runs_again):
                    raise

    async def _ask(self, method: _Method[T], name: str, arguments: tuple[Any, ...]) -> T:
        loop, number, exit_code = asyncio.get_running_loop(), next(self._numbers), None
        try:
            async with asyncio.timeout(self._settings.function_timeout_seconds) as limit:
                reply: asyncio.Future[T] = loop.create_future()
                self._calls[number] = _Call(method=method, function_name=name, reply=reply, limit=limit)
                if method is Worker.run_activity and self._to_expire in ("", name):
                    self._to_expire = None
                    limit.reschedule(loop.time())
                if method is Worker.run_turn:
                    exit_code, self._exit_in_turn = self._exit_in_turn, None
                self._send(Order(number, method, name, arguments, exit_code))
                return await reply
        except TimeoutError:
            raise FunctionTimeout(name, self._settings.function_timeout_seconds or 0) from None
        finally:
            self._calls.pop(number, None)

    def _send(self, message: Order | int) -> None:
        with suppress(OSError):  # the process has just died; the waiting callers get an error
            self._pipe.send(message)

    def _replace(self) -> None:
        if self._serves.is_set():
            self._console.error("a function exceeded functionTimeout: a new worker process replaces the old one")
            self._serves.clear()
            self._is_settled.clear()
            self._is_replacing = True
            self._process.kill()

    def _listen(self, loop: asyncio.AbstractEventLoop, pipe: Pipe, process: "subprocess.Popen[bytes]") -> None:
        with suppress(EOFError, OSError), pipe:
            while True:
                loop.call_soon_threadsafe(self._receive, pipe.recv())
        code = process.wait()
        loop.call_soon_threadsafe(self._bury, code if code >= 0 else 128 - code)

    def _receive(self, reply: Reply) -> None:
        call = self._calls.get(reply.number)
        waiting = call.reply if call else self._index
        if not waiting.done():
            if reply.has_failed:
                waiting.set_exception(reply.value)
            else:
                waiting.set_result(reply.value)

    def _bury(self, code: int) -> None:
        self._serves.clear()
        self._is_settled.clear()
        self._is_buried.set()
        if self._is_closing:
            return
        if not self._has_served:
            self._index.set_exception(AppLoadError(f"{WorkerExit(code)} while it loaded the app", "does not come up"))
            return
        in_flight = Counter(call.method.__name__ for call in self._calls.values())
        if not self._is_replacing:
            self._deaths += 1
            what = ", ".join(f"{number} {name}" for name, number in in_flight.items()) or "nothing"
            self._console.error(f"{WorkerExit(code)}; in flight: {what}")
        for call in self._calls.values():
            if not call.reply.done():
                call.reply.set_exception(_WorkerReplaced() if self._is_replacing else WorkerExit(code))
        if self._deaths == _LAST_DEATH:
            self._is_settled.set()
            self.failed.set_result(DevhostError(_RECYCLED))
        else:
            self._index.cancel()  # the process may have died while it loaded the app
            self._restarting = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        try:
            await self.start()
        except DevhostError as error:
            self.failed.set_result(error)
