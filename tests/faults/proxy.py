"""A proxy in front of Azurite's queues that misbehaves by a script, request by request."""

from collections.abc import Callable

from aiohttp.web import BaseRequest

from local.chaos.fault import Fault, Misfortune
from local.chaos.proxy import Proxy

Script = Callable[[int], Fault | None]  # from the number of a request, the first is 0


class Scripted(Misfortune):
    """Faults that a script chooses, instead of chance."""

    def __init__(self, script: Script) -> None:
        super().__init__("", {})
        self._script = script
        self._requests = 0

    def draw(self, request: BaseRequest) -> Fault | None:
        self._requests += 1
        return self._script(self._requests - 1)


class FaultProxy(Proxy):
    """Lets requests pass until it is told to `follow` a script; `stored` counts what Azurite has done."""

    def __init__(self, upstream_port: int) -> None:
        super().__init__(upstream_port)
        self.watch = self
        self.stored = 0
        self.on_stored: Callable[[int], object] = lambda stored: None

    def follow(self, script: Script) -> None:
        """Count from now on, and do to each request what `script` says."""
        self.misfortune, self.stored = Scripted(script), 0

    def arrives(self) -> int:
        return 0

    def answered(self, number: int) -> None:
        self.stored += 1
        self.on_stored(self.stored)
