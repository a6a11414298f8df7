"""The worker process of devhost: strikes it, and reads in devhost's log what has become of it.

Enters: strikes, at the moments of the ambush. Leaves: how often it has exited, and in the middle of what. A strike that
finds no devhost is made up for when there is one again.
"""

import contextlib
import os
import re
import signal
from collections import Counter
from pathlib import Path

from local.chaos.ambush import Victim

SIGNALS = {Victim.TURN: signal.SIGUSR1, Victim.TIMEOUT: signal.SIGUSR2}  # what `devhost --strikes` listens to
SUFFERS = {Victim.TURN: "exits_in_turns", Victim.TIMEOUT: "timeouts"}  # what the log says when they have come
STARTED = re.compile(r"worker process (\d+) runs the app\n")
EXITED = re.compile(r"python exited with code \d+ \(0x\w+\); in flight: (.*)\n")
TIMED_OUT = re.compile(r"a function timeout has occurred: the worker process is replaced\n")


class WorkerStrikes:
    """What was done to the workers, as far as the log tells; `suffered` counts it."""

    def __init__(self, log: Path) -> None:
        self.suffered: Counter[str] = Counter()
        self._log = log
        self._pid = 0
        self._owed: dict[Victim, int] = {}  # and what it had suffered when it was struck

    def strike(self, victim: Victim, host_pid: int | None) -> None:
        """Strike now, if there is a devhost that listens; else as soon as there is."""
        self._owed.setdefault(victim, self.suffered[SUFFERS.get(victim, "")])
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
        """Read what the log says by now."""
        said = self._log.read_text(errors="replace")
        in_turns = ["run_turn" in in_flight for in_flight in EXITED.findall(said)]
        timeouts = len(TIMED_OUT.findall(said))
        self.suffered = Counter(
            exits_in_turns=sum(in_turns), exits_in_activities=len(in_turns) - sum(in_turns), timeouts=timeouts
        )
        self._pid = int((STARTED.findall(said) or [0])[-1])
        for victim, had in [*self._owed.items()]:  # in place, for strikes come from another thread
            if self.suffered[SUFFERS.get(victim, "")] > had:
                del self._owed[victim]
