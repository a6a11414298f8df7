"""A proxy in front of Azurite's queues, with scripted faults for each request."""

from collections.abc import Callable

from aiohttp.web import BaseRequest

from local.chaos.fault import Fault, Misfortune
from local.chaos.proxy import Proxy

Script = Callable[[int], Fault | None]  # from the number of a request, the first is 0


class Scripted(Misfortune):
    """Faults from a script instead of random ones."""

    def __init__(self, script: Script) -> None:
        super().__init__("", {})
        self._script = script
        self._requests = 0

    def draw(self, request: BaseRequest) -> Fault | None:
        self._requests += 1
        return self._script(self._requests - 1)


class FaultProxy(Proxy):
    """Forwards requests; after `follow` with the faults of a script. `stored` counts what Azurite executed."""

    def __init__(self, upstream_port: int) -> None:
        super().__init__(upstream_port)
        self.watch = self
        self.stored = 0
        self.on_stored: Callable[[int], object] = lambda stored: None

    def follow(self, script: Script) -> None:
        """Count from now on, and apply the faults of `script`."""
        self.misfortune, self.stored = Scripted(script), 0

    def arrives(self) -> int:
        return 0

    def answered(self, number: int) -> None:
        self.stored += 1
        self.on_stored(self.stored)
