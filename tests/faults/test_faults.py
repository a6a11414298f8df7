"""Faults between the sender and the queue: nothing is lost, repeats are bounded, counts are right."""

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingestion.contracts import Receipt
from ingestion.errors import ChunkTakenOver
from ingestion.sending.packed import unpack
from ingestion.settings import Settings
from ingestion.storage.checkpoint import duplicates_at_most
from local.chaos.fault import Fault
from local.emulator import Azurite
from tests.faults.proxy import FaultProxy, Script
from tests.faults.sending import opened, repeated, sending, settings_for, texts_on

IDS = [f"id-{number:04}" for number in range(300)]
WINDOW = 64
HINDERED = range(40, 200)  # the requests that a fault may hit


def every(step: int, fault: Fault) -> Script:
    return lambda number: fault if number in HINDERED and number % step == 0 else None


def from_on(first: int, fault: Fault) -> Script:
    return lambda number: fault if number >= first else None


async def send_through(azurite: Azurite, script: Script, **names: str) -> tuple[Receipt, Counter[str]]:
    """Send a chunk with the faults of a script; return the receipt, and the messages on the queue."""
    async with FaultProxy(azurite.ports["Queue"]) as proxy:
        settings = settings_for(azurite, queue_port=proxy.port, SLUICE_CHECKPOINT_MESSAGES=str(WINDOW), **names)
        async with sending(settings, IDS) as chunk:
            proxy.follow(script)
            return await chunk.until_finished(), texts_on(azurite, settings.queue)


@pytest.mark.parametrize(("step", "fault"), [(3, Fault.BUSY), (9, Fault.CUT), (7, Fault.SLOW)])
async def test_what_the_queue_did_not_store_is_sent_again_and_nothing_twice(
    azurite: Azurite, step: int, fault: Fault
) -> None:
    receipt, found = await send_through(azurite, every(step, fault))
    assert sorted(found) == IDS
    assert repeated(found) == 0
    assert (receipt.enqueued, receipt.failed, receipt.rejected, receipt.error) == (300, 0, 0, None)


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.BEHEADED, Fault.FAILED])
async def test_what_was_stored_without_an_answer_that_says_so_is_counted_as_a_possible_duplicate(
    azurite: Azurite, fault: Fault
) -> None:
    receipt, found = await send_through(azurite, every(16, fault))
    assert sorted(found) == IDS
    assert 0 < repeated(found) == receipt.possible_duplicates == receipt.retries == len(HINDERED) // 16
    assert receipt.enqueued == 300


async def test_a_burst_of_busy_answers_is_waited_for_and_counted(azurite: Azurite) -> None:
    receipt, _ = await send_through(azurite, lambda number: Fault.BUSY if number in range(100, 140) else None)
    assert receipt.retries == 40
    assert receipt.throttled_seconds > 0
    assert receipt.possible_duplicates == 0


async def test_an_expired_grant_is_renewed_and_the_message_sent_again(azurite: Azurite) -> None:
    """Once, as the service does; a refusal of the new grant as well would mean that a role is missing."""
    receipt, found = await send_through(azurite, lambda number: Fault.EXPIRED if number == 100 else None)
    assert sorted(found) == IDS
    assert (receipt.enqueued, receipt.retries, receipt.possible_duplicates, receipt.error) == (300, 1, 0, None)


async def test_a_queue_that_refuses_access_is_a_failed_chunk_that_names_the_missing_role(azurite: Azurite) -> None:
    receipt, found = await send_through(azurite, from_on(100, Fault.EXPIRED))
    assert receipt.enqueued == found.total() == 100
    assert receipt.failed == 200
    assert "401" in str(receipt.error)
    assert "tenant" in str(receipt.error)


async def test_a_message_that_the_queue_itself_refuses_is_rejected_with_what_it_said_and_the_others_go_through(
    azurite: Azurite,
) -> None:
    """A checkpoint within the chunk counts them too; nothing else is known if the worker then dies."""

    async with FaultProxy(azurite.ports["Queue"]) as proxy:
        settings = settings_for(azurite, queue_port=proxy.port, SLUICE_CHECKPOINT_MESSAGES="20")
        async with sending(settings, ["x" * 60_000, *IDS]) as chunk:
            proxy.follow(lambda number: Fault.REFUSED if number in (10, 40) else None)
            worker = asyncio.create_task(chunk.send())
            proxy.on_stored = lambda stored: worker.cancel() if stored == 200 else None
            await asyncio.wait([worker])
            lost = await chunk.checkpoint()
            proxy.on_stored = lambda stored: None
            receipt, rejects = await chunk.send(), await chunk.rejects()
    found = texts_on(azurite, settings.queue)
    assert (lost.rejected, len(lost.refusals), lost.unsendable) == (3, 2, 1)
    assert 180 <= lost.enqueued <= 200
    assert (receipt.enqueued, receipt.rejected, receipt.failed, receipt.error) == (298, 3, 0, None)
    assert sorted(found) == sorted({*IDS} - {reject["message"] for reject in rejects})
    assert [reject["reason"].partition(":")[0] for reject in rejects] == [
        "too_large",
        *["the queue answered HTTP 413 (RequestBodyTooLarge)"] * 2,
    ]


async def test_a_queue_that_refuses_message_after_message_fails_the_chunk(azurite: Azurite) -> None:
    receipt, _ = await send_through(azurite, from_on(100, Fault.REFUSED))
    assert receipt.enqueued == 100
    assert "refuses too many messages" in str(receipt.error)
    assert receipt.enqueued + receipt.rejected + receipt.failed == 300


async def test_a_queue_out_of_reach_for_a_while_delays_the_chunk_and_no_more(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, down, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()
    connect = loop.create_connection

    async def watched(*where: Any, **how: Any) -> Any:
        try:
            return await connect(*where, **how)
        except ConnectionRefusedError:
            refused.set()
            raise

    monkeypatch.setattr(loop, "create_connection", watched)
    async with FaultProxy(azurite.ports["Queue"]) as proxy:
        settings = settings_for(azurite, queue_port=proxy.port, SLUICE_SEND_CONCURRENCY="8")
        async with sending(settings, IDS) as chunk:
            proxy.on_stored = lambda stored: down.set() if stored >= 100 else None
            until_finished = asyncio.create_task(chunk.until_finished())
            await down.wait()
            await proxy.refuse()
            await refused.wait()
            await proxy.listen()
            receipt = await until_finished
    found = texts_on(azurite, settings.queue)
    assert sorted(found) == IDS
    assert receipt.enqueued == 300
    assert repeated(found) <= receipt.possible_duplicates <= 8


async def crash_after(stored: int, azurite: Azurite, **names: str) -> tuple[Receipt, Receipt, Settings]:
    """Kill the worker after the queue has stored this many messages; return the receipts of two reruns."""
    async with FaultProxy(azurite.ports["Queue"]) as proxy:
        settings = settings_for(azurite, queue_port=proxy.port, **names)
        async with sending(settings, IDS) as chunk:
            proxy.follow(lambda number: None)
            worker = asyncio.create_task(chunk.send())
            proxy.on_stored = lambda count: worker.cancel() if count == stored else None
            await asyncio.wait([worker])
            assert worker.cancelled()
            return await chunk.send(), await chunk.send(), settings


@pytest.mark.parametrize("stored", [1, 150, 299])
async def test_a_crash_between_sending_and_checkpoint_loses_nothing_and_repeats_one_window(
    azurite: Azurite, stored: int
) -> None:
    receipt, again, settings = await crash_after(stored, azurite, SLUICE_CHECKPOINT_MESSAGES=str(WINDOW))
    found = texts_on(azurite, settings.queue)
    assert sorted(found) == IDS
    assert repeated(found) <= duplicates_at_most(crashes=1, chunks_in_flight=1, checkpoint_messages=WINDOW)
    assert repeated(found) <= receipt.possible_duplicates
    assert (receipt.enqueued, receipt.failed) == (300, 0)
    assert receipt.resumed_from >= stored - WINDOW
    assert again == receipt  # a rerun after the end sends nothing and says the same


async def test_a_crash_among_packs_on_two_queues_repeats_whole_packs_of_one_window(azurite: Azurite) -> None:
    pack, window = 5, 8
    queues = [settings_for(azurite).queue for _ in range(2)]
    receipt, _, _ = await crash_after(
        40, azurite, SLUICE_QUEUES=",".join(queues), SLUICE_MESSAGE_FORMAT="packed", SLUICE_PACK_MESSAGES=str(pack),
        SLUICE_CHECKPOINT_MESSAGES=str(window),
    )  # fmt: skip
    packs = [texts_on(azurite, queue) for queue in queues]
    found = Counter(message for each in packs for text in each.elements() for _, message in unpack(text))
    assert sorted(found) == IDS
    assert receipt.enqueued == 300
    assert [len([1 for text in each for _ in unpack(text)]) for each in packs] == [150, 150], (
        "each pack always on one queue"
    )
    assert sum(map(repeated, packs)) <= min(window, receipt.possible_duplicates)
    assert repeated(found) == pack * sum(map(repeated, packs))


def test_a_storage_emulator_restarted_in_mid_chunk_loses_nothing(tmp_path: Path) -> None:
    """With SIGTERM, because Azurite has its queues in memory and a kill loses confirmed messages."""
    half_way, ended = threading.Event(), list[Receipt | str]()

    async def scenario() -> None:
        async with FaultProxy(azurite.ports["Queue"]) as proxy:
            settings = settings_for(azurite, queue_port=proxy.port, SLUICE_CHECKPOINT_MESSAGES=str(WINDOW))
            async with sending(settings, ids) as chunk:
                proxy.on_stored = lambda stored: half_way.set() if stored >= 500 else None
                ended.extend((await chunk.until_finished(attempts=20), settings.queue))

    ids = [f"id-{number:04}" for number in range(1_500)]
    with Azurite(tmp_path) as azurite:
        sender = threading.Thread(target=lambda: asyncio.run(scenario()))
        sender.start()
        assert half_way.wait(60)
        azurite.restart()
        sender.join(90)
        receipt, queue = ended
        assert isinstance(receipt, Receipt)
        found = texts_on(azurite, str(queue))
        assert sorted(found) == ids
        assert receipt.enqueued == len(ids)
        assert repeated(found) <= receipt.possible_duplicates


async def test_of_two_live_copies_of_a_chunk_the_earlier_stops(azurite: Azurite) -> None:
    async with FaultProxy(azurite.ports["Queue"]) as proxy:
        settings = settings_for(azurite, queue_port=proxy.port, SLUICE_CHECKPOINT_MESSAGES=str(WINDOW))
        async with sending(settings, IDS) as chunk, opened(settings) as other:
            under_way = asyncio.Event()
            proxy.on_stored = lambda stored: under_way.set() if stored >= 50 else None
            slow = settings.model_copy(update={"max_messages_per_second": 40.0})  # still at it when the other comes
            earlier = asyncio.create_task(chunk.send(slow))
            await under_way.wait()
            first, second = await asyncio.gather(earlier, chunk.send(over=other), return_exceptions=True)
    assert isinstance(first, ChunkTakenOver)
    assert isinstance(second, Receipt)
    found = texts_on(azurite, settings.queue)
    assert sorted(found) == IDS
    assert second.enqueued == 300
    assert repeated(found) <= min(WINDOW, second.possible_duplicates)
