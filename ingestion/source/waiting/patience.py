"""When the next request to a source may start, and how long a run waits for a source that throttles or is away.

Both kinds of waits are summed up from one page to the next. A `Wait` carries the sums from fetch to fetch.
"""

from collections.abc import Callable
from dataclasses import replace

from ingestion.errors import SourceUnreachable
from ingestion.source.description import Source
from ingestion.source.http.origin import address
from ingestion.source_wait import OUTAGE, SOURCE, Wait, spent_seconds

FIRST_OUTAGE_WAIT_SECONDS = 15.0  # after all attempts at a page; later waits are as long as the outage so far
MOST_OUTAGE_WAIT_SECONDS = 900.0  # in one wait, so that the run soon notices when the source is back

MOST_SLEPT_SECONDS = 5.0  # before one request; for a longer pause the caller ends the activity


class Paused(Exception):
    """The next request may start only after `seconds`, too many to sleep."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Patience:
    """The pace of the requests to one source, and the waits since its last page."""

    def __init__(self, source: Source, outage_seconds: float, now: Callable[[], float]) -> None:
        """`outage_seconds` is how long the source may be away, unless its description says otherwise."""
        away = outage_seconds if source.outage_seconds is None else source.outage_seconds
        rate, most = source.throttle.requests_per_second, source.throttle.max_wait_seconds
        self._most = {SOURCE: most, OUTAGE: away}
        self._interval = min(1 / rate, most) if rate else 0.0
        self._place, self._now = address(source.url), now
        self._free_at = 0.0  # when the rate allows the next request
        self._paused_until = 0.0  # no request starts before that time, whatever the rate
        self.refused = 0  # how often the source has asked for a wait
        self.page_came()

    def page_came(self) -> None:
        """Reset the waits, because a page came."""
        reason = "the pause between two requests that the source or its description asks for"
        self.since_page = Wait(waiting_for=SOURCE, reason=reason, seconds=0.0)

    def go_on(self, wait: Wait | None) -> None:
        """Continue with the sums of an earlier fetch."""
        self.since_page = wait or self.since_page

    def wait(self, seconds: float) -> Wait | None:
        """Return the wait of the run: `seconds`, the reason and the sums. None if there is no wait."""
        if not seconds and not self.since_page.attempts:
            return None
        left = self._most[self.since_page.waiting_for] - spent_seconds(self.since_page)
        return replace(self.since_page, seconds=seconds, patience_seconds=round(max(0.0, left), 3))

    def until_turn(self) -> float:
        """Return the seconds until the next request may start."""
        return max(0.0, self._free_at - self._now(), self._paused_for())

    def take_turn(self, *, again: bool = False) -> float:
        """Plan the next request and return the seconds until it may start. Raise Paused if they are too many to sleep.

        An attempt that is not the first (`again`) waits even at a low rate: if it were put off, the attempts would
        start again from the first.
        """
        by_rate = self._interval > MOST_SLEPT_SECONDS and not again
        pause = self.until_turn() if by_rate else self._paused_for()
        if pause > MOST_SLEPT_SECONDS:
            raise Paused(pause)
        seconds = self.until_turn()
        self._free_at = self._now() + seconds + self._interval
        return seconds

    def pause(self, seconds: float) -> None:
        """Start no request for `seconds`, or for the longest allowed wait if that is shorter."""
        self._paused_until = max(self._paused_until, self._now() + min(seconds, self._most[SOURCE]))

    def named(self, seconds: float, said: str) -> float:
        """Count a wait that the source asks for, and return its seconds. Raise SourceUnreachable beyond the limit."""
        self.refused += 1
        self._count(SOURCE, f"{said}: the source asked for {seconds:,.0f} seconds", 1)
        spent, most = self._spend(self._now(), seconds), self._most[SOURCE]
        if spent > most:
            raise SourceUnreachable(
                f"{self._place} has asked the run to wait for {spent:,.0f} seconds since its last "
                f"page, more than the {most:,.0f} of throttle.max_wait_seconds in the sources file. Send fewer "
                "requests (throttle.requests_per_second), or raise that limit."
            )
        return max(seconds, self._paused_for())  # the source may have asked a parallel request for a longer wait

    def away(self, problem: str, attempts: int, began: float) -> float:
        """Return how long to wait for a source that gave no answer in `attempts` attempts since `began`.

        Raise SourceUnreachable if the source has been away for too long.
        """
        self._count(OUTAGE, problem, attempts)
        if pause := self._paused_for():  # a parallel request failed before: they wait together
            return pause
        spent, most = self._spend(began, 0.0), self._most[OUTAGE]
        if most - spent < 1:
            raise SourceUnreachable(
                f"{self._place} has given no page for {spent:,.0f} seconds, in {self.since_page.attempts} attempts; it "
                f"may be away for {most:,.0f} (SLUICE_SOURCE_PATIENCE_SECONDS, or outage_seconds in the sources file). "
                f"At last: {problem}. Check the url in the sources file and that the API is up, then redrive the run."
            )
        seconds = min(max(FIRST_OUTAGE_WAIT_SECONDS, spent), MOST_OUTAGE_WAIT_SECONDS, most - spent)
        self._spend(self._now(), seconds)
        return seconds

    def _paused_for(self) -> float:
        return max(0.0, self._paused_until - self._now())

    def _count(self, waiting_for: str, reason: str, attempts: int) -> None:
        attempts += self.since_page.attempts
        self.since_page = replace(self.since_page, waiting_for=waiting_for, reason=reason, attempts=attempts)

    def _spend(self, began: float, seconds: float) -> float:
        """Count the time from `began` until `seconds` from now; time that parallel requests share counts once.

        Return the sum of all such times.
        """
        until = max(self._paused_until, self._now() + seconds)
        spent = round(spent_seconds(self.since_page) + until - max(self._paused_until, began), 3)
        if self.since_page.waiting_for == SOURCE:
            self.since_page = replace(self.since_page, named_seconds=spent)
        else:
            self.since_page = replace(self.since_page, away_seconds=spent)
        self._paused_until = until
        return spent
