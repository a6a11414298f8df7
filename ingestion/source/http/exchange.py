"""Send one request, only to the source's own hosts, and with credentials only to its own origin."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from ingestion.concealed import quoted
from ingestion.errors import SourceRefused, first_line
from ingestion.source.auth.flow import Flow
from ingestion.source.auth.kinds import without_key
from ingestion.source.description import Source
from ingestion.source.http.origin import address, is_allowed, origin
from ingestion.source.page import PageRequest
from ingestion.source.reading.body import ACCEPT_ENCODING
from ingestion.telemetry import request_span

_METHOD_KEEPING = (307, 308)  # redirects that keep the method

Turn = Callable[[], Awaitable[None]]  # waits until the next request may start


def http_client(**options: Any) -> httpx.AsyncClient:
    """Return the client for all sources. It keeps no cookies: requests for another account would send them."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(follow_redirects=False, cookies=no_cookies, **options)


class Exchange:
    """Sends the requests of one source."""

    def __init__(self, source: Source, http: httpx.AsyncClient, flow: Flow) -> None:
        self._source, self._http, self._flow = source, http, flow

    @asynccontextmanager
    async def answer(self, request: PageRequest, turn: Turn) -> AsyncIterator[httpx.Response]:
        """Yield the answer to `request`, open as long as the block lasts. Follow redirects.

        Await `turn` before each request, also after a redirect. Raise SourceRefused for a redirect that the description
        does not allow, or for too many redirects; httpx.TransportError or NoAnswer if there is no answer.
        """
        try:
            url = httpx.URL(request.url)
            if request.query:
                url = url.copy_merge_params(dict(request.query))
        except (httpx.InvalidURL, UnicodeError) as error:
            raise SourceRefused(
                f"a request would have an invalid address ({first_line(error)}); check url, query and "
                "pagination in the sources file"
            ) from None
        for _ in range(self._source.limits.redirects + 1):
            await turn()
            flow = self._flow if self._is_own(url) else None
            with _named_redirect(url), request_span(request.method, url.host) as span:
                response = await self._http.send(self._built(request, url, turn), auth=flow, stream=True)
                span.set_attribute("http.response.status_code", response.status_code)
            try:
                if response.next_request is None:
                    yield response
                    return
                url = self._redirected(request, response, response.next_request.url)
            finally:
                await response.aclose()
        raise SourceRefused(
            f"{address(request.url)} redirects more than {self._source.limits.redirects} times in a row, at last "
            f"to {address(url)}. Check the url in the sources file, or raise limits.redirects."
        )

    def _built(self, request: PageRequest, url: httpx.URL, turn: Turn) -> httpx.Request:
        headers = _headers_of(request.headers)
        if not self._is_own(url):
            url = httpx.URL(without_key(self._source.auth, str(url))).copy_with(username=None, password=None)
            for name in self._source.headers:  # a header may hold a key
                headers.pop(name, None)
        headers["Accept-Encoding"] = ACCEPT_ENCODING
        timeout, extensions = self._source.timeout_seconds, {"turn": turn}
        return self._http.build_request(
            request.method, url, headers=headers, json=request.body, timeout=timeout, extensions=extensions
        )

    def _is_own(self, url: httpx.URL) -> bool:
        return origin(url) == origin(self._source.url)

    def _redirected(self, request: PageRequest, response: httpx.Response, target: httpx.URL) -> httpx.URL:
        """Return `target`, to which the answer redirects, if requests may go there."""
        place = address(response.url)
        if not is_allowed(target, self._source.url, self._source.hosts):
            raise SourceRefused(
                f"{place} redirects to another host, {origin(target) or 'not an HTTP address'}. If it belongs "
                "to the source, add it to hosts in the sources file; credentials are not sent there."
            )
        kept = response.status_code in _METHOD_KEEPING and self._is_own(target)
        if request.method != "GET" and not kept:
            raise SourceRefused(
                f"{place} answers a {request.method} with a redirect ({response.status_code}) to "
                f"{address(target)}, which would lose the request's body. Give that url in the sources file."
            )
        return target


@contextmanager
def _named_redirect(url: httpx.URL) -> Iterator[None]:
    """Raise SourceRefused if the answer of `url` redirects to an address that the HTTP client refuses."""
    try:
        yield
    except (httpx.InvalidURL, UnicodeError, httpx.RemoteProtocolError) as error:
        if isinstance(error, httpx.RemoteProtocolError) and not isinstance(error.__context__, httpx.InvalidURL):
            raise
        problem = quoted(first_line(error))
        raise SourceRefused(
            f"{address(url)} redirects to an invalid address ({problem}). Check the url in the sources file."
        ) from None


def _headers_of(values: Mapping[str, str]) -> httpx.Headers:
    """Return the headers, each name once in any case. Raise SourceRefused for a value that no header can hold."""
    headers = httpx.Headers()
    for name, value in values.items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise SourceRefused(
                f"the header {name} of a request would have a value that is not allowed: white space around it, "
                "control or non-ASCII characters. Check headers and pagination in the sources file."
            )
        headers[name] = value
    return headers
