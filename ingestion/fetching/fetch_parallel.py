"""Request pages ahead, if the pagination style knows their cursors.

`PagesAhead` returns the pages one by one in the order of the source, so batches, guards and counts work as if the pages
were requested one by one. At most `parallel_fetches` requests are under way, and `Room` limits the pages in memory.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from ingestion.source.client import SourceClient
from ingestion.source.page import ItemSink, NoRoom, Page, PageRequest, Room, Throttled

Asked = asyncio.Task[Page | Throttled | None]


class PagesAhead:
    """The pages of one fetch: the next one, and those requested ahead."""

    def __init__(self, client: SourceClient, parallel: int, request_of: Callable[[Any], PageRequest]) -> None:
        """`request_of` returns the request for a cursor."""
        self._client, self._parallel, self._request_of = client, parallel, request_of
        self._expected: Sequence[Any] = ()  # cursors, first that of the next page; a `range` may have 10**18
        self._asked: dict[str, Asked] = {}
        self._room = Room()

    def expect(self, cursor: Any, cursors: Callable[[], Sequence[Any] | None]) -> None:
        """Set the cursor of the next page. `cursors` returns this and all later ones; call it only if necessary.

        Drop the pages requested ahead if `cursor` is not the expected one.
        """
        if self._parallel == 1:
            return
        self._expected = self._expected[1:]
        if not self._expected or self._expected[0] != cursor:
            self._drop()
            known = cursors() or ()
            self._expected = known if known and known[0] == cursor else ()

    async def get(self, cursor: Any, sink: ItemSink | None, most: int) -> Page | Throttled:
        """Return the page at `cursor`; `most` is how many pages the fetch can still use, including this one.

        Errors of the client pass through. A page requested ahead holds its items and does not use the sink.
        """
        if self._expected and self._expected[0] == cursor:
            for expected in self._expected[1 : max(1, min(self._parallel, most))]:
                if (key := json.dumps(expected)) not in self._asked:
                    self._asked[key] = asyncio.create_task(self._ahead(self._request_of(expected)))
        asked = self._asked.pop(json.dumps(cursor), None)
        if asked is not None and isinstance(early := await asked, Page):
            early.leave()
            return early
        # If a request made ahead was throttled, the client knows how long it still has to wait.
        return await self._client.get(self._request_of(cursor), sink)

    def forget(self) -> None:
        """Drop all expectations, because the next cursors belong to another window."""
        self._expected = ()
        self._drop()

    async def close(self) -> None:
        """Cancel the unused requests."""
        asked = self._drop()
        await asyncio.gather(*asked, return_exceptions=True)

    async def _ahead(self, request: PageRequest) -> Page | Throttled | None:
        """Return a page requested ahead. Without room for the page, return None and request fewer from then on."""
        try:
            return await self._client.get(request, room=self._room)
        except NoRoom:
            self._parallel = max(1, self._parallel // 2)
            return None

    def _drop(self) -> list[Asked]:
        dropped = list(self._asked.values())
        self._asked.clear()
        self._room = Room()
        for task in dropped:
            task.cancel()
            task.add_done_callback(_ignore_failure)
        return dropped


def _ignore_failure(task: Asked) -> None:
    """Ignore the failure of a dropped request, which asyncio would otherwise log."""
    if not task.cancelled():
        task.exception()
