"""One request and its answer: to the source's own hosts only, with credentials for its own origin only.

Enters: a request without credentials. Leaves: an answer that is no redirect, its body not yet read.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from ingestion.errors import SourceRefused
from ingestion.source.auth.authentication import Authentication, Credentials
from ingestion.source.description import Source
from ingestion.source.http.origin import address, is_allowed, origin
from ingestion.source.page import PageRequest
from ingestion.source.reading.body import ACCEPT_ENCODING

_METHOD_KEEPING = (307, 308)


def http_client(**options: Any) -> httpx.AsyncClient:
    """The client for all sources. It takes no cookies: they would go from one account's requests to another's."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(follow_redirects=False, cookies=no_cookies, **options)


class Exchange:
    """Sends the requests of one source."""

    def __init__(self, source: Source, http: httpx.AsyncClient, authentication: Authentication) -> None:
        self._source = source
        self._http = http
        self._authentication = authentication

    @asynccontextmanager
    async def answer(self, request: PageRequest, turn: Callable[[], Awaitable[None]]) -> AsyncIterator[httpx.Response]:
        """The answer to `request`, open as long as the block lasts. Each request awaits its `turn`, redirects too.

        Raises SourceRefused if a redirect leads elsewhere than the source's description allows, or they do not end;
        httpx.TransportError and TokenUnavailable if there is no answer.
        """
        credentials = await self._authentication.credentials()
        url = httpx.URL(request.url)
        if request.query:
            url = url.copy_merge_params(dict(request.query))
        for _ in range(self._source.limits.redirects + 1):
            await turn()
            response = await self._http.send(self._built(request, url, credentials), stream=True)
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                url = self._redirected(request, response)
            finally:
                await response.aclose()
        raise SourceRefused(
            f"{address(request.url)} redirects more than {self._source.limits.redirects} times in a row, at last "
            f"to {address(url)}. Check the url in the sources file, or raise limits.redirects."
        )

    def _built(self, request: PageRequest, url: httpx.URL, credentials: Credentials) -> httpx.Request:
        headers = _headers_of(request.headers)
        if self._is_own(url):
            headers.update(_headers_of(credentials.headers))
            if credentials.query:
                url = url.copy_merge_params(dict(credentials.query))
        else:
            url = self._authentication.without_credentials(url).copy_with(username=None, password=None)
            for name in self._source.headers:  # one of them may well be a key
                headers.pop(name, None)
        headers["Accept-Encoding"] = ACCEPT_ENCODING
        return self._http.build_request(
            request.method, url, headers=headers, json=request.body, timeout=self._source.timeout_seconds
        )

    def _is_own(self, url: httpx.URL) -> bool:
        return origin(url) == origin(self._source.url)

    def _redirected(self, request: PageRequest, response: httpx.Response) -> httpx.URL:
        """Where the redirect leads, if the source may be followed there."""
        place = address(response.url)
        try:
            target = response.url.join(response.headers["location"]).copy_with(fragment=None)
        except httpx.InvalidURL:
            raise SourceRefused(f"{place} redirects to what is no URL") from None
        if not is_allowed(target, self._source.url, self._source.hosts):
            raise SourceRefused(
                f"{place} redirects to another host, {origin(target) or 'no address that can be asked'}. If it belongs "
                "to the source, add it to hosts in the sources file; credentials are not sent there."
            )
        kept = response.status_code in _METHOD_KEEPING and self._is_own(target)
        if request.method != "GET" and not kept:
            raise SourceRefused(
                f"{place} answers a {request.method} with a redirect ({response.status_code}) to "
                f"{address(target)}, which would lose the request's body. Give that url in the sources file."
            )
        return target


def _headers_of(values: Mapping[str, str]) -> httpx.Headers:
    """The headers, each name once in whatever case it was given. Raises SourceRefused for what no header can carry."""
    headers = httpx.Headers()
    for name, value in values.items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise SourceRefused(
                f"the header {name} of a request would hold what no header can: white space around it, control "
                "characters or others than ASCII. Check headers in the sources file, and where the pagination sends it."
            )
        headers[name] = value
    return headers
