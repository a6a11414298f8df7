"""`python -m local.devhost`: the command line."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from local.devhost.app.logs import show_logs
from local.devhost.console import Console
from local.devhost.errors import DevhostError
from local.devhost.http.keys import key_file
from local.devhost.http.management import WEBHOOK_PATH
from local.devhost.sdk import check_sdk

if TYPE_CHECKING:
    from local.devhost.server import Devhost

_DESCRIPTION = """\
Run a Durable Functions app in Python on this machine, unchanged and without Core Tools.
devhost saves instances in one SQLite file; after a restart, unfinished instances continue.
"""
_EPILOG = """\
example:
  python -m local.devhost --app local/devhost/examples/expense_approval
  curl -X POST http://127.0.0.1:7071/api/expenses -d '{"amount": 120}'
  curl 'http://127.0.0.1:7071/runtime/webhooks/durabletask/instances?top=5'

The table of functions, one line per event of an instance and the app's log go to stderr;
"devhost ready on URL" goes to stdout. Ctrl-C stops devhost; a second Ctrl-C stops it at once.
Exit codes: 0 stopped, 1 error in the app, the port, or the state, key or log file, 2 usage.
More: docs/devhost.md
"""
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the host until a signal stops it; return the exit code."""
    options = _read_arguments(arguments)
    console = Console()
    # Until `_run` gives the event loop its own handlers, these signals stop devhost with KeyboardInterrupt.
    for number in _STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        check_sdk()
        show_logs(options.log_file)
        asyncio.run(_run(options, console))
    except DevhostError as error:
        return _report(error)
    except KeyboardInterrupt:
        console.note("stopped during the start")
    return 0


def _report(reason: DevhostError) -> int:
    """Print why devhost ends, and return the exit code."""
    with contextlib.suppress(OSError):  # the log may be on a full disk
        print(f"devhost: {' '.join(str(reason).split())}", file=sys.stderr)
    return 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.devhost",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--app", type=Path, default=Path(), metavar="DIR", help="the app's folder (default: the current folder)")
    add("--port", type=_port, default=7071, metavar="N", help="port on 127.0.0.1; 0 chooses a free one (default: 7071)")
    add(
        "--state",
        type=Path,
        default=Path(".sluice/devhost.db"),
        metavar="FILE",
        help="file for the instances (default: .sluice/devhost.db)",
    )
    add("--enable-auth", action="store_true", help="require keys; they are in a file beside the state file")
    add("--log-file", type=Path, metavar="FILE", help="also write the app's log records as JSON lines")
    add(
        "--strikes",
        action="store_true",
        help="for tests of an app: SIGUSR1 makes the worker process exit during the next replay of an orchestrator, "
        "SIGUSR2 makes a call of an activity exceed functionTimeout",
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


async def _run(options: argparse.Namespace, console: Console) -> None:
    # Import these only after check_sdk: with another major version of the SDK the import may fail.
    from local.devhost.server import serve
    from local.devhost.worker.worker_process import WorkerProcess

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with serve(
        options.app,
        port=options.port,
        state_file=options.state,
        console=console,
        enable_auth=options.enable_auth,
        worker_process=True,
        log_file=options.log_file,
    ) as host:
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, _ask_to_stop, stop)
        _announce(host, console)
        assert isinstance(host.worker, WorkerProcess)
        console.note(f"worker process {host.worker.pid} runs the app")
        if options.strikes:
            loop.add_signal_handler(signal.SIGUSR1, host.worker.exit_in_turn)
            loop.add_signal_handler(signal.SIGUSR2, host.worker.expire)
        print(f"devhost ready on {host.url}", flush=True)
        failure = host.hub.failure
        failure.add_done_callback(lambda _: stop.set())
        await stop.wait()
        reason = failure.result() if failure.done() else None
        if reason is not None:
            raise reason
        console.note("stopping")


def _ask_to_stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        os._exit(0)  # a second signal ends devhost at once; its next start runs all unfinished work again
    stop.set()


def _announce(host: "Devhost", console: Console) -> None:
    index, settings = host.index, host.settings
    rows = [
        (
            f"{route.function.name}:",
            f"[{','.join(sorted(route.methods)) or 'any method'}]",
            f"{host.url}/{route.template.lstrip('/')}",
        )
        for route in host.routes.routes
    ]
    for trigger, functions in (("orchestrationTrigger", index.orchestrators), ("activityTrigger", index.activities)):
        rows += [(f"{function.durable_name}:", trigger, "") for function in functions.values()]
    rows += [(f"{function.name}:", "timerTrigger", str(function.trigger.schedule)) for function in index.timers]
    console.table("Functions:", rows)
    console.note(
        f"instances of hub {settings.hub_name} at {host.url}{WEBHOOK_PATH}instances, saved in {host.state_file}"
    )
    for name, reason in index.unserved:
        console.warning(f"function {name} is not served: {reason}")
    if host.keys is not None:
        console.note(f"requests need a key; the keys are in {key_file(host.state_file)}")


if __name__ == "__main__":
    sys.exit(main())
