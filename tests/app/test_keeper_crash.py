"""A keeper that dies at any request, two keepers at once, a keeper and a person at once: none of it does harm."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from clients.delete_run import delete_run
from clients.start_run import start_run
from ingestion.contracts import Sums
from ingestion.recovery import Recovery
from ingestion.run import open_runs
from ingestion.run.request import read_request
from tests.app.engine import Engine
from tests.app.kept import CRASH, DONE, LATER, UNDER_WAY, Kept, actions

NOW = datetime.now(UTC).isoformat()
RECOVERED_OFTEN = replace(UNDER_WAY, recoveries=(Recovery(at=NOW, cause="a crash"),) * 3)
RECOVERED, CLOSED = [("WARNING", "run_recovered")], ("INFO", "ledger_closed_by_keeper")
WHOLE = replace(DONE, fetched=1, done=Sums(chunks=1, messages=1, enqueued=1))


@pytest.mark.parametrize(
    ("status", "state", "outcome", "logged"),
    [
        ("Failed", UNDER_WAY, None, RECOVERED),
        (None, UNDER_WAY, None, RECOVERED),
        ("Failed", None, None, RECOVERED),
        (None, None, None, RECOVERED),
        ("Completed", WHOLE, "completed", [("INFO", "run_ended"), CLOSED]),
        ("Failed", replace(UNDER_WAY, error="its source is gone"), "failed", [("WARNING", "run_ended"), CLOSED]),
        ("Terminated", UNDER_WAY, "terminated", [("WARNING", "run_ended"), CLOSED]),
        ("Failed", RECOVERED_OFTEN, "failed", [("WARNING", "run_ended"), CLOSED, ("ERROR", "run_given_up")]),
        ("Failed", "closed", "cancelled", []),
    ],
)
async def test_a_keeper_that_dies_at_any_request_leaves_a_run_that_the_next_one_brings_to_the_same_end(
    kept: Kept, caplog: pytest.LogCaptureFixture,
    status: str, state: Any, outcome: str | None, logged: list[tuple[str, str]],
) -> None:  # fmt: skip
    """The last keeper does not die; only it logs what it has done."""
    caplog.set_level(logging.INFO)
    async for run_id in kept.at_each_request(more_than=6):
        ledger = await kept.begun(run_id, UNDER_WAY if state == "closed" else state)
        if state == "closed":
            await ledger.record_report({"outcome": outcome}, 0)
        kept.engine.has(status, run_id, output=CRASH)
        caplog.clear()
        await kept.interrupted(kept.look(after=LATER, times=2), by=kept.connection.die())
        await kept.brought_to_rest(run_id)
        await ends_well(kept, run_id, outcome)
    assert [one for one in actions(caplog) if one != ("WARNING", "run_stands_still")] == logged


async def ends_well(kept: Kept, run_id: str, outcome: str | None) -> None:
    """Check that the run continues as one attempt that is in the ledger, or that it was closed correctly."""
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


@pytest.mark.parametrize("who", ["a keeper", "a redrive", "a redrive from another hub", "a deletion"])
async def test_whatever_happens_between_two_requests_of_a_look_the_run_continues_once_or_is_deleted(
    kept: Kept, who: str
) -> None:
    async def come(run_id: str, other: Engine) -> None:
        if who == "a keeper":
            await kept.look(times=2)
        elif not await kept.is_locked(run_id) and not kept.engine.started:
            await (kept.ask(delete_run, run_id) if who == "a deletion" else kept.redrive(run_id, engine=other))

    async for run_id in kept.at_each_request(more_than=10):
        kept.engine = Engine()
        other = Engine("OtherHub") if who == "a redrive from another hub" else kept.engine
        await kept.begun(run_id)
        kept.engine.has("Failed", run_id, output=CRASH)
        await kept.interrupted(kept.look(times=2), by=come(run_id, other))
        await kept.look(after=LATER, times=3)
        entry, is_there = await kept.entry(run_id), await read_request(kept.container, run_id) is not None
        started_by = {engine._orchestration_bindings.task_hub_name: engine.started for engine in (kept.engine, other)}
        assert [hub for hub, started in started_by.items() for _ in started] == ([entry.task_hub] if entry else [])
        assert (entry is not None) == is_there
        await open_runs.forget(kept.container, run_id)
