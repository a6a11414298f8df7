"""What a person reads while devhost runs: one line per event, the start-up table, errors.

On the way: everything that happens to an instance ends as one call of `event`. Lines go to stderr, so
that an app's own printing on stdout stays apart.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

RED, YELLOW, CYAN, DIM = "31", "33", "36", "2"

# A failed call's exception goes on, after its reason, with lines of serialised .NET: for programs, not for people.
_DETAILS = re.compile(r"(?: \n .*)+")


def _to_stderr(line: str) -> None:
    # sys.stderr is looked up at each call: a test may have replaced it meanwhile. Whoever read it may be gone.
    with contextlib.suppress(BrokenPipeError):
        print(line, file=sys.stderr, flush=True)


def wants_colour() -> bool:
    """Tell whether stderr is a terminal whose reader has not asked for plain text (NO_COLOR)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Console:
    """Readable lines; `write` takes each finished line."""

    def __init__(self, *, quiet: bool = False, colour: bool = False, write: Callable[[str], None] = _to_stderr) -> None:
        self._quiet = quiet
        self._colour = colour
        self._write = write

    def event(self, instance_id: str, text: str) -> None:
        """Say what happened to an instance."""
        if not self._quiet:
            self._write(f"{self._now()} {self._paint(CYAN, instance_id)} · {text}")

    def note(self, text: str) -> None:
        """Say something about the host itself."""
        if not self._quiet:
            self._write(f"{self._now()} {text}")

    def warning(self, text: str) -> None:
        """Say what a person should look at; shown even when quiet."""
        self._write(f"{self._now()} {self._paint(YELLOW, 'warning:')} {text}")

    def error(self, text: str, traceback: str = "") -> None:
        """Say what went wrong, with the user code's traceback indented below; shown even when quiet."""
        lines = [f"    {line}" for line in _DETAILS.sub("", traceback).rstrip().splitlines()]
        head = f"{self._now()} {self._paint(RED, 'error:')} {_DETAILS.sub('', text)}"
        self._write("\n".join([head, *lines]))

    def table(self, title: str, rows: Iterable[Sequence[str]]) -> None:
        """Print rows under a title with aligned columns."""
        if self._quiet:
            return
        cells = [tuple(row) for row in rows]
        widths = [max(len(row[column]) for row in cells) for column in range(max(map(len, cells), default=0))]
        lines = []
        for first, *rest in cells:
            columns = (cell.ljust(width) for cell, width in zip(rest, widths[1:], strict=False))
            lines.append("  ".join(("", self._paint(YELLOW, first.ljust(widths[0])), *columns)).rstrip())
        self._write("\n".join(["", title, "", *lines, ""]))

    def _paint(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colour else text

    def _now(self) -> str:
        return self._paint(DIM, datetime.now().strftime("%H:%M:%S.%f")[:-3])
