"""A rehearsed redrive does the redo list again, page by page."""

from typing import Any

from ingestion.contracts import Chunk, FailedPage, Sums
from tests.app.answers import answering, failing, report_of
from tests.app.rehearsal import first_state, rehearse_all


def redriven_state(failed: int, messages: int, enqueued: int = 0) -> dict[str, Any]:
    """Return a run of 6 chunks with 55 messages; `messages` are in failed chunks, `enqueued` of them on the queue."""
    return {
        **first_state(tolerated_failures="50%"),
        "attempt": 1,
        "batches": 2,
        "fetched": 55,
        "source_exhausted": True,
        "source_total": 55,
        "done": {"chunks": 6 - failed, "messages": 55 - messages, "enqueued": 55 - messages},
        "redo": {"attempt": 1, "sums": {"chunks": failed, "messages": messages, "enqueued": enqueued}},
    }


def test_a_redrive_does_what_the_list_holds_page_by_page_and_completes() -> None:
    pages = [
        FailedPage(
            chunks=(Chunk(0, "b0"), Chunk(2, "b0")), sums=Sums(chunks=2, messages=15, enqueued=4), next_byte=200
        ),
        FailedPage(chunks=(Chunk(4, "b1"),), sums=Sums(chunks=1, messages=10)),
    ]
    generations = rehearse_all(answering(pages=pages), redriven_state(3, 25, enqueued=4))

    assert [generation.windows[0] for generation in generations] == [
        ["load_failed", "record_window"],
        ["load_failed", "record_window", "enqueue_chunk 0", "enqueue_chunk 2"],
        ["record_window", "enqueue_chunk 4"],
    ]
    assert [payload["next_byte"] for g in generations for payload in g.payloads("load_failed")] == [0, 200]
    assert generations[0].progress[0]["enqueued"] == 34, "what the chunks had sent before counts until they begin"
    report = report_of(generations)
    assert (report["outcome"], report["enqueued"], report["chunks_done"], report["redrives"]) == ("completed", 55, 6, 1)


def test_chunks_that_fail_again_are_listed_again_for_this_attempt() -> None:
    pages = [FailedPage(chunks=(Chunk(0, "b0"),), sums=Sums(chunks=1, messages=10, enqueued=4))]
    answer = answering(pages=pages, chunk=failing(0, enqueued=7))

    generations = rehearse_all(answer, redriven_state(1, 10, enqueued=4))
    report = report_of(generations)
    assert (report["outcome"], report["enqueued"], report["failed"]) == ("completed_with_failures", 52, 3)
    [listed] = generations[1].payloads("record_failed")
    assert (listed["attempt"], listed["chunks"]) == (1, [[0, "b0"]])


def test_a_list_that_lacks_failed_chunks_fails_the_redrive_loudly() -> None:
    generations = rehearse_all(answering(pages=[]), redriven_state(1, 10))

    assert "the state disagree by 1 chunks, 10 messages" in str(generations[-1].error)
