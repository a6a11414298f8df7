"""Strike the worker process of devhost, and read the result in devhost's log.

Input: strikes. Output: how often the worker has exited or timed out, by the calls in flight. If devhost is down at a
strike, the strike follows after its next start.
"""

import contextlib
import os
import re
import signal
from collections import Counter
from pathlib import Path

from local.chaos.ambush import Victim

SIGNALS = {Victim.TURN: signal.SIGUSR1, Victim.TIMEOUT: signal.SIGUSR2}  # the signals of `devhost --strikes`
SUFFERS = {Victim.TURN: "exits_in_turns", Victim.TIMEOUT: "timeouts"}  # the count that each strike must raise
STARTED = re.compile(r"worker process (\d+) runs the app\n")
EXITED = re.compile(r"python exited with code \d+ \(0x\w+\); in flight: (.*)\n")
TIMED_OUT = re.compile(r"a function exceeded functionTimeout: a new worker process replaces the old one\n")


class WorkerStrikes:
    """Strikes at the workers; `suffered` counts the strikes that the log shows."""

    def __init__(self, log: Path) -> None:
        self.suffered: Counter[str] = Counter()
        self._log = log
        self._pid = 0
        self._owed: dict[Victim, int] = {}  # strikes without an effect so far, each with its count at that time

    def strike(self, victim: Victim, host_pid: int | None) -> None:
        """Strike now if devhost is running, else after its next start."""
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
        """Repeat the open strikes at a devhost that has just started."""
        for victim in [*self._owed]:
            self.strike(victim, host_pid)

    def look(self) -> None:
        """Read the new lines of the log."""
        said = self._log.read_text(errors="replace")
        in_turns = ["run_turn" in in_flight for in_flight in EXITED.findall(said)]
        timeouts = len(TIMED_OUT.findall(said))
        self.suffered = Counter(
            exits_in_turns=sum(in_turns), exits_in_activities=len(in_turns) - sum(in_turns), timeouts=timeouts
        )
        self._pid = int((STARTED.findall(said) or [0])[-1])
        for victim, had in [*self._owed.items()]:  # change the dict in place, because another thread adds strikes
            if self.suffered[SUFFERS.get(victim, "")] > had:
                del self._owed[victim]
