"""Pause, resume, cancel: within chunks, with exact counts; a command at the wrong time changes nothing."""

from typing import Any

from ingestion.run.command import GO
from orchestrators.waiting import LOOK_AFTER
from tests.e2e.rig import ALL_ONCE, IDS, Host, Rig


def adds_up(run: dict[str, Any]) -> bool:
    p = run["progress"]
    return bool(p["fetched"] == p["enqueued"] + p["rejected"] + p["failed"] + p["pending"])


def paused(rig: Rig, host: Host) -> dict[str, Any]:
    """Start a run and pause it while chunks of its second batch are under way."""
    host.start_held(8)
    assert host.ask("pause").status_code == 202
    rig.gate.open()
    host.wait_for("paused")
    host.app.rest()  # the event of the pause itself may have woken it once more
    return host.look()


def test_a_paused_run_stops_what_is_under_way_and_holds_the_rest_until_it_is_resumed(rig: Rig) -> None:
    with rig.host(time_flies=False) as host:
        run = paused(rig, host)
        progress = run["progress"]
        assert (run["status"], progress["fetched"]) == ("paused", 400)
        assert 0 < progress["pending"] <= 200, "the chunks under way were stopped, the others were not begun"
        assert adds_up(run)
        sent = len(rig.sent)
        host.app.rest()
        assert len(rig.sent) == sent, "a paused run does nothing"

        assert host.ask("resume").status_code == 202
        run = host.wait()
        assert (run["status"], run["report"]["enqueued"]) == ("completed", IDS)
        assert rig.read_back() == ALL_ONCE


def test_an_event_without_a_command_wakes_a_paused_run_only_to_look(rig: Rig) -> None:
    with rig.host(time_flies=False) as host:
        before = paused(rig, host)["progress"]
        for _ in range(3):
            host.app.raise_event("run", "control")
            host.app.rest()
        run = host.look()
        assert (run["status"], {**run["progress"], "counts_at": before["counts_at"]}) == ("paused", before)
        host.ask("resume")
        assert host.wait()["status"] == "completed"


def test_a_command_whose_event_was_lost_is_found_when_the_paused_run_looks_for_itself(rig: Rig) -> None:
    with rig.host(time_flies=False) as host:
        paused(rig, host)
        rig.command(GO)
        host.app.rest()
        assert host.look()["status"] == "paused"
        host.app.advance(LOOK_AFTER)
        assert host.wait()["status"] == "completed"


def test_a_resume_that_comes_before_the_pause_took_hold_is_not_lost(rig: Rig) -> None:
    with rig.host() as host:
        host.start_held(8)
        assert [host.ask(command).status_code for command in ("pause", "resume", "pause", "resume")] == [202] * 4
        rig.gate.open()
        assert host.wait()["status"] == "completed"


def test_a_cancelled_run_ends_with_exact_counts_and_takes_no_other_command(rig: Rig) -> None:
    with rig.host() as host:
        host.start_held(8)
        assert host.ask("cancel").status_code == 202
        answer = host.ask("resume")
        assert (answer.status_code, answer.json()["field"]) == (409, "run_id")
        rig.gate.open()
        run = host.wait()
        assert run["status"] == "cancelled"
        assert adds_up(run)
        assert run["report"]["pending"] > 0
        assert [host.ask(command).status_code for command in ("pause", "resume", "cancel")] == [409] * 3
        assert rig.read_back().enqueued == run["report"]["enqueued"]


def test_a_paused_run_can_be_cancelled(rig: Rig) -> None:
    with rig.host(time_flies=False) as host:
        pending = paused(rig, host)["progress"]["pending"]
        assert host.ask("cancel").status_code == 202
        run = host.wait()
        assert (run["status"], run["report"]["pending"]) == ("cancelled", pending)


def test_the_durable_suspend_and_resume_urls_still_work(rig: Rig) -> None:
    with rig.host() as host:
        urls = host.start_held(8).json()
        host.http.post(urls["suspendPostUri"].replace("{text}", "")).raise_for_status()
        host.app.wait("run", lambda it: it.status == "Suspended")
        assert host.look()["status"] == "suspended"
        rig.gate.open()
        host.app.rest()
        assert host.look()["status"] == "suspended"
        host.http.post(urls["resumePostUri"].replace("{text}", "")).raise_for_status()
        assert host.wait()["status"] == "completed"
