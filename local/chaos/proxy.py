"""A proxy between the app and one service.

Input: the app's requests. Output: the service's answers, except for requests with a fault. A shut proxy ends every
connection without an answer, like a process that has just died.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import aiohttp
from aiohttp import web
from yarl import URL

from local.chaos.fault import FAIR, Fault, Misfortune

OF_ONE_CONNECTION = ("Connection", "Keep-Alive", "Transfer-Encoding")  # headers that the proxy does not forward
ADDED_BY_CLIENT = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # headers that aiohttp would add
SLOW_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a service."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def response(self) -> web.Response:
        return web.Response(status=self.status, reason=self.reason, headers=self.headers, body=self.body)

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.reason}", *(f"{name}: {text}" for name, text in self.headers.items())]
        return "\r\n".join([*lines, "", ""]).encode()


INSTEAD = {  # the answer of the proxy; the service does not get the request
    Fault.BUSY: Answer(503, "Server Busy", {"x-ms-error-code": "ServerBusy"}),
    Fault.THROTTLED: Answer(429, "Too Many Requests", {"Retry-After": "1"}),
    Fault.EXPIRED: Answer(401, "Unauthorized", {"x-ms-error-code": "InvalidAuthenticationInfo"}),
    Fault.REFUSED: Answer(413, "Request Body Too Large", {"x-ms-error-code": "RequestBodyTooLarge"}),
}
FAILED = Answer(500, "Internal Server Error", {"x-ms-error-code": "InternalError"})
SHORTENED: dict[Fault, Callable[[bytes, bytes], bytes]] = {  # make the bytes to send from head and body
    Fault.LOST: lambda head, body: b"",
    Fault.BEHEADED: lambda head, body: head[: len(head) // 2],
    Fault.TORN: lambda head, body: head + body[: len(body) // 2],
}


class Watch(Protocol):
    """Notified of each request that reaches the service, before and after the service executes it."""

    def arrives(self) -> int:
        """Return the number of the request, for `answered`."""

    def answered(self, number: int) -> None: ...


class Proxy:
    """Listens on a free port of 127.0.0.1, and forwards to the port `upstream`.

    `upstream` may be set later; each round sets `misfortune` and `watch`.
    """

    def __init__(self, upstream: int = 0) -> None:
        self.port = 0
        self.upstream = upstream
        self.misfortune: Misfortune = FAIR
        self.watch: Watch | None = None
        self.is_open = True
        self._repeat = Repeat()

    async def __aenter__(self) -> Self:
        self._http = web.Server(self._pass, access_log=None, auto_decompress=False)
        self._service = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),  # without keep-alive aiohttp repeats nothing
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=ADDED_BY_CLIENT,
        )
        await self.listen()
        return self

    async def __aexit__(self, *ending: object) -> None:
        await self.refuse()
        await self._http.shutdown()
        await self._service.close()

    async def listen(self) -> None:
        """Accept connections; after `refuse` on the same port as before."""
        self.is_open = True
        self._listening = await asyncio.get_running_loop().create_server(self._http, "127.0.0.1", self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Accept no connection until `listen`, and end the open ones."""
        for listener in self._listening.sockets:
            asyncio.get_running_loop().remove_reader(listener)
        await asyncio.sleep(0)  # first give accepted connections their transport: a closed server would leak it
        self._listening.close()
        self.shut()

    def shut(self) -> None:
        """End all connections without an answer, and forward nothing until `is_open` is set again."""
        self.is_open = False
        for connection in self._http.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _pass(self, request: web.BaseRequest) -> web.StreamResponse:
        """Forward one request and its answer, or apply its fault."""
        misfortune, watch = self.misfortune, self.watch
        body = await request.content.read()
        fault = misfortune.draw(request)
        if fault in INSTEAD or fault is Fault.CUT:
            misfortune.met[fault] += 1
            return hang_up(request) if fault is Fault.CUT else INSTEAD[fault].response()
        number = watch.arrives() if watch else 0
        if not self.is_open:
            return hang_up(request)
        try:
            answer = await self._ask(request, body)
        except aiohttp.ClientError:  # the service has ended, so end the connection too
            return hang_up(request)
        if watch:
            watch.answered(number)
        if fault is Fault.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        if not self.is_open:
            return hang_up(request)
        page, answer = answer, self._repeat(answer, fault is Fault.REPEATED)
        if fault and (fault is not Fault.REPEATED or answer is not page):
            misfortune.met[fault] += 1
        if fault in SHORTENED:
            return hang_up(request, SHORTENED[fault](answer.head(), answer.body))
        return (FAILED if fault is Fault.FAILED else answer).response()

    async def _ask(self, request: web.BaseRequest, body: bytes) -> Answer:
        url = URL(f"http://127.0.0.1:{self.upstream}{request.raw_path}", encoded=True)
        headers = {name: text for name, text in request.headers.items() if name not in OF_ONE_CONNECTION}
        async with self._service.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            given = await answer.read()
            headers = {name: text for name, text in answer.headers.items() if name not in OF_ONE_CONNECTION}
            return Answer(answer.status, answer.reason or "", {"Content-Length": str(len(given)), **headers}, given)


def hang_up(request: web.BaseRequest, said: bytes = b"") -> web.Response:
    """End the connection after these bytes; nobody gets the returned response."""
    if request.transport is not None:
        request.transport.write(said)
        request.transport.close()
    return web.Response()


class Repeat:
    """Makes a source repeat items: a page starts with the last item of the page before, as if items had moved."""

    def __init__(self) -> None:
        self._last: Any = None

    def __call__(self, page: Answer, wanted: bool) -> Answer:
        """Return the page; change it if it has this fault and there was a page before."""
        if page.status != 200 or not page.body.startswith(b'{"items"'):
            return page
        document = json.loads(page.body)
        items, before = document["items"], self._last
        self._last = items[-1] if items else before
        if not wanted or before is None or before in items:
            return page
        body = json.dumps({**document, "items": [before, *items]}).encode()
        return replace(page, headers={**page.headers, "Content-Length": str(len(body))}, body=body)
