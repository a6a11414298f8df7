"""A batch is that of the copy of its fetch that commits first, whole, however the others are at work beside it."""

import asyncio
from typing import Any, cast

import pytest
from aiohttp import web
from azure.storage.blob.aio import ContainerClient

from ingestion.contracts import Batch
from ingestion.errors import SpoolConflict
from ingestion.fetching.spool import Spool
from tests.sources.fake_container import FakeContainer
from tests.sources.one_page import app_of
from tests.sources.reader import reading

STARTED_AT, BEFORE = "2026-01-01T00:00:00+00:00", "2023-01-01T00:00:00+00:00"
EMPTY = Batch(index=0, blob="runs/r/batches/000000.ndjson", count=0, offsets=(), size_bytes=0, pages=1)


@pytest.mark.parametrize("left_over", [False, True], ids=["no blob yet", "a blob of an earlier run"])
def test_a_copy_of_a_fetch_that_commits_second_reports_the_batch_of_the_first(left_over: bool) -> None:
    """The other one commits at the last moment, when the second has already seen that nothing is there."""
    answers = iter(["first", "second"])

    async def page(request: web.Request) -> web.Response:
        word = next(answers)
        return web.json_response({"items": [{"id": f"{word}-{number}"} for number in range(7)]})

    async def both() -> None:
        theirs, mine = FakeContainer(), FakeContainer(versions=100)  # no etag in common
        if left_over:
            mine.put(EMPTY.blob.replace("/r/", "/run-1/"), b'"old"\n', {"run_started_at": BEFORE})
        async with reading(app_of(page), "/", {"pagination": {"style": "none"}}, container=theirs) as run:
            first = await run.fetch(0, None)
            mine.before = lambda operation: mine.blobs.update(theirs.blobs) if operation == "commit" else None
            run.container = mine
            assert await run.fetch(0, None) == first
            assert run.messages(first) == [f"first-{number}" for number in range(7)]

    asyncio.run(both())


def test_what_two_copies_of_a_fetch_have_staged_at_the_same_time_does_not_mix() -> None:
    async def both() -> Any:
        container = FakeContainer()
        spool = Spool(cast(ContainerClient, container), "r", STARTED_AT)
        first, second = spool.writer(0), spool.writer(0)
        await first.write_chunk([b'"first"\n'])
        await second.write_chunk([b'"second"\n'])
        await first.commit(EMPTY)
        with pytest.raises(SpoolConflict, match="another copy"):
            await second.commit(EMPTY)
        return container.blobs[EMPTY.blob].data

    assert asyncio.run(both()) == b'"first"\n'
