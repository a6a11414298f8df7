"""Items that arrive piece by piece become chunks of batches, also if their page is cut off."""

import asyncio
import json
from typing import Any, cast

import pytest
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Chunk
from ingestion.errors import SourceRefused
from ingestion.fetching.filling import Filling
from ingestion.fetching.line import line_of
from ingestion.storage.spool import BatchWriter, read_lines
from tests.sources.fake_api import source_at
from tests.sources.fake_container import FakeContainer
from tests.sources.reader import RUN


class Filled:
    """Return a filling with chunks of 5 messages, or of this many bytes."""

    def __init__(self, chunk_bytes: int = 1024 * 1024, **table: Any) -> None:
        self.container = cast(ContainerClient, FakeContainer())
        self.writer = BatchWriter(self.container, RUN, first_chunk=0)
        self.filling = Filling(source_at("http://a/", **table), self.writer, 5, chunk_bytes)

    async def chunks(self) -> list[list[bytes]]:
        """End the page, and return the lines of each chunk."""
        self.filling.end()
        await self.filling.write_chunk()
        numbers = range(self.writer.next_chunk)
        return [await read_lines(self.container, RUN, Chunk(number, self.writer.token)) for number in numbers]

    async def done(self) -> list[Any]:
        """End the page, and return the messages of all chunks."""
        messages = [json.loads(line) for lines in await self.chunks() for line in lines]
        assert self.filling.count == self.writer.count == len(messages)
        return messages


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


async def cut_and_again(filled: Filled, cuts: list[list[str]], again: list[str]) -> list[Any]:
    """Return the messages of a page that is cut off after each of `cuts`, and then arrives whole."""
    for items in cuts:
        await add(filled, items)
        await filled.filling.restart()
    await add(filled, again, piece=11)
    return await filled.done()


@pytest.mark.parametrize("before_the_cut", range(0, 94, 4))
def test_a_page_that_is_cut_off_and_comes_again_is_taken_once_however_much_had_come(before_the_cut: int) -> None:
    assert asyncio.run(cut_and_again(Filled(), [ITEMS[:before_the_cut]], ITEMS)) == ITEMS


@pytest.mark.parametrize("again", [ITEMS[:30], [*ITEMS[:10], "other", *ITEMS[11:]], []])
def test_of_a_page_that_arrives_twice_the_second_answer_counts(again: list[str]) -> None:
    assert asyncio.run(cut_and_again(Filled(), [ITEMS], again)) == again


def test_earlier_pages_stay_and_a_repeated_message_counts_once_however_often_its_page_arrives() -> None:
    async def cut() -> tuple[list[Any], int]:
        filled = Filled(repeats="drop")
        await add(filled, ITEMS[:8])
        filled.filling.end()
        return await cut_and_again(filled, [ITEMS[6:10]] * 3, ITEMS[6:20]), filled.filling.dropped

    assert asyncio.run(cut()) == (ITEMS[:20], 2)


@pytest.mark.parametrize(("record_bytes", "most"), [(36_000, 3), (150_000, 1), (100, 5)])
def test_a_chunk_ends_at_its_messages_or_its_bytes_whichever_comes_first(record_bytes: int, most: int) -> None:
    records = [f"{number:{record_bytes}}" for number in range(12)]

    async def filled() -> list[list[bytes]]:
        filled = Filled(chunk_bytes=100_000)
        await add(filled, records)
        return await filled.chunks()

    chunks = asyncio.run(filled())
    assert [json.loads(line) for lines in chunks for line in lines] == records
    assert {len(lines) for lines in chunks[:-1]} == {most}


def test_an_item_without_its_message_is_refused() -> None:
    with pytest.raises(
        SourceRefused,
        match=r"item 2 of page 1 has no value for the message \(message = 'order\.id'\): {\"order\": null}\. Repair",
    ):
        asyncio.run(add(Filled(message="order.id"), [{"order": {"id": 1}}, {"order": None}]))


def test_a_message_that_no_text_encoding_can_hold_gets_into_the_spool_and_out_again() -> None:
    """The sender rejects it then, alone, with its reason."""
    message = {"id": "ä\ud800"}
    assert json.loads(line_of(message)) == message
