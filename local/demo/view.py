"""Shows a run while it goes on: a progress bar in a terminal, a line now and then elsewhere.

Enters: how far the run is, then how many messages were read back. Leaves: nothing; this only looks. It never shows less
than before: a status that was given without a look at the storage knows only of the window's start.
"""

import time
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

LINE_SECONDS = 2.0


class View(Protocol):
    """Two phases, each with a count of what is done and, once known, of all."""

    def show(self, phase: str, done: int, total: int | None, note: str = "") -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *ending: object) -> None: ...


def view(console: Console) -> View:
    return Bar(console) if console.is_terminal else Lines(console)


def show_progress(view: View, progress: dict[str, Any] | None) -> None:
    """The progress of a run, as its status has it; the total is what was fetched so far if the source does not say."""
    if progress:
        done = progress["enqueued"] + progress["rejected"] + progress["failed"]
        total = progress["source_total"] or (progress["fetched"] if progress["source_exhausted"] else None)
        view.show("enqueue", done, total, f"{progress['chunks_done']}/{progress['chunks_total']} chunks")


class Bar:
    """For a terminal."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(*columns(console.width), console=console, speed_estimate_period=15)
        self._tasks: dict[str, Task] = {}

    def show(self, phase: str, done: int, total: int | None, note: str = "") -> None:
        if phase not in self._tasks:
            self._progress.add_task(phase, total=total, note=note)
            self._tasks[phase] = self._progress.tasks[-1]
        task = self._tasks[phase]
        if done >= task.completed:
            self._progress.update(task.id, completed=done, total=total, note=note)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._progress.stop()


def columns(width: int) -> list[ProgressColumn]:
    """What a terminal of that width has room for, with a million ids: the counts first of all."""
    every: list[tuple[int, ProgressColumn]] = [
        (0, TextColumn("{task.description:<9}")),
        (70, BarColumn(bar_width=32 if width >= 120 else 16)),
        (0, Count()),
        (90, TextColumn("[dim]{task.fields[note]}")),
        (50, Rate()),
        (100, TimeElapsedColumn()),
        (40, TimeRemainingColumn(elapsed_when_finished=False)),
    ]
    return [column for least, column in every if width >= least]


class Count(ProgressColumn):
    """So many of so many."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.completed:,.0f}/{'?' if task.total is None else f'{task.total:,.0f}'}", style="cyan")


class Rate(ProgressColumn):
    """So many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "-/s", style="green")


class Lines:
    """For a log: a line when there is something new to say, at most every other second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started: dict[str, float] = {}
        self._said: dict[str, int] = {}
        self._said_at = -LINE_SECONDS

    def show(self, phase: str, done: int, total: int | None, note: str = "") -> None:
        now = time.monotonic()
        started = self._started.setdefault(phase, now)
        if done <= self._said.get(phase, -1) or (done != total and now - self._said_at < LINE_SECONDS):
            return
        self._said[phase], self._said_at = done, now
        rate = done / (now - started) if now > started else 0.0
        left = f"{(total - done) / rate:.0f} s left" if total is not None and rate else ""
        of = "?" if total is None else f"{total:,}"
        words = [f"{phase:<9} {done:,}/{of}", note, f"{rate:,.0f}/s" if rate else "", left]
        self._console.print("  ".join(word for word in words if word), highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        pass
