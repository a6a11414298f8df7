"""What a person reads while devhost runs: one line per event, the start-up table, errors.

On the way: everything that happens to an instance ends as one call of `event`. Lines go to stderr, so
that an app's own printing on stdout stays apart.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime


def _to_stderr(line: str) -> None:
    # sys.stderr is looked up at each call: a test may have replaced it meanwhile.
    print(line, file=sys.stderr, flush=True)


class Console:
    """Readable lines; `write` takes each finished line."""

    def __init__(self, *, quiet: bool = False, write: Callable[[str], None] = _to_stderr) -> None:
        self._quiet = quiet
        self._write = write

    def event(self, instance_id: str, text: str) -> None:
        """Say what happened to an instance."""
        if not self._quiet:
            self._write(f"{_now()} {instance_id} · {text}")

    def note(self, text: str) -> None:
        """Say something about the host itself."""
        if not self._quiet:
            self._write(f"{_now()} {text}")

    def warning(self, text: str) -> None:
        """Say what a person should look at; shown even when quiet."""
        self._write(f"{_now()} warning: {text}")

    def error(self, text: str, traceback: str = "") -> None:
        """Say what went wrong, with the user code's traceback indented below; shown even when quiet."""
        lines = [f"{_now()} error: {text}", *(f"    {line}" for line in traceback.rstrip().splitlines())]
        self._write("\n".join(lines))

    def table(self, title: str, rows: Iterable[Sequence[str]]) -> None:
        """Print rows under a title with aligned columns."""
        if self._quiet:
            return
        cells = [tuple(row) for row in rows]
        widths = [max(len(row[column]) for row in cells) for column in range(max(map(len, cells), default=0))]
        lines = ["  " + "  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in cells]
        self._write("\n".join(["", title, "", *lines, ""]))


def _now() -> str:
    return datetime.now().strftime("%H:%M:%S.%f")[:-3]
