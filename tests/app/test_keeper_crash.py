"""A keeper that dies at any request, two of them at once, and a keeper beside a person: no harm comes of it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from clients.delete_run import delete_run
from clients.start_run import start_run
from ingestion.recovery import Recovery
from ingestion.run import open_runs
from ingestion.run.request import read_request
from tests.app.engine import Engine
from tests.app.kept import CRASH, DONE, LATER, UNDER_WAY, Kept


@pytest.mark.parametrize(
    ("status", "state", "recoveries", "outcome"),
    [
        ("Failed", UNDER_WAY, 0, None),
        (None, UNDER_WAY, 0, None),
        ("Failed", None, 0, None),
        (None, None, 0, None),
        ("Completed", DONE, 0, "completed"),
        ("Terminated", UNDER_WAY, 0, "terminated"),
        ("Failed", UNDER_WAY, 3, "failed"),
    ],
)
async def test_a_keeper_that_dies_at_any_request_leaves_a_run_that_the_next_one_brings_to_the_same_end(
    kept: Kept, status: str, state: Any, recoveries: int, outcome: str | None
) -> None:
    often = (Recovery(at=kept.now.isoformat(), cause="a crash"),) * recoveries
    async for run_id in kept.at_each_request(more_than=10):
        await kept.begun(run_id, state and replace(state, recoveries=often))
        kept.engine.has(status, run_id, output=CRASH)
        await kept.interrupted(kept.look(after=LATER, times=2), by=kept.connection.die())
        await kept.brought_to_rest(run_id)
        await ends_well(kept, run_id, outcome)


async def ends_well(kept: Kept, run_id: str, outcome: str | None) -> None:
    """See that the run goes on, as one attempt of which the ledger knows, or that it was closed as it should."""
    started, entry = kept.engine.started_of(run_id), await kept.entry(run_id)
    assert await kept.outcome(run_id) == outcome
    if outcome is not None:
        assert (started, entry) == ([], None)
        return
    assert (len(started), entry is None) == (1, False)
    assert await kept.ledger(run_id).state() in (started[0], None)
    assert started[0].attempt == len(started[0].recoveries) <= 2


async def test_a_start_that_dies_at_any_request_is_done_by_the_keeper_if_it_was_written_down(kept: Kept) -> None:
    async for run_id in kept.at_each_request(more_than=5):
        await kept.interrupted(kept.ask(start_run, run_id), by=kept.connection.die())
        await kept.brought_to_rest(run_id)
        is_asked_for = await read_request(kept.container, run_id) is not None
        is_open = await kept.entry(run_id) is not None
        assert (is_open, len(kept.engine.started_of(run_id))) == (is_asked_for, is_asked_for)


async def test_a_deletion_that_dies_at_any_request_is_never_undone_by_the_keeper(kept: Kept) -> None:
    async for run_id in kept.at_each_request(more_than=5):
        await kept.begun(run_id)
        kept.engine.has("Terminated", run_id)
        await kept.interrupted(kept.ask(delete_run, run_id), by=kept.connection.die())
        await kept.brought_to_rest(run_id)
    assert (kept.engine.started, await kept.open_runs()) == ([], [])


async def test_a_redrive_that_moves_a_run_to_another_hub_between_two_requests_of_a_look_has_moved_it(
    kept: Kept,
) -> None:
    async def move(run_id: str, other: Engine) -> None:
        if not kept.engine.started and not await kept.is_locked(run_id):
            await kept.redrive(run_id, engine=other)

    async for run_id in kept.at_each_request(more_than=10):
        kept.engine, other = Engine(), Engine("OtherHub")
        await kept.begun(run_id)
        kept.engine.has("Failed", run_id, output=CRASH)
        await kept.interrupted(kept.look(times=2), by=move(run_id, other))
        before = len(kept.engine.started)
        await kept.look(after=LATER, times=3)
        entry = await kept.entry(run_id)
        assert entry is not None
        assert (entry.task_hub == "OtherHub") == (len(other.started) == 1)
        assert len(kept.engine.started) == before == (0 if other.started else 1)
        await open_runs.forget(kept.container, run_id)


@pytest.mark.parametrize("status", ["Failed", None])
async def test_two_keepers_at_once_recover_a_run_once(kept: Kept, status: str | None) -> None:
    await kept.begun()
    kept.engine.has(status, output=CRASH)
    for _ in range(3):
        await asyncio.gather(kept.look(), kept.look())
    assert [state.attempt for state in kept.engine.started] == [1]


async def test_a_keeper_beside_a_person_s_redrive_starts_no_second_attempt(kept: Kept) -> None:
    await kept.begun()
    kept.engine.has("Failed", output=CRASH)
    await kept.look()
    await asyncio.gather(kept.look(), kept.redrive(), kept.look())
    assert [state.attempt for state in kept.engine.started] == [1]


async def test_a_keeper_beside_a_deletion_leaves_a_whole_run_or_none(kept: Kept) -> None:
    await kept.begun()
    kept.engine.has("Failed", output=CRASH)
    await kept.look()
    _, answered = await asyncio.gather(kept.look(), kept.ask(delete_run))
    is_refused = answered == 409
    assert is_refused or answered == 200
    await kept.look(after=LATER, times=2)
    is_there = await read_request(kept.container, "run") is not None
    assert (is_there, len(kept.engine.started)) == (is_refused, int(is_refused))
    assert await kept.open_runs() == (["run"] if is_refused else [])
