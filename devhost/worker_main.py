"""The worker process from inside: loads the app, then runs what the host sends, until the host has gone.

`worker_process.py` starts it. Messages are pickled tuples; the first tells what to load, an int is an order to exit.
"""

import asyncio
import sys
import threading
from collections.abc import Callable
from io import TextIOWrapper
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from devhost import invocation
from devhost.errors import ActivityError, AppLoadError, DevhostError
from devhost.loader import LoadedFunction
from devhost.logs import cut_logs, show_logs
from devhost.settings import HostSettings
from devhost.worker import Worker


class Load(NamedTuple):
    """The host's first message."""

    app_root: Path
    settings: HostSettings
    log_file: Path | None
    log_level: int


class Order(NamedTuple):
    """A call of one of the worker's methods; with `exit_code` the process exits instead of answering."""

    number: int
    method: str
    function_name: str
    arguments: tuple[Any, ...]
    exit_code: int | None


class Reply(NamedTuple):
    """What a call gave, or the error that it raised; to the first message, with number 0, the index."""

    number: int
    has_failed: bool
    value: Any


def main(descriptor: int) -> None:
    """Be the worker of the host that holds the other end of this socket."""
    invocation.is_worker_process = True
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a worker that is killed has lost nothing that it printed
    pipe: Connection[Any, Any] = Connection(descriptor)
    asyncio.run(_serve(pipe, pipe.recv()))


async def _serve(pipe: "Connection[Any, Any]", load: Load) -> None:
    show_logs(load.log_file, load.log_level)
    worker = Worker(load.settings, load.app_root)
    functions: dict[str, LoadedFunction] = {}
    tasks: set[asyncio.Task[None]] = set()

    async def run(order: Order) -> None:
        try:
            value = await getattr(worker, order.method)(functions[order.function_name], *order.arguments)
            reply = Reply(order.number, False, value)
        except ActivityError as error:
            reply = Reply(order.number, True, error)
        if order.exit_code is not None:
            invocation.leave(order.exit_code)
        pipe.send(reply)

    def begin(order: Order) -> None:
        task = asyncio.get_running_loop().create_task(run(order))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop = asyncio.get_running_loop()
    threading.Thread(target=_listen, args=(pipe, lambda order: loop.call_soon_threadsafe(begin, order))).start()
    try:
        index = await worker.start()
    except AppLoadError as error:
        pipe.send(Reply(0, True, DevhostError(str(error))))
    else:
        cut_logs(load.settings.log_levels)
        functions |= {function.name: function for function in index.all()}
        pipe.send(Reply(0, False, index))
    await asyncio.Event().wait()


def _listen(pipe: "Connection[Any, Any]", begin: Callable[[Order], object]) -> None:
    # On a thread of its own: the end of the host must be heard while the app blocks the event loop.
    try:
        while True:
            order = pipe.recv()
            if isinstance(order, int):
                invocation.leave(order)
            begin(order)
    except (EOFError, OSError):
        invocation.leave(0)
