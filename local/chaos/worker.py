"""The worker process of devhost: strikes it, and reads in devhost's log what has become of it.

Enters: strikes, at the moments of the ambush. Leaves: how often it has exited, and in the middle of what. A strike that
finds no devhost is made up for when there is one again.
"""

import contextlib
import os
import re
import signal
from pathlib import Path

from local.chaos.ambush import Victim

SIGNALS = {Victim.TURN: signal.SIGUSR1, Victim.TIMEOUT: signal.SIGUSR2}  # what `devhost --strikes` listens to
STARTED = re.compile(r"worker process (\d+) runs the app$", re.MULTILINE)
EXITED = re.compile(r"python exited with code \d+ \(0x\w+\); in flight: (.*)$", re.MULTILINE)
TIMED_OUT = re.compile(r"a function timeout has occurred: the worker process is replaced$", re.MULTILINE)


class WorkerStrikes:
    """What was done to the workers, as far as the log tells."""

    def __init__(self, log: Path) -> None:
        self.exits_in_turns = 0
        self.exits_in_activities = 0
        self.timeouts = 0
        self._log = log
        self._read_bytes = 0
        self._pid = 0
        self._owed: dict[Victim, int] = {}  # and what its count was when it was struck

    def strike(self, victim: Victim, host_pid: int | None) -> None:
        """Strike now, if there is a devhost that listens; else as soon as there is."""
        self._owed.setdefault(victim, self._count(victim))
        if host_pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if victim is not Victim.WORKER:
                os.kill(host_pid, SIGNALS[victim])
            elif self._pid:
                os.kill(self._pid, signal.SIGKILL)
                del self._owed[victim]

    def strike_again(self, host_pid: int | None) -> None:
        """Strike a devhost that has just been started with what it still has to suffer."""
        for victim in [*self._owed]:
            self.strike(victim, host_pid)

    def look(self) -> None:
        """Read what the log says since the last look."""
        with self._log.open("rb") as log:
            log.seek(self._read_bytes)
            text, end, _ = log.read().rpartition(b"\n")
        self._read_bytes += len(text) + len(end)
        said = text.decode(errors="replace")
        for in_flight in EXITED.findall(said):
            self.exits_in_turns += "run_turn" in in_flight
            self.exits_in_activities += "run_turn" not in in_flight
        self.timeouts += len(TIMED_OUT.findall(said))
        self._pid = int((STARTED.findall(said) or [self._pid])[-1])
        for victim, before in [*self._owed.items()]:
            if victim is not Victim.WORKER and self._count(victim) > before:
                del self._owed[victim]

    def _count(self, victim: Victim) -> int:
        return self.timeouts if victim is Victim.TIMEOUT else self.exits_in_turns
