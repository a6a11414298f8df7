"""Items of a large answer are passed on while the rest of it has not even been sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ingestion.source.concealed import Concealed
from ingestion.source.description import Source
from ingestion.source.page import Page
from ingestion.source.reading.answer import read_answer
from ingestion.source.reading.parse_json import SMALL_BODY_BYTES

ROWS = [{"id": f"order-{n:09}"} for n in range(2 * SMALL_BODY_BYTES // 20)]
HEADERS = {"Transfer-Encoding": "chunked"}


class Waiting(httpx.AsyncByteStream):
    """Sends the second half of a body only when the items of the first one have arrived."""

    def __init__(self, body: bytes) -> None:
        self._body, self.arrived = body, asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        half = len(self._body) * 3 // 4
        yield self._body[:half]
        async with asyncio.timeout(10):
            await self.arrived.wait()
        yield self._body[half:]


class Sink:
    def __init__(self, stream: Waiting) -> None:
        self.items: list[Any] = []
        self._stream = stream

    async def add(self, items: list[Any]) -> None:
        self.items += items
        self._stream.arrived.set()

    async def restart(self) -> None:
        raise AssertionError("nothing was cut")


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
def test_items_are_passed_on_before_the_body_has_ended(form: Any) -> None:
    bodies = {
        "json": json.dumps({"rows": ROWS, "next": "x"}),
        "ndjson": "".join(json.dumps(row) + "\n" for row in ROWS),
        "csv": "id\n" + "".join(f"{row['id']}\n" for row in ROWS),
    }

    async def run() -> tuple[list[Any], Page]:
        stream = Waiting(bodies[form].encode())
        sink = Sink(stream)
        page = Page(sink=sink)
        source = Source.model_validate(
            {"url": "http://a/", "format": form, "items": "rows", "pagination": {"style": "none"}}
        )
        response = httpx.Response(200, headers=HEADERS, stream=stream, request=httpx.Request("GET", "http://a/"))
        assert await read_answer(response, source, page, Concealed()) is None
        return sink.items, page

    items, page = asyncio.run(run())
    assert items == ROWS
    assert (page.count, page.last, page.items) == (len(ROWS), ROWS[-1], [])
    assert page.document == ({"rows": [], "next": "x"} if form == "json" else None)
