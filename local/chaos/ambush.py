"""Strikes at requests, not at seconds: the k-th request to storage is the moment, however fast the machine is.

Enters: each request that passes, twice: before the service sees it, and when the service has done it but nobody knows.
Leaves: a dead devhost or worker, a storage that can no longer be reached, or several of these, at exactly that point.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Victim(StrEnum):
    """Who is struck."""

    HOST = "host"  # devhost and its worker process
    WORKER = "worker"  # the worker process alone, while activities run
    TURN = "turn"  # the worker process alone, during the next turn of an orchestrator
    TIMEOUT = "timeout"  # an activity that runs over its time, and the worker process with it
    STORAGE = "storage"
    BOTH = "both"
    STATE = "state"  # devhost, and the file with its instances and their history


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """At which request (the first is 1), and on which side of the service's doing."""

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
        """A request is about to reach its service; gives its number."""
        self._requests += 1
        self._reach(self._requests, answered=False)
        return self._requests

    def answered(self, number: int) -> None:
        """The service has done what that request asked for."""
        self._reach(number, answered=True)

    def _reach(self, number: int, *, answered: bool) -> None:
        victim = self._waiting.pop((number, answered), None)
        if victim is not None:
            self._strike(victim)
