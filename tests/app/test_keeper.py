"""The keeper on real storage, rule by rule of docs/runs.md."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from clients.keeper import RUNS_AT_ONCE
from clients.redrive_run import _redrive
from ingestion.recovery import Recovery
from ingestion.run import open_runs
from ingestion.run.keeping import PATIENCE, Found
from ingestion.run.ledger import Ledger
from ingestion.run.lock import locked
from local.emulator import Azurite
from tests.app.kept import CRASH, DONE, FRESH, LATER, STARTED_AT, UNDER_WAY, Engine, Kept, actions, keeping

ALONE = [("WARNING", "run_recovered")]


@pytest.mark.parametrize("status", ["Pending", "Running", "Suspended", "no answer"])
def test_a_run_that_goes_on_or_of_which_the_engine_tells_nothing_is_left_alone(
    azurite: Azurite, queue_name: str, status: str
) -> None:
    async def work(kept: Kept) -> None:
        await kept.begun()
        kept.engine.has("Running" if status == "no answer" else status)
        kept.engine.is_away = status == "no answer"
        before = await open_runs.find(kept.container, "run")
        for _ in range(3):
            await kept.look()
        assert (kept.engine.started, await open_runs.find(kept.container, "run")) == ([], before)

    keeping(azurite, queue_name, work)


def test_a_run_of_another_task_hub_is_not_even_asked_for(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        await kept.begun(hub="OtherHub")
        for _ in range(3):
            await kept.look(after=LATER)
        assert kept.engine.asked == []
        assert kept.engine.started == []

    keeping(azurite, queue_name, work)


def test_a_person_s_redrive_moves_a_run_to_another_task_hub(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        ledger, other = await kept.begun(), Engine("OtherHub")
        async with locked(ledger):
            await _redrive(other, ledger)
        for _ in range(3):
            await kept.look(after=LATER)
        assert kept.engine.started == []
        other.has("Failed", output=CRASH)
        for _ in range(2):
            await kept.look(engine=other)
        assert [state.attempt for state in other.started] == [1, 2]

    keeping(azurite, queue_name, work)


@pytest.mark.parametrize(
    ("status", "output", "cause"),
    [
        ("Failed", CRASH, "Failed: One or more errors occurred. (python exited with code 137 (0x89))"),
        ("Completed", None, "completed, and the ledger was not closed"),
        (None, None, "the instance was gone"),
    ],
)
def test_a_run_that_two_looks_in_a_row_find_dead_goes_on_where_it_was(
    azurite: Azurite, queue_name: str, caplog: pytest.LogCaptureFixture, status: str, output: str, cause: str
) -> None:
    caplog.set_level(logging.INFO)

    async def work(kept: Kept) -> None:
        ledger = await kept.begun()
        kept.engine.has(status, output=output)
        await kept.look()
        assert kept.engine.started == []
        kept.engine.has("Running")
        await kept.look()
        kept.engine.has(status, output=output)
        await kept.look()
        assert kept.engine.started == [], "the two looks were not in a row"
        await kept.look()
        again = replace(UNDER_WAY, attempt=1, window=0, recoveries=(_at(kept, cause),))
        assert kept.engine.started == [again]
        assert await ledger.state(STARTED_AT) == again
        entry = await open_runs.find(kept.container, "run")
        assert entry is not None
        assert entry.found is Found.GOES_ON

    keeping(azurite, queue_name, work)
    assert actions(caplog) == ALONE


def _at(kept: Kept, cause: str) -> Recovery:
    return Recovery(at=kept.now.isoformat(timespec="seconds"), cause=cause)


def test_a_run_that_fails_in_its_first_turn_goes_on_from_its_request(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        await kept.begun(state=None, started_at=kept.now.isoformat())
        kept.engine.has("Failed", output=CRASH)
        await kept.look()
        await kept.look()
        (state,) = kept.engine.started
        assert (state.request, state.attempt, len(state.recoveries)) == (FRESH.request, 1, 1)

    keeping(azurite, queue_name, work)


@pytest.mark.parametrize(
    ("state", "outcome"), [(DONE, "completed"), (replace(UNDER_WAY, error="the source is gone"), "failed")]
)
def test_a_recorded_state_with_an_outcome_closes_the_ledger_with_it(
    azurite: Azurite, queue_name: str, state: Any, outcome: str
) -> None:
    async def work(kept: Kept) -> None:
        ledger = await kept.begun(state=state)
        kept.engine.has("Failed", output=CRASH)
        await kept.look()
        await kept.look()
        report = await ledger.report(STARTED_AT)
        assert report is not None
        assert (report["outcome"], kept.engine.started, await kept.open_runs()) == (outcome, [], [])

    keeping(azurite, queue_name, work)


def test_a_run_that_has_closed_its_ledger_is_only_taken_out_of_the_index(azurite: Azurite, queue_name: str) -> None:
    """Its own decision to fail stands, also if it died before it took itself out."""

    async def work(kept: Kept) -> None:
        ledger = await kept.begun(state=replace(UNDER_WAY, error="too many failures"))
        await ledger.record_report({"outcome": "failed", "started_at": STARTED_AT}, 0)
        kept.engine.has("Failed", output="Orchestrator function 'ingest_run' failed: too many failures")
        before = await ledger.report(STARTED_AT)
        await kept.look()
        await kept.look()
        assert (kept.engine.started, await kept.open_runs()) == ([], [])
        assert await ledger.report(STARTED_AT) == before

    keeping(azurite, queue_name, work)


@pytest.mark.parametrize("is_purged", [False, True])
def test_a_terminated_run_is_closed_as_terminated_and_can_still_be_redriven(
    azurite: Azurite, queue_name: str, caplog: pytest.LogCaptureFixture, is_purged: bool
) -> None:
    caplog.set_level(logging.INFO)

    async def work(kept: Kept) -> None:
        ledger = await kept.begun()
        kept.engine.has("Terminated", output="enough")
        if is_purged:
            async with locked(ledger):  # whoever does something else with it at the time of the first look
                await kept.look()
            assert await ledger.report(STARTED_AT) is None
            kept.engine.has(None)
        await kept.look()
        report = await ledger.report(STARTED_AT)
        assert report is not None
        assert (report["outcome"], report["pending"], kept.engine.started) == ("terminated", 0, [])
        assert await kept.open_runs() == []
        async with locked(ledger):
            await _redrive(kept.engine, ledger)
        assert await ledger.report(STARTED_AT) is None
        assert ([state.attempt for state in kept.engine.started], await kept.open_runs()) == ([1], ["run"])

    keeping(azurite, queue_name, work)
    assert actions(caplog) == [("WARNING", "run_ended"), ("INFO", "ledger_closed_by_keeper")]


def test_a_start_that_was_lost_is_done_after_ten_minutes(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        started_at = kept.now.isoformat()
        await kept.begun(state=None, started_at=started_at)
        for minutes in range(10):
            await kept.look(after=timedelta(minutes=minutes))
        assert kept.engine.started == []
        await kept.look(after=PATIENCE)
        assert kept.engine.started == [replace(FRESH, started_at=started_at)]

    keeping(azurite, queue_name, work)


def test_an_entry_whose_request_was_never_written_goes_after_ten_minutes(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        await open_runs.enter(kept.container, "run", "TestHub", kept.now)
        await kept.look(after=PATIENCE - timedelta(seconds=1))
        assert await kept.open_runs() == ["run"]
        await kept.look(after=PATIENCE)
        assert (await kept.open_runs(), kept.engine.started) == ([], [])

    keeping(azurite, queue_name, work)


def test_after_three_recoveries_within_an_hour_a_run_is_given_up_with_its_report(
    azurite: Azurite, queue_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(kept: Kept) -> None:
        ledger = await kept.begun()
        for minute in range(8):
            kept.engine.has("Failed", output=CRASH)
            await kept.look(after=timedelta(minutes=minute))
        assert [state.attempt for state in kept.engine.started] == [1, 2, 3]
        report = await ledger.report(STARTED_AT)
        assert report is not None
        assert (report["outcome"], len(report["recoveries"])) == ("failed", 3)
        assert "recovered 3 times within an hour" in report["error"]
        assert "python exited with code 137" in report["error"]
        assert await kept.open_runs() == []

    keeping(azurite, queue_name, work)
    assert [one for one in actions(caplog) if one[0] == "ERROR"] == [("ERROR", "run_given_up")]


def test_a_run_that_crashes_less_often_is_recovered_for_ever(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        await kept.begun()
        for number in range(8):
            kept.engine.has("Failed", output=CRASH)
            for look in range(2):
                await kept.look(after=timedelta(minutes=20 * number + look))
        assert [state.attempt for state in kept.engine.started] == list(range(1, 9))

    keeping(azurite, queue_name, work)


AT_WORK = {"input": {"batch": {"index": 3}}, "customStatus": {"phase": "running"}}


def test_a_run_that_stands_still_is_reported_once_and_again_when_it_has_moved(
    azurite: Azurite, queue_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(kept: Kept) -> None:
        await kept.begun()
        kept.engine.has("Running", **AT_WORK)
        await kept.look(after=PATIENCE - timedelta(minutes=1))
        assert actions(caplog) == []
        for _ in range(3):
            await kept.look(after=LATER)
        assert actions(caplog) == [("WARNING", "run_stands_still")]
        entry = await open_runs.find(kept.container, "run")
        assert entry is not None
        an_hour_ago = (kept.now - timedelta(hours=1)).isoformat()
        await open_runs.note(kept.container, entry, found=entry.found, reported=an_hour_ago)
        for _ in range(3):
            await kept.look(after=LATER)
        assert actions(caplog) == [("WARNING", "run_stands_still")] * 2

    keeping(azurite, queue_name, work)


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_a_run_whose_chunks_move_does_not_stand_still_however_old_its_state_is(
    azurite: Azurite,
    queue_name: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    has_checkpoint: bool,
) -> None:
    async def work(kept: Kept) -> None:
        an_hour_ago = kept.now - timedelta(hours=1)

        async def recorded_at(ledger: Ledger) -> datetime:
            return an_hour_ago

        monkeypatch.setattr(Ledger, "state_recorded_at", recorded_at)
        await open_runs.enter(kept.container, "run", "TestHub", an_hour_ago)
        kept.engine.has("Running", **AT_WORK)
        if has_checkpoint:
            await kept.container.upload_blob("runs/run/checkpoints/000003-0000.json", b"{}")
        await kept.look(after=PATIENCE - timedelta(minutes=1))

    keeping(azurite, queue_name, work)
    assert actions(caplog) == ([] if has_checkpoint else [("WARNING", "run_stands_still")])


@pytest.mark.parametrize(("status", "phase"), [("Running", "waiting"), ("Running", "paused"), ("Suspended", "running")])
def test_a_run_that_says_what_it_waits_for_does_not_stand_still(
    azurite: Azurite, queue_name: str, caplog: pytest.LogCaptureFixture, status: str, phase: str
) -> None:
    async def work(kept: Kept) -> None:
        await kept.begun()
        kept.engine.has(status, customStatus={"phase": phase})
        await kept.look(after=LATER)

    keeping(azurite, queue_name, work)
    assert actions(caplog) == []


@pytest.mark.parametrize("broken", ["of a newer schema", "no JSON", "no request that can be read"])
def test_a_run_that_cannot_be_looked_at_is_named_and_hinders_no_other(
    azurite: Azurite, queue_name: str, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    contents = {
        "of a newer schema": ("state.json", b'{"state": {"schema": 99, "started_at": "2026-01-01T00:00:00+00:00"}}'),
        "no JSON": ("state.json", b"{"),
        "no request that can be read": ("request.json", b"{}"),
    }

    async def work(kept: Kept) -> None:
        for run_id in ("a", "b", "c"):
            await kept.begun(run_id)
            kept.engine.has("Failed", run_id, output=CRASH)
        name, content = contents[broken]
        await Ledger(kept.container, "b").blob(name).upload_blob(content, overwrite=True)
        await kept.look()
        await kept.look()
        going_on = [run_id for run_id, told in kept.engine.instances.items() if told["runtimeStatus"] == "Running"]

        assert sorted(going_on) == ["a", "c"]

    keeping(azurite, queue_name, work)
    named = [vars(it)["run_id"] for it in caplog.records if vars(it).get("action") == "run_not_kept"]
    assert named == ["b"]


def test_a_bounded_number_of_runs_is_looked_at_side_by_side(azurite: Azurite, queue_name: str) -> None:
    async def work(kept: Kept) -> None:
        for number in range(3 * RUNS_AT_ONCE):
            await open_runs.enter(kept.container, f"run-{number}", "TestHub", kept.now)
            kept.engine.has("Suspended", f"run-{number}")
        await kept.look()
        assert len(kept.engine.asked) == 3 * RUNS_AT_ONCE
        assert kept.engine.most_at_once == RUNS_AT_ONCE

    keeping(azurite, queue_name, work)
