"""Strike at the k-th request to storage, not after some seconds, so that the speed of the machine does not matter.

Enters: each request, twice: before the service gets it, and after the service has executed it but before the answer.
Leaves: a dead devhost or worker, an unreachable storage, or several of these, at exactly that point.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Victim(StrEnum):
    """The target of a strike."""

    HOST = "host"  # devhost and its worker process
    WORKER = "worker"  # the worker process alone, while activities run
    TURN = "turn"  # the worker process alone, during the next turn of an orchestrator
    TIMEOUT = "timeout"  # an activity that exceeds functionTimeout, and with it the worker process
    STORAGE = "storage"
    BOTH = "both"
    STATE = "state"  # devhost, and its state file with the instances and their history


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """The number of the request (from 1), and whether to strike before or after the service executes it."""

    at_request: int
    answered: bool
    victim: Victim


class Ambush:
    """Belongs to the proxies' event loop; `strike` is called there."""

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
