"""A fake source, queue and ledger for a run without a host: what can happen to activities, and what they leave.

Input: the calls of the orchestrator. Output: outcomes, with failures while `troubles` has some, and the state of the
world: chunks never go back, the ledger has the newest state and the failed chunks. It follows the promises of the
activities, not their code.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ingestion.chunking import chunk
from ingestion.contracts import (
    OUT_OF_TIME,
    Batch,
    Chunk,
    Cursor,
    FailedPage,
    FetchOutcome,
    FinishOutcome,
    FinishRequest,
    Receipt,
    Recorded,
    RunState,
    Settled,
    SettledChunks,
    Sums,
)
from ingestion.run import run_report
from ingestion.run.run_state import chunks_in_window, spooled_chunks
from ingestion.source_wait import Wait
from ingestion.wire import from_wire, to_wire
from tests.app.rehearsal import Outcome

PAGE_CHUNKS = 3  # of a redrive: small, so that there are several
SHORT_CHUNK = 4  # messages of a chunk that is full by its bytes


class InstanceLost(BaseException):
    """The instance was terminated or purged, or lost with its host, between two activities."""


@dataclass
class Sent:
    """What the queue and the checkpoint have of a chunk."""

    messages: int
    enqueued: int = 0
    rejected: int = 0

    @property
    def left(self) -> int:
        return self.messages - self.enqueued - self.rejected

    def settled(self, number: int) -> Settled:
        return Settled(number, self.messages, self.enqueued, self.rejected)


class World:
    """`troubles` has the outcomes of each activity's next calls; later calls are "fine"."""

    def __init__(
        self, counts: list[int], waits: list[float], troubles: dict[str, list[str]], lost_at: Iterable[int], total: bool
    ) -> None:
        self.counts, self.waits, self.total = counts, waits, sum(counts) if total else None
        self.troubles = {name: list(kinds) for name, kinds in troubles.items()}
        self.lost_at = set(lost_at)  # the calls, counted from 1, at which the instance is lost
        self.command: str | None = None
        self.chunks: dict[Chunk, Sent] = {}
        self.state: dict[str, Any] | None = None  # the ledger's
        self.report: dict[str, Any] | None = None
        self.failed: dict[int, dict[Chunk, Settled]] = {}  # the ledger's, by attempt
        self.redo: dict[int, list[tuple[Chunk, Settled]]] = {}
        self.batches: dict[int, Batch] = {}
        self.moments: list[dict[int, Settled]] = []  # how far each chunk was after each activity
        self._drawn = f"World({counts}, {waits}, {troubles}, {sorted(self.lost_at)}, {total})"
        self._calls = 0

    def __repr__(self) -> str:
        return self._drawn

    def answer(self, name: str, payload: dict[str, Any]) -> Outcome:
        """Return the outcome of an activity. Raise InstanceLost at the calls at which the instance is lost."""
        self._calls += 1
        if self._calls in self.lost_at:
            raise InstanceLost
        trouble = self.troubles[name].pop(0) if self.troubles.get(name) else "fine"
        outcome: Outcome = getattr(self, name)(payload, trouble)
        self.moments.append({key.number: sent.settled(key.number) for key, sent in self.chunks.items()})
        return Exception("no answer") if trouble == "unheard" else outcome  # it was done, and no retry found that out

    def fetch_batch(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """Raise, refuse, hold or return a batch; always the same batch for the same request."""
        index = payload["batch_index"]
        assert payload.get("cursor") == (None if index == 0 else {"text": str(index)}), "not where it was left"
        if self.command and trouble == "hindered":
            return to_wire(FetchOutcome(held=self.command))
        if trouble in ("raised", "refused"):
            return Exception("no page\ntrace") if trouble == "raised" else to_wire(FetchOutcome(error="no page"))
        count, is_last = self.counts[index], index == len(self.counts) - 1
        wait_seconds, first = self.waits[index], payload["first_chunk"]
        sizes = [len(cut) for cut in chunk(range(count), SHORT_CHUNK if index % 2 else payload["chunk_size"])]
        batch = Batch(
            index=index,
            token=f"b{index}",
            first_chunk=first,
            chunks=len(sizes),
            count=count,
            size_bytes=count * 5,
            pages=1,
            next_cursor=None if is_last else Cursor(text=str(index + 1)),
            wait=Wait(waiting_for="source", reason="HTTP 429", seconds=wait_seconds) if wait_seconds else None,
            source_total=self.total,
        )
        assert self.batches.setdefault(index, batch) == batch, "fetched twice, from two places"
        for number, size in enumerate(sizes, start=first):
            self.chunks.setdefault(Chunk(number, batch.token), Sent(size))
        return to_wire(FetchOutcome(batch=batch))

    def enqueue_chunk(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """Send all; or half, then fail, run out of time or give no answer; or hold the chunk; or reject some of it."""
        key = Chunk(*payload["chunk"])
        sent = self.chunks[key]
        held = self.command if self.command and trouble == "hindered" and sent.left else None
        if trouble in ("failed", "raised"):
            sent.enqueued += sent.left // 2
        elif trouble == "slow" and sent.left > 1:
            held = OUT_OF_TIME
            sent.enqueued += sent.left // 2
        elif not held:
            sent.rejected += min(1, sent.left) if trouble == "rejected" else 0
            sent.enqueued += sent.left
        if trouble == "raised":
            return Exception("the worker is gone\ntrace")
        error = "the queue said no" if sent.left and not held else None
        return to_wire(
            Receipt(messages=sent.messages, enqueued=sent.enqueued, rejected=sent.rejected, held=held, error=error)
        )

    def record_window(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """Record the state and return the command if it is visible; or fail."""
        if trouble == "raised":
            return Exception("no ledger")
        self.state = payload
        return to_wire(Recorded(command=self.command if trouble == "hindered" else None))

    def record_failed(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """List the chunks that are not complete; return how much of each chunk was sent."""
        if trouble == "raised":
            return Exception("no ledger")
        settled = {key: self.chunks[key].settled(key.number) for key in (Chunk(*one) for one in payload["chunks"])}
        left = {key: one for key, one in settled.items() if self.chunks[key].left}
        self.failed.setdefault(payload["attempt"], {}).update(left)
        return to_wire(SettledChunks(chunks=tuple(settled.values())))

    def redrive(self, before: RunState, attempt: int) -> None:
        """List what a redrive after `before` has to do again."""
        old = {} if before.redo is None else dict(self.redo[before.redo.attempt][before.redo.next_byte :])
        due = {**old, **self.failed.get(before.attempt, {})}
        spooled = set(spooled_chunks(before))
        self.redo[attempt] = [(key, one) for key, one in sorted(due.items()) if key not in spooled]

    def load_failed(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """Return the next chunks of the redo list."""
        if trouble == "raised":
            return Exception("no ledger")
        due = self.redo[payload["attempt"]]
        stop = payload["next_byte"] + min(PAGE_CHUNKS, payload["most"])
        page = due[payload["next_byte"] : stop]
        return to_wire(
            FailedPage(
                chunks=tuple(key for key, _ in page),
                sums=sum((one.sums for _, one in page), Sums()),
                next_byte=stop if stop < len(due) else None,
            )
        )

    def finish_run(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """Store the last state in the ledger and settle the open chunks; or fail."""
        if trouble == "raised":
            return Exception("no ledger")
        self.state, self.report = payload["state"], payload
        finished = from_wire(FinishRequest, payload)
        left_open = [self.chunks[key].settled(key.number) for key in chunks_in_window(finished.state)]
        return to_wire(FinishOutcome(report=run_report.report(finished, left_open)))


def as_sent(wire: Any) -> Any:
    """Return a payload as it arrives on the other side of the durable boundary."""
    return json.loads(json.dumps(wire))
