"""HTTP/1.1 messages as bytes, read just far enough to know where one ends.

Enters: a stream. Leaves: a `Message` that can be written on as it came, so that signatures and framing stay untouched.
"""

import asyncio
import re
from dataclasses import dataclass

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
BODILESS = (b"204", b"304")


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: `head` up to and with the empty line, `body` with its framing."""

    head: bytes
    body: bytes

    @property
    def method(self) -> bytes:
        return self.head.split(b" ", 1)[0]

    @property
    def path(self) -> bytes:
        """Of a request, without the query."""
        return self.head.split(b" ", 2)[1].split(b"?", 1)[0]

    @property
    def status(self) -> bytes:
        """Of an answer."""
        return self.head.split(b" ", 2)[1]

    @property
    def whole(self) -> bytes:
        return self.head + self.body


async def read_request(stream: asyncio.StreamReader) -> Message | None:
    """The next request of a connection; None when the client has closed it."""
    try:
        head = await stream.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    return Message(head, await _body(stream, head))


async def read_answer(stream: asyncio.StreamReader, method: bytes) -> Message:
    """The answer to a request. Raises EOFError if the server ends the connection instead."""
    head = await stream.readuntil(b"\r\n\r\n")
    answer = Message(head, b"")
    if method == b"HEAD" or answer.status in BODILESS:
        return answer
    return Message(head, await _body(stream, head))


def answer(status: str, *headers: str) -> bytes:
    """An answer without a body."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Length: 0", *headers, "", ""]).encode()


async def _body(stream: asyncio.StreamReader, head: bytes) -> bytes:
    if CHUNKED.search(head):
        return await _chunks(stream)
    length = LENGTH.search(head)
    return await stream.readexactly(int(length[1])) if length else b""


async def _chunks(stream: asyncio.StreamReader) -> bytes:
    read = b""
    while True:
        size = await stream.readuntil(b"\r\n")
        length = int(size.split(b";")[0], 16)
        read += size + await stream.readexactly(length + 2)
        if length == 0:
            return read
