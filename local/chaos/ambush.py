"""Strike at the k-th request to storage, not after some seconds, so that the speed of the machine does not matter.

A strike ends a process or cuts off storage. Input: each request twice, before the service gets it, and between its
execution and its answer. Output: a dead devhost or worker, an unreachable storage, or several of these, at exactly that
point.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Victim(StrEnum):
    """The target of a strike."""

    HOST = "host"  # devhost and its worker process
    WORKER = "worker"  # the worker process alone, while activities run
    TURN = "turn"  # the worker process alone, during the next replay of an orchestrator
    TIMEOUT = "timeout"  # an activity, which then exceeds functionTimeout, and with it the worker process
    STORAGE = "storage"  # Azurite, which is restarted with its data
    BOTH = "both"  # devhost and Azurite
    STATE = "state"  # devhost, and its state file with the instances and their history


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """The request to strike at, numbered from 1; `answered`: strike after the service has executed it, not before."""

    at_request: int
    answered: bool
    victim: Victim


class Ambush:
    """Calls `strike` at the chosen requests, on the event loop of the proxies."""

    def __init__(self, strikes: Iterable[Strike], strike: Callable[[Victim], None]) -> None:
        self._waiting = {(one.at_request, one.answered): one.victim for one in strikes}
        self._strike = strike
        self._requests = 0

    def arrives(self) -> int:
        """Note that a request is about to reach its service, and return its number."""
        self._requests += 1
        self._reach(self._requests, answered=False)
        return self._requests

    def answered(self, number: int) -> None:
        """Note that the service has executed this request."""
        self._reach(number, answered=True)

    def _reach(self, number: int, *, answered: bool) -> None:
        victim = self._waiting.pop((number, answered), None)
        if victim is not None:
            self._strike(victim)
