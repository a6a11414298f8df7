"""Whatever happens to the copies of a chunk, `possible_duplicates` covers all messages on the queue beyond `enqueued`.

A copy is killed before or after one of its writes, or frozen there until others have continued; answers of the queue
are lost as well.
"""

import asyncio
import itertools
from dataclasses import replace
from typing import Any

import pytest
from azure.storage.queue.aio import QueueClient

from ingestion.contracts import Receipt
from ingestion.errors import PermanentError, RetryableError
from ingestion.sending import put_message
from ingestion.storage.checkpoint import settle
from local.chaos.fault import Fault
from local.emulator import Azurite
from tests.faults.proxy import FaultProxy
from tests.faults.sending import RUN, Died, Freezing, Sending, opened, settings_for, spooled, worker

WINDOW, COUNT = 8, 24
KILLED, KILLED_LATER, FROZEN = {"killed": True}, {"killed": True, "done": True}, dict[str, bool]()
WRITES = range(1, 5)  # the claim, and checkpoints


class Told:
    """The reported counts of a chunk, and its messages on the queue."""

    def __init__(self, queue: QueueClient) -> None:
        self._queue, self._before = queue, 0

    async def begin(self) -> None:
        self._before += await self._on_queue()

    async def holds(self, counts: Any, where: str) -> None:
        """Fail if the queue has more messages of the chunk than reported."""
        there = await self._on_queue()
        beyond = there - counts.enqueued
        assert 0 <= beyond <= counts.possible_duplicates, f"{where}: {there} on the queue, reported {counts}"

    async def _on_queue(self) -> int:
        return int((await self._queue.get_queue_properties()).approximate_message_count or 0) - self._before


async def ended(copy: "asyncio.Task[Receipt]") -> None:
    [end] = await asyncio.gather(copy, return_exceptions=True)
    assert isinstance(end, Receipt | RetryableError | PermanentError | Died), end


async def sent(chunk: Sending, attempt: int) -> Receipt:
    """Send the chunk in an attempt of the run, with the repeats of the durable retry and the next windows."""
    return await replace(chunk, request=replace(chunk.request, attempt=attempt)).until_finished()


@pytest.mark.parametrize("lost", [0, 2, 3], ids=["every answer comes", "each second is lost", "each third is lost"])
async def test_what_the_queue_holds_beyond_what_is_counted_is_admitted(
    azurite: Azurite, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of the chunk, and while it is settled; also if a copy of a settled chunk runs late."""
    monkeypatch.setattr(put_message, "FIRST_BACKOFF_SECONDS", 0.001)
    places = itertools.product((KILLED, KILLED_LATER, FROZEN), WRITES, (False, True))
    transport = Freezing()
    async with FaultProxy(azurite.ports["Queue"]) as proxy:
        settings = settings_for(azurite, queue_port=proxy.port, SLUICE_CHECKPOINT_MESSAGES=str(WINDOW))
        queue = QueueClient.from_connection_string(azurite.connection_string, settings.queue)
        async with opened(settings) as storage, worker(settings, azurite, transport) as other, queue:
            counts = Told(queue)
            for number, (life, at, is_settled) in enumerate(places):
                where = f"{life} at write {at}"
                chunk = await spooled(settings, storage, [f"{number}-{n}" for n in range(COUNT)], number)
                await counts.begin()
                proxy.follow(lambda request: Fault.LOST if lost and request % lost == 0 else None)
                transport.hold(at, **life)
                copy = asyncio.create_task(chunk.send(over=other))
                await transport.until_held(copy)
                if is_settled:
                    settled = await settle(storage.container, RUN, chunk.request.chunk, attempt=0)
                    transport.let_go.set()
                    await ended(copy)
                    await ended(asyncio.create_task(chunk.send()))
                    await counts.holds(settled, f"{where}, settled")
                receipt = await sent(chunk, attempt=1)
                transport.let_go.set()
                await asyncio.gather(copy, return_exceptions=True)
                await counts.holds(receipt, where)
                assert receipt.enqueued == COUNT
