"""The orchestrator, driven over hand-written outcomes: which calls it makes, in which order, and how it ends."""

import json
from typing import Any

import pytest

from ingestion.contracts import Batch, Counted, Cursor, FailedPage, FetchOutcome, Receipt, Recorded, Settled, to_wire
from ingestion.run.window import ERROR_LENGTH
from tests.app.rehearsal import Answer, Generation, Outcome, first_state, rehearse, rehearse_all


def batch(index: int, count: int, *, last: bool, wait_seconds: float = 0.0, total: int | None = 55) -> dict[str, Any]:
    return to_wire(FetchOutcome(batch=batch_of(index, count, last=last, wait_seconds=wait_seconds, total=total)))


def batch_of(index: int, count: int, *, last: bool, wait_seconds: float = 0.0, total: int | None = 55) -> Batch:
    return Batch(
        index=index,
        blob=f"runs/run-1/batches/{index:06}.ndjson",
        count=count,
        offsets=tuple(range(0, count * 5, 50)),
        size_bytes=count * 5,
        pages=1,
        next_cursor=None if last else Cursor(text=f'"page-{index + 1}"'),
        wait_seconds=wait_seconds,
        source_total=total,
    )


def receipt(payload: dict[str, Any], enqueued: int | None = None, error: str | None = None) -> dict[str, Any]:
    return to_wire(
        Receipt(
            batch_index=payload["batch_index"],
            chunk_index=payload["chunk_index"],
            count=payload["count"],
            enqueued=payload["count"] if enqueued is None else enqueued,
            error=error,
        )
    )


def held(payload: dict[str, Any], wish: str, enqueued: int = 0) -> dict[str, Any]:
    return to_wire(
        Receipt(
            batch_index=payload["batch_index"],
            chunk_index=payload["chunk_index"],
            count=payload["count"],
            enqueued=enqueued,
            held=wish,
        )
    )


def answering(
    *batches: Outcome,
    chunk: Answer = lambda _, payload: receipt(payload),
    record: Answer = lambda *_: to_wire(Recorded()),
    pages: list[FailedPage] | None = None,
    **others: Outcome,
) -> Answer:
    """A source of these batches, a queue that takes what `chunk` says, and a ledger."""

    def answer(name: str, payload: dict[str, Any]) -> Outcome:
        match name:
            case "fetch_batch":
                found: Outcome = batches[payload["batch_index"]]
                return found
            case "enqueue_chunk":
                return chunk(name, payload)
            case "record_window":
                return record(name, payload)
            case "load_failed":
                return to_wire(pages.pop(0) if pages else FailedPage())
            case _:
                return others.get(name)

    return answer


def failing(*chunks: tuple[int, int], enqueued: int = 0, error: str = "the queue answered HTTP 403") -> Answer:
    """A queue at which these chunks fail."""

    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        fails = (payload["batch_index"], payload["chunk_index"]) in chunks
        return receipt(payload, enqueued, error) if fails else receipt(payload)

    return chunk


TWO = (batch(0, 25, last=False), batch(1, 30, last=True))


def report_of(generations: list[Generation]) -> dict[str, Any]:
    last = generations[-1]
    assert last.report is not None, last.error
    return last.report


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
    assert waiting.windows[1] == ["first of timer 2026-01-01T02:10:00+00:00, event control"]
    assert waiting.progress[-1]["phase"] == "waiting"


def test_a_wait_that_an_event_ends_early_is_gone_on_with_unless_somebody_wishes_something() -> None:
    answer = answering(batch(0, 25, last=False, wait_seconds=7200.0), batch(1, 30, last=True))
    waiting = rehearse(answer, rehearse(answer).continued_with, first_to_come="event")
    woken = rehearse(answer, waiting.continued_with)

    assert [task.is_cancelled for task in waiting.tasks if task.name == "timer"] == [True]
    assert woken.windows == [["record_window"], ["first of timer 2026-01-01T02:10:00+00:00, event control"]]

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


def test_chunks_that_are_held_back_stay_pending_and_the_run_waits_for_a_wish_then_does_only_those() -> None:
    def pausing(_: str, payload: dict[str, Any]) -> Outcome:
        return held(payload, "pause", enqueued=3) if payload["chunk_index"] else receipt(payload)

    paused = rehearse(answering(*TWO, chunk=pausing), rehearse(answering(*TWO)).continued_with)
    assert paused.windows[1] == ["first of timer 2026-01-01T00:25:00+00:00, event control"], (
        "a wish whose event was lost is found in the end"
    )
    progress = paused.progress[-1]
    assert (progress["phase"], progress["enqueued"], progress["pending"]) == ("paused", 16, 9)

    again = rehearse(answering(*TWO, chunk=pausing), paused.continued_with)
    assert again.windows[0][-2:] == ["enqueue_chunk 0/1", "enqueue_chunk 0/2"]
    assert (again.progress[-1]["phase"], again.progress[-1]["pending"]) == ("paused", 9), (
        "waking up without a wish changes nothing"
    )

    assert report_of(rehearse_all(answering(*TWO), again.continued_with))["enqueued"] == 55


def test_a_run_that_is_cancelled_ends_with_exact_counts() -> None:
    def cancelling(_: str, payload: dict[str, Any]) -> Outcome:
        return held(payload, "cancel", enqueued=2) if payload["chunk_index"] == 2 else receipt(payload)

    generations = rehearse_all(answering(*TWO, chunk=cancelling))

    report = report_of(generations)
    assert (report["outcome"], report["fetched"]) == ("cancelled", 25)
    assert (report["enqueued"], report["failed"], report["pending"]) == (22, 0, 3)


def test_a_run_that_has_nothing_left_to_do_completes_whatever_is_wished() -> None:
    answer = answering(batch(0, 5, last=True, total=5), record=lambda *_: to_wire(Recorded(wish="cancel")))

    assert report_of(rehearse_all(answer, {**first_state(), "window": 1}))["outcome"] == "cancelled"

    chunks = rehearse(answering(batch(0, 5, last=True, total=5)))
    assert report_of([rehearse(answer, chunks.continued_with)])["outcome"] == "completed"


def test_beyond_the_tolerated_failures_nothing_more_is_fetched_and_the_run_fails_with_the_list() -> None:
    state = first_state(tolerated_failures="1")
    generations = rehearse_all(answering(*TWO, chunk=failing((0, 0), (0, 2))), state)

    last = generations[-1]
    assert len(generations) == 2
    assert "2 of 3 chunks failed, tolerated are 1 (batch 0 chunk 0: the queue answered HTTP 403" in str(last.error)
    finished = last.payloads("finish_run")[0]
    assert (finished["state"]["batches_fetched"], finished["outcome"]) == (1, "failed"), "what was fetched is dropped"


@pytest.mark.parametrize(
    ("tolerated", "outcome"), [("2", "completed_with_failures"), ("34%", "completed_with_failures")]
)
def test_within_the_tolerated_failures_the_run_completes(tolerated: str, outcome: str) -> None:
    state = first_state(tolerated_failures=tolerated)
    generations = rehearse_all(answering(*TWO, chunk=failing((0, 0), (1, 2))), state)

    assert report_of(generations)["outcome"] == outcome


def test_a_source_with_another_number_of_items_than_it_said_is_a_warning_or_a_failure_where_the_number_is_exact() -> (
    None
):
    answer = answering(batch(0, 25, last=True, total=26))
    warnings = report_of(rehearse_all(answer))["warnings"]
    assert [(warning["warning"]) for warning in warnings] == ["source_total_mismatch"]

    exact = rehearse_all(answer, first_state(total_is_exact=True))
    assert str(exact[-1].error) == "the source has 26 items by its own count, and gave 25"


def test_a_ledger_that_cannot_be_written_ends_the_run_as_failed() -> None:
    generations = rehearse_all(answering(*TWO, record=lambda *_: Exception("the storage account cannot be reached")))

    assert str(generations[-1].error) == "the storage account cannot be reached"
    assert generations[-1].continued_with is None


def test_failed_chunks_that_the_ledger_could_not_take_are_as_if_their_window_had_not_been() -> None:
    answer = answering(*TWO, chunk=failing((0, 1)), record_failed=Exception("the storage account cannot be reached"))
    finished = rehearse_all(answer)[-1].payloads("finish_run")[0]

    assert finished["state"]["error"] == "the storage account cannot be reached"
    assert (finished["state"]["batch"]["index"], finished["state"]["totals"]["enqueued"]) == (0, 0)


def test_a_chunk_without_a_receipt_counts_as_the_ledger_found_out() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return Exception("the worker is gone") if payload["chunk_index"] < 2 else receipt(payload)

    found = to_wire(Settled(chunks=(Counted(0, 10, 0), Counted(1, 7, 1))))
    report = report_of(rehearse_all(answering(batch(0, 25, last=True), chunk=chunk, record_failed=found)))

    assert (report["enqueued"], report["rejected"], report["failed"], report["chunks_failed"]) == (22, 1, 2, 1)
    assert [(one["chunk"], one["failed"]) for one in report["failures"]] == [(1, 2)]


def test_a_report_whose_ledger_could_not_be_closed_says_so() -> None:
    generations = rehearse_all(answering(*TWO, finish_run=Exception("the storage account cannot be reached\n at ...")))

    assert report_of(generations)["outcome"] == "completed"
    assert report_of(generations)["warnings"] == [
        {"warning": "ledger_not_closed", "message": "the storage account cannot be reached"}
    ]


def test_a_state_of_a_newer_version_of_the_app_is_refused() -> None:
    generation = rehearse(answering(*TWO), {**first_state(), "schema": 99})

    assert "schema 99" in str(generation.error)
    assert generation.windows == []


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
    )
    state = first_state(chunk_size=50_000, chunks_per_batch=100, tolerated_failures="1000")
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
    assert {name: size for name, size in sizes.items() if size > 4096} == {}


def test_no_state_is_above_4_kb_with_every_chunk_held_back() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return held(payload, "pause", enqueued=49_999 if payload["chunk_index"] < 40 else 0)

    offsets = tuple(range(0, 500_000_000, 5_000_000))
    fetched = Batch(index=0, blob="b", count=5_000_000, offsets=offsets, size_bytes=500_000_000, pages=1)
    answer = answering(to_wire(FetchOutcome(batch=fetched)), chunk=chunk)
    state = first_state(chunk_size=50_000, chunks_per_batch=100)
    paused = rehearse(answer, rehearse(answer, state).continued_with)

    assert len(json.dumps(paused.continued_with)) < 4096


def redriven_state(failed: int, messages: int) -> dict[str, Any]:
    totals = {"fetched": 55, "enqueued": 55 - messages, "batches": 2, "chunks_done": 6 - failed}
    return {
        **first_state(),
        "attempt": 1,
        "batches_fetched": 2,
        "source_exhausted": True,
        "source_total": 55,
        "totals": totals,
        "redo": {"chunks": failed, "messages": messages},
    }


def test_a_redrive_does_what_the_ledger_lists_page_by_page_and_completes() -> None:
    pages = [
        FailedPage(batch=batch_of(0, 25, last=False), chunks=(Counted(0, 4, 0), Counted(2, 0, 0))),
        FailedPage(batch=batch_of(1, 30, last=True), chunks=(Counted(1, 0, 0),)),
    ]
    generations = rehearse_all(answering(pages=pages), redriven_state(3, 6 + 5 + 10))

    assert [generation.windows[0] for generation in generations] == [
        ["load_failed", "record_window"],
        ["load_failed", "record_window", "enqueue_chunk 0/0", "enqueue_chunk 0/2"],
        ["load_failed", "record_window", "enqueue_chunk 1/1"],
    ]
    report = report_of(generations)
    assert (report["outcome"], report["enqueued"], report["chunks_done"], report["redrives"]) == ("completed", 55, 6, 1)
    assert [payload["tried"] for g in generations for payload in g.payloads("record_failed")] == [[0, 2], [1]]


def test_chunks_that_fail_again_are_listed_again() -> None:
    pages = [FailedPage(batch=batch_of(0, 25, last=False), chunks=(Counted(0, 4, 0),))]
    answer = answering(pages=pages, chunk=failing((0, 0), enqueued=7))

    report = report_of(rehearse_all(answer, redriven_state(1, 6)))
    assert (report["outcome"], report["enqueued"], report["failed"]) == ("completed_with_failures", 52, 3)


def test_a_ledger_that_lacks_failed_chunks_fails_the_redrive_loudly() -> None:
    generations = rehearse_all(answering(pages=[]), redriven_state(1, 10))

    assert "the state disagree by 10 messages" in str(generations[-1].error)
