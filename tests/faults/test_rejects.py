"""The rejects of a chunk that two copies send: no late write leaves fewer rejects than the count."""

import asyncio
import itertools
from typing import Any

from ingestion.contracts import Receipt
from ingestion.errors import RetryableError
from local.emulator import Azurite
from tests.faults.sending import NEVER, Freezing, Sending, opened, settings_for, spooled, texts_on, worker

BAD = "\x01"  # no XML
MESSAGES = [f"{BAD}0", "a", "b", f"{BAD}3", "c", f"{BAD}5"]
WRITES = 6  # of a copy that is alone, at least: the claim, checkpoints, and the rejects before some of them


async def frozen_at(first: int, second: int, chunk: Sending, transports: list[Freezing], others: list[Any]) -> None:
    """Send a chunk twice, the second time while the first is frozen; then let them end in this order."""
    copies = []
    for at, transport, storage in zip((first, second), transports, others, strict=True):
        transport.hold(at)
        copies.append(asyncio.create_task(chunk.send(over=storage)))
        await transport.until_held(copies[-1])
    for transport, copy in zip(transports, copies, strict=True):
        transport.let_go.set()
        [end] = await asyncio.gather(copy, return_exceptions=True)
        assert isinstance(end, Receipt | RetryableError), end


async def test_a_copy_that_is_frozen_at_any_write_leaves_no_fewer_rejects_than_count(azurite: Azurite) -> None:
    """Also if the other copy is frozen too, at any of its writes, and continues after it."""
    settings = settings_for(
        azurite, SLUICE_CHECKPOINT_MESSAGES="2", SLUICE_MESSAGE_ENCODING="none", SLUICE_SEND_CONCURRENCY="1"
    )
    places = itertools.product(range(1, WRITES + 1), (2, 4, WRITES, NEVER))
    transports = [Freezing(), Freezing()]
    async with (
        opened(settings) as storage,
        worker(settings, azurite, transports[0]) as one,
        worker(settings, azurite, transports[1]) as other,
    ):
        await (await spooled(settings, storage, MESSAGES, NEVER)).send(over=one)
        assert transports[0].writes >= WRITES
        for number, (first, second) in enumerate(places):
            chunk = await spooled(settings, storage, MESSAGES, number)
            await frozen_at(first, second, chunk, transports, [one, other])
            receipt, rejects = await chunk.send(), await chunk.rejects()
            where = f"frozen at writes {first} and {second}"
            assert [reject["message"] for reject in rejects] == [one for one in MESSAGES if len(one) > 1], where
            assert (receipt.enqueued, receipt.rejected) == (3, 3), where
    assert texts_on(azurite, settings.queue, base64=False).keys() == {*"abc"}
