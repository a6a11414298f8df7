"""A queue service that does nothing but answer: what is measured against it is the sender alone.

Takes Put Message and answers 201 at once, with the bytes that the real service sends; above `--per-second` it answers
503; with `--latency-ms` it answers as much later. `GET /count` tells how many were accepted and refused. It reads HTTP just as far as clients of this benchmark
write it: a Content-Length, no chunks, no TLS.
"""

import argparse
import asyncio
import json
import re
import sys
import time
from pathlib import Path

from emulator import Child

ROOT = Path(__file__).parent.parent
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

    def __init__(self, counter: Counter, latency_seconds: float = 0.0) -> None:
        self._counter, self._read, self._latency_seconds = counter, bytearray(), latency_seconds

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
                if self._latency_seconds:
                    asyncio.get_running_loop().call_later(self._latency_seconds, self._transport.write, said)
                else:
                    self._transport.write(said)


async def serve(per_second: float, latency_seconds: float) -> None:
    counter = Counter(per_second)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(counter, latency_seconds), "127.0.0.1", 0)
    print(f"benchmark server ready on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


class Server:
    """The server in a process of its own, for as long as the `with` block lasts."""

    def __init__(self, folder: Path, per_second: float = 0, latency_ms: float = 0) -> None:
        limits = ["--per-second", str(per_second), "--latency-ms", str(latency_ms)]
        command = [sys.executable, "-m", "benchmarks.server", *limits]
        self._child = Child("benchmark server", command, log=folder / "server.log", cwd=ROOT)
        self.url = ""

    def __enter__(self) -> "Server":
        self._child.start()
        self.url = self._child.wait_for_line(r"^benchmark server ready on (\S+)", seconds=30)[1]
        return self

    def __exit__(self, *ending: object) -> None:
        self._child.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description="Answers 201 at once.")
    parser.add_argument(
        "--per-second", type=float, default=0, help="refuse what is above; 0 (the default) refuses none"
    )
    parser.add_argument("--latency-ms", type=float, default=0, help="answer so much later (default: at once)")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.per_second, arguments.latency_ms / 1000))


if __name__ == "__main__":
    main()
