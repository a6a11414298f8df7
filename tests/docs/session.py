"""A reader's terminals in a copy of the repository: run the commands of a page one after another, as typed."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.docs.shown import Step, agrees

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0
LASTING = ("make serve", ".venv/bin/python -m examples.nightly.shop")  # they run until Ctrl-C
IDS = {"100,000": "2,000", "100000": "2000"}  # `make run` moves fewer here


class Session:
    """Runs the steps of a page; ports, and the number of ids of `make run`, are others than those shown."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._typed = folder / "sluice folder", list[str]()
        self._ports = {shown: str(free_port()) for shown in ("7071", "8090")}
        self._lasting: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, check=True, text=True,
        ).stdout  # fmt: skip
        for name in filter(None, names.split("\0")):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_file() and not (ROOT / name).is_symlink():
                shutil.copy2(ROOT / name, self.folder / name)
        (self.folder / ".venv").symlink_to(sys.prefix)
        modules = "local/emulator/node_modules"
        (self.folder / modules).symlink_to(ROOT / modules)
        return self

    def __exit__(self, *ending: object) -> None:
        for process in self._lasting:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            process.wait(PATIENCE_SECONDS)

    def take(self, step: Step) -> None:
        """Do a step; fail if its output differs from the page."""
        if step.file:
            (self.folder / step.file).write_text(step.shown, encoding="utf-8")
            return
        shown, said = step.shown, ""
        if step.command.startswith("make run"):
            for page, here in IDS.items():
                shown = shown.replace(page, here)
        if step.command.startswith("export "):
            self._typed.append(self._here(step.command))
        elif step.command.startswith(LASTING):
            said = self._start(step)
        else:
            said = self._run(step.command)
        assert agrees(shown, said), f"line {step.line}: $ {step.command}\nshown:\n{shown}\nsaid:\n{said}"

    def _run(self, command: str) -> str:
        done = subprocess.run(
            self._shell(command), cwd=self.folder, env=self._environment(), text=True, timeout=PATIENCE_SECONDS,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return self._as_shown(done.stdout)

    def _start(self, step: Step) -> str:
        """Start a command that lasts, and return what it says once that is what the page shows."""
        log = self.folder / f"{len(self._lasting)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self._shell(step.command), cwd=self.folder, env=self._environment(), stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._lasting.append(process)
        until, said = time.monotonic() + PATIENCE_SECONDS, ""
        while not agrees(step.shown, said) and time.monotonic() < until and process.poll() is None:
            time.sleep(0.1)
            said = self._as_shown(log.read_text(encoding="utf-8"))
        return said

    def _shell(self, command: str) -> list[str]:
        """Return a command as it is run here; make takes its own set-up for done, which no test repeats."""
        if command.startswith("make "):
            options = {"make run": f"IDS={IDS['100000']}", "make serve": f"PORT={self._ports['7071']}"}
            more = next((option for start, option in options.items() if command.startswith(start)), "")
            command = f"make --no-print-directory -o setup {command.removeprefix('make ')} {more}"
        return ["bash", "-c", "\n".join([*self._typed, f"exec {self._here(command)}"])]

    def _here(self, text: str) -> str:
        for shown, port in self._ports.items():
            text = re.sub(rf"\b{shown}\b", port, text)
        return text

    def _as_shown(self, text: str) -> str:
        for shown, port in self._ports.items():
            text = re.sub(rf"\b{port}\b", shown, text)
        return text

    def _environment(self) -> dict[str, str]:
        """Return a user's environment: nothing of the tests', and the app where this session serves it."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONPATH": str(self.folder),  # `sluice` is installed from the repository, and is to be that of the copy
            "PYTHONUNBUFFERED": "1",
            "SLUICE_URL": f"http://localhost:{self._ports['7071']}",
        }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
