"""Asking for pages before their turn, where the pagination style can tell their cursors.

Enters: each page with the cursors after it. Leaves: the pages one by one, in the order of the source, so that batches,
guards and counts know nothing of it. At most `parallel_fetches` requests are under way and as many pages in memory.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from ingestion.source.client import SourceClient
from ingestion.source.page import ItemSink, Page, PageRequest, Throttled

Asked = asyncio.Task[Page | Throttled]


class PagesAhead:
    """The pages of one fetch: the one whose turn it is, and those that were asked for already."""

    def __init__(self, client: SourceClient, parallel: int, request_of: Callable[[Any], PageRequest]) -> None:
        """`request_of` makes the request for a cursor."""
        self._client, self._parallel, self._request_of = client, parallel, request_of
        self._expected: deque[Any] = deque()  # cursors, the one whose turn it is first
        self._asked: dict[str, Asked] = {}

    def expect(self, cursor: Any, cursors: Callable[[], Iterable[Any] | None]) -> None:
        """The turn is at `cursor` now; `cursors` tells it and all after it, and is asked only where it has to be.

        Where the source goes another way than was told, what was asked for is dropped.
        """
        if self._parallel == 1:
            return
        if self._expected:
            self._expected.popleft()
        if not self._expected or self._expected[0] != cursor:
            self._drop()
            told = deque(cursors() or ())
            self._expected = told if told and told[0] == cursor else deque()

    async def get(self, cursor: Any, sink: ItemSink | None, most: int) -> Page | Throttled:
        """The page at `cursor`; `most` is how many pages, with this one, can be used before the fetch ends.

        Raises what the client raises. A page that was asked for early has its items with it, whatever the sink.
        """
        if self._expected and self._expected[0] == cursor:
            for expected in islice(self._expected, 1, max(1, min(self._parallel, most))):
                if (key := json.dumps(expected)) not in self._asked:
                    self._asked[key] = asyncio.create_task(self._client.get(self._request_of(expected)))
        asked = self._asked.pop(json.dumps(cursor), None)
        if asked is not None and isinstance(early := await asked, Page):
            return early
        # A wait that was named a while ago may be over; the client knows, and keeps what is left of it.
        return await self._client.get(self._request_of(cursor), sink)

    async def close(self) -> None:
        """Give up what was asked for and not used."""
        asked = self._drop()
        await asyncio.gather(*asked, return_exceptions=True)

    def _drop(self) -> list[Asked]:
        dropped = list(self._asked.values())
        self._asked.clear()
        for task in dropped:
            task.cancel()
            task.add_done_callback(_looked_at)
        return dropped


def _looked_at(task: Asked) -> None:
    """A failure of what nobody needs any more is none."""
    if not task.cancelled():
        task.exception()
