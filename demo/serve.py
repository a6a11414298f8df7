"""`python -m demo.serve` (make serve): Azurite, the demo API and the app, up until Ctrl-C, with all URLs printed."""

import argparse
import sys
import time

from demo.ending import INTERRUPTED, ends_like_ctrl_c
from demo.settings import add_flags, settings_from
from demo.stack import Stack
from emulator import ChildError


def describe(stack: Stack) -> str:
    """Where everything is, and what to type next."""
    return f"""
the app      {stack.app_url}/api/runs
demo API     {stack.api_url}/ids
queue        {stack.queue}
storage      {stack.azurite.connection_string}
logs, state  {stack.folder}

Start a run, and follow it at the URL in its Location header:

  curl -i -X POST {stack.app_url}/api/runs -H 'Content-Type: application/json' -d '{{"source": "demo"}}'

Ctrl-C stops everything.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m demo.serve",
        description="Starts Azurite, the demo API and the app on devhost, prints their URLs and runs until Ctrl-C. "
        "Your settings (local.settings.json, the terminal) hold for the app, but its messages stay on this machine.",
    )
    parser.add_argument("--port", type=int, default=0, help="of the app; 0 (the default) takes a free one")
    add_flags(parser)
    arguments = parser.parse_args()
    ends_like_ctrl_c()
    try:
        with Stack(settings_from(parser, arguments), port=arguments.port, user_settings=True) as stack:
            print(describe(stack), flush=True)
            while True:
                stack.check()
                time.sleep(0.5)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except ChildError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
