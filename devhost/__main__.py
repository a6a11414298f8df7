"""`python -m devhost`: the command line.

On the way: arguments enter, a host runs until it is told to stop, an exit code leaves: 0 stopped,
1 the app or the state file cannot be used, 2 usage.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from devhost.console import Console, wants_colour
from devhost.errors import DevhostError
from devhost.logs import logging_to
from devhost.server import Devhost
from devhost.startup import announce

_DESCRIPTION = """\
Run a Durable Functions app in Python on this machine, unchanged and without Core Tools:
its HTTP functions, the durable HTTP API and its orchestrations. State is kept in one
SQLite file; started again, unfinished instances go on.
"""
_EPILOG = """\
example:
  python -m devhost --app examples/expense_approval
  curl -X POST http://127.0.0.1:7071/api/expenses -d '{"amount": 120}'
  curl 'http://127.0.0.1:7071/runtime/webhooks/durabletask/instances?top=5'

The table of functions, one line per event of an instance and the app's log go to stderr;
"devhost ready on URL" goes to stdout. Ctrl-C stops, twice at once. Exit codes: 0 stopped,
1 the app or the state file cannot be used (one line says why), 2 usage.
What is emulated and where it deviates: docs/devhost.md
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the host; return the exit code."""
    options = _read_arguments(arguments)
    console = Console(quiet=options.quiet, colour=wants_colour())
    level = logging.DEBUG if options.verbose else logging.WARNING if options.quiet else logging.INFO
    log_file = options.log_file.absolute() if options.log_file else None
    # While the app is imported nobody serves the event loop, and its own handlers would not be heard.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with logging_to(log_file, level):
            asyncio.run(_run(options, console))
    except DevhostError as error:
        print(f"devhost: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        console.note("stopped while starting")
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m devhost",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--app", type=Path, default=Path(), metavar="DIR", help="the app's folder (default: here)")
    parser.add_argument(
        "--port", type=_port, default=7071, metavar="N", help="port on 127.0.0.1; 0 takes a free one (default: 7071)"
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=Path(".sluice/devhost.db"),
        metavar="FILE",
        help="where instances are kept (default: .sluice/devhost.db)",
    )
    parser.add_argument(
        "--lenient",
        action="store_true",
        help="follow the SDK where the real extension would break an orchestration (default: fail it, saying why)",
    )
    parser.add_argument("--enable-auth", action="store_true", help="ask for keys; they are kept beside the state file")
    parser.add_argument("--log-file", type=Path, metavar="FILE", help="also write the app's log records as JSON lines")
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="only warnings and errors")
    volume.add_argument("--verbose", action="store_true", help="the app's debug records as well")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


async def _run(options: argparse.Namespace, console: Console) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    host = Devhost(
        options.app,
        port=options.port,
        state_file=options.state.absolute(),
        console=console,
        lenient=options.lenient,
        enable_auth=options.enable_auth,
    )
    async with host:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _ask_to_stop, stop)
        announce(host, console)
        print(f"devhost ready on {host.url}", flush=True)
        await stop.wait()
        console.note("stopping")


def _ask_to_stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(0)  # asked twice: whatever is unfinished is handed out again at the next start
    stop.set()


def _exit(code: int) -> None:
    # A sync function that is still busy would hold the interpreter open; its work is handed out again anyway.
    busy = [thread for thread in threading.enumerate() if thread.name.startswith("devhost")]
    for thread in busy:
        thread.join(timeout=0.2)
    if any(thread.is_alive() for thread in busy):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    _exit(main())
