"""What only a person at a terminal sees: a display in place, and questions."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from terminal import profile
from terminal.ending import Code
from tests.app_host import ROOT
from tests.terminal.conftest import Call, Live

PATIENCE_SECONDS = 30.0
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """A person in front of a command."""

    def __init__(self, *words: str, **environment: str) -> None:
        self._master, inner = pty.openpty()
        self.seen = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "terminal", *words], cwd=ROOT, stdin=inner, stdout=inner, stderr=inner,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
        )  # fmt: skip
        os.close(inner)

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self.seen)

    def see(self, pattern: str) -> None:
        """Wait until this is on the screen."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, self.text
            assert self._read(), f"it ended before {pattern!r} was seen: {self.text}"

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        """Do what Ctrl-C does at the terminal that a command belongs to."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Wait until the command has ended; return its exit code."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._read():
            assert time.monotonic() < deadline, self.text
        return self._process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], PATIENCE_SECONDS)
        assert ready, f"nothing more came: {self.text}"
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # on Linux: the other end is closed
            return False
        self.seen += piece.decode(errors="replace")
        return bool(piece)


@contextmanager
def screen(*words: str, **environment: str) -> Iterator[Screen]:
    shown = Screen(*words, **environment)
    try:
        yield shown
    finally:
        shown.close()


def test_a_run_is_shown_in_place_until_its_report_takes_the_place(live: Live, call: Call) -> None:
    live.rig.hold(2)
    call("start", "demo", "--run-id", "in-place", "--chunk-size", "25")
    live.rig.gate.wait_until_reached()
    with screen("watch", "in-place") as person:
        person.see(r"in-place +demo +running")
        person.see(r"█+░+ .*fetched 120")
        person.see(r"= █ enqueued \d+ \+ ▓ rejected 0 \+ X failed 0 \+ ░ pending \d+")
        live.rig.gate.open()
        assert person.end() == Code.COMPLETED
        assert person.text.rstrip().endswith("fetched 120 of 120 = enqueued 120 + rejected 0 + failed 0 + pending 0")
        assert "\x1b[3" in person.seen, "in colour"
        assert person.seen.count("\x1b[?25l") == person.seen.count("\x1b[?25h") > 0, "the cursor is there again"


def test_with_no_color_nothing_is_coloured(live: Live, call: Call) -> None:
    call("start", "demo", "--run-id", "colourless", "--watch")
    with screen("show", "colourless", NO_COLOR="1") as person:
        assert person.end() == 0
        assert "█" in person.text
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", person.seen)


def test_ctrl_c_at_the_terminal_leaves_the_run_going(live: Live, call: Call) -> None:
    live.rig.hold(2)
    call("start", "demo", "--run-id", "left-going", "--chunk-size", "25")
    live.rig.gate.wait_until_reached()
    with screen("watch", "left-going") as person:
        person.see("pending")
        person.interrupt()
        assert person.end() == Code.INTERRUPTED
        assert "watch it again: sluice watch left-going" in person.text


def test_delete_asks_and_accepts_no(live: Live, call: Call) -> None:
    call("start", "demo", "--run-id", "kept", "--watch")
    with screen("delete", "kept") as person:
        person.see(r"Delete run kept, its ledger and its history\? \[y/N\]")
        person.type("n\n")
        assert person.end() == Code.FAILED
    assert call("show", "kept").code == 0
    with screen("delete", "kept") as person:
        person.see("y/N")
        person.type("y\n")
        assert person.end() == 0
    assert call("show", "kept").code == Code.NO_SUCH_RUN


def test_the_page_is_opened_where_there_is_a_browser(live: Live) -> None:
    with screen("open", "orders-2026", BROWSER="echo a browser is at %s") as person:
        assert person.end() == 0
        assert person.text.split("\r\n")[:2] == [
            f"{live.url}/api/ui#/runs/orders-2026",
            f"a browser is at {live.url}/api/ui#/runs/orders-2026",
        ]


def test_login_asks_for_url_and_key_and_does_not_show_the_key(
    live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SLUICE_URL", "SLUICE_KEY"):
        monkeypatch.delenv(name)
    with screen("login") as person:
        person.see(r"URL of the app \[http://localhost:7071\]")
        person.type(f"{live.url}/\n")
        person.see("Key")
        person.type(f"{live.key}\n")
        assert person.end() == 0
        assert live.key not in person.text
    assert profile.load() == profile.Profile(live.url, live.key)
