"""A queue service that does nothing but answer: what is measured against it is the sender alone.

Takes Put Message and answers 201 at once, with the bytes that the real service sends; above `--per-second` it answers
503, above `--pace` it answers later. `GET /count` tells how many were accepted and refused. It reads HTTP just as far
as clients of this benchmark write it: a Content-Length, no chunks, no TLS.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from local.emulator import Child

ROOT = Path(__file__).parents[2]
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
BURST_SECONDS = 0.1  # how long a burst above the limit is let through
STORED = (
    b'<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage>'
    b"<MessageId>00000000-0000-4000-8000-000000000000</MessageId>"
    b"<InsertionTime>Thu, 01 Jan 2026 00:00:00 GMT</InsertionTime>"
    b"<ExpirationTime>Thu, 08 Jan 2026 00:00:00 GMT</ExpirationTime>"
    b"<PopReceipt>AgAAAAMAAAAAAAAAAAAAAAAAAAA=</PopReceipt>"
    b"<TimeNextVisible>Thu, 01 Jan 2026 00:00:00 GMT</TimeNextVisible></QueueMessage></QueueMessagesList>"
)
BUSY = b'<?xml version="1.0" encoding="utf-8"?><Error><Code>ServerBusy</Code><Message>busy</Message></Error>'


def answer(status: bytes, body: bytes, kind: bytes = b"application/xml") -> bytes:
    head = b"HTTP/1.1 %b\r\nServer: benchmark\r\nx-ms-version: 2021-12-02\r\nContent-Type: %b\r\n" % (status, kind)
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


CREATED, REFUSED = answer(b"201 Created", STORED), answer(b"503 Server Busy", BUSY)


class Counter:
    """Accepts everything, or `per_second` with a bucket of `BURST_SECONDS`."""

    def __init__(self, per_second: float) -> None:
        self.accepted = self.refused = 0
        self._per_second = per_second
        self._full_at = 0.0  # when the bucket will be empty again

    def take(self, now: float) -> bool:
        if self._per_second:
            emptied = max(self._full_at, now)
            if emptied - now > BURST_SECONDS:
                self.refused += 1
                return False
            self._full_at = emptied + 1 / self._per_second
        self.accepted += 1
        return True


class Connection(asyncio.Protocol):
    """One client connection: requests in, prepared answers out."""

    def __init__(self, counter: Counter, queue: "Queue") -> None:
        self._counter, self._read, self._queue = counter, bytearray(), queue

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (head := self._read.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self._read, 0, head)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(self._read) < end:
                return
            get = self._read.startswith(b"GET")
            del self._read[:end]
            if get:
                counts = {"accepted": self._counter.accepted, "refused": self._counter.refused}
                self._transport.write(answer(b"200 OK", json.dumps(counts).encode(), b"application/json"))
            else:
                said = CREATED if self._counter.take(time.monotonic()) else REFUSED
                self._queue.call_in_turn(self._transport.write, said)


class Queue:
    """Lets `per_second` answers out, each in its turn; all at once if that is 0."""

    def __init__(self, per_second: float) -> None:
        self._seconds = 1 / per_second if per_second else 0.0
        self._next = 0.0

    def call_in_turn(self, say: Callable[[bytes], None], what: bytes) -> None:
        if not self._seconds:
            say(what)
            return
        loop = asyncio.get_running_loop()
        self._next = max(self._next, loop.time()) + self._seconds
        loop.call_at(self._next, say, what)


async def serve(per_second: float, pace: float) -> None:
    counter, queue = Counter(per_second), Queue(pace)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(counter, queue), "127.0.0.1", 0)
    print(f"benchmark server ready on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


class Server:
    """The server in a process of its own, for as long as the `with` block lasts."""

    def __init__(self, folder: Path, per_second: float = 0, pace: float = 0) -> None:
        limits = ["--per-second", str(per_second), "--pace", str(pace)]
        command = [sys.executable, "-m", "local.benchmarks.server", *limits]
        self._child = Child("benchmark server", command, log=folder / "server.log", cwd=ROOT)
        self.url = ""

    def __enter__(self) -> "Server":
        self._child.start()
        self.url = self._child.wait_for_line(r"^benchmark server ready on (\S+)", seconds=30)[1]
        return self

    def __exit__(self, *ending: object) -> None:
        self._child.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.benchmarks.server", description="Answers 201 at once.")
    parser.add_argument(
        "--per-second", type=float, default=0, help="refuse what is above; 0 (the default) refuses none"
    )
    parser.add_argument("--pace", type=float, default=0, help="answers per second; 0 (the default): all at once")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.per_second, arguments.pace))


if __name__ == "__main__":
    main()
