"""Time for the task hub: the real one, and one for tests that jumps over durable waits.

Enters: the moment the next durable timer is due. Leaves: the return of `wait`, when it
is due or when something changed.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the task hub asks of time."""

    def now(self) -> datetime:
        """Give the current moment, aware, in UTC."""
        ...

    async def wait(self, until: datetime | None, woken: asyncio.Event, is_idle: Callable[[], bool]) -> None:
        """Return when `until` has come or `woken` is set, whichever is first."""
        ...


class RealClock:
    """The time on the wall."""

    def now(self) -> datetime:
        """Give the current moment, aware, in UTC."""
        return datetime.now(UTC)

    async def wait(self, until: datetime | None, woken: asyncio.Event, is_idle: Callable[[], bool]) -> None:
        """Sleep until `until`, or less when woken."""
        if until is None:
            await woken.wait()
            return
        seconds = (until - self.now()).total_seconds()
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await woken.wait()
        except TimeoutError:
            return


class VirtualClock:
    """Time that stands still while there is work and jumps to the next durable timer when there is none.

    With `automatic=False` it moves only by `advance`, so that a test can act before a timeout does.
    """

    # Every reading moves a little: two generations of an orchestration at one moment would draw the same guids.
    _TICK = timedelta(microseconds=1)

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC), *, automatic: bool = True) -> None:
        self._now = start
        self._automatic = automatic
        self._woken: asyncio.Event | None = None

    def now(self) -> datetime:
        """Give the current virtual moment."""
        self._now += self._TICK
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move time forward; call it on the host's event loop."""
        self._now += by
        if self._woken is not None:
            self._woken.set()

    def run_freely(self, automatic: bool = True) -> None:
        """Switch the jumping on or off; call it on the host's event loop."""
        self._automatic = automatic
        if self._woken is not None:
            self._woken.set()

    async def wait(self, until: datetime | None, woken: asyncio.Event, is_idle: Callable[[], bool]) -> None:
        """Jump to `until` if nothing else can happen, else wait to be woken."""
        self._woken = woken
        if until is not None and until <= self._now:
            return
        if until is not None and self._automatic and is_idle():
            self._now = until
            return
        await woken.wait()
