"""How the commands end: Ctrl-C, `kill` and a closed terminal all take the way out that stops the children."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # what shells report for Ctrl-C


def interruptible(command: Callable[[], int]) -> int:
    """Return the exit code of a command in which SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # a shell that starts us in the background has SIGINT ignored
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), interrupt)
    try:
        return command()
    except KeyboardInterrupt:
        print("interrupted; everything has been stopped", file=sys.stderr)
        return INTERRUPTED
