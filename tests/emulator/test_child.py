"""A child process ends after SIGTERM, after SIGKILL, and after the death of its parent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.emulator.child import Child, ChildError

READY = "print('ready on 7', flush=True);"
FOREVER = "import signal; signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"


def child(folder: Path, program: str) -> Child:
    return Child("sample", [sys.executable, "-c", program], log=folder / "sample.log")


def test_a_child_prints_when_it_is_ready_and_ends_with_its_block(tmp_path: Path) -> None:
    with child(tmp_path, READY + FOREVER) as sample:
        assert sample.wait_for_line(r"^ready on (\d)", seconds=20)[1] == "7"
        assert sample.alive
    assert not sample.alive


def test_a_child_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    sample = child(tmp_path, "raise SystemExit('no such port')")
    sample.start()
    with pytest.raises(ChildError, match=r"sample ended with code 1; it printed:\n  no such port"):
        sample.wait_for_line("ready", seconds=20)


def test_a_child_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    sample = child(tmp_path, STUBBORN + READY + FOREVER)
    sample.start()
    sample.wait_for_line("ready", seconds=20)
    sample.stop(patience_seconds=0.1)
    assert not sample.alive


def test_a_line_from_before_a_restart_does_not_count(tmp_path: Path) -> None:
    sample = child(tmp_path, f"import os; os.path.exists({str(tmp_path / 'mute')!r}) or {READY} {FOREVER}")
    sample.start()
    sample.wait_for_line("ready", seconds=20)
    sample.kill()
    (tmp_path / "mute").touch()
    sample.start()
    with pytest.raises(ChildError, match="sample was not ready after 0 s"):
        sample.wait_for_line("ready", seconds=0.3)
    sample.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel ties a child to its parent")
def test_a_child_dies_with_a_parent_that_is_killed_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "held-open"
    os.mkfifo(fifo)
    holding = f"import signal; held = open({str(fifo)!r}, 'wb'); signal.pause()"
    starting = f"""
import pathlib, signal, sys
from local.emulator.child import Child
Child("holder", [sys.executable, "-c", {holding!r}], log=pathlib.Path({str(tmp_path / "holder.log")!r})).start()
signal.pause()
"""
    with (
        subprocess.Popen([sys.executable, "-c", starting]) as parent,
        fifo.open("rb") as held,
    ):  # open waits for the child
        parent.kill()
        assert held.read() == b"", "the pipe ends when its only writer, the child, has ended"
