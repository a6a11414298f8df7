"""The ledgers that the keeper closes on real storage: of runs that have ended, and of those that it gives up."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from ingestion.contracts import RunState
from ingestion.run.lock import locked
from tests.app.kept import CRASH, DONE, UNDER_WAY, Kept, actions


@pytest.mark.parametrize(
    ("state", "outcome"), [(DONE, "completed"), (replace(UNDER_WAY, error="the source is gone"), "failed")]
)
async def test_a_recorded_state_with_an_outcome_closes_the_ledger_with_it(
    kept: Kept, state: RunState, outcome: str
) -> None:
    await kept.begun(state=state)
    kept.engine.has("Failed", output=CRASH)
    await kept.look(times=2)
    assert (await kept.outcome(), kept.engine.started, await kept.open_runs()) == (outcome, [], [])


async def test_a_run_that_has_closed_its_ledger_is_only_taken_out_of_the_index(kept: Kept) -> None:
    """Its own decision to fail stands, also if it died before it took itself out."""
    ledger = await kept.begun(state=replace(UNDER_WAY, error="too many failures"))
    await ledger.record_report({"outcome": "failed"}, 0)
    kept.engine.has("Failed", output="Orchestrator function 'ingest_run' failed: too many failures")
    before = await ledger.report()
    await kept.look(times=2)
    assert (kept.engine.started, await kept.open_runs(), await ledger.report()) == ([], [], before)


@pytest.mark.parametrize("is_purged", [False, True])
async def test_a_terminated_run_is_closed_as_terminated_and_can_still_be_redriven(
    kept: Kept, caplog: pytest.LogCaptureFixture, is_purged: bool
) -> None:
    caplog.set_level(logging.INFO)
    ledger = await kept.begun()
    kept.engine.has("Terminated", output="enough")
    if is_purged:
        async with locked(kept.container, "run"):  # whoever does something else with it at the time of the first look
            await kept.look()
        assert await ledger.report() is None
        kept.engine.has(None)
    await kept.look()
    report = await ledger.report() or {}
    assert (report["outcome"], report["pending"], kept.engine.started) == ("terminated", 0, [])
    assert await kept.open_runs() == []
    assert await kept.redrive() == 202
    assert await ledger.report() is None
    assert ([state.attempt for state in kept.engine.started], await kept.open_runs()) == ([1], ["run"])
    assert actions(caplog) == [("WARNING", "run_ended"), ("INFO", "ledger_closed_by_keeper")]


async def test_after_three_recoveries_within_an_hour_a_run_is_given_up_with_its_report(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = await kept.begun()
    for minute in range(8):
        kept.engine.has("Failed", output=CRASH)
        await kept.look(after=timedelta(minutes=minute))
    assert [state.attempt for state in kept.engine.started] == [1, 2, 3]
    report = await ledger.report() or {}
    assert (report["outcome"], len(report["recoveries"])) == ("failed", 3)
    assert "recovered 3 times within an hour" in report["error"]
    assert "python exited with code 137" in report["error"]
    assert await kept.open_runs() == []
    assert [one for one in actions(caplog) if one[0] == "ERROR"] == [("ERROR", "run_given_up")]
