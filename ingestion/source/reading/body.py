"""The bytes of a response while they arrive: decompressed in bounded pieces, counted, and checked for completeness.

A compressed body that stops before its end is an error here. The HTTP client raises an error for a body that stops
before its declared length.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator

import httpx

from ingestion.errors import SourceRefused
from ingestion.source.http.outage import NoAnswer, NoPage

ACCEPT_ENCODING = "gzip"  # the only encoding that this module decodes
PIECE_BYTES = 64 * 1024  # the most bytes of one piece, also after decompression
# A compressed body may expand to this many bytes, or to this many times its size.
EXPANDED_BYTES, EXPANDED_TIMES = 64 * 1024 * 1024, 200
_GZIP, _GZIP_MAGIC = zlib.MAX_WBITS | 16, b"\x1f\x8b"


async def pieces(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the decompressed body in pieces of at most `PIECE_BYTES`.

    Also decompress a gzip file, such as an export that is served without Content-Encoding. Raise NoAnswer if the
    compressed data ends too early, SourceRefused beyond `max_bytes` or for another Content-Encoding.
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
                    f"the response is larger than {max_bytes:,} bytes; request smaller pages, or raise "
                    "limits.response_bytes in the sources file"
                )
            if size > max(EXPANDED_BYTES, EXPANDED_TIMES * came):
                raise SourceRefused(
                    f"the compressed response has grown to {size:,} bytes, more than {EXPANDED_TIMES} times its own "
                    "size. A list of items does not grow so much: check the url, or request smaller pages"
                )
            yield piece
            if inflate is not None:  # one piece from the network may expand to much: let other tasks run
                await asyncio.sleep(0)
    if inflate is not None and begun and not inflate.ended:
        raise NoAnswer("the compressed body stopped before its end")


async def beginning(response: httpx.Response, most_bytes: int) -> bytes:
    """Return at most `most_bytes` of the decompressed body, and do not read the rest."""
    body = bytearray()
    async for piece in pieces(response, max_bytes=most_bytes + PIECE_BYTES):
        body += piece
        if len(body) >= most_bytes:
            break
    return bytes(body[:most_bytes])


class _Inflate:
    """Decompresses in bounded pieces, through several gzip members, and knows whether the last member has ended.

    The HTTP client's own decoder stops silently after the first member, and would lose data of exports that consist of
    several files.
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(_GZIP)

    @property
    def ended(self) -> bool:
        return self._zlib.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the output for `data`. Raise NoPage if `data` is not gzip, or is damaged."""
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
