"""A queue service that only answers, so that a benchmark measures the sender alone.

It answers Put Message with 201 at once, with the bytes of the real service; above `--per-second` it answers 503, above
`--pace` it answers later. `GET /count` returns the numbers of accepted and refused messages. The server is written by
hand, because a library's HTTP server takes longer for a request than the sender that the benchmark measures. It reads
only the HTTP of the clients in this benchmark: Content-Length, no chunks, no TLS.
"""

import argparse
import asyncio
import json
import re
from pathlib import Path

from local.demo.bucket import Bucket
from local.emulator import Server

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
BURST_SECONDS = 0.1  # length of an accepted burst above the limit
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


class Queue:
    """Accepts `per_second` messages, with a burst of `BURST_SECONDS`; sends `pace` answers a second; 0: no limit."""

    def __init__(self, per_second: float, pace: float) -> None:
        self.counts = {"accepted": 0, "refused": 0}
        self._limit = Bucket(per_second, BURST_SECONDS) if per_second else None
        self._pace = pace
        self._next_at = 0.0  # when to send the next answer

    def put(self, transport: asyncio.Transport) -> None:
        """Answer one Put Message, now or later."""
        is_refused = self._limit is not None and self._limit.wait_seconds() > 0
        self.counts["refused" if is_refused else "accepted"] += 1
        said = REFUSED if is_refused else CREATED
        if self._pace:
            loop = asyncio.get_running_loop()
            self._next_at = max(self._next_at, loop.time()) + 1 / self._pace
            loop.call_at(self._next_at, transport.write, said)
        else:
            transport.write(said)


class Connection(asyncio.Protocol):
    """One client connection: requests in, prepared answers out."""

    def __init__(self, queue: Queue) -> None:
        self._queue, self._read = queue, bytearray()

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
            is_put = not self._read.startswith(b"GET")
            del self._read[:end]
            if is_put:
                self._queue.put(self._transport)
            else:
                counts = json.dumps(self._queue.counts).encode()
                self._transport.write(answer(b"200 OK", counts, b"application/json"))


async def serve(queue: Queue) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Connection(queue), "127.0.0.1", 0)
    print(f"queue server ready on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def queue_server(folder: Path, *, per_second: float = 0, pace: float = 0) -> Server:
    """Return the server as a child process; 0: no limit."""
    flags = ["--per-second", str(per_second), "--pace", str(pace)]
    return Server("queue server", "local.benchmarks.queue_server", *flags, log=folder / "queue-server.log")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--per-second", type=float, default=0)
    parser.add_argument("--pace", type=float, default=0)
    asyncio.run(serve(Queue(**vars(parser.parse_args()))))
