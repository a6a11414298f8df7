"""The activities' outcomes for a rehearsed orchestrator: batches, receipts, and functions that choose between them."""

from collections.abc import Callable
from typing import Any

from ingestion.contracts import (
    Batch,
    Cursor,
    FailedPage,
    FetchOutcome,
    FinishOutcome,
    FinishRequest,
    Receipt,
    Recorded,
    SettledChunks,
)
from ingestion.run import run_report
from ingestion.source_wait import Wait
from ingestion.wire import from_wire, to_wire
from tests.app.rehearsal import Answer, Generation, Outcome


def batch(index: int, count: int, **facts: Any) -> dict[str, Any]:
    return to_wire(FetchOutcome(batch=batch_of(index, count, **facts)))


def batch_of(
    index: int,
    count: int,
    *,
    last: bool,
    wait_seconds: float = 0.0,
    total: int | None = 55,
    first_chunk: int = 0,
    **facts: Any,
) -> Batch:
    return Batch(
        index=index,
        token=f"b{index}",
        first_chunk=first_chunk,
        chunks=(count + 9) // 10,
        count=count,
        size_bytes=count * 5,
        pages=1,
        next_cursor=None if last else Cursor(text=f'"page-{index + 1}"'),
        wait=Wait(waiting_for="source", reason="HTTP 429", seconds=wait_seconds, attempts=1) if wait_seconds else None,
        source_total=total,
        **facts,
    )


def receipt(payload: dict[str, Any], enqueued: int | None = None, error: str | None = None) -> dict[str, Any]:
    """Return the receipt of a chunk of `TWO`: the third chunk has 5 messages, every other one 10."""
    number = payload["chunk"][0]
    messages = 5 if number == 2 else 10
    return to_wire(Receipt(messages=messages, enqueued=messages if enqueued is None else enqueued, error=error))


def held(payload: dict[str, Any], command: str) -> dict[str, Any]:
    return to_wire(Receipt(held=command))


def answering(
    *batches: Outcome,
    chunk: Answer = lambda _, payload: receipt(payload),
    record: Answer = lambda *_: to_wire(Recorded()),
    pages: list[FailedPage] | None = None,
    **others: Outcome | Callable[[dict[str, Any]], Outcome],
) -> Answer:
    """Return the outcomes of a source with these batches, a queue that accepts what `chunk` says, and a ledger."""

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
            case "record_failed" if name not in others:
                return to_wire(SettledChunks())
            case "finish_run" if name not in others:
                return to_wire(FinishOutcome(report=run_report.report(from_wire(FinishRequest, payload))))
            case _:
                outcome = others[name]
                return outcome(payload) if callable(outcome) else outcome

    return answer


def failing(*chunks: int, enqueued: int = 0, error: str = "the queue answered HTTP 403") -> Answer:
    """Return the receipts of a queue at which these chunks fail."""

    def chunk(_: str, payload: dict[str, Any]) -> Outcome:
        fails = payload["chunk"][0] in chunks
        return receipt(payload, enqueued, error) if fails else receipt(payload)

    return chunk


TWO = (batch(0, 25, last=False), batch(1, 30, last=True, first_chunk=3))


def report_of(generations: list[Generation]) -> dict[str, Any]:
    last = generations[-1]
    assert last.report is not None, last.error
    return last.report
