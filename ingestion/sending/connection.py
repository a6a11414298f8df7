"""HTTP/1.1 as far as Put Message needs it: prepared requests, one at a time on a connection that stays open.

This client is written by hand because it sends every message: aiohttp spends some 0.1 ms of CPU on a request, and two
thirds of that are not needed to move the bytes (docs/benchmarks.md, scenario put).
"""

import asyncio
import re
import ssl
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlsplit

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 4.0  # many servers, such as Azurite, close idle connections after 5: a request just then may get lost
MAX_HEAD_BYTES = 65_536

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r]")


class NotSent(Exception):
    """The request cannot have reached the queue: no connection could be made."""


class AnswerLost(Exception):
    """The request was sent and no answer came back: the queue may or may not have acted on it."""


@dataclass(slots=True)
class Answer:
    """The answer of the queue; `head` has the status line and the headers, unparsed."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """Return the value of a header, empty if there is none."""
        found = re.search(rb"\r\n%b:[ \t]*([^\r]*)\r\n" % name.encode(), self.head, re.IGNORECASE)
        return found[1].decode("latin-1").strip() if found else ""


class Connection(asyncio.Protocol):
    """One connection, used for one exchange after another; `usable` says whether another may follow."""

    def __init__(self) -> None:
        self.usable = False
        self.idle_since = 0.0
        self._read = b""
        self._waiting: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self.usable = True

    async def exchange(self, request: bytes, seconds: float) -> Answer:
        """Send `request` and return the answer. Raise AnswerLost if none comes in `seconds`, or the connection ends."""
        waiting: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting = waiting
        self._transport.write(request)
        alarm = self._loop.call_later(seconds, self._lose, f"no answer within {seconds:g} s")
        try:
            return await waiting
        except asyncio.CancelledError:
            self._drop()
            raise
        finally:
            alarm.cancel()
            self._waiting = None

    def data_received(self, data: bytes) -> None:
        read = self._read = self._read + data if self._read else data
        end = read.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(read) > MAX_HEAD_BYTES:
                self._lose("the answer is not HTTP")
            return
        head = read[: end - 2]
        status = _STATUS.match(head)
        if status is None or self._waiting is None:
            self._lose("the answer is not HTTP")
            return
        if length := _LENGTH.search(head):
            stop = end + int(length[1])
        elif _CHUNKED.search(head):
            stop = _end_of_chunks(read, end)
        else:
            return  # the body ends with the connection
        if stop < 0 or len(read) < stop:
            return
        if len(read) > stop or _CLOSE.search(head):
            self._drop()
        self._read = b""
        self._answer(Answer(int(status[1]), head, read[end:stop]))

    def connection_lost(self, error: Exception | None) -> None:
        self.usable = False
        end = self._read.find(b"\r\n\r\n") + 4
        if end >= 4 and (status := _STATUS.match(self._read)):  # only the status counts, so the body may be cut
            self._answer(Answer(int(status[1]), self._read[: end - 2], self._read[end:]))
        else:
            self._lose(str(error or "the connection was closed"))

    def close(self) -> None:
        """Close the connection, which must be idle."""
        self._drop()

    def _answer(self, answer: Answer) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)

    def _lose(self, reason: str) -> None:
        self._drop()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(AnswerLost(reason))

    def _drop(self) -> None:
        self.usable = False
        self._transport.abort()


class Pool:
    """The connections to one server: one for each request under way, kept for later requests."""

    def __init__(self, host: str, port: int, *, tls: bool) -> None:
        self._host, self._port = host, port
        self._tls = ssl.create_default_context() if tls else None
        self._idle: list[Connection] = []

    @classmethod
    def for_url(cls, url: str) -> "Pool":
        """Return a new pool of connections to the server of `url`."""
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        return cls(parts.hostname or "", parts.port or (443 if tls else 80), tls=tls)

    async def exchange(self, request: bytes, seconds: float) -> Answer:
        """Return the answer to `request`, sent on a connection of the pool. Raise NotSent or AnswerLost."""
        connection = self._kept() or await self._open()
        answer = await connection.exchange(request, seconds)
        if connection.usable:
            connection.idle_since = monotonic()
            self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> Connection | None:
        oldest_useful = monotonic() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.idle_since > oldest_useful:
                return connection
            connection.close()
        return None

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await loop.create_connection(Connection, self._host, self._port, ssl=self._tls)
        except TimeoutError:
            raise NotSent(f"no connection within {CONNECT_SECONDS:g} s") from None
        except OSError as error:
            raise NotSent(str(error)) from error
        return connection


def _end_of_chunks(read: bytes, start: int) -> int:
    """Return where a chunked body that begins at `start` ends; -1 while it is incomplete."""
    while (line_end := read.find(b"\r\n", start)) >= 0:
        size = int(read[start:line_end].partition(b";")[0], 16)
        if size == 0:
            trailer = read.find(b"\r\n\r\n", line_end)
            return trailer + 4 if trailer >= 0 else -1
        start = line_end + 2 + size + 2
    return -1
