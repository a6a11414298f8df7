"""How fast a process sends to one queue: additive increase, multiplicative decrease on HTTP 503.

All chunks that a process sends to a queue share one `Rate`. The queue's refusals also reflect what other workers send.
Time is a parameter everywhere: nothing here sleeps.
"""

INTERVAL_SECONDS = 0.25  # between changes of the rate: longer than a request takes
FIRST_PER_SECOND = 1_000.0  # half of what one queue is documented to take; doubles each second until the queue refuses
LOWEST_PER_SECOND = 10.0
GROWTH_PER_INTERVAL = 0.005  # of the ceiling: 2 % a second
GENTLEST_CUT, HARDEST_CUT = 0.95, 0.5
QUANTUM_SECONDS = 0.02  # a shorter wait is not worth a timer: the messages go out as a small burst


class Pace:
    """Turns at a steady rate. A turn is the right to send one message; a caller that is early waits for its turn."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._next = 0.0

    def turn(self, now: float) -> float:
        """Take the next turn; return the seconds to wait for it."""
        if self._next < now:
            self._next = now
        wait: float = self._next - now
        self._next += 1.0 / self.per_second
        return wait if wait > QUANTUM_SECONDS else 0.0


class Rate:
    """The pace of one queue, adapted to what it refuses."""

    def __init__(self) -> None:
        self._pace = Pace(FIRST_PER_SECOND)
        self._ceiling: float | None = None  # the rate at which the last series of refusals began
        self._refusing = False
        self._accepted = self._refused = 0
        self._interval_ends = 0.0

    @property
    def per_second(self) -> float:
        """Messages a second that may be sent now."""
        return self._pace.per_second

    @property
    def is_limited(self) -> bool:
        """Whether the queue has refused messages; before that, no refusal has limited the rate."""
        return self._ceiling is not None

    def turn(self, now: float) -> float:
        """Take the next turn; return the seconds to wait for it."""
        if now >= self._interval_ends:
            self._adapt(now)
        return self._pace.turn(now)

    def accepted(self) -> None:
        """Count a message that the queue took."""
        self._accepted += 1

    def refused(self) -> None:
        """Count a message that the queue was too busy for."""
        self._refused += 1

    def _adapt(self, now: float) -> None:
        """Set the rate for the next interval from the answers of the last one."""
        rate, asked = self._pace.per_second, self._accepted + self._refused
        if self._refused:
            if not self._refusing:
                self._ceiling = rate
            rate *= max(HARDEST_CUT, min(GENTLEST_CUT, self._accepted / asked))
        elif asked >= rate * INTERVAL_SECONDS * 0.5:  # fewer requests do not show that the queue takes the whole rate
            rate = self._grown(rate)
        if asked:
            self._refusing = self._refused > 0
        self._accepted = self._refused = 0
        self._interval_ends = now + INTERVAL_SECONDS
        self._pace.per_second = max(LOWEST_PER_SECOND, rate)

    def _grown(self, rate: float) -> float:
        doubled: float = rate * 2.0**INTERVAL_SECONDS
        if self._ceiling is None:
            return doubled
        if rate < 0.9 * self._ceiling:  # far below what the queue took before: the refusals had another cause
            return min(doubled, 0.9 * self._ceiling)
        return rate + GROWTH_PER_INTERVAL * self._ceiling
