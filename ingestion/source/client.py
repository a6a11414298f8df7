"""Request one page from the source: attempts, waits, and the meaning of refusals.

If the source throttles, `get` returns `Throttled`, and the caller decides whether to sleep or to use a durable timer.
Throttling uses up no attempts; only answers that fail or are cut off do.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import httpx

from ingestion.concealed import add_secrets
from ingestion.errors import SourceRefused, SourceUnreachable
from ingestion.settings import DEFAULT_PATIENCE_SECONDS
from ingestion.source.auth.flow import flow_of
from ingestion.source.description import Source
from ingestion.source.http.exchange import Exchange
from ingestion.source.http.origin import address
from ingestion.source.http.outage import NoAnswer, NoPage, cannot_end, in_words
from ingestion.source.page import ItemSink, NoRoom, Page, PageRequest, Room, Throttled
from ingestion.source.reading.answer import read_answer
from ingestion.source.waiting.patience import Patience, Paused
from ingestion.source.waiting.throttle import pause_seconds, refused_by_body_seconds, refused_for_seconds

FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 20.0
MAX_UNNAMED_WAIT_SECONDS = 60.0  # if a source throttles and does not say for how long

Sleep = Callable[[float], Awaitable[None]]


class SourceClient:
    """Fetches single pages of one source.

    `patience` sums up the waits since the last page. The sums outlive this client: the caller passes in the earlier
    ones (`patience.go_on`), resets them when it has taken a page (`patience.page_came`), and stores them at the end.
    `has_answered` says whether the run has had a page before.
    """

    def __init__(
        self,
        source: Source,
        http: httpx.AsyncClient,
        sleep: Sleep = asyncio.sleep,
        *,
        now: Callable[[], float] = time.monotonic,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
    ) -> None:
        self._source, self.sleep, self._now = source, sleep, now
        add_secrets(**source.secrets)
        self._exchange = Exchange(source, http, flow_of(source.auth, http))
        self._place = address(source.url)
        self.patience = Patience(source, patience_seconds, now)
        self.has_answered = False
        self.status: int | None = None  # of the last answer
        self.largest_page = 0  # items in the largest page so far

    async def get(
        self, request: PageRequest, sink: ItemSink | None = None, room: Room | None = None
    ) -> Page | Throttled:
        """Return the page that answers `request`. Its items go to `sink`, or without a sink stay in memory, in `room`.

        Return Throttled if the source asks for a wait or all attempts fail. Raise SourceUnreachable if the source has
        been away for too long or can never answer, SourceRefused if another attempt would get the same answer.
        """
        page, problem, began = Page(sink=sink, room=room or Room()), "", self._now()
        was_wrong = self._source.attempts == 1
        for attempt in range(self._source.attempts):
            if attempt:
                await self.sleep(_backoff_seconds(attempt, MAX_BACKOFF_SECONDS))
            try:
                return await self._ask(request, page, again=attempt > 0)
            except NoRoom:
                await page.restart()
                raise
            except Paused as paused:
                return Throttled(paused.seconds)
            except (httpx.TransportError, NoAnswer, NoPage) as error:
                problem = in_words(error)
                if isinstance(error, NoPage) and not (error.may_pass and self.has_answered):
                    if was_wrong:
                        raise
                    was_wrong = True
                if not self.has_answered and (advice := cannot_end(error)):
                    raise SourceUnreachable(f"{self._place} cannot be reached: {problem}. {advice}.") from None
            await page.restart()
        return Throttled(self.patience.away(problem, self._source.attempts, began))

    async def wait_for_turn(self, most_seconds: float) -> float:
        """Wait until the next request may start, and return 0. But return a wait over `most_seconds` at once."""
        pause = self.patience.until_turn()
        if pause > most_seconds:
            return pause
        if pause:
            await self.sleep(pause)
        return 0.0

    async def _ask(self, request: PageRequest, page: Page, *, again: bool) -> Page | Throttled:
        """Make one attempt; `again` says that it is not the first. Raise NoAnswer if another one may get an answer."""
        limit = self._source.limits.response_seconds
        try:
            async with asyncio.timeout(limit) as timed:

                async def turn() -> None:
                    nonlocal again
                    timed.reschedule(None)  # the time limit does not count this wait
                    if seconds := self.patience.take_turn(again=again):
                        await self.sleep(seconds)
                    again = True
                    timed.reschedule(asyncio.get_running_loop().time() + limit)

                async with self._exchange.answer(request, turn) as response:
                    return await self._understood(response, page)
        except TimeoutError:
            if not timed.expired():
                raise
            raise SourceRefused(
                f"an answer of {self._place} was not complete after {limit:g} seconds; request smaller "
                "pages, or raise limits.response_seconds in the sources file"
            ) from None

    async def _understood(self, response: httpx.Response, page: Page) -> Page | Throttled:
        """Return the page or the wait in an answer. Raise NoAnswer or SourceRefused if it is neither."""
        throttle, status, headers = self._source.throttle, response.status_code, dict(response.headers.items())
        page.status, page.url, page.headers = status, str(response.url), headers
        self.status = status
        unnamed = _backoff_seconds(self.patience.since_page.attempts + 2, MAX_UNNAMED_WAIT_SECONDS)
        wait = refused_for_seconds(throttle, status, headers, time.time(), unnamed)
        if wait is not None:
            return Throttled(self.patience.named(wait, f"HTTP {status}"))
        wrong = await read_answer(response, self._source, page, is_first=not self.has_answered)
        wait = refused_by_body_seconds(throttle, page.document, time.time(), unnamed)
        if wait is not None:
            await page.restart()
            return Throttled(self.patience.named(wait, f"the body of an HTTP {status}"))
        if wrong is None:
            self.has_answered = True
            self.largest_page = max(self.largest_page, page.count)
            self.patience.pause(pause_seconds(throttle, headers, page.document, time.time()))
        else:
            await page.restart()
            if not self._source.expects(status, page.text):
                raise wrong
        return page


def _backoff_seconds(attempt: int, most: float) -> float:
    """Return a random wait below a bound that doubles with each attempt (1, 2, ...)."""
    bound = min(most, FIRST_BACKOFF_SECONDS * 2.0 ** (min(attempt, 20) - 1))
    return random.uniform(bound / 2, bound)
