"""Write devhost's messages for a person to stderr, so that they do not mix with what an app prints on stdout."""

import contextlib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

# An error text has a reason and, below it, a serialised .NET exception, which nobody reads: the console drops it.
_DETAILS = re.compile(r"(?: \n .*)+")


def _to_stderr(line: str) -> None:
    # Look up sys.stderr at each call, because a test may have replaced it. A write fails if the stream is closed, its
    # reader has gone or its disk is full.
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Console:
    """Turns messages into readable lines, and passes them to `write`."""

    write: Callable[[str], None] = _to_stderr

    def event(self, instance_id: str, text: str) -> None:
        """Write what happened to an instance."""
        self.note(f"{instance_id} · {text}")

    def note(self, text: str) -> None:
        """Write something about the host itself."""
        self.write(f"{_now()} {text}")

    def warning(self, text: str) -> None:
        """Write a warning."""
        self.write(f"{_now()} warning: {text}")

    def error(self, text: str, traceback: str = "") -> None:
        """Write an error, and below it the traceback of the user code, if there is one."""
        lines = [f"    {line}" for line in _DETAILS.sub("", traceback).rstrip().splitlines()]
        head = f"{_now()} error: {_DETAILS.sub('', text)}"
        self.write("\n".join([head, *lines]))

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Write rows of equal length in aligned columns."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
        lines = ["  ".join(["", *row]).rstrip() for row in cells]
        self.write("\n".join(["", title, "", *lines, ""]))


def _now() -> str:
    return datetime.now().strftime("%H:%M:%S.%f")[:-3]
