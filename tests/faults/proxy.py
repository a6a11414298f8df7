"""A proxy in front of Azurite's queues that misbehaves by a script, request by request."""

from collections.abc import Callable
from typing import Self

from local.chaos.fault import Fault, Misfortune
from local.chaos.gate import Gate
from local.chaos.proxy import Proxy
from local.chaos.wire import Message

Script = Callable[[int], Fault | None]  # from the number of a request, the first is 0


class Scripted(Misfortune):
    """Faults that a script chooses, instead of chance."""

    def __init__(self, script: Script) -> None:
        super().__init__("", {})
        self._script = script
        self._requests = 0

    def draw(self, request: Message) -> Fault | None:
        self._requests += 1
        return self._script(self._requests - 1)


class FaultProxy(Proxy):
    """Lets requests pass until it is told to `follow` a script; `stored` counts what Azurite has done."""

    def __init__(self, upstream_port: int) -> None:
        self.gate = Gate()
        super().__init__(self.gate, upstream=upstream_port)
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

    async def listen(self) -> None:
        self.gate.open()
        await self.start()

    async def refuse(self) -> None:
        """Accept no connection until `listen`, and end those that are open."""
        await self.stop()
        self.gate.close()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *ending: object) -> None:
        await self.refuse()
