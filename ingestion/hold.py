"""What tells an activity that is at work of a command: it begins nothing more, and stops waiting."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from ingestion.errors import HeldBack

Tell = Callable[[str], None]  # takes the command


class Hold:
    """The command that holds a run back while its activities are at work; None until somebody gives one."""

    def __init__(self) -> None:
        self.command: str | None = None
        self._told: list[Tell] = []

    def set(self, command: str | None) -> None:
        """Set the command, and tell those who have not been told."""
        self.command = command
        if command is not None:
            told, self._told = self._told, []
            for tell in told:
                tell(command)

    @contextmanager
    def telling(self, tell: Tell) -> Iterator[None]:
        """Call `tell` once when a command comes before the end of the block, at once if one is there."""
        if self.command is not None:
            tell(self.command)
        else:
            self._told.append(tell)
        try:
            yield
        finally:
            self._told = [other for other in self._told if other is not tell]

    @asynccontextmanager
    async def interrupting(self) -> AsyncIterator[None]:
        """Cancel the block when a command comes, and raise HeldBack."""
        if self.command is not None:
            raise HeldBack(self.command)
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as limit:
                with self.telling(lambda command: limit.reschedule(now())):
                    yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise HeldBack(self.command or "") from None
