"""A limit on requests a second, for servers that refuse what is above it."""

import time


class Bucket:
    """Lets so many a second through, after a burst of at most so many seconds' worth."""

    def __init__(self, per_second: float, burst_seconds: float) -> None:
        self._seconds_each, self._burst_seconds = 1 / per_second, burst_seconds
        self._spent_until = 0.0

    def wait_seconds(self) -> float:
        """Let one through and return 0, or return how long it is too early."""
        now = time.monotonic()
        begins = max(self._spent_until, now)
        if (early := begins - now - self._burst_seconds) > 0:
            return early
        self._spent_until = begins + self._seconds_each
        return 0.0
