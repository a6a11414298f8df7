"""A redrive, rehearsed: what the ledger lists is done again, page by page."""

from typing import Any

from ingestion.contracts import Counted, FailedPage
from tests.app.answers import answering, batch_of, failing, report_of
from tests.app.rehearsal import first_state, rehearse_all


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
