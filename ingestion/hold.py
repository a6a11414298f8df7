"""When a command comes, stop the run's activities that are at work: they begin nothing new, and stop waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from ingestion.errors import HeldBack

Callback = Callable[[str], None]  # takes the command


class Hold:
    """The command that holds a run back while its activities are at work; None until somebody gives one."""

    def __init__(self) -> None:
        self.command: str | None = None
        self._callbacks: list[Callback] = []

    def set(self, command: str | None) -> None:
        """Set the command, and pass it to the callbacks that have not been called."""
        self.command = command
        if command is not None:
            callbacks, self._callbacks = self._callbacks, []
            for callback in callbacks:
                callback(command)

    @contextmanager
    def calling(self, callback: Callback) -> Iterator[None]:
        """Call `callback` once: now, if there is a command, else when a command comes before the end of the block."""
        if self.command is not None:
            callback(self.command)
        else:
            self._callbacks.append(callback)
        try:
            yield
        finally:
            self._callbacks = [other for other in self._callbacks if other is not callback]

    @asynccontextmanager
    async def interrupting(self) -> AsyncIterator[None]:
        """Cancel the block when a command comes, and raise HeldBack."""
        if self.command is not None:
            raise HeldBack(self.command)
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as limit:
                with self.calling(lambda command: limit.reschedule(now())):
                    yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise HeldBack(self.command or "") from None
