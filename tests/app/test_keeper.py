"""The keeper on real storage: each rule of docs/runs.md about which runs it restarts, and how."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from clients.keeper import RUNS_AT_ONCE
from ingestion.recovery import Recovery
from ingestion.run import open_runs
from ingestion.run.keeping import PATIENCE, Found
from ingestion.run.lock import locked
from tests.app.engine import HUB, Engine
from tests.app.kept import CRASH, FRESH, LATER, UNDER_WAY, Kept, actions


@pytest.mark.parametrize("status", ["Pending", "Running", "Suspended", "no answer"])
async def test_the_keeper_does_not_touch_a_running_run_or_one_without_a_known_status(kept: Kept, status: str) -> None:
    await kept.begun()
    kept.engine.has("Running" if status == "no answer" else status)
    kept.engine.is_away = status == "no answer"
    before = await kept.entry()
    await kept.look(times=3)
    assert (kept.engine.started, await kept.entry()) == ([], before)


async def test_the_keeper_ignores_runs_of_another_task_hub_and_a_redrive_moves_a_run_to_its_hub(
    kept: Kept,
) -> None:
    other = Engine("OtherHub")
    await kept.begun()
    assert await kept.redrive(engine=other) == 202
    await kept.look(after=LATER, times=3)
    assert (kept.engine.asked, kept.engine.started) == ([], [])
    other.has("Failed", output=CRASH)
    await kept.look(engine=other, times=2)
    assert [state.attempt for state in other.started] == [1, 2]


@pytest.mark.parametrize(
    ("status", "output", "cause"),
    [
        ("Failed", CRASH, "Failed: One or more errors occurred. (python exited with code 137 (0x89))"),
        ("Completed", None, "completed, and the ledger was not closed"),
        (None, None, "the instance was gone"),
    ],
)
async def test_a_run_that_two_looks_in_a_row_find_dead_is_restarted_where_it_was(
    kept: Kept, caplog: pytest.LogCaptureFixture, status: str, output: str, cause: str
) -> None:
    caplog.set_level(logging.INFO)
    ledger = await kept.begun()
    for found in (status, "Running", status):
        kept.engine.has(found, output=output)
        await kept.look()
        assert kept.engine.started == [], "two looks in a row have to find it"
    await kept.look()
    recovery = Recovery(at=kept.now.isoformat(timespec="seconds"), cause=cause)
    again = replace(UNDER_WAY, attempt=1, window=0, recoveries=(recovery,))
    entry = await kept.entry()
    assert (kept.engine.started, await ledger.state(), entry and entry.found) == ([again], again, Found.GOES_ON)
    assert actions(caplog) == [("WARNING", "run_recovered")]


async def test_a_run_that_fails_in_its_first_turn_goes_on_from_its_request(kept: Kept) -> None:
    await kept.begun(state=None, started_at=kept.now.isoformat())
    kept.engine.has("Failed", output=CRASH)
    await kept.look(times=2)
    (state,) = kept.engine.started
    assert (state.request, state.attempt, len(state.recoveries)) == (FRESH.request, 1, 1)


@pytest.mark.parametrize("earlier", [None, "Completed", "Failed", "Terminated"])
async def test_a_start_that_was_lost_is_done_after_ten_minutes(kept: Kept, earlier: str | None) -> None:
    """The history of an earlier start of the id may still exist, with any ending."""
    started_at = kept.now.isoformat()
    await kept.begun(state=None, started_at=started_at)
    kept.engine.has(earlier, input={"run": ["run", "20250101T000000-bb"]})
    for minutes in range(10):
        await kept.look(after=timedelta(minutes=minutes))
    assert kept.engine.started == []
    await kept.look(after=PATIENCE)
    assert kept.engine.started == [replace(FRESH, started_at=started_at)]


async def test_an_entry_whose_request_was_never_written_goes_after_ten_minutes(kept: Kept) -> None:
    await open_runs.enter(kept.container, "run", HUB, kept.now, source="demo")
    await kept.look(after=PATIENCE - timedelta(seconds=1))
    assert await kept.open_runs() == ["run"]
    await kept.look(after=PATIENCE)
    assert (await kept.open_runs(), kept.engine.started) == ([], [])


async def test_a_terminated_run_that_is_purged_before_its_ledger_is_closed_is_closed_as_terminated(kept: Kept) -> None:
    await kept.begun()
    kept.engine.has("Terminated", output="enough")
    async with locked(kept.container, "run"):  # something else holds the run at the time of the first look
        await kept.look()
    assert await kept.outcome() is None
    kept.engine.has(None)
    await kept.look()
    assert (await kept.outcome(), kept.engine.started, await kept.open_runs()) == ("terminated", [], [])


@pytest.mark.parametrize(
    ("name", "content"),
    [("state.json", b'{"state": {"schema": 99}}'), ("state.json", b"{"), ("request.json", b"{}")],
    ids=["of a newer schema", "no JSON", "no request that can be read"],
)
async def test_a_run_that_cannot_be_looked_at_is_named_and_hinders_no_other(
    kept: Kept, caplog: pytest.LogCaptureFixture, name: str, content: bytes
) -> None:
    for run_id in ("a", "b", "c"):
        await kept.begun(run_id)
        kept.engine.has("Failed", run_id, output=CRASH)
    blob = "runs/b/request.json" if name == "request.json" else kept.ledger("b").run.folder + name
    await kept.container.upload_blob(blob, content, overwrite=True)
    await kept.look(times=2)
    assert sorted(run_id for run_id, _ in kept.engine.starts) == ["a", "c"]
    named = [vars(it)["run_id"] for it in caplog.records if vars(it).get("action") == "run_not_kept"]
    assert set(named) == {"b"}


async def test_a_bounded_number_of_runs_is_looked_at_side_by_side(kept: Kept) -> None:
    for number in range(3 * RUNS_AT_ONCE):
        await open_runs.enter(kept.container, f"run-{number}", HUB, kept.now, source="demo")
        kept.engine.has("Suspended", f"run-{number}")
    await kept.look()
    assert (len(kept.engine.asked), kept.engine.most_at_once) == (3 * RUNS_AT_ONCE, RUNS_AT_ONCE)
