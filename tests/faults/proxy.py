"""A server in front of Azurite's queues that can be told to misbehave, request by request.

It forwards whole requests over a connection each, so that what it does to one has no effect on the others. A fault is
chosen by a function from the number of the request (from 0) and its head; the faults are the constants below.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Self

PASS = "pass"
BUSY = "busy"  # 503 ServerBusy, nothing stored
EXPIRED = "expired"  # 401, nothing stored
CUT_BEFORE = "cut before"  # the connection ends, nothing stored
CUT_AFTER = "cut after"  # stored, then the connection ends without an answer
TRUNCATE = "truncate"  # stored, the answer ends within its head
SLOW = "slow"  # stored, the answer comes late

SLOW_SECONDS = 0.3
Fault = Callable[[int, bytes], str]
_ERROR = b"HTTP/1.1 %b\r\nContent-Length: %d\r\nContent-Type: application/xml\r\n\r\n%b"


def error(status: bytes, code: bytes) -> bytes:
    body = b"<Error><Code>%b</Code></Error>" % code
    return _ERROR % (status, len(body), body)


class FaultProxy:
    """Listens on a free port; `fault` may be exchanged at any time, and `stored` counts what Azurite confirmed."""

    def __init__(self, upstream_port: int, fault: Fault = lambda number, head: PASS) -> None:
        self.fault = fault
        self.stored = self.requests = self.port = 0
        self.on_stored: Callable[[int], object] = lambda stored: None
        self._upstream_port = upstream_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Accept no connection until `listen`, and end those that are open."""
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *ending: object) -> None:
        await self.refuse()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or this proxy refuses
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection stays."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1]) if length else 0)
        number, self.requests = self.requests, self.requests + 1
        match fault := self.fault(number, head):
            case "cut before":
                return False
            case "busy":
                writer.write(error(b"503 Server Busy", b"ServerBusy"))
                return True
            case "expired":
                writer.write(error(b"401 Unauthorized", b"InvalidAuthenticationInfo"))
                return True
        answer = await self._forward(head, body)
        if answer.startswith(b"HTTP/1.1 201"):
            self.stored += 1
            self.on_stored(self.stored)
        if fault == SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        if fault in (CUT_AFTER, TRUNCATE):
            writer.write(answer[:40] if fault == TRUNCATE else b"")
            await writer.drain()
            writer.close()
            return False
        writer.write(answer)
        return False

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        try:
            writer.write(head[:-2] + b"Connection: close\r\n\r\n" + body)
            return await reader.read()
        finally:
            writer.transport.abort()
