"""Shows a run while it goes on: a progress bar in a terminal, a line now and then elsewhere.

Enters: how far the run is, then how many messages were read back. Leaves: nothing; this only looks. It never shows less
than before: a status that was given without a look at the storage knows only of the window's start.
"""

import time
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

LINE_SECONDS = 2.0
WIDE = 100  # columns of a terminal that has room for a bar beside the text


class View:
    """Two phases, each with a count of what is done and, once known, of all."""

    def __init__(self, console: Console) -> None:
        text = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="crop"))
        bar = [BarColumn(bar_width=16)] if console.width >= WIDE else []
        self._console = console
        self._bars = Progress(*bar, text, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, float] = {}
        self._most: dict[str, int] = {}
        self._said_at = -LINE_SECONDS

    def show_progress(self, progress: dict[str, Any] | None) -> None:
        """Show a run's progress, as its status has it; the total is what was fetched so far if no source says it."""
        if progress:
            done = progress["enqueued"] + progress["rejected"] + progress["failed"]
            total = progress["source_total"] or (progress["fetched"] if progress["source_exhausted"] else None)
            self.show("enqueue", done, total, f"{progress['chunks_done']}/{progress['chunks_total']} chunks")

    def show(self, phase: str, done: int, total: int | None, note: str = "") -> None:
        """Show that so many of so many are done; in a log a line when there is something new, every other second."""
        now = time.monotonic()
        begun = self._begun.setdefault(phase, now)
        in_terminal, is_due = self._console.is_terminal, done == total or now - self._said_at >= LINE_SECONDS
        if done <= self._most.get(phase, -1) or not (in_terminal or is_due):
            return
        self._most[phase], self._said_at = done, now
        rate = done / (now - begun) if now > begun else 0.0
        left = f"{(total - done) / rate:.0f} s left" if total is not None and rate else ""
        of = "?" if total is None else f"{total:,}"
        words = [f"{phase:<9} {done:,}/{of}", note, f"{rate:,.0f}/s" if rate else "", left]
        line = "  ".join(word for word in words if word)
        if in_terminal:
            if phase not in self._tasks:
                self._tasks[phase] = self._bars.add_task(line)
            self._bars.update(self._tasks[phase], description=line, completed=done, total=total)
        else:
            self._console.print(line, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._bars.stop()
