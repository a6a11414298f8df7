"""How many storage transactions a run needs, by kind: they are billed in addition to the time of its functions.

Input: the messages, chunks, batches, windows, attempts and seconds of a run. Output: requests to storage. Each
coefficient below counts the requests of one code path, which its comment names; a test compares the sum with the
requests of a real run. The requests of Durable Functions itself were counted on the real host 4.1037 with extension
3.19 (two runs, of 16 and of 112 activities). They hold for its Azure Storage provider with the default of four control
queues. The Durable Task Scheduler (backend `dts`) has no queues and tables in storage; it counts actions.
"""

import os
from collections.abc import Mapping
from math import ceil, floor
from pathlib import Path
from typing import Literal, NamedTuple, Self

from ingestion.contracts import RunState
from ingestion.deadline import HOST_JSON, host_setting
from ingestion.run.at_work import LOOK_SECONDS
from ingestion.sending.ceiling import RENEW_SECONDS
from ingestion.settings import Settings
from ingestion.storage.checkpoint import CHECKPOINT_SECONDS

CHUNKS_AT_ONCE = 5  # maxConcurrentActivityFunctions in host.json
RESTS_ON = (
    "requests counted from the code of the app, and for Durable Functions from two runs on the real host; "
    "without the requests of the keeper, schedules, status queries and consumers"
)


Backend = Literal["storage", "dts"]  # where Durable Functions keeps its state


class Calls(NamedTuple):
    """How often Durable Functions calls the app for a run.

    `activities` counts fetches, records of a window, chunks and closings. `messages` counts the control messages that
    wake the orchestrator: one for each start, and one for the end of each activity.
    """

    activities: int
    messages: int

    @property
    def turns(self) -> float:
        """How often the host calls the orchestrator: one call (a turn) takes several messages."""
        return self.messages * TURNS_OF_A_MESSAGE


class Transactions(NamedTuple):
    """Requests to storage by kind; fractions are averages.

    The kinds are those with a price in Azure: `queue` are requests to the queues of the messages (Put Message, also
    repeated ones, and Create Queue), `blob_writes` Put Blob and Append Block, `blob_reads` Get Blob, `blob_lists` List
    Blobs and Create Container, `blob_other` Get Blob Properties, Set Blob Metadata and leases, `blob_deletes` Delete
    Blob (free of charge). `durable_queue` and `durable_table` are the requests of Durable Functions to its control and
    work item queues, and to its tables.
    """

    queue: float = 0
    blob_writes: float = 0
    blob_reads: float = 0
    blob_lists: float = 0
    blob_other: float = 0
    blob_deletes: float = 0
    durable_queue: float = 0
    durable_table: float = 0

    @property
    def total(self) -> float:
        """All requests."""
        return sum(self)

    def times(self, count: float) -> Self:
        """Return the transactions of `count` times the same work."""
        return type(self)(*(count * each for each in self))

    def plus(self, *others: "Transactions") -> Self:
        """Return the sums by kind."""
        return type(self)(*(sum(kind) for kind in zip(self, *others, strict=True)))

    def as_json(self, rests_on: str = RESTS_ON) -> dict[str, int | str]:
        """Return whole numbers by kind, their `total`, and what they are based on, for an HTTP answer."""
        whole = {name: round(value) for name, value in self._asdict().items()}
        return {**whole, "total": sum(whole.values()), "rests_on": rests_on}


# clients.starting and .beginning (request, lock, both indexes, the timeline), and ingestion.run.closing with .clean_up
# (the last state, the report, the timeline, five listings). A redrive or a recovery begins and ends in nearly the same
# way.
ATTEMPT = Transactions(blob_writes=10, blob_reads=10, blob_lists=7, blob_other=5, blob_deletes=1)
# activities.fetch_batch, ingestion.storage.spool: the command and the commit record (none yet) are read; the commit
# record and the timeline are written.
BATCH = Transactions(blob_writes=2, blob_reads=2, blob_deletes=1)
# In addition, each batch but the last writes the fingerprints of requests and of pages, and the next batch reads them.
CURSOR = Transactions(blob_writes=2, blob_reads=2, blob_deletes=2)
# activities.record_window: the state is read and written, the command is read, timeline and index are written.
WINDOW = Transactions(blob_writes=2, blob_reads=2, blob_other=1)
# ingestion.storage.spool (one blob), activities.enqueue_chunk (the command), ingestion.sending.enqueue (the count, the
# claim, the messages, the receipt); ingestion.run.clean_up deletes the blob and its checkpoint.
CHUNK = Transactions(blob_writes=3, blob_reads=2, blob_other=1, blob_deletes=2)
CHECKPOINT = Transactions(blob_writes=1)  # ingestion.sending.queue_sender, between claim and receipt
LOOK = Transactions(blob_reads=1)  # ingestion.run.at_work: the command, once a second for each worker
RENEWAL = Transactions(blob_writes=1, blob_reads=1)  # ingestion.sending.ceiling renews a share, if there is a ceiling
QUEUE = Transactions(queue=2)  # ingestion.sending.queues: the first fetch and the first window each try to create it

# Real host, runs of 90 and 21 s: 364 and 432 gets fetched 17 and 113 messages of the control queues; 51 and 161 gets
# fetched 16 and 112 work items. Without the gets of idle queues, a control message takes 3.2 gets and a work item 1.4.
# Each also takes a put and a delete.
CONTROL_MESSAGE = Transactions(durable_queue=5.2)
WORK_ITEM = Transactions(durable_queue=3.4)
# Real host: 15 turns for 17 messages, 74 for 113; a turn reads the history, writes it, and updates the instance.
TURNS_OF_A_MESSAGE = 0.75
TURN = Transactions(durable_table=3)
# Real host, idle: it polls each of 5 queues every 30 s (maxQueuePollingInterval), and sends 0.67 requests a second for
# partitions.
IDLE_SECOND = Transactions(durable_queue=5 / 30, durable_table=0.67)


def backend_of(environment: Mapping[str, str] = os.environ, host_json: Path = HOST_JSON) -> Backend:
    """Return the backend of Durable Functions from host.json."""
    keys = ("extensions", "durableTask", "storageProvider", "type")
    return "dts" if host_setting(*keys, environment=environment, host_json=host_json) == "azureManaged" else "storage"


def calls(*, chunks: int, batches: int, windows: int, attempts: int = 1) -> Calls:
    """Return how often Durable Functions calls the app for a run."""
    activities = batches + windows + chunks + attempts
    return Calls(activities, activities + attempts)


def transactions(
    *,
    queue_messages: int,
    chunks: int,
    batches: int,
    windows: int,
    attempts: int = 1,
    seconds: float = 0.0,
    retries: int = 0,
    queues: int = 1,
    workers: int = 1,
    chunks_at_once: int = CHUNKS_AT_ONCE,
    checkpoint_messages: int = 1_000,
    has_ceiling: bool = False,
    backend: Backend = "storage",
) -> Transactions:
    """Return the storage transactions of a run.

    `queue_messages` are the puts, one for each message or each pack; `retries` are repeated puts. `windows` are the
    generations of the orchestrator, `attempts` the start and each redrive or recovery. The run takes `seconds`; during
    that time each of the `workers` looks for commands and sends `chunks_at_once` chunks at once. It writes a checkpoint
    whenever half of `checkpoint_messages` are on the queue. `has_ceiling` says whether the workers lease shares of a
    rate.
    """
    made = calls(chunks=chunks, batches=batches, windows=windows, attempts=attempts)
    durable = [
        CONTROL_MESSAGE.times(made.messages),
        WORK_ITEM.times(made.activities),
        TURN.times(made.turns),
        IDLE_SECOND.times(seconds),
    ]
    by_count = chunks * max(0, ceil(queue_messages / max(1, chunks) / max(1, checkpoint_messages // 2)) - 1)
    by_time = min(chunks, workers * chunks_at_once) * floor(seconds / CHECKPOINT_SECONDS)
    return Transactions(queue=queue_messages + retries).plus(
        ATTEMPT.times(attempts),
        BATCH.times(batches),
        CURSOR.times(max(0, batches - 1)),
        WINDOW.times(windows),
        CHUNK.times(chunks),
        CHECKPOINT.times(max(by_count, by_time)),
        LOOK.times(workers * floor(seconds / LOOK_SECONDS)),
        RENEWAL.times(has_ceiling * workers * floor(seconds / RENEW_SECONDS)),
        QUEUE.times(queues),
        *(durable if backend == "storage" else ()),
    )


def queue_messages(messages: int, chunks: int, settings: Settings, message_bytes: float = 0.0) -> int:
    """Return how many queue messages hold `messages` in `chunks`, each message of `message_bytes` as JSON."""
    if settings.message_format != "packed":
        return messages
    pack = max(1, min(settings.pack_messages, floor(settings.pack_bytes / (message_bytes + 1))))
    return min(messages, chunks * ceil(messages / max(1, chunks) / pack))


def of_run(state: RunState, settings: Settings, *, enqueued: int, chunks: int, seconds: float) -> Transactions:
    """Return the transactions so far of a run, from the `state` with which its window began.

    `enqueued` messages and `chunks` chunks are done by now, `seconds` after the start. `settings` are the app's, with
    the source's own `messages` keys applied.
    """
    return transactions(
        queue_messages=queue_messages(enqueued, max(chunks, 1), settings),
        chunks=chunks,
        batches=state.batches,
        windows=state.window + 1,
        attempts=state.attempt + 1,
        seconds=seconds,
        retries=state.done.retries + state.failed.retries,
        queues=len(settings.shards),
        checkpoint_messages=settings.checkpoint_messages,
        has_ceiling=settings.max_messages_per_second > 0,
        backend=backend_of(),
    )
