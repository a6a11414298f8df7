"""`python -m local.demo.serve` (make serve): run Azurite, the demo API and the app until Ctrl-C; print their URLs."""

import argparse
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from local.demo.ending import interruptible
from local.demo.settings import add_flags, settings_from
from local.demo.stack import Stack, given, names_in, sources_of
from local.emulator import ChildError

PORT = 7071  # the port of devhost and Core Tools


def source_to_try(user: Mapping[str, str]) -> str:
    """Return a source for the example command: `demo` if the file of sources has it, else the file's first source."""
    names = names_in(sources_of(user)) or []
    return "demo" if "demo" in names or not names else names[0]


def describe(stack: Stack) -> str:
    """Return where everything is, and what to type next."""
    source, url = source_to_try(given()), stack.devhost.url
    sluice = shlex.quote(str(Path(sys.executable).parent / "sluice"))
    return f"""
the app      {stack.devhost.url}/api/runs
demo API     {stack.api.url}/ids
queue        {stack.queue}
storage      {stack.azurite.connection_string}
logs, state  {stack.folder}

Start a run and watch it, in a second terminal or in a browser:

  {sluice} start {shlex.quote(source)} --watch{"" if url.endswith(f":{PORT}") else f" --url {url}"}
  {url}/api/ui

Ctrl-C stops everything.
"""


def is_free(port: int) -> bool:
    """Return whether no process of this machine listens on a port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.demo.serve",
        description="Start Azurite, the demo API and the app on devhost, print their URLs and run until Ctrl-C. The "
        "app uses your settings (local.settings.json, environment), but its messages stay on this machine.",
    )
    parser.add_argument("--port", type=int, default=PORT, help="the app's port; 0: a free one (default: %(default)s)")
    add_flags(parser)
    arguments = parser.parse_args()
    api = settings_from(parser, arguments)
    if arguments.port and not is_free(arguments.port):
        print(f"port {arguments.port} is in use: choose another one (make serve PORT=7072)", file=sys.stderr)
        return 1
    try:
        with Stack(api, port=arguments.port, user_settings=True) as stack:
            print(describe(stack), flush=True)
            while True:
                stack.check()
                time.sleep(0.5)
    except ChildError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(interruptible(main))
