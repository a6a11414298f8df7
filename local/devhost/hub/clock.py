"""Clocks for the task hub: a real clock, and for tests a virtual clock that jumps to the next durable timer."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeAlias


class RealClock:
    """The wall clock."""

    def now(self) -> datetime:
        """Return the current moment in UTC."""
        return datetime.now(UTC)

    async def wait(self, until: datetime | None, woken: asyncio.Event, is_idle: Callable[[], bool]) -> None:
        """Wait until the time `until`, or until `woken` is set."""
        seconds = None if until is None else (until - self.now()).total_seconds()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await woken.wait()

    async def reach(self, moment: datetime) -> None:
        """Wait until the moment; the wait may end slightly too early."""
        await asyncio.sleep(max(0.0, (moment - self.now()).total_seconds()))


class VirtualClock:
    """Time stops while there is work, and jumps to the next durable timer when there is no work.

    With `automatic=False` only `advance` moves time, so that a test can act before a timeout.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC), *, automatic: bool = True) -> None:
        self._now, self._automatic, self._woken = start, automatic, asyncio.Event()
        self._watchers: set[asyncio.Event] = set()

    def now(self) -> datetime:
        """Return the current virtual moment in UTC."""
        # Each call moves time a little: two generations of an orchestration at the same time would draw equal GUIDs.
        self._now += timedelta(microseconds=1)
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move time forward; call this on the host's event loop."""
        self._move(self._now + by)
        self._woken.set()

    async def wait(self, until: datetime | None, woken: asyncio.Event, is_idle: Callable[[], bool]) -> None:
        """Jump to `until` if nothing else can happen, else wait for `woken`."""
        self._woken = woken
        if until is not None and (until <= self._now or (self._automatic and is_idle())):
            self._move(max(self._now, until))
        else:
            await woken.wait()

    async def reach(self, moment: datetime) -> None:
        """Wait until the moment; this wait does not make time jump."""
        moved = asyncio.Event()
        self._watchers.add(moved)
        try:
            while self._now < moment:
                await moved.wait()
                moved.clear()
        finally:
            self._watchers.discard(moved)

    def _move(self, now: datetime) -> None:
        self._now = now
        for moved in self._watchers:
            moved.set()


Clock: TypeAlias = RealClock | VirtualClock
