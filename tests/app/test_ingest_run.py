"""The orchestrator with hand-written outcomes: its calls, their order, and its end."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ingestion.contracts import (
    GIVES_WAY,
    SCHEMA,
    Change,
    ChunkFailure,
    Chunks,
    Cursor,
    FetchOutcome,
    Mark,
    Receipt,
    Recorded,
    Redo,
    Run,
    RunRequest,
    RunState,
    Settled,
    SettledChunks,
    Share,
    Sums,
)
from ingestion.recovery import CAUSE_LENGTH, RECOVERIES_AN_HOUR, Recovery
from ingestion.run import run_report, run_state
from ingestion.run.pinned import WHAT_LENGTH
from ingestion.run.run_state import ERROR_LENGTH, LISTED_FAILURES
from ingestion.source_wait import REASON_CHARACTERS, Wait
from ingestion.storage.spool import INLINE_CURSOR_BYTES
from ingestion.wire import to_wire
from tests.app.answers import TWO, answering, batch, batch_of, failing, held, receipt, report_of
from tests.app.rehearsal import NOW, STARTED_AT, Outcome, first_state, rehearse, rehearse_all


def test_the_first_batch_is_fetched_then_each_is_enqueued_and_recorded_beside_the_next_fetch() -> None:
    generations = rehearse_all(answering(*TWO))

    assert [generation.windows for generation in generations] == [
        [["fetch_batch 0", "record_window"]],
        [["fetch_batch 1", "record_window", "enqueue_chunk 0", "enqueue_chunk 1", "enqueue_chunk 2"]],
        [["record_window", "enqueue_chunk 3", "enqueue_chunk 4", "enqueue_chunk 5"], ["finish_run"]],
    ]


def test_a_batch_of_more_chunks_than_a_window_is_enqueued_window_by_window_and_the_fetch_is_beside_the_last() -> None:
    generations = rehearse_all(answering(batch(0, 65, last=False), batch(1, 30, last=True, first_chunk=7), chunk=tens))

    assert [generation.windows[0] for generation in generations[1:4]] == [
        ["record_window", "enqueue_chunk 0", "enqueue_chunk 1", "enqueue_chunk 2"],
        ["record_window", "enqueue_chunk 3", "enqueue_chunk 4", "enqueue_chunk 5"],
        ["fetch_batch 1", "record_window", "enqueue_chunk 6"],
    ]
    assert generations[1].payloads("enqueue_chunk")[2]["chunk"] == [2, "b0"]
    assert report_of(generations)["enqueued"] == 95


def tens(_: str, payload: dict[str, Any]) -> Outcome:
    messages = 5 if payload["chunk"][0] == 6 else 10
    return to_wire(Receipt(messages=messages, enqueued=messages))


def test_chunks_that_hold_another_number_of_messages_than_their_batch_said_fail_the_run() -> None:
    generations = rehearse_all(answering(batch(0, 30, last=True)))

    assert "the counts do not add up: 30 fetched, 25 enqueued" in str(generations[-1].error)


def test_the_report_counts_everything_and_the_ledger_gets_the_same_state() -> None:
    generations = rehearse_all(answering(*TWO))

    report = report_of(generations)
    assert (report["outcome"], report["fetched"], report["enqueued"]) == ("completed", 55, 55)
    assert (report["seconds"], report["warnings"]) == (600.0, [])
    finished = generations[-1].payloads("finish_run")[0]
    assert (finished["outcome"], finished["state"]["done"]["enqueued"]) == ("completed", 55)


def test_the_next_fetch_starts_where_the_batch_says() -> None:
    fetches = [one for generation in rehearse_all(answering(*TWO)) for one in generation.payloads("fetch_batch")]

    assert [fetch.get("cursor") for fetch in fetches] == [None, {"text": '"page-1"'}]


def test_an_empty_source_ends_the_run_with_nothing_enqueued() -> None:
    generations = rehearse_all(answering(batch(0, 0, last=True, total=0)))

    assert [generation.windows for generation in generations] == [[["fetch_batch 0", "record_window"], ["finish_run"]]]
    assert (report_of(generations)["outcome"], report_of(generations)["fetched"]) == ("completed", 0)


def test_a_failed_chunk_hides_no_other_and_is_in_report_and_ledger() -> None:
    answer = answering(batch(0, 25, last=True), chunk=failing(1, enqueued=4))
    generations = rehearse_all(answer, first_state(tolerated_failures="50%"))

    report = report_of(generations)
    assert report["outcome"] == "completed_with_failures"
    assert (report["enqueued"], report["failed"], report["pending"]) == (19, 6, 0)
    assert report["failures"] == [{"chunk": 1, "failed": 6, "error": "the queue answered HTTP 403"}]
    found = generations[1].payloads("record_failed")[0]
    assert (found["error"], found["chunks"]) == ("the queue answered HTTP 403", [[1, "b0"]])


def test_each_reason_of_a_window_is_listed_with_its_own_chunks() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return receipt(payload, 0, f"reason {payload['chunk'][0] % 6}")

    state = first_state(chunks_per_batch=7)
    listed = rehearse_all(answering(batch(0, 65, last=True), chunk=chunk), state)[1].payloads("record_failed")
    assert [(one["error"], one["chunks"]) for one in listed] == [
        ("reason 0", [[0, "b0"], [6, "b0"]]),
        *((f"reason {number}", [[number, "b0"]]) for number in range(1, 6)),
    ]


def test_a_run_that_shares_its_workers_makes_windows_and_batches_as_large_as_these_send_at_once() -> None:
    workers = {0: "a", 1: "a", 2: "a", 3: "b"}  # by chunk, as long as there is another run

    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        worker = workers.get(payload["chunk"][0])
        return to_wire(Receipt(messages=10, enqueued=10, share=None if worker is None else Share(worker, 2)))

    first = to_wire(FetchOutcome(batch=batch_of(0, 100, last=False), share=Share("a", 2)))
    answer = answering(first, batch(1, 100, last=True, first_chunk=10), chunk=chunk)
    generations = rehearse_all(answer, first_state(chunks_per_batch=6))
    windows = [[one["chunk"][0] for one in generation.payloads("enqueue_chunk")] for generation in generations]
    assert windows[:4] == [[], [0, 1], [2, 3], [4, 5, 6, 7]], "2 on one worker, 4 on two"
    assert windows[4:] == [[8, 9], [*range(10, 16)], [*range(16, 20)]], "alone again"
    assert [one["alone"] for one in generations[4].payloads("enqueue_chunk")] == [True, True]
    assert [one.get("alone", False) for one in generations[3].payloads("enqueue_chunk")] == [False] * 4
    asked = [one["max_messages"] for generation in generations for one in generation.payloads("fetch_batch")]
    assert asked == [60, 60]


def test_a_batch_for_a_run_that_shares_its_workers_is_no_longer_than_its_windows() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return to_wire(Receipt(messages=10, enqueued=10, share=Share("a", 2)))

    batches = [batch(index, 20, last=index == 3, first_chunk=2 * index) for index in range(4)]
    generations = rehearse_all(answering(*batches, chunk=chunk), first_state(chunks_per_batch=6))
    asked = [one["max_messages"] for generation in generations for one in generation.payloads("fetch_batch")]
    assert asked == [60, 60, 20, 20]


def test_chunks_that_yield_to_another_run_are_sent_in_smaller_windows_and_nothing_is_lost() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        if payload.get("alone") and payload["chunk"][0] >= 2:
            return to_wire(Receipt(held=GIVES_WAY, share=Share("a", 2)))
        return to_wire(Receipt(messages=10, enqueued=10, share=Share("a", 2)))

    generations = rehearse_all(answering(batch(0, 60, last=True), chunk=chunk), first_state(chunks_per_batch=6))
    windows = [[one["chunk"][0] for one in generation.payloads("enqueue_chunk")] for generation in generations]
    assert windows == [[], [*range(6)], [2, 3], [4, 5]]
    assert (report_of(generations)["enqueued"], report_of(generations)["pending"]) == (60, 0)


def test_a_fetch_that_fails_beside_good_chunks_counts_them_closes_the_ledger_and_fails_the_run() -> None:
    generations = rehearse_all(answering(TWO[0], to_wire(FetchOutcome(error="demo gave no page"))))

    last = generations[-1]
    assert str(last.error) == "demo gave no page"
    assert last.progress[-1]["enqueued"] == 25
    finished = last.payloads("finish_run")[0]
    assert (finished["outcome"], finished["state"]["cursor"]) == ("failed", {"text": '"page-1"'})


def test_a_long_wait_of_the_source_is_a_timer_after_the_chunks_and_the_fetch_comes_after_it() -> None:
    answer = answering(batch(0, 25, last=False, wait_seconds=7200.0), batch(1, 30, last=True, first_chunk=3))
    waiting = rehearse(answer, rehearse(answer).continued_with)

    assert [len(window) for window in waiting.windows] == [4, 1]
    assert waiting.windows[1] == ["first of timer 2026-01-01T00:25:00+00:00, event control"]
    assert waiting.progress[-1]["phase"] == "waiting"


def test_a_run_that_waits_looks_for_a_command_every_quarter_of_an_hour_and_asks_the_source_when_its_time_has_come() -> (
    None
):
    answer = answering(batch(0, 5, last=False, wait_seconds=1800.0), batch(1, 30, last=True, first_chunk=3))
    waiting = rehearse(answer, rehearse(answer).continued_with)
    looked = rehearse(answer, waiting.continued_with, now=NOW + timedelta(minutes=20))
    assert looked.windows == [["record_window"], ["first of timer 2026-01-01T00:40:01+00:00, event control"]]
    assert looked.progress[-1]["wait_until"] == "2026-01-01T00:40:00+00:00"

    asked = rehearse(answer, looked.continued_with, now=NOW + timedelta(minutes=30))
    assert asked.windows == [["fetch_batch 1", "record_window"]]


@pytest.mark.parametrize("seconds", [1.7e12, float("inf")])
def test_a_wait_that_no_calendar_holds_does_not_break_the_run(seconds: float) -> None:
    state = run_state.load(first_state())
    found = FetchOutcome(batch=batch_of(0, 0, last=False, wait_seconds=seconds))
    outcomes = run_state.Outcomes(found, Recorded(), [])
    waiting = run_state.with_window(state, run_state.next_window(state, NOW), outcomes, [], NOW)
    assert waiting.wait_until == "2027-01-02T00:10:00+00:00"
    assert run_state.next_step(waiting, NOW) is run_state.Step.WAIT


def test_a_wait_that_an_event_ends_early_continues_unless_there_is_a_command() -> None:
    answer = answering(batch(0, 25, last=False, wait_seconds=7200.0), batch(1, 30, last=True, first_chunk=3))
    waiting = rehearse(answer, rehearse(answer).continued_with, first_to_come="event")
    woken = rehearse(answer, waiting.continued_with)

    assert [task.is_cancelled for task in waiting.tasks if task.name == "timer"] == [True]
    assert woken.windows == [["record_window"], ["first of timer 2026-01-01T00:25:00+00:00, event control"]]

    cancelling = answering(record=lambda *_: to_wire(Recorded(command="cancel")))
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


@pytest.mark.parametrize("schema", [2, 99, None])
def test_a_state_of_another_schema_is_refused_by_name(schema: int | None) -> None:
    generation = rehearse(answering(*TWO), {**first_state(), "schema": schema})

    assert f"the state of this run has schema {schema}" in str(generation.error)
    assert generation.windows == []


def test_inside_a_window_progress_counts_what_checkpoints_say_and_nothing_twice() -> None:
    state = run_state.load({
        **first_state(), "batches": 1, "fetched": 25,
        "spooled": [["b0", "1-2"]], "spooled_messages": 15, "done": {"chunks": 1, "messages": 10, "enqueued": 10},
    })  # fmt: skip
    keys = ("fetched", "enqueued", "rejected", "pending", "chunks_done")

    def shown(*sent: Settled) -> tuple[int, ...]:
        progress = run_report.under_way(state, sent, "2026-01-01T00:10:01+00:00")
        return tuple(progress[key] for key in keys)

    assert shown() == (25, 10, 0, 15, 1)
    assert shown(Settled(1, 10, 9, 1), Settled(2, 5, 3, 0)) == (25, 22, 1, 2, 2)


def test_a_plain_chunk_puts_at_most_200_bytes_into_the_history_beside_the_names_of_its_run() -> None:
    state = run_state.load(rehearse_all(answering(*TWO))[1].state)
    request = to_wire(run_state.next_window(state, NOW).chunks[0])
    receipt = to_wire(Receipt(messages=5_000, enqueued=5_000, seconds=12.345))
    assert len(json.dumps(request)) - len(json.dumps(state.run)) + len(json.dumps(receipt)) <= 200


def test_no_payload_is_above_4_kb_with_the_greatest_batch_and_all_at_its_longest() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        if payload["chunk"][0] % 2:
            return held(payload, "pause")
        return to_wire(Receipt(messages=50_000, enqueued=7, error="x" * 5_000))

    most = Sums(
        chunks=99_999,
        messages=10**10,
        enqueued=10**10,
        rejected=10**6,
        retries=10**6,
        throttled_seconds=123456.789,
        possible_duplicates=10**6,
    )
    patience = dict.fromkeys(("named_seconds", "away_seconds", "patience_seconds"), 12345.678)
    longest = RunState(
        schema=SCHEMA,
        run=Run("r" * 64, "20260101T000000-12345678"),
        request=RunRequest(
            source="s" * 40,
            chunk_size=50_000,
            chunks_per_batch=80,
            tolerated_failures="12.345%",
            total_is_exact=True,
            pin="0123456789abcdef",
            has_reads=True,
            backfill=True,
        ),
        started_at=STARTED_AT,
        cursor=Cursor(text="c" * INLINE_CURSOR_BYTES),
        wait=Wait(
            waiting_for="source", reason="r" * REASON_CHARACTERS, seconds=1234567.891, attempts=123456, **patience
        ),
        wait_until="2027-01-02T00:10:00+00:00",
        batches=99_998,
        pages=100_000,
        source_total=10**10,
        dropped=10**6,
        attempt=9,
        window=99_999,
        chunks=9_999_800,
        fetched=5_000_000 + 3 * 10**10,
        known=10**10,
        outside=10**10,
        spooled=(Chunks("12345678", ",".join(map(str, range(9_999_800, 9_999_960, 2)))),),
        spooled_messages=5_000_000,
        done=most,
        failed=most,
        redo=Redo(attempt=9, next_byte=10**9, sums=most),
        failures=(ChunkFailure(number=9_999_999, failed=49_999, error="e" * ERROR_LENGTH),) * LISTED_FAILURES,
        counts_at=STARTED_AT,
        change=Change(to="0123456789abcdef", what="w" * WHAT_LENGTH),
        recoveries=(Recovery(at=STARTED_AT, cause="c" * CAUSE_LENGTH),) * RECOVERIES_AN_HOUR,
        at_once=999,
    )
    settled = to_wire(
        SettledChunks(chunks=tuple(Settled(9_999_999, 50_000, 49_999, 1, 500, 999, 123.456) for _ in range(80)))
    )
    mark = Mark(kind="number", value="v" * 128, held="marks/099999-held-01234567", holds_too_many=True)
    marked = replace(longest, mark=mark, source_exhausted=True, cursor=None, wait=None, wait_until=None)
    sizes = {"marked": len(json.dumps(to_wire(run_report.finish(marked, NOW, "completed_with_other_total"))))}
    generation = rehearse(answering(TWO[0], chunk=chunk, record_failed=settled), to_wire(longest))

    sizes |= {task.name: len(json.dumps(task.payload)) for task in generation.tasks}
    assert {"record_window", "enqueue_chunk", "record_failed"} <= sizes.keys()
    sizes["settled"] = len(json.dumps(settled))
    finished = run_report.finish(longest, NOW, "completed_with_other_total")
    sizes["finish_run"] = len(json.dumps(to_wire(finished)))
    assert {name: size for name, size in sizes.items() if size > 4096} == {}
