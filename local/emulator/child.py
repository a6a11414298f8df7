"""A child process with a log file, which always ends with its parent.

All processes that the project starts are children: Azurite, the demo API, devhost. Input: a command. Output: a running
process, which ends at `stop`, at the end of the `with` block, or (on Linux) when its parent dies. For the kernel the
parent is the *thread* that started the child, so start children from a thread that does not end.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
TETHER = Path(__file__).with_name("tether.py")
POLL_SECONDS = 0.02
START_SECONDS = 90.0  # some seconds on an idle machine, longer with a full data folder or on a busy machine


class ChildError(Exception):
    """A child process did not start, or ended on its own; the message has the end of its log."""


class Child:
    """A process that writes to one log file and can be started again after its end."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, cwd: Path | None = None) -> None:
        self.name, self.command, self.log, self.cwd = name, list(command), log, cwd
        self.environment: dict[str, str] = {}  # in addition to the environment of this process
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process id, also after the end; None before the first start."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process and wait until it is ready; its output is appended to the log."""
        if self.alive:
            raise ChildError(f"{self.name} is running already (pid {self.pid})")
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"cannot create the folder {self.log.parent} for logs and data: {error.strerror}"
            raise ChildError(what) from error
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid())] if sys.platform == "linux" else []
        with self.log.open("ab") as output:
            # a separate session, so that only the parent gets Ctrl-C and stops its children in order
            self._process = subprocess.Popen(
                [*tether, *self.command],
                cwd=self.cwd,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def wait_until_ready(self) -> None:
        """Return at once; a subclass waits for a line of output."""

    def stop(self, patience_seconds: float = 10.0) -> None:
        """Send SIGTERM, and SIGKILL if the process does not end within `patience_seconds`."""
        if self._process is None:
            return
        try:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_seconds)
        finally:  # after a second Ctrl-C too, so that no process is left
            self.kill()

    def kill(self) -> None:
        """End the process at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait_for_line(self, pattern: str, *, seconds: float = START_SECONDS) -> re.Match[str]:
        """Return the first matching line since the last start. Raise ChildError if none appears in time."""
        deadline = time.monotonic() + seconds
        while True:
            ended = not self.alive  # before reading, so that the last output of a process is read too
            if match := re.search(pattern, self.printed(), re.MULTILINE):
                return match
            if ended:
                raise self._ended()
            if time.monotonic() > deadline:
                raise ChildError(f"{self.name} was not ready after {seconds:.0f} s; it printed:\n{self._tail()}")
            time.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Raise ChildError if the process has ended on its own."""
        if not self.alive:
            raise self._ended()

    def printed(self) -> str:
        """Return the output of the process since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _ended(self) -> ChildError:
        code = self._process.returncode if self._process else None
        return ChildError(f"{self.name} ended with code {code}; it printed:\n{self._tail()}")

    def _tail(self) -> str:
        return "\n".join("  " + line for line in self.printed().splitlines()[-15:]) or "  (nothing)"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *ending: object) -> None:
        self.stop()


class Server(Child):
    """A module of this project that prints `... ready on URL`; `url` is known after the start."""

    def __init__(self, name: str, module: str, *flags: str, log: Path) -> None:
        super().__init__(name, [], log=log, cwd=ROOT)
        self.environment["PYTHONUNBUFFERED"] = "1"
        self.module, self.flags = module, list(flags)
        self.url = ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def start(self) -> None:
        """Start the module with its present flags."""
        self.command = [sys.executable, "-m", self.module, *self.flags]
        super().start()

    def wait_until_ready(self) -> None:
        """Wait for the line with the URL."""
        self.url = self.wait_for_line(r" ready on (\S+)$")[1]
