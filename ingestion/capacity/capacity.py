"""How long a run takes and what it uses: seconds for each limit, instances, requests, executions, GB-seconds.

Input: the work of the run (`Work`), the settings for its messages, and the speeds (`Speed`). Output: `Capacity`.
docs/capacity.md explains the arithmetic. A run reads a batch while it sends the one before, so the slowest of these
sets the pace: the source, the queues, the accounts, the ceiling, the CPU of the workers, the requests around the
chunks.
"""

from math import ceil
from typing import NamedTuple

from ingestion.capacity.prices import Kind
from ingestion.capacity.speed import SPEED, Speed
from ingestion.settings import Settings
from ingestion.transactions import (
    CHUNKS_AT_ONCE,
    IDLE_SECOND,
    Backend,
    Transactions,
    calls,
    queue_messages,
    transactions,
)

MEMORY_GB = 2.0  # of an instance, as infra/ sets it
MONTH_SECONDS = 30 * 24 * 3600.0
LIMITS = {  # what can set the pace of a run, in words
    "source": "the source",
    "queues": "the queues",
    "accounts": "the storage accounts",
    "ceiling": "SLUICE_MAX_MESSAGES_PER_SECOND",
    "workers": "the CPU of the workers",
    "chunks": "the requests around each chunk",
    "windows": "the orchestrator's work between windows",
}


class Work(NamedTuple):
    """The work of a run: `ids` messages of `message_bytes` as JSON, on pages that take `page_seconds` each."""

    ids: int
    message_bytes: float = 20.0
    pages: int = 1
    page_seconds: float = 0.2
    pages_at_once: int = 1
    pages_per_second: float | None = None  # that the source allows

    @property
    def reading_seconds(self) -> float:
        """How long the run reads if it never waits for sending."""
        seconds = self.pages * self.page_seconds / min(self.pages_at_once, max(1, self.pages))
        return seconds if self.pages_per_second is None else max(seconds, (self.pages - 1) / self.pages_per_second)


class Capacity(NamedTuple):
    """The cost of a run. `seconds_by` is how long each limit alone would take; `actions` are those that backend `dts`
    bills.
    """

    seconds: float
    seconds_by: dict[str, float]
    instances: int
    puts: int
    chunks: int
    batches: int
    windows: int
    transactions: Transactions
    executions: float
    actions: int
    memory_gb: float

    @property
    def limited_by(self) -> str:
        """The limit that sets the pace."""
        return max(self.seconds_by, key=lambda name: self.seconds_by[name])

    @property
    def gb_seconds(self) -> float:
        """The memory of all instances, times the duration of the run."""
        return self.memory_gb * self.instances * self.seconds

    @property
    def billed(self) -> dict[Kind, float]:
        """The quantity of each kind that has a price."""
        return {
            **requests(self.transactions),
            "gb_seconds": self.gb_seconds,
            "executions": self.executions,
            "durable_actions": self.actions,
        }


def capacity(
    work: Work,
    settings: Settings,
    *,
    chunk_size: int | None = None,
    backend: Backend = "storage",
    workers: int | None = None,
    chunks_at_once: int = CHUNKS_AT_ONCE,
    memory_gb: float = MEMORY_GB,
    speed: Speed = SPEED,
) -> Capacity:
    """Return the cost of a run; `settings` are the app's, with the source's own `messages` keys applied.

    Without `workers`, assume as many as keep the queues busy, but no more than the chunks of one window occupy.
    """
    size, at_most = chunk_size or settings.chunk_size, settings.chunks_per_batch
    reading = work.reading_seconds
    per_chunk = max(1, min(size, int(settings.chunk_bytes / max(1.0, work.message_bytes))))
    batches = max(1, ceil(work.ids / (size * at_most)), ceil(reading / settings.fetch_seconds))
    chunks = ceil(work.ids / per_chunk) if work.ids <= per_chunk else max(batches, ceil(work.ids / per_chunk))
    windows = batches + 1
    puts = queue_messages(work.ids, chunks, settings, work.message_bytes)
    accounts = len({account for account, _ in settings.shards})
    rates = {
        "queues": len(settings.shards) * speed.queue_per_second,
        "accounts": accounts * speed.account_per_second,
        "ceiling": settings.max_messages_per_second or float("inf"),
    }
    cpu_seconds = work.ids * speed.cpu_per_id + puts * speed.cpu_per_put
    chunk_seconds = chunks * speed.chunk_seconds / chunks_at_once
    if workers is None:
        needed = ceil(max(cpu_seconds, chunk_seconds) / max(reading, puts / min(rates.values()), 1.0))
        workers = max(1, min(needed, ceil(min(chunks, at_most) / chunks_at_once)))
    by = {name: puts / rate for name, rate in rates.items()}
    by |= {"source": reading, "workers": cpu_seconds / workers, "chunks": chunk_seconds / workers}
    by["windows"] = windows * speed.window_seconds
    sending = max(by[name] for name in (*rates, "workers", "chunks"))
    # The first batch is read before anything is sent, and the last is sent when everything is read.
    overlapped = max(reading, sending) + min(reading, sending) / batches
    seconds = speed.start_and_end_seconds + overlapped + by["windows"]
    found = transactions(
        queue_messages=puts,
        chunks=chunks,
        batches=batches,
        windows=windows,
        seconds=seconds,
        queues=len(settings.shards),
        workers=workers,
        chunks_at_once=chunks_at_once,
        checkpoint_messages=settings.checkpoint_messages,
        has_ceiling=settings.max_messages_per_second > 0,
        backend=backend,
    )
    made = calls(chunks=chunks, batches=batches, windows=windows)
    return Capacity(
        seconds=seconds,
        seconds_by={name: by[name] for name in LIMITS},
        instances=workers,
        puts=puts,
        chunks=chunks,
        batches=batches,
        windows=windows,
        transactions=found,
        executions=made.activities + made.turns + 1,
        # Each activity and its result are one action each; the beginning of a generation is assumed to be one more.
        actions=2 * made.activities + windows if backend == "dts" else 0,
        memory_gb=memory_gb,
    )


def idle(backend: Backend, *, always_ready: int = 1, memory_gb: float = MEMORY_GB) -> dict[Kind, float]:
    """Return the quantities that an idle app is billed for in 30 days, by the kinds that have a price.

    Leave out the keeper, schedules, and the instances that these wake.
    """
    polled = IDLE_SECOND.times(MONTH_SECONDS) if backend == "storage" and always_ready else Transactions()
    return {**requests(polled), "always_ready_gb_seconds": always_ready * memory_gb * MONTH_SECONDS}


def requests(made: Transactions) -> dict[Kind, float]:
    """Return requests to storage by the kinds that have a price."""
    return {
        "queue_operations": made.queue + made.durable_queue,
        "table_operations": made.durable_table,
        "blob_writes": made.blob_writes,
        "blob_reads": made.blob_reads,
        "blob_lists": made.blob_lists,
        "blob_other": made.blob_other,
    }
