"""The ledger on real storage: what is older never replaces what is newer, whoever writes and however many at once."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from azure.storage.blob.aio import ContainerClient
from ingestion.run.control import GO, express, following, read_wish

from ingestion.contracts import (
    Batch,
    Counted,
    FailedChunks,
    FailureGroup,
    LoadRequest,
    RunRequest,
    RunState,
    Settled,
)
from ingestion.errors import InvalidInput, UnknownSchema
from ingestion.run.failed import load as load_failed
from ingestion.run.failed import record
from ingestion.run.ledger import Ledger, read_json
from ingestion.run.run_state import CANCEL, PAUSE, load, start
from local.emulator import Azurite

STARTED_AT, LATER = "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"
STATE = start(RunRequest(source="demo", chunk_size=10, chunks_per_batch=2), STARTED_AT)
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


def at(attempt: int, window: int, started_at: str = STARTED_AT) -> RunState:
    return replace(STATE, attempt=attempt, window=window, started_at=started_at)


def report_of(outcome: str, started_at: str = STARTED_AT) -> dict[str, str]:
    return {"outcome": outcome, "started_at": started_at}


def test_an_older_state_does_not_replace_a_newer_one(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        assert await ledger.state(STARTED_AT) is None
        taken = [await ledger.record_state(at(*order), "now") for order in [(0, 5), (0, 4), (0, 5), (1, 0), (0, 6)]]
        assert taken == [True, False, True, True, False]
        assert await ledger.state(STARTED_AT) == at(1, 0)

    with_ledger(work)


def test_of_many_writers_at_once_the_newest_is_what_stays(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        windows = list(range(20))
        random.Random(7).shuffle(windows)
        await asyncio.gather(*(ledger.record_state(at(0, window), "now") for window in windows))
        assert await ledger.state(STARTED_AT) == at(0, 19)

    with_ledger(work)


def test_of_many_requests_at_once_all_see_the_same_one(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        seen = await asyncio.gather(*(ledger.create_request({"number": number}) for number in range(20)))
        assert len({one["number"] for one in seen}) == 1
        assert await ledger.request() == seen[0]

    with_ledger(work)


def test_a_report_of_an_earlier_attempt_does_not_replace_that_of_a_later_one(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.record_report(report_of("completed"), 1)
        await ledger.record_report(report_of("failed"), 0)
        assert await ledger.report(STARTED_AT) == {"run_id": "run", "attempt": 1, "window": 0, **report_of("completed")}

    with_ledger(work)


def test_the_report_of_an_earlier_attempt_is_not_that_of_the_last(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        await ledger.record_state(at(0, 5), "now")
        await ledger.record_report(report_of("failed"), 0)
        assert await ledger.report(STARTED_AT) is not None
        await ledger.record_state(at(1, 0), "now")
        assert await ledger.report(STARTED_AT) is None

    with_ledger(work)


def test_what_a_deleted_run_writes_late_neither_replaces_nor_counts_as_what_a_younger_one_wrote(
    with_ledger: WithLedger,
) -> None:
    async def work(ledger: Ledger) -> None:
        assert await ledger.record_state(at(1, 7), "now")
        await ledger.record_report(report_of("failed"), 1)
        await express(ledger, STARTED_AT, CANCEL)
        assert await ledger.state(LATER) is None
        assert await ledger.report(LATER) is None
        assert await read_wish(ledger.container, "run", LATER) is None

        assert await ledger.record_state(at(0, 0, LATER), "now")
        await ledger.record_report(report_of("completed", LATER), 0)
        await express(ledger, LATER, PAUSE)
        assert not await ledger.record_state(at(1, 8), "now")
        await ledger.record_report(report_of("failed"), 1)
        with pytest.raises(InvalidInput, match="another was started with its id"):
            await express(ledger, STARTED_AT, CANCEL)
        assert await ledger.state(LATER) == at(0, 0, LATER)
        assert (await ledger.report(LATER) or {})["outcome"] == "completed"
        assert await read_wish(ledger.container, "run", LATER) == PAUSE

    with_ledger(work)


def test_failed_chunks_of_a_deleted_run_are_neither_done_again_nor_taken_for_those_of_a_younger_one(
    with_ledger: WithLedger,
) -> None:
    batch = Batch(index=3, blob="runs/run/batches/000003.ndjson", count=10, offsets=(0,), size_bytes=50, pages=1)
    none_sent = (Counted(0),)

    def failed(started_at: str, error: str) -> FailedChunks:
        group = FailureGroup(error=error, chunks=none_sent)
        return FailedChunks(
            run_id="run", run_started_at=started_at, attempt=0, chunk_size=10, batch=batch, groups=(group,)
        )

    def wanted(started_at: str) -> LoadRequest:
        return LoadRequest(run_id="run", run_started_at=started_at, attempt=1, next_batch=0)

    async def work(ledger: Ledger) -> None:
        await record(ledger, failed(STARTED_AT, "old"), Settled(chunks=none_sent))
        assert (await load_failed(ledger, wanted(LATER))).chunks == ()
        await record(ledger, failed(LATER, "new"), Settled(chunks=none_sent))
        await record(ledger, failed(STARTED_AT, "old"), Settled(chunks=none_sent))
        assert (await load_failed(ledger, wanted(STARTED_AT))).chunks == ()
        assert (await load_failed(ledger, wanted(LATER))).chunks == none_sent
        found = await read_json(ledger.blob("failed/000003.json"))
        assert [chunk["error"] for chunk in (found or {})["chunks"]] == ["new"]

    with_ledger(work)


def test_a_wish_holds_until_the_next_one_and_cancelling_for_good(with_ledger: WithLedger) -> None:
    async def work(ledger: Ledger) -> None:
        seen = [await read_wish(ledger.container, "run", STARTED_AT)]
        for wish in (PAUSE, GO, CANCEL):
            await express(ledger, STARTED_AT, wish)
            seen.append(await read_wish(ledger.container, "run", STARTED_AT))
        assert seen == [None, PAUSE, None, CANCEL]
        with pytest.raises(InvalidInput, match="being cancelled"):
            await express(ledger, STARTED_AT, GO)

    with_ledger(work)


@pytest.mark.parametrize("wish", [GO, PAUSE])
def test_only_cancelling_takes_no_further_wish(wish: str) -> None:
    assert [following(wish, other) for other in (GO, PAUSE, CANCEL)] == [GO, PAUSE, CANCEL]


@pytest.mark.parametrize("schema", [2, "1", None])
def test_a_state_of_an_unknown_schema_is_refused_with_what_to_do(schema: object) -> None:
    with pytest.raises(UnknownSchema, match="deploy the version that started it"):
        load({"schema": schema})
