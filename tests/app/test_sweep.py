"""One keeper deletes old ledgers once a day, from the index of all runs; the end of a run deletes none."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import ResourceModifiedError
from azure.storage.blob.aio import ContainerClient

from clients import sweeping
from clients.sweeping import sweep_daily
from ingestion.contracts import Run
from ingestion.run import run_index, run_report
from ingestion.run.clean_up import claim_sweep, sweep
from ingestion.wire import to_wire
from tests.app.driven import call
from tests.app.engine import START
from tests.app.kept import DONE, FRESH, Kept, actions

DAYS = 30
A_DAY = timedelta(days=1)
LONG_AFTER = timedelta(days=400)


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    sweeping.asked_at.clear()
    yield
    sweeping.asked_at.clear()


async def closed(kept: Kept, run_id: str, start: str = START, **begun: Any) -> None:
    """Store a run with a closed ledger."""
    ledger = await kept.begun(run_id, start=start, **begun)
    state = replace(FRESH, run=ledger.run, **({"started_at": at} if (at := begun.get("started_at")) else {}))
    await run_index.enter(kept.container, state)
    await ledger.record_report({"outcome": "completed"}, 0)


async def names(kept: Kept) -> list[str]:
    """Return everything that storage has of runs."""
    everything = [name async for name in kept.container.list_blob_names()]
    return [name for name in everything if not name.startswith("swept")]


async def requests(kept: Kept, *, after: timedelta) -> int:
    """Sweep, and return the number of requests to storage."""
    kept.connection.requests = 0
    await sweep_daily(kept.container, DAYS, kept.now + after)
    return kept.connection.requests


async def test_the_end_of_a_run_lists_nothing_of_other_runs_however_many_ledgers_are_closed(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = set[str]()

    def noting(original: Any) -> Any:
        def call_it(self: ContainerClient, **named: Any) -> Any:
            listed.add(named["name_starts_with"])
            return original(self, **named)

        return call_it

    for name in ("list_blobs", "list_blob_names"):
        monkeypatch.setattr(ContainerClient, name, noting(getattr(ContainerClient, name)))
    costs = list[int]()
    for run_id, others in [("run", 0), ("last", 20)]:
        for number in range(others):
            await closed(kept, f"closed-{number}")
        run = Run(run_id, START)
        await kept.begun(run_id)
        listed.clear()
        kept.connection.requests = 0
        await call("finish_run", to_wire(run_report.finish(replace(DONE, run=run), kept.now)))
        costs.append(kept.connection.requests)
        assert {prefix for prefix in listed if not prefix.startswith(run.folder)} == set()
    assert costs[0] == costs[1]


async def test_a_sweep_costs_three_requests_a_day_beside_closed_ledgers_that_are_young_and_one_an_hour_elsewhere(
    kept: Kept,
) -> None:
    for number in range(20):
        await closed(kept, f"run-{number}")
    assert await requests(kept, after=timedelta(0)) == 3
    for minutes in range(1, 60):
        assert await requests(kept, after=timedelta(minutes=minutes)) == 0
    for hours in range(1, 24):
        assert await requests(kept, after=timedelta(hours=hours)) == 1
    assert await requests(kept, after=A_DAY) == 3
    assert len([name for name in await names(kept) if name.startswith("index/")]) == 20


async def test_of_many_keepers_one_sweeps(kept: Kept) -> None:
    for after in (timedelta(0), A_DAY):
        claims = await asyncio.gather(*(claim_sweep(kept.container, kept.now + after) for _ in range(5)))
        assert sorted(claims) == [False] * 4 + [True]
    assert not await claim_sweep(kept.container, kept.now + A_DAY + timedelta(hours=23))


async def test_a_sweep_takes_every_old_ledger_and_no_other_and_goes_on_at_the_next_look_where_there_are_many(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sweeping, "MOST", 2)
    caplog.set_level("INFO")
    for number in range(5):
        await closed(kept, f"run-{number}")
    await kept.begun("open")
    await run_index.enter(kept.container, replace(FRESH, run=Run("open", START)))
    for left in (3, 1, 0):
        await sweep_daily(kept.container, DAYS, kept.now + LONG_AFTER)
        assert len({name.split("/")[1] for name in await names(kept) if name.startswith("runs/run-")}) == left
    assert actions(caplog) == [("INFO", "ledgers_swept")] * 3
    assert await kept.open_runs() == ["open"]
    await sweep_daily(kept.container, 0, kept.now + 2 * LONG_AFTER)
    assert [name.partition("-")[2] for name in await names(kept) if name.startswith("index/")] == ["open.json"]


async def test_what_a_sweep_or_a_deletion_that_was_cut_off_has_left_is_found_by_the_next_sweep(kept: Kept) -> None:
    async for run_id in kept.at_each_request(more_than=5):
        await closed(kept, run_id)
        old = kept.now + LONG_AFTER
        await kept.interrupted(sweep(kept.container, old), by=kept.connection.die())
        await kept.break_lock(run_id)
        await sweep(kept.container, old)
        assert await names(kept) == []


async def test_an_entry_that_was_left_of_an_earlier_start_goes_and_the_present_run_stays(kept: Kept) -> None:
    at = "2026-01-02T00:00:00+00:00"
    for state in (FRESH, replace(FRESH, started_at=at)):
        await run_index.enter(kept.container, state)
    await kept.begun("run", started_at=at)
    before = set(await names(kept))
    assert await sweep(kept.container, kept.now + LONG_AFTER) == []
    assert before - set(await names(kept)) == {run_index.name_of("run", FRESH.started_at)}


async def test_a_sweep_that_fails_hinders_no_keeper(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused(*given: object, **named: object) -> list[str]:
        raise ResourceModifiedError("there is a lease on the blob")

    monkeypatch.setattr(sweeping, "sweep", refused)
    await sweep_daily(kept.container, DAYS, kept.now)
    assert actions(caplog) == [("WARNING", "sweep_failed")]
