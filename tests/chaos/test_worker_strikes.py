"""Strikes at the worker process: their lines in the log, and strikes while devhost is down."""

import signal
from pathlib import Path

import pytest

from local.chaos.ambush import Victim
from local.chaos.worker import WorkerStrikes

HOST, WORKER = 4711, 4712
LOG = f"12:00:00.000 worker process {WORKER} runs the app\n"
EXIT = "12:00:00.000 error: python exited with code 137 (0x89); in flight: {}\n"
TIMEOUT = "12:00:00.000 error: a function exceeded functionTimeout: a new worker process replaces the old one\n"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, signal.Signals]]:
    signals: list[tuple[int, signal.Signals]] = []
    monkeypatch.setattr("local.chaos.worker.os.kill", lambda pid, number: signals.append((pid, number)))
    return signals


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "devhost.log").write_text(LOG)
    return tmp_path / "devhost.log"


def add(log: Path, *lines: str) -> None:
    with log.open("a") as opened:
        opened.writelines(lines)


def test_the_log_says_what_an_exit_of_the_worker_interrupted(log: Path) -> None:
    strikes = WorkerStrikes(log)
    add(log, EXIT.format("3 run_activity"), EXIT.format("1 run_turn, 2 run_activity"), TIMEOUT)
    strikes.look()
    add(log, EXIT.format("2 run_activity")[:-1])
    strikes.look()
    assert strikes.suffered == {"exits_in_turns": 1, "exits_in_activities": 1, "timeouts": 1}, "half a line is none"
    add(log, "\n")
    strikes.look()
    assert strikes.suffered["exits_in_activities"] == 2


def test_a_worker_is_killed_by_its_own_id(log: Path, sent: list[tuple[int, signal.Signals]]) -> None:
    strikes = WorkerStrikes(log)
    strikes.look()
    strikes.strike(Victim.WORKER, HOST)
    strikes.strike_again(HOST)
    assert sent == [(WORKER, signal.SIGKILL)]


@pytest.mark.parametrize(
    ("victim", "number", "line"),
    [(Victim.TURN, signal.SIGUSR1, EXIT.format("1 run_turn")), (Victim.TIMEOUT, signal.SIGUSR2, TIMEOUT)],
)
def test_what_a_devhost_did_not_live_to_suffer_the_next_one_suffers(
    log: Path, sent: list[tuple[int, signal.Signals]], victim: Victim, number: signal.Signals, line: str
) -> None:
    strikes = WorkerStrikes(log)
    strikes.strike(victim, None)
    assert sent == [], "nobody listens"
    strikes.strike_again(HOST)
    strikes.strike_again(HOST + 1)
    assert sent == [(HOST, number), (HOST + 1, number)]
    add(log, line)
    strikes.look()
    strikes.strike_again(HOST + 2)
    assert len(sent) == 2, "it has happened"
