"""A source, a queue and a ledger for a run that is driven by hand: what can happen to activities, and what they leave.

Enters: the calls of the orchestrator. Leaves: outcomes, with troubles as long as there are any, and what the world is
like afterwards: chunks never go back, the ledger keeps the newest state and the failed chunks. Written from the
promises of the activities, not from their code.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ingestion.contracts import (
    OUT_OF_TIME,
    Batch,
    Counted,
    Cursor,
    FailedPage,
    FetchOutcome,
    Receipt,
    Recorded,
    Settled,
)
from ingestion.source_wait import Wait
from ingestion.wire import to_wire
from tests.app.rehearsal import Outcome

LINE_BYTES = 5
PAGE_CHUNKS = 3  # of a redrive: small, so that there are several


class InstanceLost(BaseException):
    """The instance was terminated, purged or lost with its host, between two activities."""


@dataclass
class Chunk:
    """What the queue and the checkpoint know of a chunk."""

    count: int
    enqueued: int = 0
    rejected: int = 0

    @property
    def left(self) -> int:
        return self.count - self.enqueued - self.rejected


class World:
    """`troubles` holds, for each activity, what happens to its next calls; "fine" is what happens after them."""

    def __init__(
        self, counts: list[int], waits: list[float], troubles: dict[str, list[str]], lost_at: Iterable[int], total: bool
    ) -> None:
        self.counts, self.waits, self.total = counts, waits, sum(counts) if total else None
        self.troubles = {name: list(kinds) for name, kinds in troubles.items()}
        self.lost_at = set(lost_at)  # the calls, counted from 1, at which the instance is lost
        self.wish: str | None = None
        self.chunks: dict[tuple[int, int], Chunk] = {}
        self.state: dict[str, Any] | None = None  # the ledger's
        self.report: dict[str, Any] | None = None
        self.failed: dict[tuple[int, int], dict[str, Any]] = {}  # the ledger's
        self.batches: dict[int, dict[str, Any]] = {}
        self._drawn = f"World({counts}, {waits}, {troubles}, {sorted(self.lost_at)}, {total})"
        self._calls = 0
        self._given: dict[int, tuple[Any, Outcome]] = {}  # a task that failed is looked at twice

    def __repr__(self) -> str:
        return self._drawn

    def answer(self, name: str, payload: dict[str, Any]) -> Outcome:
        """The outcome of an activity; raises InstanceLost at the calls at which the instance is lost."""
        if id(payload) not in self._given:
            self._calls += 1
            if self._calls in self.lost_at:
                raise InstanceLost
            trouble = self.troubles[name].pop(0) if self.troubles.get(name) else "fine"
            outcome = getattr(self, name)(payload, trouble)
            unheard = trouble == "unheard"  # it was done, and no retry has found that out
            self._given[id(payload)] = (payload, Exception("no answer") if unheard else outcome)
        return self._given[id(payload)][1]

    def fetch_batch(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """Raised, refused, held back, or brought; the same batch whenever it is asked for."""
        index = payload["batch_index"]
        assert payload.get("cursor") == (None if index == 0 else {"text": str(index)}), "not where it was left"
        if self.wish and trouble == "hindered":
            return to_wire(FetchOutcome(held=self.wish))
        if trouble in ("raised", "refused"):
            return Exception("no page\ntrace") if trouble == "raised" else to_wire(FetchOutcome(error="no page"))
        count, is_last = self.counts[index], index == len(self.counts) - 1
        wait_seconds = self.waits[index]
        batch = Batch(
            index=index,
            blob=f"runs/run-1/batches/{index:06}.ndjson",
            count=count,
            offsets=tuple(range(0, count * LINE_BYTES, payload["chunk_size"] * LINE_BYTES)),
            size_bytes=count * LINE_BYTES,
            pages=1,
            next_cursor=None if is_last else Cursor(text=str(index + 1)),
            wait=Wait(waiting_for="source", reason="HTTP 429", seconds=wait_seconds) if wait_seconds else None,
            source_total=self.total,
        )
        return to_wire(FetchOutcome(batch=batch))

    def enqueue_chunk(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """All sent, half sent and failed or out of time or without answer, held back, or some of it rejected."""
        key = (payload["batch_index"], payload["chunk_index"])
        chunk = self.chunks.setdefault(key, Chunk(payload["count"]))
        assert (payload["first_message"], chunk.count) == (key[1] * 10, payload["count"])
        held = self.wish if self.wish and trouble == "hindered" and chunk.left else None
        if trouble in ("failed", "raised"):
            chunk.enqueued += chunk.left // 2
        elif trouble == "slow" and chunk.left > 1:
            held = OUT_OF_TIME
            chunk.enqueued += chunk.left // 2
        elif not held:
            chunk.rejected += min(1, chunk.left) if trouble == "rejected" else 0
            chunk.enqueued += chunk.left
        if trouble == "raised":
            return Exception("the worker is gone\ntrace")
        return to_wire(
            Receipt(
                batch_index=key[0],
                chunk_index=key[1],
                count=chunk.count,
                enqueued=chunk.enqueued,
                rejected=chunk.rejected,
                held=held,
                error="the queue said no" if chunk.left and not held else None,
            )
        )

    def record_window(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """Recorded, with the wish if it is seen; or not recorded."""
        if trouble == "raised":
            return Exception("no ledger")
        self.state = payload["state"]
        return to_wire(Recorded(wish=self.wish if trouble == "hindered" else None))

    def record_failed(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """What was tried is taken out, that of which something is left is put in; what was sent of it is told."""
        if trouble == "raised":
            return Exception("no ledger")
        index, tried = payload["batch"]["index"], payload.get("tried")
        for key in [key for key in self.failed if key[0] == index and (tried is None or key[1] in tried)]:
            del self.failed[key]
        self.batches[index] = payload["batch"]
        settled = []
        for number in (chunk[0] for group in payload["groups"] for chunk in group["chunks"]):
            chunk = self.chunks[index, number]
            settled.append(Counted(number, chunk.enqueued, chunk.rejected))
            if chunk.left:
                self.failed[index, number] = {"counted": settled[-1], "attempt": payload["attempt"]}
        return to_wire(Settled(chunks=tuple(settled)))

    def load_failed(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """The next chunks that failed in earlier attempts, all of one batch; a page without one at the end."""
        if trouble == "raised":
            return Exception("no ledger")
        busy_batch, busy_chunks = payload.get("busy_batch"), payload.get("busy_chunks")
        due = [
            key
            for key, one in sorted(self.failed.items())
            if one["attempt"] < payload["attempt"]
            and key[0] >= payload["next_batch"]
            and not (key[0] == busy_batch and (busy_chunks is None or key[1] in busy_chunks))
        ]
        if not due:
            return to_wire(FailedPage())
        page = [key for key in due if key[0] == due[0][0]][:PAGE_CHUNKS]
        counted = tuple(self.failed[key]["counted"] for key in page)
        wire = to_wire(FailedPage(chunks=counted))
        return {**wire, "batch": self.batches[due[0][0]]}

    def finish_run(self, payload: dict[str, Any], trouble: str) -> Outcome:
        """The last state is in the ledger, or it is not."""
        if trouble == "raised":
            return Exception("no ledger")
        self.state, self.report = payload["state"], payload
        return None


def as_sent(wire: Any) -> Any:
    """What arrives of a payload on the other side of the durable boundary."""
    return json.loads(json.dumps(wire))
