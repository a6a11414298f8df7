"""One child process with a log file and a certain end.

Used for everything that the project starts beside itself: Azurite, the demo API, devhost. Enters: a command. Leaves:
a running process that is stopped by `stop`, by leaving the `with` block, or (on Linux) by the death of its parent.

A child is tied to the *thread* that started it, as the kernel sees it: start children from a thread that stays.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

TETHER = Path(__file__).with_name("tether.py")
POLL_SECONDS = 0.02


class ChildError(Exception):
    """A child process did not start, or ended on its own; the message carries the end of its log."""


class Child:
    """A process that writes to one log file and can be started again after its end."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.cwd = cwd
        self.environment = dict(environment or {})
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
        """Start the process; what it prints is appended to the log."""
        if self.alive:
            raise ChildError(f"{self.name} is running already (pid {self.pid})")
        make_folder(self.log.parent)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid())] if sys.platform == "linux" else []
        with self.log.open("ab") as output:
            # a session of its own: Ctrl-C in the terminal reaches the parent alone, which stops its children in order
            self._process = subprocess.Popen(
                [*tether, *self.command],
                cwd=self.cwd,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, patience_seconds: float = 10.0) -> None:
        """Ask the process to end, and end it when it takes longer than that."""
        if self._process is None:
            return
        try:
            if self.alive:
                self._process.terminate()
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        except BaseException:  # a second Ctrl-C, say: no more patience, but no process left either
            self.kill()
            raise

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self._process is not None:
            if self.alive:
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def wait_for_line(self, pattern: str, *, seconds: float) -> re.Match[str]:
        """The first line since the last start that matches; raises ChildError when none comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            ended = not self.alive  # before reading, so that the last words of a process are read too
            if match := re.search(pattern, self._printed(), re.MULTILINE):
                return match
            if ended:
                raise self.ended()
            if time.monotonic() > deadline:
                raise ChildError(f"{self.name} was not ready after {seconds:.0f} s; it printed:\n{self.tail()}")
            time.sleep(POLL_SECONDS)

    def last_line(self, pattern: str) -> re.Match[str] | None:
        """The last line since the last start that matches."""
        return max(re.finditer(pattern, self._printed(), re.MULTILINE), key=re.Match.start, default=None)

    def check(self) -> None:
        """Raise ChildError if the process has ended on its own."""
        if not self.alive:
            raise self.ended()

    def ended(self) -> ChildError:
        code = self._process.returncode if self._process else None
        return ChildError(f"{self.name} ended with code {code}; it printed:\n{self.tail()}")

    def tail(self, lines: int = 15) -> str:
        """The last lines that the process printed since its last start."""
        return "\n".join("  " + line for line in self._printed().splitlines()[-lines:]) or "  (nothing)"

    def _printed(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def make_folder(folder: Path) -> None:
    """Make a folder for logs and data, if need be; raises ChildError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ChildError(f"the folder {folder} for logs and data cannot be made: {error.strerror}") from error
