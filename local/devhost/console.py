"""What a person reads while devhost runs; on stderr, so that an app's own printing on stdout stays apart."""

import contextlib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

# After its reason a failed call's exception goes on with serialised .NET: for programs, not for people.
_DETAILS = re.compile(r"(?: \n .*)+")


def _to_stderr(line: str) -> None:
    # sys.stderr as it is now: a test may have replaced it. Whoever read it may be gone, its disk full, itself closed.
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Console:
    """Readable lines, each handed to `write`."""

    write: Callable[[str], None] = _to_stderr

    def event(self, instance_id: str, text: str) -> None:
        """Say what happened to an instance."""
        self.note(f"{instance_id} · {text}")

    def note(self, text: str) -> None:
        """Say something about the host itself."""
        self.write(f"{_now()} {text}")

    def warning(self, text: str) -> None:
        """Say what a person should look at."""
        self.write(f"{_now()} warning: {text}")

    def error(self, text: str, traceback: str = "") -> None:
        """Say what went wrong, the user code's traceback below."""
        lines = [f"    {line}" for line in _DETAILS.sub("", traceback).rstrip().splitlines()]
        head = f"{_now()} error: {_DETAILS.sub('', text)}"
        self.write("\n".join([head, *lines]))

    def table(self, title: str, rows: Sequence[Sequence[str]]) -> None:
        """Print rows of equal length in aligned columns."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        cells = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
        lines = ["  ".join(["", *row]).rstrip() for row in cells]
        self.write("\n".join(["", title, "", *lines, ""]))


def _now() -> str:
    return datetime.now().strftime("%H:%M:%S.%f")[:-3]
