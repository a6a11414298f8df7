"""A checkpoint says how far a chunk is, in a small blob, so that a rerun continues the chunk.

Each write is conditional on the one before. If two copies of an activity send the same chunk, the later copy claims it
by writing its own name into the blob; the next write of the earlier copy then fails, and that copy stops. A copy of an
older attempt of the run cannot claim a chunk from a later attempt. No copy of an attempt can claim a chunk that is
settled for that attempt.

After a crash the queue may hold messages that were sent since the last checkpoint: at most `SLUICE_CHECKPOINT_MESSAGES`
queue messages, including those in flight. See `duplicates_at_most`.
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
from ingestion.errors import ChunkSettled, ChunkTakenOver
from ingestion.storage.spool import count_of
from ingestion.storage.turns import turns
from ingestion.wire import from_wire, to_wire

CHECKPOINT_SECONDS = 10.0  # between two checkpoints of a slow chunk


def duplicates_at_most(crashes: int, chunks_in_flight: int, checkpoint_messages: int) -> int:
    """Return how many queue messages may exist twice after `crashes`, each with `chunks_in_flight`.

    This does not count messages that were sent again because an answer was lost: receipts have them as
    `possible_duplicates`.
    """
    return crashes * chunks_in_flight * checkpoint_messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A message that the queue refused, by its index in the chunk."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What is known of a chunk of `count` messages, over all attempts.

    `confirmed` are half-open ranges of messages on the queue, by index in the chunk. `refusals` are the messages that
    the queue refused; `unsendable` counts those that no queue can take. `unknown` is how many more queue messages may
    be on the queue, sent before or after this write; 0 after an orderly end. A finished chunk has a `receipt`.
    `attempt` is the oldest attempt of the run that may claim the chunk.
    """

    owner: str
    count: int
    attempt: int = 0
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
        """Messages rejected so far."""
        return len(self.refusals) + self.unsendable

    @property
    def done(self) -> int:
        """Messages that need no further attempt."""
        return self.enqueued + self.rejected


class CheckpointFile:
    """The checkpoint of one chunk in one attempt to send it: claimed once, then written repeatedly."""

    def __init__(self, container: ContainerClient, run: Run, chunk: Chunk, attempt: int = 0) -> None:
        self._blob: BlobClient = container.get_blob_client(checkpoint_name(run, chunk.number))
        self._where = f"chunk {chunk.number} of run {run.id}"
        self._owner, self._attempt = secrets.token_hex(8), attempt
        self._etag: str | None = None

    async def claim(self, count: int, unknown: int) -> Checkpoint:
        """Claim the chunk, which has `count` messages, and return what earlier attempts left.

        `unknown` is how many queue messages this attempt may send between two checkpoints. A finished chunk is not
        claimed: its checkpoint has the receipt. Raise ChunkSettled if only a later attempt may claim the chunk,
        StorageUnavailable if other writers are faster again and again.
        """
        fresh = Checkpoint(owner=self._owner, count=count, attempt=self._attempt)
        try:
            await self._put(replace(fresh, unknown=unknown), match_condition=MatchConditions.IfMissing)
            return fresh
        except (ResourceExistsError, ResourceModifiedError):
            pass
        async for _ in turns(f"claim {self._where}"):
            earlier, etag = await self.read()
            if earlier.receipt is not None:
                return earlier
            if earlier.attempt > self._attempt:
                raise ChunkSettled(f"{self._where} is settled, or a redrive sends it: this late call sends nothing")
            possible = earlier.possible_duplicates + earlier.unknown
            claimed = replace(earlier, owner=self._owner, attempt=self._attempt, possible_duplicates=possible)
            try:
                await self._put(
                    replace(claimed, unknown=unknown), etag=etag, match_condition=MatchConditions.IfNotModified
                )
                return claimed
            except ResourceModifiedError:
                continue  # the earlier owner is alive and has just written: read its new checkpoint
        raise AssertionError("turns() raises after its last turn")

    async def write(self, checkpoint: Checkpoint) -> None:
        """Replace this attempt's checkpoint. Raise ChunkTakenOver if another attempt has claimed the chunk."""
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
        """Return the checkpoint, whoever owns it, and its ETag."""
        download = await self._blob.download_blob()
        data: Any = json.loads(await download.readall())
        return from_wire(Checkpoint, data), str(download.properties.etag)

    async def _is_mine(self) -> bool:
        """Return whether this attempt wrote the blob: then the write arrived and only its answer was lost."""
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


async def settle(container: ContainerClient, run: Run, chunk: Chunk, attempt: int) -> Settled:
    """Return the counts of a chunk after an attempt, and stop every present and later copy of that attempt."""
    count, file = await count_of(container, run, chunk), CheckpointFile(container, run, chunk, attempt + 1)
    try:
        found = await file.claim(count, unknown=0)
    except ChunkSettled:  # a redrive sends the chunk
        found, _ = await file.read()
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
    """Return the counts of the chunks that have started, with two requests for each hundred consecutive numbers.

    List only the names first: that takes a tenth of the time of a list with metadata, and is the only request for a
    hundred in which no chunk has started.
    """
    found, wanted = [], _names(run, numbers)
    started = [
        wanted[name]
        for prefix in _prefixes(wanted)
        async for name in container.list_blob_names(name_starts_with=prefix)
        if name in wanted
    ]
    async for number, blob in _listed(container, run, started):
        facts = blob.metadata or {}
        found.append(Settled(number, int(facts["count"]), int(facts["enqueued"]), int(facts["rejected"])))
    return found


async def last_checkpoint_at(container: ContainerClient, run: Run, numbers: Iterable[int]) -> datetime | None:
    """Return when the last checkpoint of these chunks was written, None if there is none."""
    return max([blob.last_modified async for _, blob in _listed(container, run, numbers)], default=None)


async def _listed(
    container: ContainerClient, run: Run, numbers: Iterable[int]
) -> AsyncIterator[tuple[int, BlobProperties]]:
    wanted = _names(run, numbers)
    for prefix in _prefixes(wanted):
        async for blob in container.list_blobs(name_starts_with=prefix, include=["metadata"]):
            if blob.name in wanted:
                yield wanted[blob.name], blob


def _names(run: Run, numbers: Iterable[int]) -> dict[str, int]:
    return {checkpoint_name(run, number): number for number in numbers}


def _prefixes(names: Iterable[str]) -> list[str]:
    return sorted({name.removesuffix(".json")[:-2] for name in names})
