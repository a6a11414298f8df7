"""A body is decompressed in bounded pieces to its end; without that end it counts as cut off."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from ingestion.errors import SourceRefused
from ingestion.source.http.outage import NoAnswer, NoPage
from ingestion.source.reading.body import PIECE_BYTES, pieces

LINES = b"".join(b'{"id": %d}\n' % n for n in range(20_000))


class Stream(httpx.AsyncByteStream):
    def __init__(self, body: bytes, step: int) -> None:
        self._body, self._step = body, step

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), self._step):
            yield self._body[start : start + self._step]


def read(body: bytes, coding: str = "", step: int = 1000, max_bytes: int = 10**9) -> list[bytes]:
    async def run() -> list[bytes]:
        headers = {"Content-Encoding": coding} if coding else {}
        response = httpx.Response(200, headers=headers, stream=Stream(body, step))
        return [piece async for piece in pieces(response, max_bytes)]

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", LINES), ("identity", LINES), ("gzip", gzip.compress(LINES)), ("GZIP ", gzip.compress(LINES)),
        ("x-gzip", gzip.compress(LINES)), ("", gzip.compress(LINES)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [7, 100_000])
def test_every_requested_content_coding_is_decoded(coding: str, body: bytes, step: int) -> None:
    assert b"".join(read(body, coding, step)) == LINES


@pytest.mark.parametrize("step", [1, 13, 10**6])
def test_gzip_files_in_a_row_are_one_body(step: int) -> None:
    parts = [b"first\n", b"", b"third\n"]
    body = b"".join(gzip.compress(part) for part in parts) + b"\0" * 20
    assert b"".join(read(body, "gzip", step)) == b"first\nthird\n"


def without_its_end() -> bytes:
    """A body of readable lines; only the end of the compressed data is missing."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return packer.compress(LINES) + packer.flush(zlib.Z_FULL_FLUSH)


def damaged() -> bytes:
    body = bytearray(gzip.compress(LINES))
    body[len(body) // 2] ^= 0xFF
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "coding", "error", "said"),
    [
        (without_its_end(), "gzip", NoAnswer, "before its end"),
        (damaged(), "gzip", NoPage, "damaged"),
        (b'{"items": []}', "gzip", NoPage, "damaged"),
        (gzip.compress(bytes(20_000_000)), "gzip", SourceRefused, "larger than 1,000,000 bytes"),
        (b"x", "br", SourceRefused, "compressed as 'br'"),
        (b"x", "deflate", SourceRefused, "compressed as 'deflate'"),
    ],
)
def test_an_incomplete_too_large_or_wrongly_coded_body_is_refused(
    body: bytes, coding: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        read(body, coding, max_bytes=1_000_000)


def test_no_piece_is_large_however_well_it_was_compressed() -> None:
    zeros = bytes(20_000_000)
    found = read(gzip.compress(zeros), "gzip", step=10**6)
    assert (sum(map(len, found)), max(map(len, found))) == (len(zeros), PIECE_BYTES)


def test_an_empty_body_is_empty() -> None:
    assert read(b"", "gzip") == []


def test_output_that_waits_inside_the_decompressor_is_not_forgotten() -> None:
    body = gzip.compress(bytes(PIECE_BYTES + 1))
    assert b"".join(read(body, "gzip", step=len(body) - 8)) == bytes(PIECE_BYTES + 1), "its trailer comes later"
