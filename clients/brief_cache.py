"""A cache that keeps each value for some seconds, so that many polls cost one request to storage."""

from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Any

KEPT_SECONDS = 15.0
MOST = 500  # values


class BriefCache:
    """The most recent values by key, each kept for KEPT_SECONDS."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._kept: dict[Hashable, tuple[float, Any]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
        """Return the kept value of a key, or a new one from `make`. Errors of `make` pass through and are not kept."""
        until, value = self._kept.get(key, (0.0, None))
        if self._now() >= until:
            value = await make()
            now = self._now()
            self._kept = {known: kept for known, kept in self._kept.items() if now < kept[0]}
            self._kept[key] = (now + KEPT_SECONDS, value)
            while len(self._kept) > MOST:
                self._kept.pop(next(iter(self._kept)))
        return value
