"""What activities answer an orchestrator that is rehearsed: batches, receipts, and what chooses between them."""

from typing import Any

from ingestion.contracts import Batch, Cursor, FailedPage, FetchOutcome, Receipt, Recorded
from ingestion.source_wait import Wait
from ingestion.wire import to_wire
from tests.app.rehearsal import Answer, Generation, Outcome


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
        wait=Wait(waiting_for="source", reason="HTTP 429", seconds=wait_seconds, attempts=1) if wait_seconds else None,
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
