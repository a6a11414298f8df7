"""How far a chunk is, in a small blob beside its run, so that a rerun goes on instead of starting again.

Enters: which messages of a chunk the queue has confirmed. Leaves: the same after a crash, and for a finished chunk its
receipt. Each write is conditional on the one before, so of two live copies of one chunk the earlier stops: the later
one has written its own name into the blob, and the earlier one's next write fails. A copy of a deleted run stops when
it finds that a younger run with the same id has begun the chunk.

After a crash the queue may hold what was sent since the last checkpoint. The sender never lets that be more than
`SLUICE_CHECKPOINT_MESSAGES` queue messages, those in flight included: see `duplicates_at_most`.
"""

import json
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import Counted, EnqueueRequest, Receipt
from ingestion.errors import ChunkTakenOver
from ingestion.started_at import is_same_run, is_younger_run
from ingestion.wire import from_wire, to_wire

CHECKPOINT_SECONDS = 10.0  # between checkpoints of a chunk that moves slowly


def duplicates_at_most(crashes: int, chunks_in_flight: int, checkpoint_messages: int) -> int:
    """The queue messages that may be there twice after so many crashes of workers with so many chunks in flight each.

    What an answer lost on the way may have doubled comes on top; receipts count it as `possible_duplicates`.
    """
    return crashes * chunks_in_flight * checkpoint_messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A message that the queue itself would not take, by its index in the chunk."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What is known of a chunk. `confirmed` are half-open ranges of messages on the queue, by index in the chunk.

    `refusals` are the messages that the queue would not take, `unsendable` counts those that no attempt could send.
    `unknown` is how many queue messages beyond all these may have been sent when this was written or since; 0 after an
    end in good order. The sums are over all attempts. `receipt` is there when the chunk is finished.
    """

    run_started_at: str
    owner: str
    confirmed: tuple[tuple[int, int], ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unsendable: int = 0
    unknown: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    possible_duplicates: int = 0
    seconds: float = 0.0
    receipt: Receipt | None = None

    @property
    def enqueued(self) -> int:
        """Messages on the queue."""
        return sum(stop - first for first, stop in self.confirmed)

    @property
    def rejected(self) -> int:
        """Messages found so far that no queue can take."""
        return len(self.refusals) + self.unsendable

    @property
    def done(self) -> int:
        """Messages that need no further attempt."""
        return self.enqueued + self.rejected


class CheckpointFile:
    """The checkpoint of one chunk, as one attempt to send it sees it: claimed once, then written again and again."""

    def __init__(self, container: ContainerClient, request: EnqueueRequest) -> None:
        self._blob: BlobClient = container.get_blob_client(checkpoint_name(request))
        self._request = request
        self._owner = secrets.token_hex(8)
        self._etag: str | None = None
        self._written = b""

    async def claim(self, unknown: int) -> Checkpoint:
        """Become the chunk's owner and return what earlier attempts of the same run left.

        `unknown` is how many queue messages this attempt may send between two checkpoints. A finished chunk is left as
        it is: its checkpoint has the receipt. Raises ChunkTakenOver if a younger run with the same id has begun it.
        """
        fresh = Checkpoint(run_started_at=self._request.run_started_at, owner=self._owner)
        try:
            await self._put(replace(fresh, unknown=unknown), match_condition=MatchConditions.IfMissing)
            return fresh
        except (ResourceExistsError, ResourceModifiedError):
            pass
        while True:
            earlier, etag = await self._read()
            if is_younger_run(earlier.run_started_at, self._request.run_started_at):
                raise self._taken_over("a younger run with the same id")
            if not is_same_run(earlier.run_started_at, self._request.run_started_at):
                earlier = fresh
            if earlier.receipt is not None:
                return earlier
            claimed = replace(
                earlier, owner=self._owner, possible_duplicates=earlier.possible_duplicates + earlier.unknown
            )
            try:
                await self._put(
                    replace(claimed, unknown=unknown), etag=etag, match_condition=MatchConditions.IfNotModified
                )
                return claimed
            except ResourceModifiedError:
                continue  # the owner before is alive and has just written: what it wrote is worth more

    async def write(self, checkpoint: Checkpoint) -> None:
        """Replace what this attempt wrote before. Raises ChunkTakenOver if another attempt has claimed the chunk."""
        try:
            await self._put(
                replace(checkpoint, owner=self._owner),
                etag=self._etag,
                match_condition=MatchConditions.IfNotModified,
            )
        except (ResourceModifiedError, ResourceNotFoundError) as error:
            if not await self._was_mine():
                raise self._taken_over("another copy of this activity") from error

    def _taken_over(self, by: str) -> ChunkTakenOver:
        request = self._request
        where = f"chunk {request.chunk_index} of batch {request.batch_index} of run {request.run_id}"
        return ChunkTakenOver(f"{where} is being sent by {by}; this one has stopped")

    async def _was_mine(self) -> bool:
        """Whether the blob holds what was just written: the write arrived, its answer was lost, and it was repeated."""
        try:
            download = await self._blob.download_blob()
            if await download.readall() != self._written:
                return False
        except HttpResponseError:
            return False
        self._etag = str(download.properties.etag)
        return True

    async def _read(self) -> tuple[Checkpoint, str]:
        download = await self._blob.download_blob()
        data: Any = json.loads(await download.readall())
        return from_wire(Checkpoint, data), str(download.properties.etag)

    async def _put(self, checkpoint: Checkpoint, **condition: Any) -> None:
        self._written = json.dumps(to_wire(checkpoint), separators=(",", ":")).encode()
        facts = {
            "run_started_at": checkpoint.run_started_at,
            "enqueued": str(checkpoint.enqueued),
            "rejected": str(checkpoint.rejected),
        }
        answer = await self._blob.upload_blob(self._written, overwrite=True, metadata=facts, **condition)
        self._etag = str(answer["etag"])


def checkpoint_name(request: EnqueueRequest) -> str:
    """The blob that holds the checkpoint of a chunk."""
    return f"{_prefix(request.run_id, request.batch_index)}{request.chunk_index:04}.json"


def _prefix(run_id: str, batch_index: int) -> str:
    return f"runs/{run_id}/checkpoints/{batch_index:06}-"


async def find_checkpoint(container: ContainerClient, request: EnqueueRequest) -> Checkpoint | None:
    """What is known of a chunk, without touching it: for reports about chunks whose activity gave no receipt."""
    try:
        found, _ = await CheckpointFile(container, request)._read()
    except ResourceNotFoundError:
        return None
    return found if is_same_run(found.run_started_at, request.run_started_at) else None


async def last_checkpoint_at(container: ContainerClient, run_id: str, batch_index: int) -> datetime | None:
    """When a checkpoint of a batch was written last, in one request; None if the batch has none."""
    prefix = _prefix(run_id, batch_index)
    return max([blob.last_modified async for blob in container.list_blobs(name_starts_with=prefix)], default=None)


async def read_counts(
    container: ContainerClient, run_id: str, run_started_at: str, batch_index: int
) -> dict[int, Counted]:
    """How far each chunk of a batch is, by its index, in one request: the checkpoints' metadata say it."""
    prefix, found = _prefix(run_id, batch_index), dict[int, Counted]()
    async for blob in container.list_blobs(name_starts_with=prefix, include=["metadata"]):
        facts = blob.metadata or {}
        if is_same_run(facts.get("run_started_at"), run_started_at):
            index = int(blob.name.removeprefix(prefix).removesuffix(".json"))
            found[index] = Counted(index, int(facts["enqueued"]), int(facts["rejected"]))
    return found
