"""Redrive after each kind of loss: it does what failed or did not happen, and nothing twice."""

import json
import sys

import pytest

from ingestion.contracts import EnqueueRequest
from tests.e2e.rig import ALL_ONCE, IDS, Host, Rig


def redrive(host: Host, rig: Rig) -> None:
    """Redrive the run, and check that every message arrived once and the report is right."""
    rig.refused = rig.unreachable = ()
    answer = host.ask("redrive")
    assert answer.status_code == 202, answer.text
    run = host.wait()
    assert run["status"] == "completed", run
    report = run["report"]
    assert (report["fetched"], report["enqueued"], report["failed"], report["pending"]) == (IDS, IDS, 0, 0)
    assert report["redrives"] == 1
    assert rig.read_back() == ALL_ONCE
    assert host.ask("redrive").status_code == 409, "there is nothing left to do again"


def test_chunks_that_failed_within_the_tolerance_are_done_again_and_nothing_else(rig: Rig) -> None:
    rig.refused = {1, 6, 19}
    with rig.host() as host:
        host.start(tolerated_failures="50%")
        run = host.wait()
        assert (run["status"], run["report"]["failed"]) == ("completed_with_failures", 75), run["error"]
        listed = map(json.loads, rig.text(rig.ledger("failed/0000.ndjson")).splitlines())
        assert sorted(one["number"] for one in listed) == [1, 6, 19]
        rig.sent.clear()
        rig.fetched.clear()
        redrive(host, rig)
        assert (sorted(rig.sent), rig.fetched) == ([1, 6, 19], [])


def test_a_run_that_failed_for_too_many_failures_goes_on_where_it_stopped(rig: Rig) -> None:
    rig.refused = range(8, 16)
    with rig.host() as host:
        host.start()
        run = host.wait()
        assert run["status"] == "failed"
        assert "200 of 400 messages failed, in 8 of 16 chunks, more than the 0% tolerated" in run["error"]
        assert (run["report"]["outcome"], run["report"]["failed"]) == ("failed", 200)
        redrive(host, rig)


def test_a_run_whose_source_failed_goes_on_at_its_cursor(rig: Rig) -> None:
    rig.unreachable = {2}
    with rig.host() as host:
        host.start()
        run = host.wait()
        assert (run["status"], run["report"]["enqueued"]) == ("failed", 400)
        rig.sent.clear()
        rig.fetched.clear()
        redrive(host, rig)
        assert (min(rig.sent), rig.fetched) == (16, [2])


def test_chunks_that_fail_again_can_be_redriven_again(rig: Rig) -> None:
    rig.refused = {1, 10}
    with rig.host() as host:
        host.start(tolerated_failures="50%")
        host.wait()
        rig.refused = {10}
        assert host.ask("redrive").status_code == 202
        run = host.wait()
        assert (run["status"], run["report"]["failed"]) == ("completed_with_failures", 25)
        rig.refused = ()
        assert host.ask("redrive").status_code == 202
        run = host.wait()
        assert (run["status"], run["report"]["redrives"]) == ("completed", 2)
        assert rig.read_back() == ALL_ONCE


@pytest.mark.parametrize("loss", ["terminated", "history purged", "cancelled"])
def test_a_run_that_was_ended_in_the_middle_goes_on(rig: Rig, loss: str) -> None:
    with rig.host() as host:
        host.start_held()
        assert host.ask("redrive").status_code == 409, "the run still goes on"
        if loss == "cancelled":
            assert host.ask("cancel").status_code == 202
        else:
            host.terminate()
        rig.gate.open()
        run = host.wait()
        host.app.rest()
        if loss == "history purged":
            host.purge_history()
            run = host.look()
        expected = {"terminated": "terminated", "history purged": "lost", "cancelled": "cancelled"}
        assert run["status"] == expected[loss]
        if loss == "cancelled":
            report = run["report"]
            assert report["fetched"] == report["enqueued"] + report["pending"]
            assert report["pending"] > 0
        redrive(host, rig)


def test_a_run_that_was_cancelled_in_its_last_batch_goes_on_with_the_rest_of_it(rig: Rig) -> None:
    with rig.host() as host:
        host.start_held(16)
        host.ask("cancel")
        rig.gate.open()
        run = host.wait()
        assert (run["status"], run["report"]["fetched"]) == ("cancelled", IDS)
        assert 0 < run["report"]["pending"] <= 160, "all of the batch, if the command came before the first message"
        redrive(host, rig)


def test_a_run_whose_host_lost_its_state_goes_on_from_the_ledger_alone(rig: Rig) -> None:
    rig.refused = {4}
    with rig.host("first") as host:
        host.start_terminated(tolerated_failures="50%")
    with rig.host("second") as host:
        assert host.look()["status"] == "lost"
        answer = host.start(tolerated_failures="50%")
        assert answer.status_code == 409, "the same start would begin again what was begun"
        assert "redrive" in answer.json()["allowed"]
        redrive(host, rig)


def test_a_chunk_that_never_gave_a_receipt_counts_as_its_checkpoint_says(rig: Rig) -> None:
    """The worker dies after sending everything, each time: the report is right, and nothing needs a redrive."""
    with rig.host() as host:
        original = sys.modules["activities.enqueue_chunk"].enqueue

        async def lost_after_sending(request: EnqueueRequest, *others: object) -> object:
            receipt = await original(request, *others)
            if request.chunk.number == 0:
                raise OSError("the worker is gone")
            return receipt

        rig.monkeypatch.setattr(sys.modules["activities.enqueue_chunk"], "enqueue", lost_after_sending)
        host.start()
        run = host.wait()
        assert (run["status"], run["report"]["enqueued"]) == ("completed", IDS)
        listed = rig.blob(rig.ledger("failed/0000.ndjson"))
        assert (listed["number"], listed["messages"], listed["enqueued"]) == (0, 25, 25)
        assert host.ask("redrive").status_code == 409
        assert rig.read_back() == ALL_ONCE
