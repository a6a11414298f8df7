"""The orchestrator, driven over hand-written outcomes: which calls it makes, in which order, and how it ends."""

from typing import Any

from ingestion.contracts import Batch, Cursor, FetchOutcome, Receipt, to_wire
from tests.app.rehearsal import Answer, Outcome, first_state, rehearse


def batch(index: int, count: int, *, last: bool, wait_seconds: float = 0.0) -> dict[str, Any]:
    offsets = tuple(range(0, count * 5, 50))
    return to_wire(
        FetchOutcome(
            batch=Batch(
                index=index,
                blob=f"runs/run-1/batches/{index:06}.ndjson",
                count=count,
                offsets=offsets,
                size_bytes=count * 5,
                pages=1,
                next_cursor=None if last else Cursor(text=f'"page-{index + 1}"'),
                wait_seconds=wait_seconds,
                source_total=55,
            )
        )
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


def answering(*batches: Outcome, chunk: Answer = lambda _, payload: receipt(payload)) -> Answer:
    """A source of these batches, and a queue that takes what `chunk` says."""

    def answer(name: str, payload: dict[str, Any]) -> Outcome:
        return batches[payload["batch_index"]] if name == "fetch_batch" else chunk(name, payload)

    return answer


def test_the_first_batch_is_fetched_then_enqueued_beside_the_next_fetch_which_starts_first() -> None:
    generation = rehearse(answering(batch(0, 25, last=False), batch(1, 30, last=True)))

    assert generation.windows == [
        ["fetch_batch 0"],
        ["fetch_batch 1", "enqueue_chunk 0/0", "enqueue_chunk 0/1", "enqueue_chunk 0/2"],
    ]
    assert generation.report is None
    assert generation.continued_with is not None
    assert generation.continued_with["batch"]["index"] == 1
    assert generation.continued_with["totals"]["enqueued"] == 25


def test_each_chunk_is_told_its_own_range_of_bytes_and_messages() -> None:
    generation = rehearse(answering(batch(0, 25, last=True)))

    ranges = [(c["start_byte"], c["end_byte"], c["first_message"], c["count"]) for c in generation.payloads[1:]]
    assert ranges == [(0, 50, 0, 10), (50, 100, 10, 10), (100, 125, 20, 5)]


def test_the_last_batch_is_enqueued_alone_and_reported() -> None:
    answer = answering(batch(0, 25, last=False), batch(1, 30, last=True))
    generation = rehearse(answer, rehearse(answer).continued_with)

    assert generation.windows == [["enqueue_chunk 1/0", "enqueue_chunk 1/1", "enqueue_chunk 1/2"]]
    assert generation.continued_with is None
    assert generation.report is not None
    assert generation.report["outcome"] == "completed"
    assert (generation.report["fetched"], generation.report["enqueued"]) == (55, 55)
    assert generation.report["seconds"] == 600.0


def test_the_next_fetch_starts_where_the_batch_says() -> None:
    generation = rehearse(answering(batch(0, 25, last=False), batch(1, 30, last=True)))

    assert "cursor" not in generation.payloads[0]
    assert generation.payloads[1]["cursor"] == {"text": '"page-1"'}


def test_an_empty_source_ends_the_run_with_nothing_enqueued() -> None:
    generation = rehearse(answering(batch(0, 0, last=True)))

    assert generation.windows == [["fetch_batch 0"], []]
    assert generation.report is not None
    assert (generation.report["outcome"], generation.report["fetched"]) == ("completed", 0)


def test_a_failed_chunk_hides_no_other_and_is_listed_in_the_report() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return receipt(payload, 4, "the queue answered HTTP 403") if payload["chunk_index"] == 1 else receipt(payload)

    generation = rehearse(answering(batch(0, 25, last=True), chunk=chunk))

    assert generation.report is not None
    assert generation.report["outcome"] == "completed_with_failures"
    assert (generation.report["enqueued"], generation.report["failed"]) == (19, 6)
    assert generation.report["failures"] == [
        {"batch": 0, "chunk": 1, "failed": 6, "error": "the queue answered HTTP 403"}
    ]


def test_a_chunk_whose_worker_is_lost_fails_as_a_whole_and_the_others_are_counted() -> None:
    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return Exception("Activity failed: lost\n {}") if payload["chunk_index"] == 0 else receipt(payload)

    generation = rehearse(answering(batch(0, 25, last=False), batch(1, 5, last=True), chunk=chunk))

    assert generation.continued_with is not None
    assert generation.continued_with["totals"]["enqueued"] == 15
    assert generation.continued_with["totals"]["failed"] == 10
    assert generation.continued_with["failures"][0]["error"] == "Activity failed: lost"
    assert generation.continued_with["batch"]["index"] == 1


def test_a_fetch_that_fails_beside_good_chunks_counts_them_and_fails_the_run() -> None:
    generation = rehearse(answering(batch(0, 25, last=False), to_wire(FetchOutcome(error="demo gave no page"))))

    assert str(generation.error) == "demo gave no page"
    assert generation.progress[-1]["enqueued"] == 25


def test_a_long_wait_of_the_source_is_a_timer_beside_the_chunks_and_the_fetch_comes_after_it() -> None:
    answer = answering(batch(0, 25, last=False, wait_seconds=7200.0), batch(1, 5, last=True))
    waiting = rehearse(answer)
    after = rehearse(answer, waiting.continued_with)

    assert waiting.windows[1][0] == "timer 2026-01-01T02:10:00+00:00"
    assert after.windows == [["fetch_batch 1"], ["enqueue_chunk 1/0"]]


def test_progress_shows_what_is_pending_before_a_window_and_what_is_done_after_it() -> None:
    generation = rehearse(answering(batch(0, 25, last=False), batch(1, 30, last=True)))

    shown = [
        (p["fetched"], p["enqueued"], p["pending"], p["chunks_done"], p["chunks_total"]) for p in generation.progress
    ]
    assert shown == [(0, 0, 0, 0, 0), (25, 0, 25, 0, 3), (25, 25, 0, 3, 3)]


def test_a_state_with_the_greatest_batch_and_ten_failures_stays_under_4_kb() -> None:
    import json

    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        return receipt(payload, 0, "x" * 5_000)

    big = first_state(chunk_size=10, chunks_per_batch=100)
    generation = rehearse(answering(batch(0, 1000, last=False), batch(1, 1000, last=False), chunk=chunk), big)

    assert generation.continued_with is not None
    assert len(json.dumps(generation.continued_with)) < 4096
