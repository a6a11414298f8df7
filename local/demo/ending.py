"""Handle the end of a command: Ctrl-C, `kill` and a closed terminal all stop the child processes."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # what shells report for Ctrl-C


def interruptible(command: Callable[[], int]) -> int:
    """Run a command in which SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does; return its exit code."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # a background process of a shell ignores SIGINT
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)
    try:
        return command()
    except KeyboardInterrupt:
        print("interrupted; everything has been stopped", file=sys.stderr)
        return INTERRUPTED
