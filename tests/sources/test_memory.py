"""What a fetch keeps in memory: requests, messages, cursors of any length, and one chunk of a page."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import httpx
import pytest
from aiohttp import web

from ingestion.fetching.known import Known, digest
from ingestion.fetching.position import Position, from_json
from ingestion.fetching.seen import Seen, fingerprint
from ingestion.source.page import PageRequest
from tests.sources.fake_api import NONE, FakeApi, source_at
from tests.sources.fake_container import FakeContainer
from tests.sources.reader import Reading, read

CHUNK_BYTES, RECORDS_PER_CHUNK = 2_000_000, 56  # of 36 KB each
FORMS = {"json": (b"[", b'"%36000d"', b"]"), "ndjson": (b"", b'"%36000d"\n', b""), "csv": (b"id\n", b"%36000d\n", b"")}


def asked(number: int) -> bytes:
    return fingerprint(PageRequest(url="http://a", query={"page": str(number)}))


def test_a_request_is_known_by_all_that_it_holds_and_after_it_was_stored() -> None:
    seen = Seen()
    for number in range(1, 6):
        seen.add(asked(number))
    again = Seen(seen.dump())
    assert [again.page_of(asked(number)) for number in (1, 5, 6)] == [1, 5, None]
    for other in (
        PageRequest(url="http://b", query={"page": "1"}),
        PageRequest(url="http://a", query={"page": "1"}, headers={"x": "1"}),
        PageRequest(url="http://a", query={"page": "1"}, body={"x": 1}),
    ):
        assert again.page_of(fingerprint(other)) is None


def test_known_messages_are_distinguished_from_all_others() -> None:
    known = Known()
    for number in range(0, 20_000, 2):
        known.add(b"%d\n" % number)
    found = [number for number in range(20_000) if b"%d\n" % number in known]
    assert found == list(range(0, 20_000, 2))


def test_a_digest_that_is_found_across_two_others_is_not_known() -> None:
    known, first, second = Known(), digest(b"a"), digest(b"b")
    known._buckets[digest(b"c")[:2]] = bytearray(first[:5] + digest(b"c")[2:] + second[:9])
    assert b"c" not in known


def test_a_position_survives_its_json_and_that_of_newer_code() -> None:
    position = Position(cursor={"a": [1]}, pages=3, since="x", restarts=1)
    assert from_json({**position.to_json(), "newer": 1}) == position
    assert Position(cursor=None).to_json() == {}


def test_a_cursor_of_many_kilobytes_travels_by_reference() -> None:
    def long_cursors(request: web.Request) -> Any:
        start = len(request.query.get("cursor", "")) // 1500
        following = "x" * 1500 * (start + 1) if start < 4 else None
        return {"items": [{"id": f"{start}-{n}"} for n in range(20)], "next": following}

    messages, run = read(FakeApi(long_cursors), {})  # which checks that no payload is above 4 KB
    assert len(set(messages)) == 100
    assert all(batch.next_cursor.blob for batch in run.batches[:-1] if batch.next_cursor)


@dataclass
class Records(httpx.AsyncByteStream):
    """A response of this many records of 36 KB; each is made when it is sent."""

    form: str
    count: int

    async def __aiter__(self) -> AsyncIterator[bytes]:
        before, record, after = FORMS[self.form]
        yield before
        for number in range(self.count):
            yield b"," * (self.form == "json" and number > 0) + record % number
        yield after


def peak_of(form: str, records: int) -> int:
    """Return the peak memory of a fetch of one response, in bytes; its container drops what it gets."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Transfer-Encoding": "chunked"}, stream=Records(form, records))

    async def forget(operation: str) -> None:
        if operation.startswith("uploaded"):
            container.blobs[operation.removeprefix("uploaded ")].data = b""

    async def fetched() -> int:
        source = source_at("http://a/", format=form, items="", pagination=NONE)
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            run = Reading(source, http, container, chunk_size=5_000, chunk_bytes=CHUNK_BYTES)
            tracemalloc.start()
            batch = await run.fetch(0, None)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert (batch.count, batch.chunks) == (records, ceil(records / RECORDS_PER_CHUNK))
        return peak

    container = FakeContainer(step=forget)
    return asyncio.run(fetched())


@pytest.mark.parametrize("form", FORMS)
def test_a_fetch_takes_no_more_memory_for_a_larger_response(form: str) -> None:
    peak_of(form, 100)  # what is made once and kept
    small, large = peak_of(form, 300), peak_of(form, 3_000)
    assert large < 1.1 * small < 4 * CHUNK_BYTES
