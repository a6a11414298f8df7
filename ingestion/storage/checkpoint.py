"""How far a chunk is, in a small blob beside its run, so that a rerun goes on instead of starting again.

Enters: which messages of a chunk the queue has confirmed. Leaves: the same after a crash, and for a finished chunk its
receipt. Each write is conditional on the one before, so of two live copies of one chunk the earlier stops: the later
one has written its own name into the blob, and the earlier one's next write fails.

After a crash the queue may hold what was sent since the last checkpoint. The sender never lets that be more than
`SLUICE_CHECKPOINT_MESSAGES` queue messages, those in flight included: see `duplicates_at_most`.
"""

import json
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties
from azure.storage.blob.aio import BlobClient, ContainerClient

from ingestion.contracts import Chunk, Receipt, Run, Settled
from ingestion.errors import ChunkTakenOver
from ingestion.storage.spool import count_of
from ingestion.wire import from_wire, to_wire

CHECKPOINT_SECONDS = 10.0  # between checkpoints of a chunk that moves slowly


def duplicates_at_most(crashes: int, chunks_in_flight: int, checkpoint_messages: int) -> int:
    """Return how many queue messages may be there twice after crashes of workers with so many chunks in flight each.

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

    `count` is the number of its messages.
    `refusals` are the messages that the queue would not take, `unsendable` counts those that no attempt could send.
    `unknown` is how many queue messages beyond all these may have been sent when this was written or since; 0 after an
    end in good order. The sums are over all attempts. `receipt` is there when the chunk is finished.
    """

    owner: str
    count: int
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

    def __init__(self, container: ContainerClient, run: Run, chunk: Chunk) -> None:
        self._blob: BlobClient = container.get_blob_client(checkpoint_name(run, chunk.number))
        self._where = f"chunk {chunk.number} of run {run.id}"
        self._owner = secrets.token_hex(8)
        self._etag: str | None = None

    async def claim(self, count: int, unknown: int) -> Checkpoint:
        """Become the owner of the chunk, which has `count` messages, and return what earlier attempts left.

        `unknown` is how many queue messages this attempt may send between two checkpoints. A finished chunk is left as
        it is: its checkpoint has the receipt.
        """
        fresh = Checkpoint(owner=self._owner, count=count)
        try:
            await self._put(replace(fresh, unknown=unknown), match_condition=MatchConditions.IfMissing)
            return fresh
        except (ResourceExistsError, ResourceModifiedError):
            pass
        while True:
            earlier, etag = await self.read()
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
        """Replace what this attempt wrote before. Raise ChunkTakenOver if another attempt has claimed the chunk."""
        mine, gone = replace(checkpoint, owner=self._owner), (ResourceModifiedError, ResourceNotFoundError)
        try:
            await self._put(mine, etag=self._etag, match_condition=MatchConditions.IfNotModified)
            return
        except gone as error:
            reason = error
        if await self._is_mine():
            with suppress(*gone):
                await self._put(mine, etag=self._etag, match_condition=MatchConditions.IfNotModified)
                return
        raise ChunkTakenOver(f"another copy of this activity sends {self._where}; this one has stopped") from reason

    async def read(self) -> tuple[Checkpoint, str]:
        """Return the checkpoint as it is, whoever owns it, and its ETag."""
        download = await self._blob.download_blob()
        data: Any = json.loads(await download.readall())
        return from_wire(Checkpoint, data), str(download.properties.etag)

    async def _is_mine(self) -> bool:
        """Return whether this attempt wrote the blob: a write arrived, and only its answer was lost."""
        try:
            found, self._etag = await self.read()
        except HttpResponseError:
            return False
        return found.owner == self._owner

    async def _put(self, checkpoint: Checkpoint, **condition: Any) -> None:
        data = json.dumps(to_wire(checkpoint), separators=(",", ":")).encode()
        facts = {name: str(getattr(checkpoint, name)) for name in ("count", "enqueued", "rejected")}
        answer = await self._blob.upload_blob(data, overwrite=True, metadata=facts, **condition)
        self._etag = str(answer["etag"])


def checkpoint_name(run: Run, number: int) -> str:
    """Return the name of the blob that holds the checkpoint of a chunk."""
    return f"{run.folder}checkpoints/{number:08}.json"


async def settle(container: ContainerClient, run: Run, chunk: Chunk) -> Settled:
    """Return what became of a chunk, and stop whoever may still be sending it."""
    count = await count_of(container, run, chunk)
    found = await CheckpointFile(container, run, chunk).claim(count, unknown=0)
    return Settled(
        number=chunk.number,
        messages=count,
        enqueued=found.enqueued,
        rejected=found.rejected,
        possible_duplicates=found.possible_duplicates,
        retries=found.retries,
        throttled_seconds=found.throttled_seconds,
    )


async def read_counts(container: ContainerClient, run: Run, numbers: Iterable[int]) -> list[Settled]:
    """Return how far chunks are, those that have begun: one request for each hundred of consecutive numbers."""
    found = []
    async for number, blob in _listed(container, run, numbers):
        facts = blob.metadata or {}
        found.append(Settled(number, int(facts["count"]), int(facts["enqueued"]), int(facts["rejected"])))
    return found


async def last_checkpoint_at(container: ContainerClient, run: Run, numbers: Iterable[int]) -> datetime | None:
    """Return when a checkpoint of these chunks was written last, None if there is none."""
    return max([blob.last_modified async for _, blob in _listed(container, run, numbers)], default=None)


async def _listed(
    container: ContainerClient, run: Run, numbers: Iterable[int]
) -> AsyncIterator[tuple[int, BlobProperties]]:
    wanted = {checkpoint_name(run, number): number for number in numbers}
    for prefix in sorted({name.removesuffix(".json")[:-2] for name in wanted}):
        async for blob in container.list_blobs(name_starts_with=prefix, include=["metadata"]):
            if blob.name in wanted:
                yield wanted[blob.name], blob
