"""A body is decompressed in bounded pieces, to its very end, or it counts as cut."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from ingestion.errors import SourceRefused
from ingestion.source.http.outage import NoAnswer
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
def test_every_coding_that_is_asked_for_is_undone(coding: str, body: bytes, step: int) -> None:
    assert b"".join(read(body, coding, step)) == LINES


@pytest.mark.parametrize("step", [1, 13, 10**6])
def test_gzip_files_in_a_row_are_one_body(step: int) -> None:
    parts = [b"first\n", b"", b"third\n"]
    body = b"".join(gzip.compress(part) for part in parts) + b"\0" * 20
    assert b"".join(read(body, "gzip", step)) == b"first\nthird\n"


def test_compressed_data_without_its_end_is_cut_even_where_all_lines_are_whole() -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    body = packer.compress(LINES) + packer.flush(zlib.Z_FULL_FLUSH)  # every line can be read, only the end is missing
    with pytest.raises(NoAnswer, match="before its end"):
        read(body, "gzip")


def test_damaged_data_is_no_content() -> None:
    body = bytearray(gzip.compress(LINES))
    body[len(body) // 2] ^= 0xFF
    with pytest.raises(NoAnswer, match="damaged"):
        read(bytes(body), "gzip")


def test_no_piece_is_large_however_well_it_was_compressed() -> None:
    zeros = bytes(20_000_000)
    found = read(gzip.compress(zeros), "gzip", step=10**6)
    assert (sum(map(len, found)), max(map(len, found))) == (len(zeros), PIECE_BYTES)
    with pytest.raises(SourceRefused, match="larger than 1,000,000 bytes"):
        read(gzip.compress(zeros), "gzip", max_bytes=1_000_000)


def test_a_coding_that_was_not_asked_for_is_named() -> None:
    with pytest.raises(SourceRefused, match="compressed as 'br'"):
        read(b"x", "br")


def test_an_empty_body_is_empty() -> None:
    assert read(b"", "gzip") == []


def test_output_that_waits_inside_the_decompressor_is_not_forgotten() -> None:
    body = gzip.compress(bytes(PIECE_BYTES + 1))
    assert b"".join(read(body, "gzip", step=len(body) - 8)) == bytes(PIECE_BYTES + 1), "its trailer comes later"
