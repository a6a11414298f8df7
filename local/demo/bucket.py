"""A token bucket: a limit on requests per second."""

import time


class Bucket:
    """Allows `per_second` requests a second; after a pause also a burst, of at most `burst_seconds` of that rate."""

    def __init__(self, per_second: float, burst_seconds: float) -> None:
        self._seconds_each, self._burst_seconds = 1 / per_second, burst_seconds
        self._spent_until = 0.0

    def wait_seconds(self) -> float:
        """Allow one request and return 0, or return how many seconds too early it is."""
        now = time.monotonic()
        begins = max(self._spent_until, now)
        if (early := begins - now - self._burst_seconds) > 0:
            return early
        self._spent_until = begins + self._seconds_each
        return 0.0
