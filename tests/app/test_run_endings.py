"""How a rehearsed run ends: held, cancelled, with too many failures, or without its ledger."""

from dataclasses import replace
from typing import Any

import pytest

from ingestion.contracts import FetchOutcome, FinishOutcome, FinishRequest, Receipt, Recorded, Settled, SettledChunks
from ingestion.run import closing, run_report, run_state
from ingestion.run.request import create_request
from ingestion.wire import from_wire, to_wire
from tests.app.answers import TWO, answering, batch, failing, held, receipt, report_of
from tests.app.kept import DONE, REQUEST, Kept
from tests.app.rehearsal import Outcome, first_state, rehearse, rehearse_all


def test_held_chunks_stay_pending_and_the_run_does_only_those_after_a_command() -> None:
    def pausing(_: str, payload: dict[str, Any]) -> Outcome:
        return held(payload, "pause") if payload["chunk"][0] else receipt(payload)

    paused = rehearse(answering(*TWO, chunk=pausing), rehearse(answering(*TWO)).continued_with)
    assert paused.windows[1] == ["first of timer 2026-01-01T00:25:00+00:00, event control"], (
        "a command whose event was lost is found in the end"
    )
    progress = paused.progress[-1]
    assert (progress["phase"], progress["enqueued"], progress["pending"]) == ("paused", 10, 15)

    again = rehearse(answering(*TWO, chunk=pausing), paused.continued_with)
    assert again.windows[0][-2:] == ["enqueue_chunk 1", "enqueue_chunk 2"]
    assert (again.progress[-1]["phase"], again.progress[-1]["pending"]) == ("paused", 15), (
        "waking up without a command changes nothing"
    )

    assert report_of(rehearse_all(answering(*TWO), again.continued_with))["enqueued"] == 55


def test_a_run_that_is_cancelled_ends_with_exact_counts() -> None:
    def cancelling(_: str, payload: dict[str, Any]) -> Outcome:
        return held(payload, "cancel") if payload["chunk"][0] == 2 else receipt(payload)

    def finish(finished: dict[str, Any]) -> Outcome:
        left_open = [Settled(2, 5, 2, 0)]
        return to_wire(FinishOutcome(report=run_report.report(from_wire(FinishRequest, finished), left_open)))

    generations = rehearse_all(answering(*TWO, chunk=cancelling, finish_run=finish))

    report = report_of(generations)
    assert (report["outcome"], report["fetched"]) == ("cancelled", 25)
    assert (report["enqueued"], report["failed"], report["pending"]) == (22, 0, 3)


def test_a_run_that_has_nothing_left_to_do_completes_whatever_the_command() -> None:
    answer = answering(batch(0, 10, last=True, total=10), record=lambda *_: to_wire(Recorded(command="cancel")))

    assert report_of(rehearse_all(answer, {**first_state(), "window": 1}))["outcome"] == "cancelled"

    chunks = rehearse(answering(batch(0, 10, last=True, total=10)))
    assert report_of([rehearse(answer, chunks.continued_with)])["outcome"] == "completed"


@pytest.mark.parametrize("tolerated", ["0%", "50%"])
def test_beyond_the_tolerated_failures_nothing_more_is_fetched_and_the_run_fails_with_the_list(
    tolerated: str,
) -> None:
    generations = rehearse_all(answering(*TWO, chunk=failing(0, 2)), first_state(tolerated_failures=tolerated))

    last = generations[-1]
    assert len(generations) == 2
    failed = "15 of 25 messages failed, in 2 of 3 chunks, more than the"
    assert f"{failed} {tolerated} tolerated (chunks 0, 2: the queue answered HTTP 403" in str(last.error), (
        "one cause is shown once"
    )
    finished = last.payloads("finish_run")[0]
    assert (finished["state"]["fetched"], finished["outcome"]) == (55, "failed"), "a redrive sends what was fetched"


def test_beyond_the_tolerated_failures_a_source_that_fails_beside_them_does_not_hide_the_reason() -> None:
    answer = answering(TWO[0], to_wire(FetchOutcome(error="demo gave no page")), chunk=failing(0, 2))
    generations = rehearse_all(answer, first_state(tolerated_failures="1%"))
    assert "15 of 25 messages failed, in 2 of 3 chunks" in str(generations[-1].error)


def test_within_the_tolerated_failures_the_run_completes() -> None:
    generations = rehearse_all(answering(*TWO, chunk=failing(0, 5)), first_state(tolerated_failures="40%"))

    assert report_of(generations)["outcome"] == "completed_with_failures"


def test_a_failure_that_is_a_large_share_of_the_first_window_does_not_end_a_run_of_which_little_is_done() -> None:
    batches = [batch(0, 10, last=False, total=None), batch(1, 91, last=True, total=None, first_chunk=1)]

    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        messages = 1 if payload["chunk"][0] == 10 else 10
        return to_wire(Receipt(messages=messages, enqueued=messages if payload["chunk"][0] else 0))

    generations = rehearse_all(answering(*batches, chunk=chunk), first_state(tolerated_failures="10%"))
    assert report_of(generations)["outcome"] == "completed_with_failures"


def test_a_run_of_which_nothing_got_through_fails_however_much_is_tolerated() -> None:
    def chunk(*_: object) -> Outcome:
        return to_wire(Receipt(messages=10, rejected=6, error="the queue answered HTTP 403"))

    answer = answering(batch(0, 10, last=True), chunk=chunk)
    generations = rehearse_all(answer, first_state(tolerated_failures="50%"))

    assert "none of 10 messages reached the queue: 6 were rejected, 4 failed (chunk 0: " in str(generations[-1].error)
    assert generations[-1].payloads("finish_run")[0]["outcome"] == "failed"


def test_another_total_than_the_source_said_is_an_outcome_of_its_own_or_a_failure_where_it_is_exact() -> None:
    answer = answering(batch(0, 25, last=True, total=26))
    report = report_of(rehearse_all(answer))
    assert report["outcome"] == "completed_with_other_total"
    assert [(warning["warning"]) for warning in report["warnings"]] == ["source_total_mismatch"]

    exact = rehearse_all(answer, first_state(total_is_exact=True))
    assert str(exact[-1].error).startswith("the source said that it has 26 items, and gave 25. Every message was sent")
    assert "a redrive has nothing to do" in str(exact[-1].error)
    assert "start a new run" in str(exact[-1].error)


def test_a_run_without_an_item_says_so_in_its_report() -> None:
    [warning] = report_of(rehearse_all(answering(batch(0, 0, last=True, total=None))))["warnings"]
    assert warning["warning"] == "no_items"
    assert report_of(rehearse_all(answering(*TWO)))["warnings"] == []


@pytest.mark.parametrize(
    ("described", "state", "warned"),
    [
        ({"total": "aa"}, {}, ["total_not_found"]),
        ({"total": "aa"}, {"source_total": 15}, []),
        ({"url": "aa"}, {}, []),
        ({"total": "aa", "incremental.window": "bb"}, {}, []),
        ({"total": "aa"}, {"fetched": 0, "dropped": 0}, ["no_items"]),
    ],
)
async def test_a_run_that_never_saw_the_total_that_its_description_names_says_so(
    kept: Kept, described: dict[str, str], state: dict[str, Any], warned: list[str]
) -> None:
    ledger = kept.ledger()
    named = {"run_id": "run", "start": ledger.run.start, "asked": {"source": "demo"}, "request": to_wire(REQUEST)}
    await create_request(kept.container, {**named, "pinned": {"source demo": described}})
    done = replace(DONE, **{"run": ledger.run, "fetched": 15, "source_total": None, **state})
    closed = await closing.close(ledger, run_report.finish(done, kept.now, "completed"), kept.now)
    assert closed is not None
    assert [warning["warning"] for warning in closed.report["warnings"]] == warned


@pytest.mark.parametrize(
    ("fetched", "dropped", "doubles", "outcome"),
    [
        (25, 0, 0, "completed"),
        (25, 0, 1, "failed"),
        (26, 0, 1, "failed"),
        (24, 1, None, "failed"),
        (25, 1, -1, "completed"),
    ],
)
def test_a_repeated_message_does_not_replace_a_lost_one(
    fetched: int, dropped: int, doubles: int | None, outcome: str
) -> None:
    """With an exact total the run fails; otherwise its report says so."""

    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        messages = min(10, fetched - 10 * payload["chunk"][0])
        return to_wire(Receipt(messages=messages, enqueued=messages))

    answer = answering(batch(0, fetched, last=True, total=25, dropped=dropped, doubles=doubles), chunk=chunk)
    exact = rehearse_all(answer, first_state(total_is_exact=True))
    assert exact[-1].payloads("finish_run")[0]["outcome"] == outcome
    assert ("unique = true" in str(exact[-1].error)) == bool(doubles and doubles > 0)
    report = report_of(rehearse_all(answer))
    is_other = fetched - max(0, doubles or 0) != 25
    assert report["outcome"] == ("completed_with_other_total" if is_other else "completed")
    assert [warning["warning"] for warning in report["warnings"]] == [
        *["source_total_mismatch"] * is_other,
        *["doubles"] * ((doubles or 0) > 0),
        *["doubles_not_counted"] * (doubles == -1),
    ]


def test_a_ledger_that_cannot_be_written_ends_the_run_as_failed() -> None:
    generations = rehearse_all(answering(*TWO, record=lambda *_: Exception("the storage account cannot be reached")))

    assert str(generations[-1].error) == "the storage account cannot be reached"
    assert generations[-1].continued_with is None


def test_failed_chunks_that_the_ledger_could_not_take_are_as_if_their_window_had_not_been() -> None:
    answer = answering(*TWO, chunk=failing(1), record_failed=Exception("the storage account cannot be reached"))
    finished = rehearse_all(answer)[-1].payloads("finish_run")[0]

    state = run_state.load(finished["state"])
    assert state.error == "the storage account cannot be reached"
    assert (state.spooled_messages, state.done.enqueued) == (25, 0)


def test_a_chunk_without_a_receipt_counts_as_the_ledger_found_out() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        lost = Exception("Activity function 'enqueue_chunk' failed: the worker is gone\n at ...")
        return lost if payload["chunk"][0] < 2 else receipt(payload)

    found = to_wire(SettledChunks(chunks=(Settled(0, 10, 10, 0), Settled(1, 10, 7, 1))))
    answer = answering(batch(0, 25, last=True), chunk=chunk, record_failed=found)
    report = report_of(rehearse_all(answer, first_state(tolerated_failures="50%")))

    assert (report["enqueued"], report["rejected"], report["failed"], report["chunks_failed"]) == (22, 1, 2, 1)
    assert report["failures"] == [{"chunk": 1, "failed": 2, "error": "the worker is gone"}]


def test_a_report_whose_ledger_could_not_be_closed_says_so() -> None:
    generations = rehearse_all(answering(*TWO, finish_run=Exception("the storage account cannot be reached\n at ...")))

    assert report_of(generations)["outcome"] == "completed"
    assert report_of(generations)["warnings"] == [
        {"warning": "ledger_not_closed", "message": "the storage account cannot be reached"}
    ]


@pytest.mark.parametrize(
    ("rejected", "total", "outcome"),
    [(0, 10, "completed"), (1, 10, "completed_with_rejects"), (1, 11, "completed_with_rejects"), (10, 10, "failed")],
)
def test_every_reject_ends_in_the_right_outcome(rejected: int, total: int, outcome: str) -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return to_wire(Receipt(messages=10, enqueued=10 - rejected, rejected=rejected))

    [*_, last] = rehearse_all(answering(batch(0, 10, last=True, total=total), chunk=chunk))
    assert last.payloads("finish_run")[0]["outcome"] == outcome
    if outcome == "failed":
        assert str(last.error).startswith("none of 10 messages reached the queue: 10 were rejected; the blobs")
