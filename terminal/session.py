"""What all commands share: the app, the choice of JSON or text, stdout and stderr."""

import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from terminal import profile
from terminal.api import Api
from terminal.ending import Code, Trouble
from terminal.words import clean

HERE = "http://localhost:7071"  # devhost and Core Tools
PLACE = re.compile(r"/+(api/?(runs/?|ui/?(#/.*)?)?)?$")  # what follows the app's URL in the URL of the page or the runs
WIDE = 10_000  # columns without a terminal: no line is cut


@dataclass
class Session:
    """The shared options, and what follows from them."""

    url: str | None = None
    key: str | None = None
    json: bool = False

    def given(self) -> tuple[str | None, str | None]:
        """Return the URL and key from options or environment, None if not given."""
        key = self.key or os.environ.get("SLUICE_KEY") or ""
        return self.url or os.environ.get("SLUICE_URL"), key.strip() or None

    @cached_property
    def app(self) -> profile.Profile:
        """The app from options, environment or profile; the profile's key is sent to the profile's URL only."""
        url, key = self.given()
        kept = None if url and key else profile.load()
        chosen = base_url(url or (kept.url if kept else HERE))
        return profile.Profile(chosen, key or (kept.key if kept and kept.url == chosen else None))

    @cached_property
    def api(self) -> Api:
        return click.get_current_context().with_resource(Api(*self.app))

    @cached_property
    def out(self) -> Console:
        return Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, emoji=False, markup=False)

    @cached_property
    def err(self) -> Console:
        return Console(stderr=True, highlight=False, emoji=False, markup=False)

    def data(self, document: Any, *lines: str | Table | Group) -> None:
        """Print data: with --json the document as one line of JSON, else the lines."""
        if self.json:
            click.echo(json.dumps(document))
        else:
            with self.out.capture() as printed:
                for line in lines:
                    is_text = isinstance(line, str)
                    self.out.print(clean(line) if is_text else line, soft_wrap=is_text)
            for line in printed.get().splitlines():
                click.echo(line.rstrip(), color=True)  # rich has chosen the colours

    def hint(self, *lines: str) -> None:
        """Print what to do next on stderr, but not with --json."""
        if not self.json:
            for line in lines:
                self.err.print(clean(line), soft_wrap=True, style="dim")

    def suggest(self, run: dict[str, Any], steps: Iterable[tuple[str, str]]) -> None:
        """Print the commands to consider for a run, each with its purpose."""
        for command, what in steps:
            self.hint(f"next: {self.command(command, run['source' if command == 'start' else 'run_id'])}  {what}")

    def command(self, *words: str) -> str:
        """Return a command to type for the same app."""
        return " ".join(["sluice", *words, *(["--url", self.url] if self.url else [])])

    def agree(self, question: str, *, yes: bool) -> None:
        """Ask whether to continue. Raise Trouble if the answer is no, and a usage error if there is no terminal."""
        if yes:
            return
        if not on_terminal():
            raise click.UsageError(f"{question} There is no terminal to ask on: confirm with --yes.")
        if not click.confirm(clean(question), err=True):
            raise Trouble(Code.FAILED, "not confirmed: nothing is changed")


def on_terminal() -> bool:
    """Return whether stdin and stderr are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def base_url(text: str) -> str:
    """Return the URL of an app without the path of the page. Raise Trouble if it is not the URL of an app."""
    url = PLACE.sub("", text.strip())
    allowed = f"allowed: https://NAME.azurewebsites.net, {HERE}"
    if any(mark in url for mark in "?#@"):  # not shown: it may contain a key or a password
        raise Trouble(
            Code.USAGE, f"the app's URL must have no user, query or fragment ({allowed}); give the key with --key"
        )
    if not url.startswith(("http://", "https://")):
        raise Trouble(Code.USAGE, f"{text} is not the URL of an app ({allowed})")
    return url


def table(*headings: str) -> Table:
    """Return a table without lines; a heading that begins with > aligns its column to the right."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading.lstrip(">"), justify="right" if heading.startswith(">") else "left", overflow="fold")
    return made


def row(made: Table, *cells: object) -> None:
    """Add a row of texts to a table."""
    made.add_row(*(cell if isinstance(cell, Text) else Text(clean(cell)) for cell in cells))
