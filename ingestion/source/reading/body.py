"""The bytes of a response as they arrive: decompressed in bounded pieces, counted, and checked to be whole.

A compressed body that stops before its end is an error here, as one that stops before its declared length is one in
the HTTP client.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator

import httpx

from ingestion.errors import SourceRefused
from ingestion.source.http.outage import NoAnswer, NoPage

ACCEPT_ENCODING = "gzip"  # what is decoded here
PIECE_BYTES = 64 * 1024  # the most that one piece holds, however well it was compressed
EXPANDED_BYTES, EXPANDED_TIMES = 64 * 1024 * 1024, 200  # a body may expand to the first, and then by the second
_GZIP, _GZIP_MAGIC = zlib.MAX_WBITS | 16, b"\x1f\x8b"


async def pieces(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the decompressed body in pieces of at most `PIECE_BYTES`.

    A file that is gzip itself (an export, served without Content-Encoding) is decompressed as well. Raise NoAnswer if
    the compressed data ends too early, SourceRefused beyond `max_bytes` or on a coding that was not asked for.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise SourceRefused(f"the response is compressed as {coding!r}; only {ACCEPT_ENCODING} can be read")
    inflate, size, begun, came = _Inflate() if "gzip" in coding else None, 0, False, 0
    async for raw in response.aiter_raw(PIECE_BYTES):
        if not begun and raw.startswith(_GZIP_MAGIC):
            inflate = _Inflate()
        begun, came = begun or bool(raw), came + len(raw)
        for piece in (raw,) if inflate is None else inflate.feed(raw):
            size += len(piece)
            if size > max_bytes:
                raise SourceRefused(
                    f"the response is larger than {max_bytes:,} bytes; ask for smaller pages, or raise "
                    "limits.response_bytes in the sources file"
                )
            if size > max(EXPANDED_BYTES, EXPANDED_TIMES * came):
                raise SourceRefused(
                    f"the compressed response has grown to {size:,} bytes, more than {EXPANDED_TIMES} times its own "
                    "size, as lists of items do not; ask for smaller pages"
                )
            yield piece
            if inflate is not None:  # much can be in one piece of the network; others want to go on meanwhile
                await asyncio.sleep(0)
    if inflate is not None and begun and not inflate.ended:
        raise NoAnswer("the compressed body stopped before its end")


async def beginning(response: httpx.Response, most_bytes: int) -> bytes:
    """Return the decompressed body up to `most_bytes`, and read no more of it than that."""
    body = bytearray()
    async for piece in pieces(response, max_bytes=most_bytes + PIECE_BYTES):
        body += piece
        if len(body) >= most_bytes:
            break
    return bytes(body[:most_bytes])


class _Inflate:
    """zlib by pieces: bounded ones, through several members in a row, and it knows whether the last one has ended.

    The HTTP client's own decoder stops silently after the first member, which for exports that were put together from
    several files loses data.
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP)

    @property
    def ended(self) -> bool:
        return self._zlib.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` adds to the output. Raise NoPage if it is not gzip, or damaged."""
        while data:
            if self._zlib.eof:
                data = data.lstrip(b"\0")  # padding between members
                if not data:
                    return
                self._zlib = zlib.decompressobj(_GZIP)
            try:
                piece = self._zlib.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise NoPage(f"the compressed body is damaged ({error})") from None
            data = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            if piece:
                yield piece
