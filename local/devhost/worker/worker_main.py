"""The main program of the worker process: load the app, then run the host's orders until the host ends.

`worker_process.py` starts it. The host's messages are pickled: first a `Load`, then an `Order` for each call; an int
makes the process exit with this code.
"""

import asyncio
import sys
import threading
from collections.abc import Callable
from io import TextIOWrapper
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from local.devhost.app import invocation
from local.devhost.app.loader import LoadedFunction
from local.devhost.app.logs import show_logs
from local.devhost.errors import ActivityError, DevhostError
from local.devhost.settings import HostSettings
from local.devhost.worker.worker import Worker

Pipe: TypeAlias = "Connection[Any, Any]"


class Load(NamedTuple):
    """The host's first message, which names the app; the reply with number 0 has the index of its functions."""

    app_root: Path
    settings: HostSettings
    log_file: Path | None


class Order(NamedTuple):
    """A call of one of the worker's methods; with an exit code the process exits instead of answering."""

    number: int
    method: Callable[..., Any]
    function_name: str
    arguments: tuple[Any, ...]
    exit_code: int | None


class Reply(NamedTuple):
    """The result of a call, or its error."""

    number: int
    has_failed: bool
    value: Any


def main(descriptor: int) -> None:
    """Run the worker of the host at the other end of this socket."""
    invocation.is_worker_process = True
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # so that a killed worker loses nothing that it has printed
    pipe: Pipe = Connection(descriptor)
    asyncio.run(_serve(pipe, pipe.recv()))


async def _serve(pipe: Pipe, load: Load) -> None:
    show_logs(load.log_file)
    worker, functions = Worker(load.settings, load.app_root), dict[str, LoadedFunction]()
    loop, tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    async def run(order: Order) -> None:
        try:
            value = await order.method(worker, functions[order.function_name], *order.arguments)
            reply = Reply(order.number, False, value)
        except ActivityError as error:
            reply = Reply(order.number, True, error)
        if order.exit_code is not None:
            invocation.leave(order.exit_code)
        pipe.send(reply)

    def begin(order: Order) -> None:
        task = loop.create_task(run(order))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    threading.Thread(target=_listen, args=(pipe, lambda order: loop.call_soon_threadsafe(begin, order))).start()
    del sys.modules["local"]  # it would hide a package of the app with the same name
    try:
        index = await worker.start()
    except DevhostError as error:
        pipe.send(Reply(0, True, DevhostError(str(error))))
    else:
        functions |= {function.name: function for function in index.functions}
        pipe.send(Reply(0, False, index))
    await asyncio.Event().wait()


def _listen(pipe: Pipe, begin: Callable[[Order], object]) -> None:
    # This runs in a separate thread, so that it notices the end of the host even while the app blocks the event loop.
    try:
        while not isinstance(order := pipe.recv(), int):
            begin(order)
        invocation.leave(order)
    except (EOFError, OSError):
        invocation.leave(0)
