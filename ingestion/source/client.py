"""Asking the source for one page: requests, retries, and what its refusals mean.

Enters: a source and a cursor. Leaves: the page as JSON, or the wait that the source asks for, or an error that says
what a person can do.
"""

import asyncio
import email.utils
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx

from ingestion.errors import SourceRefused, SourceUnreachable
from ingestion.source.description import Source
from ingestion.source.page import ItemSink, Page, PageRequest, Throttled
from ingestion.source.path import ABSENT, at, shown

FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 20.0
SHOWN_BYTES = 200  # of an answer that is quoted in an error

Sleep = Callable[[float], Awaitable[None]]


class SourceClient:
    """Fetches single pages of one source."""

    def __init__(self, source: Source, http: httpx.AsyncClient, sleep: Sleep = asyncio.sleep) -> None:
        self._source = source
        self._http = http
        self._sleep = sleep

    async def get(self, request: PageRequest, sink: ItemSink | None = None) -> Page | Throttled:
        """The page that answers `request`; its items go to `sink` where one is given.

        Raises SourceUnreachable after the source's number of attempts, SourceRefused on an answer that a further
        attempt would not change.
        """
        problem = ""
        for attempt in range(self._source.attempts):
            if attempt:
                await self._sleep(_backoff_seconds(attempt))
            try:
                response = await self._http.request(
                    request.method,
                    httpx.URL(request.url).copy_merge_params(dict(request.query)),
                    headers=dict(request.headers),
                    json=request.body,
                    timeout=self._source.timeout_seconds,
                )
            except httpx.TransportError as error:
                problem = str(error) or type(error).__name__
                continue
            if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                return Throttled(_retry_after_seconds(response) or _backoff_seconds(attempt + 1))
            if response.is_server_error:
                problem = f"HTTP {response.status_code}"
                if (wait := _retry_after_seconds(response)) is not None:
                    return Throttled(wait)
                continue
            page = self._page(response)
            if sink is None:
                return page
            await sink.add(page.items)
            return replace(page, items=[], streamed=page.count, last_item=page.last)
        raise SourceUnreachable(
            f"{_shown(self._source)} gave no page in {self._source.attempts} attempts, at last: {problem}. "
            "Check the url in the sources file and that the API is up, then start the run again."
        )

    def _page(self, response: httpx.Response) -> Page:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if not response.is_success and self._source.tells(response.status_code, response.text):
            return Page(
                items=[], document=response.text, headers=headers, status=response.status_code, url=str(response.url)
            )
        if not response.is_success:
            raise SourceRefused(
                f"{_shown(self._source)} answered HTTP {response.status_code}: {response.text[:SHOWN_BYTES]!r}. "
                "Check url, query and headers in the sources file."
            )
        try:
            document = response.json()
        except ValueError:
            raise SourceRefused(
                f"{_shown(self._source)} answered something that is not JSON: {response.text[:SHOWN_BYTES]!r}"
            ) from None
        items = _taken_out(document, self._source.items)
        if not isinstance(items, list):
            found = "nothing" if items is ABSENT else type(items).__name__
            raise SourceRefused(
                f"the source's page has {found} where its items should be (items = {shown(self._source.items)!r})"
            )
        return Page(items=items, document=document, headers=headers, status=response.status_code, url=str(response.url))


def _taken_out(document: Any, path: tuple[str, ...]) -> Any:
    """The items of a page, with an empty list left in their place."""
    items = at(document, path)
    if path and isinstance(holder := at(document, path[:-1]), dict) and path[-1] in holder:
        holder[path[-1]] = []
    return items


def _shown(source: Source) -> str:
    """The source's address without its query, which may hold a key."""
    url = httpx.URL(source.url)
    return f"{url.scheme}://{url.netloc.decode().rpartition('@')[2]}{url.path}"


def _backoff_seconds(attempt: int) -> float:
    """A random wait below a bound that doubles with each attempt (1, 2, ...)."""
    bound = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1))
    return random.uniform(bound / 2, bound)


def _retry_after_seconds(response: httpx.Response) -> float | None:
    """The wait in a Retry-After header, given as seconds or as an HTTP date; None without a readable one."""
    text = response.headers.get("Retry-After", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
