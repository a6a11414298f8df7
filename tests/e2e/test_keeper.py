"""The keeper, called by its timer, restarts runs that a crash has ended, and no run that a person has ended."""

import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.rig import ALL_ONCE, IDS, Host, Rig

MINUTE = timedelta(minutes=1)
DEAD = "One or more errors occurred. (python exited with code 137 (0x89))"  # as the host says it of a dead worker


@pytest.fixture
def kept(rig: Rig) -> Rig:
    """A rig whose app has the keeper."""
    rig.settings["SLUICE_KEEPER_SECONDS"] = "60"
    return rig


def looks(host: Host, times: int = 2) -> None:
    """Run the keeper this many times."""
    for _ in range(times):
        host.app.advance(MINUTE)
        host.app.rest()


def crash(rig: Rig, *at: tuple[int, int]) -> None:
    """Make the worker die in the orchestrator's second turn of these attempts and windows, with activities in flight.

    Then the real host fails the instance permanently. Call this while the app runs.
    """
    module, turns = sys.modules["orchestrators"].ingest_run, Counter[tuple[int, int]]()
    original: Callable[..., Any] = module._window

    def window(context: Any, state: Any) -> Any:
        turns[state.attempt, state.window] += 1
        if (state.attempt, state.window) in at and turns[state.attempt, state.window] == 2:
            raise RuntimeError(DEAD)
        return original(context, state)

    rig.monkeypatch.setattr(module, "_window", window)


def test_a_run_whose_worker_dies_again_and_again_completes_by_itself_and_says_so(kept: Rig) -> None:
    with kept.host() as host:
        crash(kept, (0, 0), (1, 2), (2, 1))
        host.start()
        assert kept.blob("open/run.json")["task_hub"] == "Sluice"
        for recoveries in range(3):
            assert host.wait()["status"] == "lost"
            looks(host)
            assert len(kept.blob(kept.ledger("state.json"))["state"]["recoveries"]) == recoveries + 1
        run = host.wait()
        assert (run["status"], run["report"]["enqueued"], run["report"]["redrives"]) == ("completed", IDS, 3), run
        assert [one["cause"] for one in run["report"]["recoveries"]] == [f"Failed: {DEAD}"] * 3
        assert run["progress"]["recoveries"] == run["report"]["recoveries"]
        assert kept.blob(kept.ledger("report.json"))["recoveries"] == run["report"]["recoveries"]
        assert "open/run.json" not in kept.blobs()
    assert kept.read_back() == ALL_ONCE, "what was in flight ended before the recovery"


def test_a_fourth_crash_within_an_hour_ends_the_run_and_a_redrive_goes_on(kept: Rig) -> None:
    with kept.host() as host:
        crash(kept, (0, 0), (1, 0), (2, 0), (3, 0))
        host.start()
        for _ in range(4):
            assert host.wait()["status"] == "lost"
            looks(host)
        run = host.look()
        assert (run["status"], run["report"]["outcome"]) == ("failed", "failed")
        assert "recovered 3 times within an hour" in run["report"]["error"]
        assert "open/run.json" not in kept.blobs()
        assert host.ask("redrive").status_code == 202
        assert host.wait()["status"] == "completed"
    assert kept.read_back() == ALL_ONCE


@pytest.mark.parametrize("is_purged", [False, True])
def test_a_terminated_run_stays_so_and_has_a_report_and_a_redrive_is_exact(kept: Rig, is_purged: bool) -> None:
    with kept.host() as host:
        host.start_terminated()
        looks(host, 1)
        if is_purged:
            host.purge_history()
            looks(host)
        run = host.look()
        assert (run["status"], run["report"]["outcome"]) == ("terminated", "terminated"), run
        report = run["report"]
        assert report["fetched"] == report["enqueued"] + report["rejected"] + report["failed"] + report["pending"]
        assert "open/run.json" not in kept.blobs()
        assert host.ask("redrive").status_code == 202
        assert "open/run.json" in kept.blobs()
        run = host.wait()
        assert (run["status"], run["report"]["enqueued"], run["report"]["recoveries"]) == ("completed", IDS, [])
    assert kept.read_back() == ALL_ONCE


def test_a_run_whose_history_is_purged_behind_its_back_goes_on(kept: Rig) -> None:
    with kept.host() as host:
        host.start_terminated()
        host.purge_history()
        looks(host)
        run = host.wait()
        assert (run["status"], run["report"]["recoveries"][0]["cause"]) == ("completed", "the instance was gone")
    assert kept.read_back() == ALL_ONCE


def test_a_paused_run_whose_worker_dies_is_recovered_and_still_paused(kept: Rig) -> None:
    with kept.host(time_flies=False) as host:
        host.start_held()
        host.ask("pause")
        kept.gate.open()
        before = host.wait_for("paused")["progress"]
        host.app.rest()
        crash(kept, *((0, window) for window in range(10)))
        host.app.raise_event("run", "control")
        assert host.wait()["status"] == "lost"
        looks(host)
        run = host.look()
        assert (run["status"], run["progress"]["pending"]) == ("paused", before["pending"])
        assert len(run["progress"]["recoveries"]) == 1
        host.ask("resume")
        assert host.wait()["status"] == "completed"
    assert kept.read_back() == ALL_ONCE


def test_a_run_that_failed_by_its_own_decision_is_left_so(kept: Rig) -> None:
    kept.unreachable = {2}
    with kept.host() as host:
        host.start()
        before = host.wait()
        assert (before["status"], before["report"]["recoveries"]) == ("failed", [])
        assert "open/run.json" not in kept.blobs()
        looks(host, 4)
        assert host.look() == before


def test_a_deleted_run_is_removed_from_the_index_and_not_recovered(kept: Rig) -> None:
    with kept.host() as host:
        host.start_terminated()
        assert host.http.delete("/api/runs/run").status_code == 200
        looks(host, 12)
        assert host.http.get("/api/runs/run").status_code == 404
        assert [name for name in kept.blobs() if name.startswith("open/")] == []


def test_the_keeper_of_a_host_that_lost_its_state_goes_on_with_the_runs_of_its_hub(kept: Rig) -> None:
    with kept.host("first") as host:
        host.start_terminated()
    with kept.host("second") as host:
        assert host.look()["status"] == "lost"
        looks(host)
        assert host.wait()["status"] == "completed"
    assert kept.read_back() == ALL_ONCE
