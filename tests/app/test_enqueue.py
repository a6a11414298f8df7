"""Sending a chunk to a real queue: what arrives, what is rejected, what the receipt says."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from azure.core.exceptions import ResourceModifiedError, ServiceRequestError
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from ingestion.contracts import OUT_OF_TIME
from ingestion.errors import ChunkOutOfTime, StorageRefused, StorageUnavailable
from ingestion.hold import Hold
from ingestion.run.run_state import CANCEL, PAUSE
from ingestion.sending.packed import unpack
from ingestion.sending.reject import write_rejects
from ingestion.storage.checkpoint import Checkpoint, CheckpointFile, checkpoint_name, settle
from ingestion.storage.spool import read_lines
from ingestion.wire import to_wire
from local.emulator import Azurite
from tests.faults.sending import RUN, sending, settings_for, texts_on
from tests.queues import create

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
IDS = [f"id-{number}" for number in range(300)]
TOO_LARGE = "x" * 60_000


def queue_of(azurite: Azurite, name: str) -> QueueClient:
    return QueueClient.from_connection_string(azurite.connection_string, name)


@pytest.mark.parametrize("encoding", ["base64", "none"])
async def test_the_queue_holds_what_the_official_client_would_have_put_there(azurite: Azurite, encoding: str) -> None:
    ours, theirs = (settings_for(azurite, SLUICE_MESSAGE_ENCODING=encoding) for _ in range(2))
    async with sending(ours, TEXTS) as chunk:
        receipt = await chunk.send()
    policy = TextBase64EncodePolicy() if encoding == "base64" else None
    with QueueClient.from_connection_string(
        azurite.connection_string, theirs.queue, message_encode_policy=policy
    ) as client:
        create(client)
        for text in TEXTS:
            client.send_message(text)
    assert texts_on(azurite, ours.queue, base64=False) == texts_on(azurite, theirs.queue, base64=False)
    assert texts_on(azurite, ours.queue) == Counter()  # both were read: nothing is visible any more
    assert receipt.enqueued == len(TEXTS)


async def test_messages_live_and_hide_as_long_as_the_settings_say(azurite: Azurite) -> None:
    later = settings_for(azurite, SLUICE_MESSAGE_TTL_SECONDS="120", SLUICE_MESSAGE_DELAY_SECONDS="60")
    lasting, for_ever = settings_for(azurite, SLUICE_MESSAGE_TTL_SECONDS="3600"), settings_for(azurite)
    for settings in (later, lasting, for_ever):
        async with sending(settings, ["a"]) as chunk:
            await chunk.send()
    with queue_of(azurite, later.queue) as client:
        assert client.receive_message() is None
        assert client.get_queue_properties().approximate_message_count == 1
    with queue_of(azurite, lasting.queue) as client:
        message: Any = client.receive_message()
        assert (message.expires_on - message.inserted_on).total_seconds() == 3600
    with queue_of(azurite, for_ever.queue) as client:
        message = client.receive_message()
        assert message.expires_on.year == 9999, "unless a setting says otherwise, none is lost to a slow consumer"


async def test_one_bad_message_is_rejected_with_its_reason_and_the_others_go_through(azurite: Azurite) -> None:
    messages = ["a", "x" * 49_153, "b", {"record": TOO_LARGE}, "c"]
    async with sending(settings_for(azurite), messages) as chunk:
        receipt = await chunk.send()
        assert await chunk.send() == receipt
        rejects = await chunk.rejects()
    assert (receipt.enqueued, receipt.rejected, receipt.failed, receipt.error) == (3, 2, 0, None)
    assert sorted(texts_on(azurite, chunk.settings.queue)) == ["a", "b", "c"]
    assert [(reject["key"], reject["message"]) for reject in rejects] == [
        (f"{KEYS}/1", messages[1]),
        (f"{KEYS}/3", messages[3]),
    ]
    assert all(reject["reason"].startswith("too_large: ") for reject in rejects)


async def test_no_reject_counts_before_it_is_written(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*given: object, **how: object) -> None:
        error = ResourceModifiedError("there is a lease on the blob")
        error.status_code = 412
        raise error

    settings = settings_for(azurite, SLUICE_CHECKPOINT_MESSAGES="2")
    async with sending(settings, [TOO_LARGE, *"abcd", TOO_LARGE]) as chunk:
        with monkeypatch.context() as patch:
            patch.setattr("ingestion.sending.enqueue.write_rejects", refuse)
            with pytest.raises(StorageRefused, match="the checkpoint and the rejects"):
                await chunk.send()
        assert (await chunk.checkpoint()).rejected == 0, (
            "a chunk whose worker is lost is done when all is on the queue or among the rejects"
        )
        assert (await chunk.send()).rejected == 2
        assert [reject["key"] for reject in await chunk.rejects()] == [f"{KEYS}/0", f"{KEYS}/5"]
    assert texts_on(azurite, settings.queue).keys() == {*"abcd"}


@pytest.mark.parametrize("arrives", [False, True], ids=["the write is lost", "the answer is lost"])
async def test_a_checkpoint_write_that_fails_once_costs_no_duplicate(
    azurite: Azurite, arrives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    monkeypatch.setattr(CheckpointFile, "_put", fail_once)
    async with sending(settings_for(azurite, SLUICE_CHECKPOINT_MESSAGES="50"), IDS) as chunk:
        with pytest.raises(StorageUnavailable, match="no route to host"):
            await chunk.send()
        left, receipt = await chunk.checkpoint(), await chunk.send()
    assert (left.unknown, receipt.resumed_from, receipt.possible_duplicates) == (0, left.done, 0)
    assert 0 < left.done < 300
    assert texts_on(azurite, chunk.settings.queue) == Counter(IDS)


async def test_rejects_that_were_written_are_never_fewer_until_those_that_count_are_known(azurite: Azurite) -> None:
    """A later attempt may find only some of them, or send what an earlier one could not."""
    settings = settings_for(azurite, SLUICE_MESSAGE_ENCODING="none", SLUICE_CHECKPOINT_MESSAGES="2")
    async with sending(settings, ["a", "\x01", "b", "c", "x" * 70_000]) as chunk:
        container, request = chunk.storage.container, chunk.request
        lines = await read_lines(container, request.run, request.chunk)
        for written in ({1: "not_xml: before"}, {0: "the queue said no"}, {4: "too_large: before"}):
            await write_rejects(container, request, lines, written)
        await chunk.left_by_an_earlier_attempt(unsendable=1, unknown=2)
        assert [reject["key"][-1] for reject in await chunk.rejects()] == ["0", "1", "4"]
        with queue_of(azurite, settings.queue) as client:
            client.delete_queue()
            assert (await chunk.send()).rejected == 2
            assert [reject["key"][-1] for reject in await chunk.rejects()] == ["0", "1", "4"]
            create(client)
        assert (await chunk.send(settings.model_copy(update={"message_encoding": "base64"}))).rejected == 1
        assert [reject["key"][-1] for reject in await chunk.rejects()] == ["4"], "the others are on the queue"


async def test_a_queue_that_is_not_there_is_named_as_the_reason_and_counts_stay_exact(azurite: Azurite) -> None:
    one = settings_for(azurite).queue
    queues = f"{one}-a, AzureWebJobsStorage/{one}-b,{one}-c"
    async with sending(settings_for(azurite, SLUICE_QUEUES=queues, SLUICE_SEND_CONCURRENCY="1"), IDS[:30]) as chunk:
        with queue_of(azurite, f"{one}-b") as client:
            client.delete_queue()
            failed = await chunk.send()
            create(client)
        mended = await chunk.send()
    assert "QueueNotFound" in str(failed.error)
    assert (failed.enqueued, failed.failed) == (1, 29)
    assert (mended.enqueued, mended.resumed_from, mended.possible_duplicates) == (30, 1, 0)
    found = [texts_on(azurite, f"{one}-{name}") for name in "abc"]
    assert [texts.total() for texts in found] == [10, 10, 10], "messages are spread evenly"
    assert "id-3" in found[0]


async def test_a_chunk_without_enough_time_is_held_and_continues_where_it_was(azurite: Azurite) -> None:
    names = {"SLUICE_MAX_MESSAGES_PER_SECOND": "150", "SLUICE_ENQUEUE_SECONDS": "1"}
    async with sending(settings_for(azurite, **names), IDS[:200]) as chunk:
        first, left = await chunk.send(), await chunk.checkpoint()
        assert 0 < left.done < 200
        assert (first.held, first.enqueued, first.failed) == (OUT_OF_TIME, left.done, 0)
        receipt = await chunk.until_finished()
    found = texts_on(azurite, chunk.settings.queue)
    assert (len(found), found.total()) == (200, 200)
    assert (receipt.enqueued, receipt.possible_duplicates) == (200, 0)
    assert receipt.resumed_from >= 100


@pytest.mark.parametrize("per_second", ["150", "0"], ids=["below a ceiling", "as fast as it goes"])
async def test_a_chunk_that_gets_a_command_stops_accounts_for_each_message_and_continues_exactly(
    azurite: Azurite, per_second: str
) -> None:
    hold = Hold()
    texts = [f"id-{number}" for number in range(3_000)]
    async with sending(settings_for(azurite, SLUICE_MAX_MESSAGES_PER_SECOND=per_second), texts) as chunk:
        at_work = asyncio.create_task(chunk.send(hold=hold))
        await asyncio.sleep(0.5)
        hold.set(PAUSE)
        async with asyncio.timeout(5):
            first = await at_work
        left = await chunk.checkpoint()
        assert (first.held, first.failed, first.error) == (PAUSE, 0, None)
        assert 0 < first.enqueued == left.done < 3_000
        assert (left.unknown, left.receipt) == (0, None)
        assert texts_on(azurite, chunk.settings.queue).total() == first.enqueued, "each that was sent is accounted for"
        assert (await chunk.send(hold=hold)).held == PAUSE, "and without any progress as well"

        fast = chunk.settings.model_copy(update={"max_messages_per_second": 0.0})
        receipt = await chunk.send(fast)
    assert (receipt.enqueued, receipt.resumed_from, receipt.possible_duplicates) == (3_000, first.enqueued, 0)
    assert texts_on(azurite, chunk.settings.queue).total() == 3_000 - first.enqueued, "the others, once"


async def test_messages_that_wait_for_a_busy_queue_wait_no_longer_when_a_command_comes(azurite: Azurite) -> None:
    hold = Hold()
    async with sending(settings_for(azurite), IDS) as chunk:
        chunk.storage.queues.shards(chunk.settings)[0].rate._pace.per_second = 1.0
        at_work = asyncio.create_task(chunk.send(hold=hold))
        await asyncio.sleep(0.2)
        hold.set(CANCEL)
        async with asyncio.timeout(2):
            receipt = await at_work
        assert (receipt.held, (await chunk.checkpoint()).done) == (CANCEL, receipt.enqueued)
    assert receipt.enqueued < 32


async def test_a_chunk_that_is_done_when_a_command_comes_is_finished(azurite: Azurite) -> None:
    hold = Hold()
    async with sending(settings_for(azurite), ["a", "b"]) as chunk:
        assert (await chunk.send(hold=hold)).held is None
        hold.set(PAUSE)
        assert (await chunk.send(hold=hold)).enqueued == 2


async def test_a_chunk_that_does_not_move_in_its_time_is_an_attempt_that_failed(azurite: Azurite) -> None:
    async with sending(settings_for(azurite, SLUICE_ENQUEUE_SECONDS="1e-9"), ["a", "b"]) as chunk:
        with pytest.raises(ChunkOutOfTime, match="needs more time than SLUICE_ENQUEUE_SECONDS; 2 of 2 messages"):
            await chunk.send()


@pytest.mark.parametrize("queues", [1, 64])
async def test_a_checkpoint_and_a_receipt_stay_small_whatever_is_under_way(azurite: Azurite, queues: int) -> None:
    name = settings_for(azurite).queue
    settings = settings_for(azurite, SLUICE_QUEUES=",".join(f"{name}-{'q' * 40}{number}" for number in range(queues)))
    async with sending(settings, IDS) as chunk:
        assert len(json.dumps(to_wire(await chunk.send()))) < 1_024
        blob = chunk.storage.container.get_blob_client(checkpoint_name(RUN, 0))
        assert (await blob.get_blob_properties()).size < 2_048


async def test_a_reject_under_other_settings_does_not_replace_a_message_that_is_left(
    azurite: Azurite,
) -> None:
    plain = settings_for(azurite, SLUICE_MESSAGE_ENCODING="none")
    async with sending(plain, ["\x01", "b", "c"]) as chunk:
        await chunk.left_by_an_earlier_attempt(confirmed=((1, 2),), unsendable=1)
        with queue_of(azurite, plain.queue) as client:
            client.delete_queue()
        assert (await chunk.send(plain.model_copy(update={"message_encoding": "base64"}))).failed == 2
        found = await settle(chunk.storage.container, RUN, chunk.request.chunk, attempt=0)
    assert (found.messages, found.enqueued, found.rejected) == (3, 1, 0)


@pytest.mark.parametrize("pack", ["3", "7", "1000"])
async def test_what_is_on_the_queue_is_in_no_pack_that_other_settings_make_of_the_rest(
    azurite: Azurite, pack: str
) -> None:
    packed = settings_for(azurite, SLUICE_MESSAGE_FORMAT="packed", SLUICE_PACK_MESSAGES=pack)
    async with sending(packed, IDS[:20]) as chunk:
        await chunk.left_by_an_earlier_attempt(confirmed=((0, 5), (10, 12)))
        receipt = await chunk.send()
    found = [pair for text in texts_on(azurite, packed.queue).elements() for pair in unpack(text)]
    left = [*range(5, 10), *range(12, 20)]
    assert sorted(found) == sorted((f"{KEYS}/{index}", IDS[index]) for index in left)
    assert (receipt.enqueued, receipt.resumed_from) == (20, 7)
