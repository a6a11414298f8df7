"""A chunk on its way to a real queue: what arrives, what is rejected, what the receipt says."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from azure.core.exceptions import ResourceModifiedError, ServiceRequestError
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from ingestion.contracts import OUT_OF_TIME, Receipt, Settled
from ingestion.errors import ChunkOutOfTime, StorageRefused, StorageUnavailable
from ingestion.sending.reject import rejects_name
from ingestion.settings import Settings
from ingestion.storage.checkpoint import Checkpoint, CheckpointFile, checkpoint_name, settle
from ingestion.wire import to_wire
from local.emulator import Azurite
from tests.faults.sending import RUN, checkpoint_of, enqueue, opened, settings_for, spool, texts_on, until_finished

KEYS = f"{RUN.id}/{RUN.start}/0"
TEXTS = [
    "plain",
    "ä ö 漢字 🎈",
    "a < b & c > d \"'",
    "  spaces  ",
    "two\nlines",
    '{"json": [1, 2]}',
    "]]>",
    "x" * 40_000,
]


async def send(settings: Settings, messages: list[Any]) -> Receipt:
    async with opened(settings) as storage:
        return await enqueue(await spool(storage, messages), storage, settings)


@pytest.mark.parametrize("encoding", ["base64", "none"])
def test_the_queue_holds_what_the_official_client_would_have_put_there(azurite: Azurite, encoding: str) -> None:
    ours, theirs = (settings_for(azurite, SLUICE_MESSAGE_ENCODING=encoding) for _ in range(2))
    receipt = asyncio.run(send(ours, TEXTS))
    policy = TextBase64EncodePolicy() if encoding == "base64" else None
    with QueueClient.from_connection_string(
        azurite.connection_string, theirs.queue, message_encode_policy=policy
    ) as client:
        client.create_queue()
        for text in TEXTS:
            client.send_message(text)
    assert texts_on(azurite, ours.queue, base64=False) == texts_on(azurite, theirs.queue, base64=False)
    assert texts_on(azurite, ours.queue) == Counter()  # both were read: nothing is visible any more
    assert receipt.enqueued == len(TEXTS)


def test_messages_live_and_hide_as_long_as_the_settings_say(azurite: Azurite) -> None:
    settings = settings_for(azurite, SLUICE_MESSAGE_TTL_SECONDS="120", SLUICE_MESSAGE_DELAY_SECONDS="60")
    asyncio.run(send(settings, ["later"]))
    with QueueClient.from_connection_string(azurite.connection_string, settings.queue) as client:
        assert client.receive_message() is None
        assert client.get_queue_properties().approximate_message_count == 1
    lasting = settings_for(azurite, SLUICE_MESSAGE_TTL_SECONDS="3600")
    asyncio.run(send(lasting, ["now"]))
    with QueueClient.from_connection_string(azurite.connection_string, lasting.queue) as client:
        message = client.receive_message()
        assert message is not None
        assert message.expires_on is not None
        assert message.inserted_on is not None
        assert (message.expires_on - message.inserted_on).total_seconds() == 3600


def test_one_bad_message_is_rejected_with_its_reason_and_the_others_go_through(azurite: Azurite) -> None:
    settings = settings_for(azurite)
    messages = ["a", "x" * 49_153, "b", {"record": "y" * 60_000}, "c"]

    async def scenario() -> tuple[Receipt, Receipt, list[Any]]:
        async with opened(settings) as storage:
            request = await spool(storage, messages)
            receipt, again = [await enqueue(request, storage, settings) for _ in range(2)]
            download = await storage.container.download_blob(rejects_name(request))
            return receipt, again, [json.loads(line) for line in (await download.readall()).splitlines()]

    receipt, again, rejects = asyncio.run(scenario())
    assert receipt == again
    assert (receipt.enqueued, receipt.rejected, receipt.failed, receipt.error) == (3, 2, 0, None)
    assert sorted(texts_on(azurite, settings.queue)) == ["a", "b", "c"]
    assert [(reject["key"], reject["message"]) for reject in rejects] == [
        (f"{KEYS}/1", messages[1]),
        (f"{KEYS}/3", messages[3]),
    ]
    assert all(reject["reason"].startswith("too_large: ") for reject in rejects)


def test_no_reject_counts_before_it_is_written(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(azurite, SLUICE_CHECKPOINT_MESSAGES="2")
    messages = ["x" * 60_000, "a", "b", "c", "d", "x" * 60_000]

    async def refuse(*given: object) -> None:
        raise ResourceModifiedError("there is a lease on the blob")

    async def scenario() -> tuple[Checkpoint, list[str], int]:
        async with opened(settings) as storage:
            request = await spool(storage, messages)
            with monkeypatch.context() as patch:
                patch.setattr("ingestion.sending.enqueue.write_rejects", refuse)
                with pytest.raises(StorageRefused, match="the checkpoint and the rejects"):
                    await enqueue(request, storage, settings)
            lost = await checkpoint_of(storage, request)
            receipt = await enqueue(request, storage, settings)
            download = await storage.container.download_blob(rejects_name(request))
            keys = [json.loads(line)["key"] for line in (await download.readall()).splitlines()]
            return lost, keys, receipt.rejected

    lost, keys, rejected = asyncio.run(scenario())
    assert lost.rejected == 0, "a chunk whose worker is lost is done when all is on the queue or among the rejects"
    assert (keys, rejected) == ([f"{KEYS}/0", f"{KEYS}/5"], 2)
    assert texts_on(azurite, settings.queue).keys() == {*"abcd"}


@pytest.mark.parametrize("arrives", [False, True], ids=["the write is lost", "the answer is lost"])
def test_a_checkpoint_write_that_fails_once_costs_no_duplicate(
    azurite: Azurite, arrives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, ids = settings_for(azurite, SLUICE_CHECKPOINT_MESSAGES="50"), [f"id-{number}" for number in range(300)]
    writes, put = 0, CheckpointFile._put

    async def fail_once(file: CheckpointFile, checkpoint: Checkpoint, **condition: Any) -> None:
        nonlocal writes
        writes += 1
        if writes != 3 or arrives:
            etag = file._etag
            await put(file, checkpoint, **condition)
        if writes == 3:
            file._etag = etag if arrives else file._etag
            raise ServiceRequestError("no route to host")

    async def scenario() -> tuple[Checkpoint, Receipt]:
        async with opened(settings) as storage:
            request = await spool(storage, ids)
            with pytest.raises(StorageUnavailable, match="no route to host"):
                await enqueue(request, storage, settings)
            return await checkpoint_of(storage, request), await enqueue(request, storage, settings)

    monkeypatch.setattr(CheckpointFile, "_put", fail_once)
    left, receipt = asyncio.run(scenario())
    assert (left.unknown, receipt.resumed_from, receipt.possible_duplicates) == (0, left.done, 0)
    assert 0 < left.done < 300
    assert texts_on(azurite, settings.queue) == Counter(ids)


def test_rejects_that_were_written_are_never_fewer(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while a later attempt has found only some of them, and new ones beside them."""
    settings = settings_for(azurite, SLUICE_CHECKPOINT_MESSAGES="2")
    written: list[list[int]] = []

    async def note(container: object, request: object, messages: object, reasons: Mapping[int, str]) -> None:
        written.append(sorted(reasons))

    monkeypatch.setattr("ingestion.sending.enqueue.write_rejects", note)

    async def scenario() -> Receipt:
        async with opened(settings) as storage:
            request = await spool(storage, ["x" * 60_000, "a", "b", "c", "d", "x" * 60_000])
            file = CheckpointFile(storage.container, request.run, request.chunk)
            earlier = await file.claim(6, unknown=0)
            await file.write(replace(earlier, unsendable=1))
            return await enqueue(request, storage, settings)

    assert asyncio.run(scenario()).rejected == 2
    assert written == [[0, 5]]


def test_messages_are_spread_evenly_over_queues(azurite: Azurite) -> None:
    one = settings_for(azurite).queue
    settings = settings_for(azurite, SLUICE_QUEUES=f"{one}-a, AzureWebJobsStorage/{one}-b,{one}-c")
    receipt = asyncio.run(send(settings, [f"id-{number}" for number in range(30)]))
    assert receipt.enqueued == 30
    found = [texts_on(azurite, f"{one}-{name}") for name in "abc"]
    assert [texts.total() for texts in found] == [10, 10, 10]
    assert "id-3" in found[0]


def test_a_queue_that_is_not_there_is_named_as_the_reason_and_counts_stay_exact(azurite: Azurite) -> None:
    one = settings_for(azurite).queue
    settings = settings_for(azurite, SLUICE_QUEUES=f"{one}-a,{one}-b", SLUICE_SEND_CONCURRENCY="1")

    async def scenario() -> tuple[Receipt, Receipt]:
        async with opened(settings) as storage:
            request = await spool(storage, [f"id-{number}" for number in range(20)])
            with QueueClient.from_connection_string(azurite.connection_string, f"{one}-b") as client:
                client.delete_queue()
                failed = await enqueue(request, storage, settings)
                client.create_queue()
            return failed, await enqueue(request, storage, settings)

    failed, mended = asyncio.run(scenario())
    assert "QueueNotFound" in str(failed.error)
    assert (failed.enqueued, failed.failed) == (1, 19)
    assert (mended.enqueued, mended.resumed_from, mended.possible_duplicates) == (20, 1, 0)
    assert texts_on(azurite, f"{one}-a").total() == 10
    assert texts_on(azurite, f"{one}-b").total() == 10


def test_a_chunk_without_enough_time_is_held_back_and_goes_on_where_it_was(azurite: Azurite) -> None:
    names = {"SLUICE_MAX_MESSAGES_PER_SECOND": "150", "SLUICE_ENQUEUE_SECONDS": "1"}
    settings, ids = settings_for(azurite, **names), [f"id-{number}" for number in range(200)]

    async def scenario() -> Receipt:
        async with opened(settings) as storage:
            request = await spool(storage, ids)
            first = await enqueue(request, storage, settings)
            left = await checkpoint_of(storage, request)
            assert 0 < left.done < 200
            assert (first.held, first.enqueued, first.failed) == (OUT_OF_TIME, left.done, 0)
            return await until_finished(request, storage, settings)

    receipt = asyncio.run(scenario())
    found = texts_on(azurite, settings.queue)
    assert (len(found), found.total()) == (200, 200)
    assert (receipt.enqueued, receipt.possible_duplicates) == (200, 0)
    assert receipt.resumed_from >= 100


def test_a_chunk_that_does_not_move_in_its_time_is_an_attempt_that_failed(azurite: Azurite) -> None:
    settings = settings_for(azurite, SLUICE_ENQUEUE_SECONDS="1e-9")

    async def scenario() -> None:
        async with opened(settings) as storage:
            with pytest.raises(ChunkOutOfTime, match="needs more time than SLUICE_ENQUEUE_SECONDS; 2 of 2 messages"):
                await enqueue(await spool(storage, ["a", "b"]), storage, settings)

    asyncio.run(scenario())


@pytest.mark.parametrize("queues", [1, 64])
def test_a_checkpoint_and_a_receipt_stay_small_whatever_is_under_way(azurite: Azurite, queues: int) -> None:
    name = settings_for(azurite).queue
    settings = settings_for(azurite, SLUICE_QUEUES=",".join(f"{name}-{'q' * 40}{number}" for number in range(queues)))

    async def scenario() -> int:
        async with opened(settings) as storage:
            request = await spool(storage, [f"id-{number}" for number in range(500)])
            receipt = await enqueue(request, storage, settings)
            assert len(json.dumps(to_wire(receipt))) < 1_024
            blob = storage.container.get_blob_client(checkpoint_name(request.run, 0))
            return int((await blob.get_blob_properties()).size)

    assert asyncio.run(scenario()) < 2_048


def test_what_was_a_reject_under_other_settings_does_not_stand_for_a_message_that_is_left(azurite: Azurite) -> None:
    plain = settings_for(azurite, SLUICE_MESSAGE_ENCODING="none")
    other = plain.model_copy(update={"message_encoding": "base64"})

    async def scenario() -> Settled:
        async with opened(plain) as storage:
            request = await spool(storage, ["\x01", "b", "c"])
            file = CheckpointFile(storage.container, request.run, request.chunk)
            await file.write(replace(await file.claim(3, unknown=0), confirmed=((1, 2),), unsendable=1))
            await asyncio.to_thread(delete_queue, azurite, plain.queue)
            assert (await enqueue(request, storage, other)).failed == 2
            return await settle(storage.container, request.run, request.chunk)

    found = asyncio.run(scenario())
    assert (found.messages, found.enqueued, found.rejected) == (3, 1, 0)


def delete_queue(azurite: Azurite, queue: str) -> None:
    with QueueClient.from_connection_string(azurite.connection_string, queue) as client:
        client.delete_queue()
