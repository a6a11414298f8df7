"""The orchestrator, driven over hand-written outcomes: which calls it makes, in which order, and how it ends."""

import json
from datetime import timedelta
from typing import Any

import pytest

from ingestion.contracts import Batch, Counted, Cursor, FetchOutcome, Recorded
from ingestion.recovery import CAUSE_LENGTH, RECOVERIES_AN_HOUR
from ingestion.run import run_report, run_state
from ingestion.run.window import ERROR_LENGTH
from ingestion.source_wait import REASON_CHARACTERS, Wait
from ingestion.wire import to_wire
from tests.app.answers import TWO, answering, batch, batch_of, failing, held, receipt, report_of
from tests.app.rehearsal import NOW, Outcome, first_state, rehearse, rehearse_all


def test_the_first_batch_is_fetched_then_each_is_enqueued_and_recorded_beside_the_next_fetch() -> None:
    generations = rehearse_all(answering(*TWO))

    assert [generation.windows for generation in generations] == [
        [["fetch_batch 0", "record_window"]],
        [["fetch_batch 1", "record_window", "enqueue_chunk 0/0", "enqueue_chunk 0/1", "enqueue_chunk 0/2"]],
        [["record_window", "enqueue_chunk 1/0", "enqueue_chunk 1/1", "enqueue_chunk 1/2"], ["finish_run"]],
    ]


def test_each_chunk_is_told_its_own_range_of_bytes_and_messages() -> None:
    generations = rehearse_all(answering(batch(0, 25, last=True)))

    told = generations[1].payloads("enqueue_chunk")
    ranges = [(c["start_byte"], c["end_byte"], c["first_message"], c["count"]) for c in told]
    assert ranges == [(0, 50, 0, 10), (50, 100, 10, 10), (100, 125, 20, 5)]


def test_the_report_counts_all_and_the_ledger_is_told_the_same_state() -> None:
    generations = rehearse_all(answering(*TWO))

    report = report_of(generations)
    assert (report["outcome"], report["fetched"], report["enqueued"]) == ("completed", 55, 55)
    assert (report["seconds"], report["warnings"]) == (600.0, [])
    finished = generations[-1].payloads("finish_run")[0]
    assert (finished["outcome"], finished["state"]["totals"]["enqueued"]) == ("completed", 55)


def test_the_next_fetch_starts_where_the_batch_says() -> None:
    fetches = [one for generation in rehearse_all(answering(*TWO)) for one in generation.payloads("fetch_batch")]

    assert [fetch.get("cursor") for fetch in fetches] == [None, {"text": '"page-1"'}]


def test_an_empty_source_ends_the_run_with_nothing_enqueued() -> None:
    generations = rehearse_all(answering(batch(0, 0, last=True, total=0)))

    assert [generation.windows for generation in generations] == [[["fetch_batch 0", "record_window"], ["finish_run"]]]
    assert (report_of(generations)["outcome"], report_of(generations)["fetched"]) == ("completed", 0)


def test_a_failed_chunk_hides_no_other_is_listed_in_the_report_and_told_to_the_ledger() -> None:
    generations = rehearse_all(answering(batch(0, 25, last=True), chunk=failing((0, 1), enqueued=4)))

    report = report_of(generations)
    assert report["outcome"] == "completed_with_failures"
    assert (report["enqueued"], report["failed"], report["pending"]) == (19, 6, 0)
    assert report["failures"] == [{"batch": 0, "chunk": 1, "failed": 6, "error": "the queue answered HTTP 403"}]
    told = generations[1].payloads("record_failed")[0]
    assert told["groups"] == [{"error": "the queue answered HTTP 403", "chunks": [[1, 4, 0]]}]


def test_a_chunk_whose_worker_is_lost_fails_as_a_whole_and_the_others_are_counted() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return Exception("Activity failed: lost\n {}") if payload["chunk_index"] == 0 else receipt(payload)

    answer = answering(batch(0, 25, last=False), batch(1, 5, last=True), chunk=chunk)
    generation = rehearse(answer, rehearse(answer).continued_with)

    assert generation.continued_with is not None
    assert generation.continued_with["totals"]["enqueued"] == 15
    assert generation.continued_with["totals"]["failed"] == 10
    assert generation.continued_with["failures"][0]["error"] == "Activity failed: lost"
    assert generation.continued_with["batch"]["index"] == 1


def test_a_fetch_that_fails_beside_good_chunks_counts_them_closes_the_ledger_and_fails_the_run() -> None:
    generations = rehearse_all(answering(TWO[0], to_wire(FetchOutcome(error="demo gave no page"))))

    last = generations[-1]
    assert str(last.error) == "demo gave no page"
    assert last.progress[-1]["enqueued"] == 25
    finished = last.payloads("finish_run")[0]
    assert (finished["outcome"], finished["state"]["cursor"]) == ("failed", {"text": '"page-1"'})


def test_a_long_wait_of_the_source_is_a_timer_after_the_chunks_and_the_fetch_comes_after_it() -> None:
    answer = answering(batch(0, 25, last=False, wait_seconds=7200.0), batch(1, 30, last=True))
    waiting = rehearse(answer, rehearse(answer).continued_with)

    assert [len(window) for window in waiting.windows] == [4, 1]
    assert waiting.windows[1] == ["first of timer 2026-01-01T00:25:00+00:00, event control"]
    assert waiting.progress[-1]["phase"] == "waiting"


def test_a_run_that_waits_looks_for_a_wish_every_quarter_of_an_hour_and_asks_the_source_when_its_time_has_come() -> (
    None
):
    answer = answering(batch(0, 5, last=False, wait_seconds=1800.0), batch(1, 30, last=True))
    waiting = rehearse(answer, rehearse(answer).continued_with)
    looked = rehearse(answer, waiting.continued_with, now=NOW + timedelta(minutes=20))
    assert looked.windows == [["record_window"], ["first of timer 2026-01-01T00:40:01+00:00, event control"]]
    assert looked.progress[-1]["wait_until"] == "2026-01-01T00:40:00+00:00"

    asked = rehearse(answer, looked.continued_with, now=NOW + timedelta(minutes=30))
    assert asked.windows == [["fetch_batch 1", "record_window"]]


@pytest.mark.parametrize("seconds", [1.7e12, float("inf")])
def test_a_wait_that_no_calendar_holds_does_not_break_the_run(seconds: float) -> None:
    state = run_state.load(first_state())
    told = FetchOutcome(batch=batch_of(0, 0, last=False, wait_seconds=seconds))
    waiting = run_state.with_window(state, [], None, told, NOW)
    assert waiting.wait_until == "2027-01-02T00:10:00+00:00"
    assert run_state.next_step(waiting, NOW) is run_state.Step.WAIT


def test_a_wait_that_an_event_ends_early_is_gone_on_with_unless_somebody_wishes_something() -> None:
    answer = answering(batch(0, 25, last=False, wait_seconds=7200.0), batch(1, 30, last=True))
    waiting = rehearse(answer, rehearse(answer).continued_with, first_to_come="event")
    woken = rehearse(answer, waiting.continued_with)

    assert [task.is_cancelled for task in waiting.tasks if task.name == "timer"] == [True]
    assert woken.windows == [["record_window"], ["first of timer 2026-01-01T00:25:00+00:00, event control"]]

    cancelling = answering(record=lambda *_: to_wire(Recorded(wish="cancel")))
    cancelled = rehearse(cancelling, waiting.continued_with)
    assert cancelled.report is not None
    assert (cancelled.report["outcome"], cancelled.report["pending"]) == ("cancelled", 0)


def test_progress_shows_what_is_pending_at_the_start_of_each_window_and_all_at_the_end() -> None:
    shown = [
        (p["phase"], p["fetched"], p["enqueued"], p["pending"], p["chunks_done"], p["chunks_total"])
        for generation in rehearse_all(answering(*TWO))
        for p in generation.progress
    ]
    assert shown == [
        ("running", 0, 0, 0, 0, 0),
        ("running", 25, 0, 25, 0, 3),
        ("running", 55, 25, 30, 3, 6),
        ("ending", 55, 55, 0, 6, 6),
    ]


def test_a_state_of_a_newer_version_of_the_app_is_refused() -> None:
    generation = rehearse(answering(*TWO), {**first_state(), "schema": 99})

    assert "schema 99" in str(generation.error)
    assert generation.windows == []


def test_inside_a_window_progress_counts_what_checkpoints_say_and_nothing_twice() -> None:
    state = run_state.load({
        **first_state(), "batch": batch(0, 25, last=True)["batch"], "batches_fetched": 1, "remaining": [1, 2],
        "counted": [[1, 4, 0]], "totals": {"fetched": 25, "enqueued": 14, "batches": 1, "chunks_done": 1},
    })  # fmt: skip
    keys = ("fetched", "enqueued", "rejected", "pending", "chunks_done")

    def shown(*sent: Counted) -> tuple[int, ...]:
        progress = run_report.under_way(state, {one.chunk_index: one for one in sent}, "2026-01-01T00:10:01+00:00")
        return tuple(progress[key] for key in keys)

    assert shown() == (25, 14, 0, 11, 1)
    assert shown(Counted(0, 10, 0), Counted(1, 9, 1), Counted(2, 3, 0)) == (25, 22, 1, 2, 2)


RECOVERIES = [{"at": "2026-01-01T00:00:00+00:00", "cause": "c" * CAUSE_LENGTH}] * RECOVERIES_AN_HOUR


def test_no_payload_is_above_4_kb_with_the_greatest_batch_and_every_chunk_failing() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return receipt(payload, 7, f"{payload['chunk_index']}" + "x" * 5_000)

    big = Batch(
        index=999_999,
        blob=f"runs/{'r' * 64}/batches/999999.ndjson",
        count=5_000_000,
        offsets=tuple(range(0, 500_000_000, 5_000_000)),
        size_bytes=500_000_000,
        pages=5_000,
        next_cursor=Cursor(text="c" * 512),
        wait=Wait(waiting_for="source", reason="r" * REASON_CHARACTERS, seconds=1234567.891, attempts=123456),
    )
    state = first_state(chunk_size=50_000, chunks_per_batch=100, tolerated_failures="1000")
    state["recoveries"] = RECOVERIES
    answer = answering(to_wire(FetchOutcome(batch=big)), chunk=chunk)
    before = rehearse(answer, state)
    after = rehearse(
        lambda name, payload: (
            answer(name, {**payload, "batch_index": 0}) if name == "fetch_batch" else answer(name, payload)
        ),
        before.continued_with,
    )

    sizes = {task.name: len(json.dumps(task.payload)) for task in after.tasks}
    sizes["state"] = len(json.dumps(after.continued_with))
    assert after.continued_with is not None
    assert len(after.continued_with["failures"][0]["error"]) == ERROR_LENGTH
    assert after.continued_with["recoveries"] == RECOVERIES
    assert {name: size for name, size in sizes.items() if size > 4096} == {}


def test_no_state_is_above_4_kb_with_every_chunk_held_back() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return held(payload, "pause", enqueued=49_999 if payload["chunk_index"] < 40 else 0)

    offsets = tuple(range(0, 500_000_000, 5_000_000))
    fetched = Batch(index=0, blob="b", count=5_000_000, offsets=offsets, size_bytes=500_000_000, pages=1)
    answer = answering(to_wire(FetchOutcome(batch=fetched)), chunk=chunk)
    state = {**first_state(chunk_size=50_000, chunks_per_batch=100), "recoveries": RECOVERIES}
    paused = rehearse(answer, rehearse(answer, state).continued_with)

    assert len(json.dumps(paused.continued_with)) < 4096
