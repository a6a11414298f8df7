"""A fetch that is killed at any point and runs again loses no id and returns none twice."""

import asyncio
from typing import Any, cast

import pytest
from aiohttp.test_utils import TestServer
from azure.storage.blob.aio import ContainerClient

from ingestion.storage.spool import committed_tokens
from local.demo.paging.listing import Listing
from tests.sources.apis import every_api
from tests.sources.fake_container import FakeContainer
from tests.sources.reader import RUN, Reading, reading_at

MOST_POINTS = 400
CURSOR: dict[str, Any] = {"pagination": {"style": "cursor", "read": "meta.next", "send": "cursor"}}
SOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "cursors": ("/cursor?limit=5", CURSOR),
    "repeats dropped": ("/cursor?limit=5", {**CURSOR, "repeats": "drop"}),
    "doubles counted": ("/cursor?limit=5", {**CURSOR, "unique": True}),
    "one response": ("/single", {"pagination": {"style": "none"}}),
    "times": ("/since?limit=5", {"pagination": {"style": "since", "start": "2024-01-01T00:00:00Z", "overlap": 10.0}}),
    "expired and resumed": (
        "/trouble/expiring/410",
        {"expiry": {"then": "resume", "key": "id", "send": "since_id"}},
    ),
    "expired and restarted": ("/trouble/expiring/410", {"expiry": {"then": "restart"}}),
}


class Killed(BaseException):
    """The end of the process: nothing may catch it."""


class Countdown:
    """Kills at the `point`-th step of storage or source, once."""

    def __init__(self, point: int) -> None:
        self.left = point

    async def __call__(self, operation: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed(operation)


async def has_left_over(run: Reading) -> bool:
    """Return whether killed attempts have left chunks that are in no batch."""
    tokens = await committed_tokens(cast(ContainerClient, run.container), RUN)
    assert {*tokens.values()} == {batch.token for batch in run.batches if batch.chunks}
    chunks = [name for name in run.container.blobs if "/chunks/" in name]
    return sum(batch.chunks for batch in run.batches) < len(chunks)


@pytest.mark.parametrize("name", SOURCES)
def test_killing_a_fetch_at_any_point_loses_no_id_and_brings_none_twice(name: str) -> None:
    path, description = SOURCES[name]
    listing = Listing(total=17, page_size=100 if path == "/single" else 5)

    async def killed_everywhere() -> list[bool]:
        left_over = []
        async with TestServer(every_api(listing)) as server:
            for point in range(1, MOST_POINTS):
                countdown = Countdown(point)
                url = server.make_url(path).update_query(run=point)
                facts: dict[str, Any] = {"container": FakeContainer(step=countdown), "killed_by": (Killed,)}
                async with reading_at(url, description, chunk_size=3, max_messages=6, **facts) as run:
                    run.http.event_hooks = {"request": [countdown], "response": [countdown]}
                    assert await run.all() == listing.ids(), f"killed at step {point}"
                    left_over.append(await has_left_over(run))
                if countdown.left > 0:
                    return left_over
        raise AssertionError("the steps never ended")

    left_over = asyncio.run(killed_everywhere())
    assert len(left_over) > 15
    assert any(left_over)
