"""The ledger on real storage: what is older never replaces what is newer, whoever writes and however many at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from azure.storage.blob.aio import ContainerClient

from emulator import Azurite
from ingestion.contracts import RunRequest, RunState
from ingestion.errors import InvalidInput, UnknownSchema
from ingestion.run.control import GO, express, following, read_wish
from ingestion.run.ledger import Ledger
from ingestion.run.run_state import CANCEL, PAUSE, load, start

STATE = start(RunRequest(source="demo", chunk_size=10, chunks_per_batch=2), "2026-01-01T00:00:00+00:00")
WithLedger = Callable[[Callable[[Ledger], Awaitable[None]]], None]


@pytest.fixture
def with_ledger(azurite: Azurite, queue_name: str) -> WithLedger:
    """Runs a test's coroutine with a ledger in a container of its own."""

    def run(work: Callable[[Ledger], Awaitable[None]]) -> None:
        async def within() -> None:
            async with ContainerClient.from_connection_string(azurite.connection_string, queue_name) as container:
                await container.create_container()
                await work(Ledger(container, "run"))

        asyncio.run(within())

    return run


def at(attempt: int, window: int) -> RunState:
    return replace(STATE, attempt=attempt, window=window)


def test_an_older_state_does_not_replace_a_newer_one(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        assert await ledger.state() is None
        taken = [await ledger.record_state(at(*order), "now") for order in [(0, 5), (0, 4), (0, 5), (1, 0), (0, 6)]]
        assert taken == [True, False, True, True, False]
        assert await ledger.state() == at(1, 0)

    with_ledger(work)


def test_of_many_writers_at_once_the_newest_is_what_stays(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        windows = list(range(20))
        random.Random(7).shuffle(windows)
        await asyncio.gather(*(ledger.record_state(at(0, window), "now") for window in windows))
        assert await ledger.state() == at(0, 19)

    with_ledger(work)


def test_of_many_requests_at_once_all_see_the_same_one(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        seen = await asyncio.gather(*(ledger.create_request({"number": number}) for number in range(20)))
        assert len({one["number"] for one in seen}) == 1
        assert await ledger.request() == seen[0]

    with_ledger(work)


def test_a_report_of_an_earlier_attempt_does_not_replace_that_of_a_later_one(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.record_report({"outcome": "completed"}, 1)
        await ledger.record_report({"outcome": "failed"}, 0)
        assert await ledger.report() == {"run_id": "run", "attempt": 1, "outcome": "completed"}

    with_ledger(work)


def test_a_wish_holds_until_the_next_one_and_cancelling_for_good(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        seen = [await read_wish(ledger.container, "run")]
        for wish in (PAUSE, GO, CANCEL):
            await express(ledger, wish)
            seen.append(await read_wish(ledger.container, "run"))
        assert seen == [None, PAUSE, None, CANCEL]
        with pytest.raises(InvalidInput, match="being cancelled"):
            await express(ledger, GO)

    with_ledger(work)


@pytest.mark.parametrize("wish", [GO, PAUSE])
def test_only_cancelling_takes_no_further_wish(wish: str) -> None:
    assert [following(wish, other) for other in (GO, PAUSE, CANCEL)] == [GO, PAUSE, CANCEL]


@pytest.mark.parametrize("schema", [2, "1", None])
def test_a_state_of_an_unknown_schema_is_refused_with_what_to_do(schema: object) -> None:
    with pytest.raises(UnknownSchema, match="deploy the version that started it"):
        load({"schema": schema})
