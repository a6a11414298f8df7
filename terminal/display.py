"""Show progress on stderr: in place on a terminal, elsewhere as a line now and then.

Input: a function that returns the present block of lines, and a text with the same facts in one line. All programs of
the project show progress with `Display`.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from terminal.view import Run, block, line

REFRESH_PER_SECOND = 2  # fast enough for a countdown, slow enough to read
LINE_SECONDS = 2.0  # between two lines, plus a fiftieth of the time so far: a long run prints few lines


class Display:
    """`console` may be a terminal, a file or a pipe. A quiet display shows nothing."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._block: Callable[[], RenderableType] = Text
        self._note = self._status = ""
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=REFRESH_PER_SECOND,
            transient=True, redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._begun = time.monotonic()
        self._printed, self._printed_at = "", -LINE_SECONDS

    def show(self, what: Callable[[], RenderableType], text: str, important: bool = False) -> None:
        """Show this block. Without a terminal, print `text` if it is new: at once if important, else now and then."""
        self._block, self._note = what, ""
        self._print(text, important)

    def show_run(self, run: Run) -> None:
        """Show this run; its line is important if the status has changed."""
        important, self._status = run["status"] != self._status, run["status"]
        self.show(partial(block, run, ascii_only=self._console.options.ascii_only), line(run), important=important)

    def note(self, text: str) -> None:
        """Show below the block why there is nothing new; an empty text removes the note."""
        self._note = text
        if text:
            self._print(text, important=True)

    def _print(self, text: str, important: bool) -> None:
        if self._quiet or self._console.is_interactive or text == self._printed:
            return
        now = time.monotonic()
        if important or now >= self._printed_at + LINE_SECONDS + (now - self._begun) / 50:
            self._printed, self._printed_at = text, now
            self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def _render(self) -> RenderableType:
        return Group(self._block(), Text(self._note, "red")) if self._note else self._block()

    def __enter__(self) -> Self:
        if self._console.is_interactive and not self._quiet:
            self._live.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self._live.stop()
