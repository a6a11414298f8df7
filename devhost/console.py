"""What a person reads while devhost runs; on stderr, so that an app's own printing on stdout stays apart."""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

RED, YELLOW, CYAN, DIM = "31", "33", "36", "2"

# After its reason a failed call's exception goes on with serialised .NET: for programs, not for people.
_DETAILS = re.compile(r"(?: \n .*)+")


def _to_stderr(line: str) -> None:
    # sys.stderr as it is now: a test may have replaced it. Whoever read it may be gone, or the disk full.
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def wants_colour() -> bool:
    """Tell whether stderr is a terminal and nobody has asked for plain text."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Readable lines, each handed to `write`; of a quiet console only warnings and errors."""

    quiet: bool = False
    colour: bool = False
    write: Callable[[str], None] = _to_stderr

    def event(self, instance_id: str, text: str) -> None:
        """Say what happened to an instance."""
        self.note(f"{self._paint(CYAN, instance_id)} · {text}")

    def note(self, text: str) -> None:
        """Say something about the host itself."""
        if not self.quiet:
            self.write(f"{self._now()} {text}")

    def warning(self, text: str) -> None:
        """Say what a person should look at."""
        self.write(f"{self._now()} {self._paint(YELLOW, 'warning:')} {text}")

    def error(self, text: str, traceback: str = "") -> None:
        """Say what went wrong, the user code's traceback below."""
        lines = [f"    {line}" for line in _DETAILS.sub("", traceback).rstrip().splitlines()]
        head = f"{self._now()} {self._paint(RED, 'error:')} {_DETAILS.sub('', text)}"
        self.write("\n".join([head, *lines]))

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Print rows of equal length in aligned columns."""
        if self.quiet:
            return
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append("  ".join(["", self._paint(YELLOW, first), *others]).rstrip())
        self.write("\n".join(["", title, "", *lines, ""]))

    def _paint(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.colour else text

    def _now(self) -> str:
        return self._paint(DIM, datetime.now().strftime("%H:%M:%S.%f")[:-3])
