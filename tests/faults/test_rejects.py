"""The rejects of a chunk that two copies send: no write that comes late leaves fewer of them than count."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Receipt
from ingestion.errors import RetryableError
from ingestion.open_storage import Storage
from ingestion.settings import Settings
from local.emulator import Azurite
from tests.faults.sending import Sending, opened, settings_for, spooled, texts_on

BAD = "\x01"  # no XML
MESSAGES = [f"{BAD}0", "a", "b", f"{BAD}3", "c", f"{BAD}5"]
WRITES = 6  # of a copy that is alone, at least: the claim, checkpoints, and the rejects before some of them
LEFT_ALONE = 99


class Freezing(AioHttpTransport):
    """Holds back the write numbered `at`, counted from 1, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.freeze(LEFT_ALONE)

    def freeze(self, at: int) -> None:
        self._at, self.writes = at, 0
        self.frozen, self.let_go = asyncio.Event(), asyncio.Event()

    async def send(self, request: Any, **options: Any) -> Any:
        if request.method == "PUT":
            self.writes += 1
            if self.writes == self._at:
                self.frozen.set()
                await self.let_go.wait()
        return await super().send(request, **options)


async def goes_on(sending: asyncio.Task[Receipt], transport: Freezing) -> None:
    """Wait until a copy is frozen, or has ended."""
    frozen = asyncio.create_task(transport.frozen.wait())
    await asyncio.wait([sending, frozen], return_when=asyncio.FIRST_COMPLETED)
    frozen.cancel()


async def frozen_at(first: int, second: int, chunk: Sending, transports: list[Freezing], others: list[Any]) -> None:
    """Let two copies send a chunk, the later while the earlier is frozen, and each go on to its end in this order."""
    copies = []
    for at, transport, storage in zip((first, second), transports, others, strict=True):
        transport.freeze(at)
        copies.append(asyncio.create_task(chunk.send(over=storage)))
        await goes_on(copies[-1], transport)
    for transport, copy in zip(transports, copies, strict=True):
        transport.let_go.set()
        [end] = await asyncio.gather(copy, return_exceptions=True)
        assert isinstance(end, Receipt | RetryableError), end


@asynccontextmanager
async def worker(settings: Settings, azurite: Azurite, transport: Freezing) -> AsyncIterator[Storage]:
    """A storage whose writes of blobs can be frozen."""
    text = azurite.connection_string
    async with (
        opened(settings) as storage,
        ContainerClient.from_connection_string(text, settings.container, transport=transport) as container,
    ):
        storage.container = container
        yield storage


async def test_a_copy_that_is_frozen_at_any_write_leaves_no_fewer_rejects_than_count(azurite: Azurite) -> None:
    """Also if the other copy is frozen as well, at any of its writes, and wakes after it."""
    settings = settings_for(
        azurite, SLUICE_CHECKPOINT_MESSAGES="2", SLUICE_MESSAGE_ENCODING="none", SLUICE_SEND_CONCURRENCY="1"
    )
    places = itertools.product(range(1, WRITES + 1), (2, 4, WRITES, LEFT_ALONE))
    transports = [Freezing(), Freezing()]
    async with (
        opened(settings) as storage,
        worker(settings, azurite, transports[0]) as one,
        worker(settings, azurite, transports[1]) as other,
    ):
        await (await spooled(settings, storage, MESSAGES, LEFT_ALONE)).send(over=one)
        assert transports[0].writes >= WRITES
        for number, (first, second) in enumerate(places):
            chunk = await spooled(settings, storage, MESSAGES, number)
            await frozen_at(first, second, chunk, transports, [one, other])
            receipt, rejects = await chunk.send(), await chunk.rejects()
            where = f"frozen at writes {first} and {second}"
            assert [reject["message"] for reject in rejects] == [one for one in MESSAGES if len(one) > 1], where
            assert (receipt.enqueued, receipt.rejected) == (3, 3), where
    assert texts_on(azurite, settings.queue, base64=False).keys() == {*"abc"}
