"""Items that arrive piece by piece become chunks of batches, also when their page is cut off on the way."""

import asyncio
import itertools
import json
from typing import Any, cast

import pytest
from aiohttp import web
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Cursor, FetchRequest
from ingestion.errors import SourceRefused
from ingestion.fetching.filling import Filling, line_of
from ingestion.fetching.position import Position
from ingestion.fetching.spool import Spool
from ingestion.source.description import Source
from tests.sources.fake_container import FakeContainer
from tests.sources.one_page import app_of, cut_off
from tests.sources.reader import reading

STARTED_AT = "2026-01-01T00:00:00+00:00"
SOURCE = {"url": "http://a/", "items": "", "pagination": {"style": "none"}}


class Filled:
    """A filling of chunks of 5 messages, 10 of which make a batch; it cuts a page beyond 20."""

    def __init__(self, position: Position | None = None, **table: Any) -> None:
        self.container = FakeContainer()
        self.saved: list[Position] = []
        request = FetchRequest(
            run_id="r", run_started_at=STARTED_AT, source="s", batch_index=0, chunk_size=5, max_messages=10
        )
        spool = Spool(cast(ContainerClient, self.container), "r", STARTED_AT)
        self.filling = Filling(request, Source.model_validate({**SOURCE, **table}), spool)
        self.filling.save = self._save
        self.filling.begin(position or Position(cursor=None))

    async def _save(self, batch_index: int, position: Position) -> Cursor:
        self.saved.append(position)
        return Cursor(text="1")

    async def done(self) -> list[Any]:
        """What all batches hold."""
        self.filling.end()
        await self.filling.commit(None)
        lines = [line for _, blob in sorted(self.container.blobs.items()) for line in blob.data.splitlines()]
        return [json.loads(line) for line in lines]


async def add(filled: Filled, items: list[Any], piece: int = 7) -> None:
    for start in range(0, len(items), piece):
        await filled.filling.add(items[start : start + piece])


ITEMS = [f"id-{n}" for n in range(93)]


def test_a_message_too_deep_to_be_written_is_refused() -> None:
    message: list[Any] = []
    for _ in range(100_000):
        message = [message]
    with pytest.raises(SourceRefused, match="too deep"):
        line_of(message)


@pytest.mark.parametrize("before_the_cut", range(0, 94, 4))
def test_a_page_that_is_cut_off_and_comes_again_is_taken_once_however_much_had_come(before_the_cut: int) -> None:
    async def cut() -> list[Any]:
        filled = Filled()
        await add(filled, ITEMS[:before_the_cut])
        await filled.filling.restart()
        await add(filled, ITEMS, piece=11)
        return await filled.done()

    assert asyncio.run(cut()) == ITEMS


def test_what_pages_before_had_brought_stays_when_a_page_is_cut_off() -> None:
    async def cut() -> list[Any]:
        filled = Filled(repeats="drop")
        await add(filled, ITEMS[:8])
        filled.filling.end()
        filled.filling.begin(Position(cursor=1, pages=1))
        await add(filled, ITEMS[6:10])
        await filled.filling.restart()
        await add(filled, ITEMS[6:20])
        return await filled.done()

    assert asyncio.run(cut()) == ITEMS[:20]


def test_a_repeat_counts_once_as_dropped_however_often_its_page_is_asked_for() -> None:
    async def cut() -> int:
        filled = Filled(repeats="drop")
        await add(filled, ITEMS[:8])
        filled.filling.end()
        filled.filling.begin(Position(cursor=1, pages=1))
        for _ in range(3):
            await add(filled, ITEMS[6:10])
            await filled.filling.restart()
        await add(filled, ITEMS[6:20])
        return filled.filling.dropped

    assert asyncio.run(cut()) == 2


@pytest.mark.parametrize("again", [ITEMS[:30], [*ITEMS[:10], "other", *ITEMS[11:]], []])
def test_a_page_that_comes_again_shorter_or_different_is_refused(again: list[str]) -> None:
    async def cut() -> None:
        filled = Filled()
        await add(filled, ITEMS)
        await filled.filling.restart()
        await add(filled, again)
        await filled.done()

    with pytest.raises(SourceRefused, match="came differently"):
        asyncio.run(cut())


def test_a_cut_page_is_gone_on_with_from_the_position_inside_it() -> None:
    async def first() -> list[Position]:
        filled = Filled()
        await add(filled, ITEMS)
        return filled.saved

    async def second(position: Position) -> list[Any]:
        filled = Filled(position)
        await add(filled, ITEMS)
        return await filled.done()

    inside = asyncio.run(first())
    assert [position.skip for position in inside] == sorted({position.skip for position in inside})
    for position in inside:
        assert asyncio.run(second(position)) == ITEMS[position.skip :]


def test_repeats_of_a_divided_page_are_dropped_by_the_fetch_that_went_on_inside_it() -> None:
    async def first() -> Position:
        filled = Filled(repeats="drop")
        await add(filled, ITEMS)
        return filled.saved[-1]

    async def second(position: Position) -> list[Any]:
        filled = Filled(position, repeats="drop")
        await add(filled, ITEMS)
        filled.filling.end()
        filled.filling.begin(Position(cursor=1, pages=1))
        await add(filled, [*ITEMS[:5], "new"])
        return await filled.done()

    inside = asyncio.run(first())
    assert asyncio.run(second(inside)) == [*ITEMS[inside.skip :], "new"]


def test_an_item_without_its_message_is_refused() -> None:
    with pytest.raises(SourceRefused, match=r"item 1 of a page has no 'order\.id'"):
        asyncio.run(add(Filled(message="order.id"), [{"order": {"id": 1}}, {"order": None}]))


def test_a_message_that_no_text_encoding_can_hold_gets_into_the_spool_and_out_again() -> None:
    """The sender rejects it then, alone, with its reason."""
    message = {"id": "ä\ud800"}
    assert json.loads(line_of(message)) == message


def test_a_wait_inside_a_page_that_was_cut_brings_no_id_twice() -> None:
    ids, asked = list(range(100)), itertools.count()

    async def page(request: web.Request) -> web.StreamResponse:
        body = json.dumps({"items": [{"id": one, "pad": "x" * 20_000} for one in ids]}).encode()
        match next(asked):
            case 0:  # cut off, after the first batches were committed
                return await cut_off(request, body)
            case 1:
                return web.json_response({}, status=429, headers={"Retry-After": "60"})
        return web.Response(body=body)

    async def run() -> list[Any]:
        async with reading(app_of(page), "/", {"pagination": {"style": "none"}}) as going:
            return await going.all()

    assert asyncio.run(run()) == ids
