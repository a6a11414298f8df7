"""A run id is free again after a deletion: what is still at work for the deleted run does not touch the younger one."""

import asyncio
import json
from collections import Counter
from dataclasses import replace

import pytest
from azure.storage.blob.aio import ContainerClient
from ingestion.started_at import is_same_run, is_younger_run

from ingestion.contracts import Batch, EnqueueRequest
from ingestion.errors import ChunkTakenOver, SpoolConflict
from ingestion.fetching.spool import Spool
from ingestion.sending.checkpoint import find_checkpoint, read_counts
from ingestion.sending.enqueue import enqueue
from local.emulator import Azurite
from tests.faults.sending import opened, settings_for, spool, texts_on

OLD, NEW = "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00.331610+00:00"
NEW_REWRITTEN = "2026-02-01T00:00:00.33161Z"  # the same moment, as a host may write it


async def fetched(container: ContainerClient, started_at: str, words: list[str]) -> Batch:
    """The first batch of a run, once it is committed."""
    of_run = Spool(container, "r1", started_at)
    writer = of_run.writer(0)
    await writer.write_chunk([json.dumps(word).encode() + b"\n" for word in words])
    return await writer.commit(Batch(index=0, blob=of_run.blob_name(0), count=0, offsets=(), size_bytes=0, pages=1))


def chunk_of(batch: Batch, started_at: str) -> EnqueueRequest:
    return EnqueueRequest(
        run_id="r1",
        run_started_at=started_at,
        source="demo",
        batch_index=0,
        chunk_index=0,
        blob=batch.blob,
        start_byte=0,
        end_byte=batch.size_bytes,
        first_message=0,
        count=batch.count,
    )


def test_runs_are_told_apart_by_moments_however_these_are_written() -> None:
    assert is_same_run(NEW, NEW_REWRITTEN)
    assert not is_younger_run(NEW_REWRITTEN, NEW)
    assert [is_younger_run(NEW, OLD), is_younger_run(OLD, NEW), is_younger_run(None, OLD)] == [True, False, False]
    assert is_same_run("2026-01-01T00:00:00", OLD), "without an offset it is UTC"


def test_a_late_fetch_of_a_deleted_run_does_not_replace_the_batch_of_the_younger_one(azurite: Azurite) -> None:
    settings = settings_for(azurite)

    async def scenario() -> None:
        async with opened(settings) as storage:
            await fetched(storage.container, OLD, ["left", "over"])
            batch = await fetched(storage.container, NEW, ["a", "b", "c"])
            with pytest.raises(SpoolConflict, match="another was started with its id"):
                await fetched(storage.container, OLD, ["x", "y", "z"])
            with pytest.raises(SpoolConflict, match="another was started with its id"):
                await Spool(storage.container, "r1", OLD).find(0)
            assert await Spool(storage.container, "r1", NEW_REWRITTEN).find(0) == batch
            await enqueue(chunk_of(batch, NEW_REWRITTEN), storage, settings)

    asyncio.run(scenario())
    assert texts_on(azurite, settings.queue) == Counter("abc")


def test_a_late_chunk_of_a_deleted_run_sends_nothing_and_takes_no_checkpoint(azurite: Azurite) -> None:
    settings = settings_for(azurite)

    async def scenario() -> None:
        async with opened(settings) as storage:
            new = await spool(storage, ["a", "b"], started=NEW)
            await enqueue(new, storage, settings)
            with pytest.raises(ChunkTakenOver, match="a younger run"):
                await enqueue(replace(new, run_started_at=OLD), storage, settings)
            again = await enqueue(new, storage, settings)
            assert (again.enqueued, again.possible_duplicates) == (2, 0)

    asyncio.run(scenario())
    assert texts_on(azurite, settings.queue) == Counter("ab")


def test_a_late_chunk_of_a_deleted_run_does_not_send_what_the_younger_one_has_fetched(azurite: Azurite) -> None:
    settings = settings_for(azurite)

    async def scenario() -> None:
        async with opened(settings) as storage:
            batch = await fetched(storage.container, NEW, ["a", "b"])
            with pytest.raises(SpoolConflict, match="another was started with its id"):
                await enqueue(chunk_of(batch, OLD), storage, settings)
            assert (await enqueue(chunk_of(batch, NEW), storage, settings)).possible_duplicates == 0

    asyncio.run(scenario())
    assert texts_on(azurite, settings.queue) == Counter("ab")


def test_what_a_deleted_run_has_left_counts_as_nothing(azurite: Azurite) -> None:
    settings = settings_for(azurite)

    async def scenario() -> None:
        async with opened(settings) as storage:
            old = chunk_of(await fetched(storage.container, OLD, ["a", "b"]), OLD)
            await enqueue(old, storage, settings)
            assert await Spool(storage.container, "r1", NEW).find(0) is None
            assert await find_checkpoint(storage.container, replace(old, run_started_at=NEW)) is None
            assert await read_counts(storage.container, "r1", NEW, 0) == {}

    asyncio.run(scenario())


def test_what_is_sent_is_seen_by_a_run_whose_date_the_host_has_rewritten(azurite: Azurite) -> None:
    settings = settings_for(azurite)

    async def scenario() -> int:
        async with opened(settings) as storage:
            request = await spool(storage, ["a", "b"], started=NEW)
            await enqueue(request, storage, settings)
            counts = await read_counts(storage.container, "r1", NEW_REWRITTEN, 0)
            return counts[0].enqueued

    assert asyncio.run(scenario()) == 2
