"""However the command ends, all processes that it started end too."""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from local.demo.stack import ROOT

PROC = Path("/proc")
MARK = "MARK_OF_A_TEST"
GONE_SECONDS = 60.0

pytestmark = pytest.mark.skipif(not PROC.is_dir(), reason="finds processes by their environment, in /proc")


def processes_with(mark: str) -> list[int]:
    """Return every process that inherited the mark."""
    found = []
    for folder in PROC.glob("[0-9]*"):
        try:
            environment, state = (folder / "environ").read_bytes(), (folder / "stat").read_text()
        except OSError:  # gone, or not ours
            continue
        if f"{MARK}={mark}".encode() in environment and state.rpartition(")")[2].split()[0] != "Z":
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize(
    ("ending", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_an_interrupted_run_leaves_no_process_behind(ending: signal.Signals, exit_code: int, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    command = [sys.executable, "-u", "-m", "local.demo.run", "--ids", "20000", "--folder", str(tmp_path)]
    environment = {**os.environ, MARK: mark}
    out, err = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=err, text=True) as run:
        assert run.stderr is not None
        try:
            under_way = any(line.startswith("running") for line in iter(run.stderr.readline, ""))
            assert under_way, "the run ended before it was under way"
            assert len(processes_with(mark)) == 5, "the command, Azurite, the demo API, devhost, its worker"
            run.send_signal(ending)
            run.stderr.read()
            assert run.wait(30) == exit_code
        finally:
            run.kill()
    deadline = time.monotonic() + GONE_SECONDS
    while processes_with(mark) and time.monotonic() < deadline:
        time.sleep(0.05)  # the kernel takes a moment to end orphans
    assert processes_with(mark) == []
